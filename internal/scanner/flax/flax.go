// Package flax scans parameters as flax.serialization writes them, and MessagePack of other libraries (spaCy, Orbax), which have
// the same dangers: bytes that somebody unpickles.
//
// A file is one MessagePack value, a map of names to maps and leaves (flax/serialization.py):
//
//	{"params": {"Dense_0": {"kernel": ext 1, "bias": ext 1}}, "step": 7}
//	extension 1  an array, itself MessagePack: [shape, name of the dtype, bytes]
//	extension 2  a complex number: [real, imaginary]
//	extension 3  a scalar of NumPy, as extension 1
//
// Arrays of more than 1 GiB are maps with the key __msgpack_chunked_array__. Nothing of it can carry code, unless bytes among the
// leaves are of a format that can. Headers are read and arrays passed over: a file of gigabytes costs a read for each array.
package flax

import (
	"context"
	"errors"
	"fmt"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/msgpack"
	"modelgate/internal/threat"
)

// Bounds: nesting, as deep as trees of parameters may be; bytes of a key; values that are looked at to recognise the format.
const (
	maxDepth = 100
	maxKey   = 256
	maxProbe = 512
	mostKeys = 64 // of a head without arrays, from which on it is taken for one of these files
)

// Probe accepts a map or list that covers the file, or that leads to arrays or bytes by string keys as far as the head shows it. MessagePack has
// no magic and nearly any bytes begin one of its values: in a package, where data of all kinds lies, only what leads to arrays of Flax counts,
// and to no extensions that it does not have.
func Probe(f *source.File) (bool, error) {
	var p probe
	ok, err := p.recognise(f)
	return ok && (f.Family != source.FamilyPackage || p.ours > 0 && !p.foreign), err
}

// recognise reads values until it is sure.
func (p *probe) recognise(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) == 0 || !isRoot(head[0]) {
		return false, err
	}
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	if size == 1 {
		return head[0] == 0x80 || head[0] == 0x90, nil // an empty map or list, as spaCy writes it
	}
	r, err := msgpack.New(f, 0, size)
	if err != nil {
		return false, err
	}
	for {
		v, err := r.Next()
		if err != nil { // what leads to arrays before it breaks is still meant to be one of these files
			return p.keys > 0 && p.arrays > 0 && !p.broken && malformed(err) == nil, malformed(err)
		}
		p.value(v)
		switch whole := len(p.open) == 0; {
		case p.broken:
			return false, nil
		case whole && r.Left() > 0:
			return p.arrays > 0, nil
		case whole:
			return p.values > 1, nil
		case r.Offset() > int64(len(head)): // tables of strings, as spaCy's tokenizers have them, are none of anything else either
			return p.keys >= 1 && p.arrays+p.bytes > 0 || p.keys >= mostKeys, nil
		case p.values >= maxProbe && p.arrays+p.bytes > 0:
			return p.keys >= 1, nil
		}
	}
}

// malformed drops an error that is one of the bytes.
func malformed(err error) error {
	var m *source.Malformed
	if errors.As(err, &m) {
		return nil
	}
	return err
}

// isRoot tells whether a byte begins a map or a list.
func isRoot(c byte) bool { return c&0xe0 == 0x80 || c >= 0xdc && c <= 0xdf }

// probe follows the first values of a file.
type probe struct {
	open                        []frame
	values, keys, arrays, bytes int
	ours                        int  // of the arrays, those that have the type of Flax's
	foreign                     bool // an extension has a type that nobody here knows
	broken                      bool // nothing that a writer of these formats writes
}

// frame is a container that is being read.
type frame struct {
	pairs bool
	left  int64 // values to come
}

// isKey tells whether the next value of a container is a key.
func (f frame) isKey() bool { return f.pairs && f.left%2 == 0 }

func (p *probe) value(v msgpack.Value) {
	p.values++
	if n := len(p.open); n > 0 {
		if p.open[n-1].isKey() {
			p.keys++
			p.broken = p.broken || v.Kind != msgpack.String && v.Kind != msgpack.Int && v.Kind != msgpack.Binary
		}
		p.open[n-1].left--
	}
	switch v.Kind {
	case msgpack.Extension:
		p.arrays++
		switch v.Type {
		case 1, 3:
			p.ours++
		case 2, -1:
		default:
			p.foreign = true
		}
	case msgpack.Binary:
		p.bytes++
	default:
	}
	if values, ok := v.IsContainer(); ok {
		p.open = append(p.open, frame{pairs: v.Kind == msgpack.Map, left: values})
	}
	for n := len(p.open); n > 0 && p.open[n-1].left == 0; n-- {
		p.open = p.open[:n-1]
	}
	p.broken = p.broken || len(p.open) > maxProbe
}

// Scan checks every value, and scans what leaves hold.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	r, err := msgpack.New(f, 0, size)
	if err != nil {
		return err
	}
	t := &tree{ctx: ctx, file: f, sink: s, in: r}
	err = t.walk()
	if t.arrays > 0 {
		s.Format("flax")
	} else {
		s.Format("msgpack")
	}
	for _, found := range t.found {
		s.Find(found)
	}
	if err != nil || t.bomb {
		return err
	}
	if left := r.Left(); left > 0 {
		return t.behind(size-left, size)
	}
	return nil
}

// behind scans what follows the value. No writer leaves anything there.
func (t *tree) behind(from, to int64) error {
	t.sink.Find(structure(threat.MGFMT402, from, fmt.Sprintf("%d bytes follow the end of the parameters.", to-from)))
	_, err := t.sink.Member(t.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", from), Bytes: source.Section(t.file, from, to-from), Prose: true})
	return err
}

func structure(id threat.ID, at int64, description string) finding.Finding {
	f := finding.New(id, at, description)
	f.Role = finding.RoleStructure
	return f
}
