// Package safetensors scans tensors in the safetensors format and the indexes that spread them over several files.
//
// A file (format of huggingface/safetensors) is a header length u64 little-endian, a header of JSON, padded with blanks,
// and the tensors' bytes:
//
//	{"__metadata__": {"key": "value"}, "name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, …}
//
// Offsets count from the end of the header. The tensors cover what follows it without hole or overlap. Nothing in the format
// can carry code, so what matters is that there is nothing but the format: a file that is something else besides is a
// finding, and what lies behind the last tensor is scanned.
package safetensors

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sort"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// Limits of the reference implementation and of ours.
const (
	maxHeader   = 100_000_000 // bytes
	maxTensors  = 1_000_000
	maxMetadata = 8 << 20 // bytes of metadata strings that are looked into
)

// Probe accepts files whose header length fits and whose header begins as one. A length that does not fit is accepted if the
// header could be no other format's.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 10 || head[8] != '{' {
		return false, err
	}
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	next := bytes.TrimLeft(head[9:], " \t\r\n")
	if len(next) == 0 || next[0] != '"' && next[0] != '}' {
		return false, nil
	}
	n := binary.LittleEndian.Uint64(head)
	if n >= 2 && n <= maxHeader && n <= uint64(size)-8 {
		return true, nil
	}
	return bytes.Contains(head, []byte(`"data_offsets"`)) && bytes.Contains(head, []byte(`"dtype"`)), nil
}

// Scan checks the header and every tensor, and scans what lies outside them.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("safetensors")
	head, err := f.Head()
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxHeader || n > uint64(size)-8 {
		return source.Malformedf(0, "a header of %d bytes in a file of %d", n, size)
	}
	h := &header{
		ctx: ctx, s: s, names: map[uint64]struct{}{}, seed: maphash.MakeSeed(), lex: jsontree.NewLexer(source.NewForward(f, 8, int64(n))),
	}
	err = h.read()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return source.Malformedf(h.lex.Offset(), "the header breaks off")
	}
	if err != nil {
		return err
	}
	end, have := h.cover(), uint64(size)-8-n
	switch {
	case end > have:
		h.malformed(size, "", "The tensors have %d bytes, the file has %d.", end, have)
	case end < have:
		return h.behind(f, 8+int64(n+end), size)
	}
	return nil
}

// header is what has been read of a header.
type header struct {
	ctx     context.Context
	s       source.Sink
	lex     *jsontree.Lexer
	names   map[uint64]struct{} // hashes of names: a collision would be a finding too many, never one too few
	seed    maphash.Seed
	tensors []span
	looked  int // bytes of metadata handed on
	faults  int // that were found
}

// span is the place of a tensor, and where in the header it is described.
type span struct {
	from, to uint64
	at       int64
}

// malformed reports a fault of the header without giving up.
func (h *header) malformed(at int64, name, format string, args ...any) {
	if h.faults++; h.faults > 2*finding.MaxFindings {
		return // no report holds more
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	h.s.Find(f)
}

// read parses the header, and looks at what follows its object.
func (h *header) read() error {
	if err := h.lex.Object(h.entry); err != nil {
		return err
	}
	if c, err := h.lex.Next(); err == nil {
		h.malformed(h.lex.Offset(), string(rune(c)), "The header goes on behind its object.")
	} else if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

// entry reads an entry of the header.
func (h *header) entry(name string, at int64) error {
	if name == "__metadata__" {
		return h.metadata(at)
	}
	if len(h.tensors) >= maxTensors {
		return fmt.Errorf("more than %d tensors: %w", maxTensors, source.ErrBudget)
	}
	return h.tensor(name, at)
}

// once reports a key that is there a second time. Readers differ in which they take.
func (h *header) once(seen map[uint64]struct{}, key string, at int64) {
	sum := maphash.String(h.seed, key)
	if _, twice := seen[sum]; twice {
		h.malformed(at, key, "A key occurs twice, and readers differ in which value they take.")
	}
	seen[sum] = struct{}{}
}

// metadata reads the strings of __metadata__. Those that may be configurations are handed to the engine.
func (h *header) metadata(at int64) error {
	h.once(h.names, "__metadata__", at)
	seen := map[uint64]struct{}{}
	return h.lex.Object(func(key string, at int64) error {
		h.once(seen, key, at)
		first, err := h.lex.Next()
		if err != nil {
			return err
		}
		if first != '"' {
			h.malformed(at, key, "A value of the metadata is no string.")
			return h.lex.Skip()
		}
		value, err := h.lex.Text(true)
		if err != nil {
			return err
		}
		if h.looked += len(value); !structured(value) || h.looked > maxMetadata {
			return nil
		}
		_, err = h.s.Member(h.ctx, source.Member{Name: "__metadata__." + key, Bytes: source.Bytes(value), Prose: true})
		return err
	})
}

// structured tells whether a string may be a configuration that a loader would act on: it names a directive, or it has
// escapes in which a directive may hide.
func structured(s string) bool {
	return strings.Contains(s, "_target_") || strings.Contains(s, "!!python") || strings.ContainsAny(s, "{[") && strings.Contains(s, `\u`)
}

// cover reports holes and overlaps, and returns where the last tensor ends.
func (h *header) cover() uint64 {
	sort.Slice(h.tensors, func(i, j int) bool {
		a, b := h.tensors[i], h.tensors[j]
		return a.from < b.from || a.from == b.from && a.to < b.to
	})
	end := uint64(0)
	for _, t := range h.tensors {
		switch {
		case t.from > end:
			h.malformed(t.at, "", "There is a hole of %d bytes in front of a tensor at %d.", t.from-end, t.from)
		case t.from < end && t.to > t.from:
			h.malformed(t.at, "", "A tensor at %d overlaps another.", t.from)
		}
		end = max(end, t.to)
	}
	return end
}

// behind scans what follows the last tensor, or all of it if there is no tensor.
func (h *header) behind(f *source.File, from, size int64) error {
	found := finding.New(threat.MGFMT402, from, fmt.Sprintf("%d bytes follow the last tensor.", size-from))
	found.Role = finding.RoleStructure
	h.s.Find(found)
	_, err := h.s.Member(h.ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", from), Bytes: source.Section(f, from, size-from), Family: f.Family, Prose: true,
	})
	return err
}
