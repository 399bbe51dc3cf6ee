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
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/bits"
	"sort"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of the reference implementation and of ours.
const (
	maxHeader   = 100_000_000 // bytes
	maxTensors  = 4_000_000
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
	h := &header{ctx: ctx, s: s, names: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	if err := h.read(source.NewForward(f, 8, int64(n))); err != nil {
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
	fw      *source.Forward
	dec     *json.Decoder
	names   map[uint64]struct{} // hashes of names: a collision would be a finding too many, never one too few
	seed    maphash.Seed
	tensors []span
	looked  int // bytes of metadata handed on
}

// span is the place of a tensor, and where in the header it is described.
type span struct {
	from, to uint64
	at       int64
}

// malformed reports a fault of the header without giving up.
func (h *header) malformed(at int64, name, format string, args ...any) {
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	h.s.Find(f)
}

// offset is where in the file the decoder stands.
func (h *header) offset() int64 { return 8 + h.dec.InputOffset() }

// read parses the header.
func (h *header) read(fw *source.Forward) error {
	h.fw, h.dec = fw, json.NewDecoder(fw)
	h.dec.UseNumber()
	if err := h.object(func(key string) error {
		if key == "__metadata__" {
			return h.metadata()
		}
		if len(h.tensors) >= maxTensors {
			return fmt.Errorf("more than %d tensors: %w", maxTensors, source.ErrBudget)
		}
		return h.tensor(key)
	}); err != nil {
		return h.failed(err)
	}
	rest := io.MultiReader(h.dec.Buffered(), fw)
	at := h.offset()
	buf := make([]byte, 4096)
	for {
		n, err := rest.Read(buf)
		if trail := bytes.Trim(buf[:n], " \t\r\n"); len(trail) > 0 {
			h.malformed(at, string(trail), "The header goes on behind its object.")
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// failed tells errors of the JSON from those of the reader.
func (h *header) failed(err error) error {
	if fault := h.fw.Fault(); fault != nil {
		return fault
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return source.Malformedf(8+syntax.Offset, "the header is no JSON: %s", syntax.Error())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return source.Malformedf(h.offset(), "the header breaks off")
	}
	return err
}

// object reads an object and calls field for each key, which reads the value.
func (h *header) object(field func(key string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	for h.dec.More() {
		t, err := h.dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return source.Malformedf(h.offset(), "a key that is no string")
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return h.delim('}')
}

func (h *header) delim(want json.Delim) error {
	t, err := h.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return source.Malformedf(h.offset(), "%.40q where %s was expected", fmt.Sprint(t), want)
	}
	return nil
}

// once reports a key that is there a second time. Readers differ in which they take.
func (h *header) once(seen map[uint64]struct{}, key string) {
	sum := maphash.String(h.seed, key)
	if _, twice := seen[sum]; twice {
		h.malformed(h.offset(), key, "A key occurs twice, and readers differ in which value they take.")
	}
	seen[sum] = struct{}{}
}

// metadata reads the strings of __metadata__. Those that may be configurations are handed to the engine.
func (h *header) metadata() error {
	h.once(h.names, "__metadata__")
	seen := map[uint64]struct{}{}
	return h.object(func(key string) error {
		h.once(seen, key)
		at := h.offset()
		t, err := h.dec.Token()
		if err != nil {
			return err
		}
		value, ok := t.(string)
		if !ok {
			h.malformed(at, key, "A value of the metadata is no string.")
			return h.skip(t)
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

// skip reads the rest of a value that began with a token.
func (h *header) skip(t json.Token) error {
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = h.dec.Token(); err != nil {
			return err
		}
	}
}

// tensor reads the description of a tensor.
func (h *header) tensor(name string) error {
	h.once(h.names, name)
	at := h.offset()
	var t tensor
	seen := map[uint64]struct{}{}
	err := h.object(func(key string) error {
		h.once(seen, key)
		switch key {
		case "dtype":
			return h.value(&t.dtype)
		case "shape":
			return h.numbers(&t.shape)
		case "data_offsets":
			return h.numbers(&t.offsets)
		}
		h.malformed(h.offset(), key, "A tensor has a field that the format doesn't.")
		v, err := h.dec.Token()
		if err != nil {
			return err
		}
		return h.skip(v)
	})
	if err != nil {
		return err
	}
	if reason := t.check(); reason != "" {
		h.malformed(at, name, "A tensor %s.", reason)
	}
	if len(t.offsets) == 2 && t.offsets[0] <= t.offsets[1] {
		h.tensors = append(h.tensors, span{t.offsets[0], t.offsets[1], at})
	}
	return nil
}

// value reads a string.
func (h *header) value(out *string) error {
	at := h.offset()
	t, err := h.dec.Token()
	if err != nil {
		return err
	}
	s, ok := t.(string)
	if !ok {
		return source.Malformedf(at, "a tensor's dtype is no string")
	}
	*out = s
	return nil
}

// numbers reads a list of integers that are not negative.
func (h *header) numbers(out *[]uint64) error {
	const most = 64 // dimensions; no library has more than 32
	if err := h.delim('['); err != nil {
		return err
	}
	for h.dec.More() {
		t, err := h.dec.Token()
		if err != nil {
			return err
		}
		n, ok := t.(json.Number)
		if !ok {
			return source.Malformedf(h.offset(), "a list of a tensor holds something else than numbers")
		}
		var v uint64
		if err := json.Unmarshal([]byte(n), &v); err != nil {
			return source.Malformedf(h.offset(), "%.40s is no size or offset", n.String())
		}
		if len(*out) >= most {
			return source.Malformedf(h.offset(), "a list of a tensor has more than %d numbers", most)
		}
		*out = append(*out, v)
	}
	return h.delim(']')
}

// tensor is the description of a tensor.
type tensor struct {
	dtype          string
	shape, offsets []uint64
}

// check completes "A tensor …" with what is wrong, or returns "".
func (t *tensor) check() string {
	width := dtypeBits(t.dtype)
	switch {
	case width == 0:
		return "has the unknown dtype " + source.Evidence(t.dtype)
	case len(t.offsets) != 2:
		return fmt.Sprintf("has %d offsets instead of 2", len(t.offsets))
	case t.offsets[0] > t.offsets[1]:
		return "ends before it begins"
	}
	total := width
	for _, n := range t.shape {
		hi, lo := bits.Mul64(total, n)
		if hi != 0 {
			return "has more elements than can be counted"
		}
		total = lo
	}
	if have := t.offsets[1] - t.offsets[0]; total%8 != 0 || total/8 != have {
		return fmt.Sprintf("of %d bits has %d bytes", total, have)
	}
	return ""
}

// dtypeBits is how many bits an element takes; 0 for unknown dtypes.
func dtypeBits(name string) uint64 {
	switch name {
	case "F4":
		return 4
	case "F6_E2M3", "F6_E3M2":
		return 6
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
		return 8
	case "I16", "U16", "F16", "BF16":
		return 16
	case "I32", "U32", "F32":
		return 32
	case "I64", "U64", "F64", "C64":
		return 64
	}
	return 0
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
