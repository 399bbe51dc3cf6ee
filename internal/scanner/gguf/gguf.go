// Package gguf scans models in the GGUF format of ggml and llama.cpp (docs/gguf.md of ggml):
//
//	"GGUF", version u32, tensors u64, pairs u64 (both u32 in version 1)
//	pairs:   key string, type u32, value; a string is a length u64 (u32 in version 1) and bytes, an array is a type u32,
//	         a count u64 (u32) and values
//	tensors: name string, dimensions u32, sizes u64 each (u32), ggml type u32, offset u64
//	padding to general.alignment, tensor data
//
// Integers are little-endian, or all of them big-endian; the version tells which. Nothing in a file is code but the chat
// templates among the pairs, which loaders render: they go back to the engine.
package gguf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/bits"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of what a file may hold. llama.cpp's own are in the same region.
const (
	maxCount    = 1 << 20 // pairs, and tensors
	maxDims     = 4
	maxNesting  = 4
	maxKey      = 64 << 10 // bytes of a key or of a tensor's name
	maxTemplate = 8 << 20  // bytes of a string that is looked into
)

// Types of values.
const (
	typeString = 8
	typeArray  = 9
)

// Probe accepts files with the magic.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && len(head) >= 8 && string(head[:4]) == "GGUF", err
}

// orders returns the byte orders in which the version makes sense, the likely one first.
func orders(head []byte) []binary.ByteOrder {
	const most = 1 << 16
	var out []binary.ByteOrder
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if o.Uint32(head[4:]) < most {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		out = append(out, binary.LittleEndian)
	}
	return out
}

// Scan reads all pairs and the tensors' descriptions. A file whose version makes sense in both orders is read in both.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("gguf")
	head, err := f.Head()
	if err != nil {
		return err
	}
	all := orders(head)
	if len(all) > 1 {
		find(s, threat.MGFMT403, 4, "", "The version is a small number in either byte order, so readers see two files.")
	}
	var last error
	for _, order := range all {
		if err := scan(ctx, f, s, order); err != nil {
			var bad *source.Malformed
			if !errors.As(err, &bad) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
			last = err
		}
	}
	return last
}

func find(s source.Sink, id threat.ID, at int64, evidence, format string, args ...any) {
	f := finding.New(id, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	s.Find(f)
}

// reader is the reading of a file in one byte order.
type reader struct {
	*source.Cursor
	ctx       context.Context
	f         *source.File
	s         source.Sink
	version   uint32
	alignment uint64
	keys      map[uint64]struct{} // hashes: a collision would be a finding too many, never one too few
	seed      maphash.Seed
}

func scan(ctx context.Context, f *source.File, s source.Sink, order binary.ByteOrder) error {
	c, err := source.NewCursor(f, 4, order)
	if err != nil {
		return err
	}
	r := &reader{Cursor: c, ctx: ctx, f: f, s: s, alignment: 32, keys: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	if r.version, err = c.U32(); err != nil {
		return err
	}
	if r.version < 1 || r.version > 3 {
		find(s, threat.MGFMT404, 4, "", "Version %d of the format is not known.", r.version)
	}
	tensors, err := r.count()
	if err != nil {
		return err
	}
	pairs, err := r.count()
	if err != nil {
		return err
	}
	if err := r.bound("tensors", tensors, r.word()+4+r.word()/2+4+8); err != nil {
		return err
	}
	if err := r.bound("pairs", pairs, r.word()+4+1); err != nil {
		return err
	}
	for range pairs {
		if err := r.pair(); err != nil {
			return err
		}
	}
	return r.tensors(tensors)
}

// word is the size of a count or length in bytes.
func (r *reader) word() uint64 {
	if r.version == 1 {
		return 4
	}
	return 8
}

// count reads a count or length.
func (r *reader) count() (uint64, error) {
	if r.version == 1 {
		n, err := r.U32()
		return uint64(n), err
	}
	return r.U64()
}

// bound refuses counts that the rest of the file cannot hold, or that nobody needs; each is the least that one takes.
func (r *reader) bound(what string, n, each uint64) error {
	if n > uint64(r.Remaining())/each {
		return source.Malformedf(r.Offset(), "%d %s in the %d bytes that remain", n, what, r.Remaining())
	}
	if n > maxCount {
		return fmt.Errorf("%d %s: %w", n, what, source.ErrBudget)
	}
	return nil
}

// pair reads a key and its value.
func (r *reader) pair() error {
	at := r.Offset()
	key, err := r.text(maxKey)
	if err != nil {
		return err
	}
	sum := maphash.String(r.seed, key)
	if _, twice := r.keys[sum]; twice {
		find(r.s, threat.MGFMT400, at, key, "A key occurs twice, and readers differ in which value they take.")
	}
	r.keys[sum] = struct{}{}
	kind, err := r.U32()
	if err != nil {
		return err
	}
	if key == "general.alignment" {
		return r.align(kind)
	}
	return r.value(key, kind, 0)
}

// text reads a string of at most the given length.
func (r *reader) text(most int64) (string, error) {
	n, err := r.count()
	if err != nil {
		return "", err
	}
	b, err := r.Bytes(n, most)
	return string(b), err
}

// align reads the value of general.alignment.
func (r *reader) align(kind uint32) error {
	at := r.Offset()
	if kind != 4 {
		find(r.s, threat.MGFMT400, at, "general.alignment", "The alignment is of type %d instead of u32.", kind)
		return r.value("general.alignment", kind, 0)
	}
	n, err := r.U32()
	if err != nil {
		return err
	}
	if bits.OnesCount32(n) != 1 {
		find(r.s, threat.MGFMT400, at, "general.alignment", "The alignment of %d bytes is no power of two.", n)
		return nil
	}
	r.alignment = uint64(n)
	return nil
}

// value reads a value, or goes past it if nothing in it matters.
func (r *reader) value(key string, kind uint32, depth int) error {
	switch kind {
	case typeString:
		return r.str(key, depth)
	case typeArray:
		return r.array(key, depth)
	}
	size := scalarSize(kind)
	if size == 0 {
		return source.Malformedf(r.Offset(), "a value of the unknown type %d", kind)
	}
	return r.Skip(int64(size))
}

// scalarSize is the size in bytes of a value that is neither string nor array; 0 for unknown types.
func scalarSize(kind uint32) uint64 {
	switch kind {
	case 0, 1, 7: // u8, i8, bool
		return 1
	case 2, 3: // u16, i16
		return 2
	case 4, 5, 6: // u32, i32, f32
		return 4
	case 10, 11, 12: // u64, i64, f64
		return 8
	}
	return 0
}

// isTemplate tells whether loaders render the strings under a key: tokenizer.chat_template, and tokenizer.chat_template.NAME
// for further templates.
func isTemplate(key string) bool { return strings.Contains(key, "chat_template") }

// str reads a string, and hands it on if it is a template, or may be one: vocabularies have braces in their arrays of tokens,
// templates stand alone.
func (r *reader) str(key string, depth int) error {
	n, err := r.count()
	if err != nil {
		return err
	}
	at := r.Offset()
	if n > uint64(r.Remaining()) {
		return source.Malformedf(at, "a string of %d bytes in the %d that remain", n, r.Remaining())
	}
	known := isTemplate(key)
	if !known && (depth > 0 || !strings.HasPrefix(key, "tokenizer.")) {
		return r.Skip(int64(n))
	}
	if n > maxTemplate {
		if known {
			find(r.s, threat.MGFMT405, at, key, "A template has %d bytes.", n)
		}
		return r.Skip(int64(n))
	}
	b, err := r.Bytes(n, maxTemplate)
	if err != nil {
		return err
	}
	if !known && !strings.Contains(string(b), "{{") && !strings.Contains(string(b), "{%") {
		return nil
	}
	_, err = r.s.Member(r.ctx, source.Member{Name: key, Bytes: source.Bytes(b), Family: source.FamilyGGUF, Prose: !known})
	return err
}

// array reads an array. Arrays of numbers are skipped; strings must be walked, since each has a length of its own.
func (r *reader) array(key string, depth int) error {
	at := r.Offset()
	if depth >= maxNesting {
		return source.Malformedf(at, "arrays nested more than %d deep", maxNesting)
	}
	kind, err := r.U32()
	if err != nil {
		return err
	}
	n, err := r.count()
	if err != nil {
		return err
	}
	each := scalarSize(kind)
	switch {
	case kind == typeString:
		each = r.word()
	case kind == typeArray:
		each = 4 + r.word()
	case each == 0:
		return source.Malformedf(at, "an array of the unknown type %d", kind)
	}
	if n > uint64(r.Remaining())/each {
		return source.Malformedf(at, "an array of %d values in the %d bytes that remain", n, r.Remaining())
	}
	switch {
	case kind == typeArray:
		for range n {
			if err := r.array(key, depth+1); err != nil {
				return err
			}
		}
	case kind == typeString && isTemplate(key):
		for i := range n {
			if err := r.str(fmt.Sprintf("%s[%d]", key, i), depth+1); err != nil {
				return err
			}
		}
	case kind == typeString:
		return r.strings(n)
	default:
		return r.Skip(int64(n * each))
	}
	return nil
}

// strings goes past n strings: the tokens of a vocabulary, mostly.
func (r *reader) strings(n uint64) error {
	for range n {
		length, err := r.count()
		if err != nil {
			return err
		}
		if length > uint64(r.Remaining()) {
			return source.Malformedf(r.Offset(), "a string of %d bytes in the %d that remain", length, r.Remaining())
		}
		if err := r.Skip(int64(length)); err != nil {
			return err
		}
	}
	return nil
}
