package flax

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/msgpack"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// tree is the walk over the values of a file.
type tree struct {
	ctx    context.Context
	file   *source.File
	sink   source.Sink
	in     *msgpack.Reader
	open   []branch
	found  []finding.Finding
	arrays int  // arrays and scalars
	bomb   bool // the walk was given up
}

// branch is a container that is being read, with what is noted of its keys and values.
type branch struct {
	frame
	key string // of the value that comes next
	// hook is a key by which pickle finds out how to build an object, and where it stands; names and bytes are what
	// stands beside it.
	hook   string
	hookAt int64
	bytes  bool
	name   string // a dangerous one
}

// walk reads all values, without recursion.
func (t *tree) walk() error {
	for first := true; first || len(t.open) > 0; first = false {
		v, err := t.in.Next()
		if values, ok := v.IsContainer(); err != nil && ok && values > t.in.Left() && values > 1<<16 {
			t.bombed(v.At, fmt.Sprintf("A container states %d values, and %d bytes remain.", values, t.in.Left()))
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.value(v); err != nil {
			return err
		}
		if len(t.open) > maxDepth {
			t.bombed(v.At, fmt.Sprintf("Containers are nested more than %d deep.", maxDepth))
			return nil
		}
	}
	return nil
}

// bombed gives the walk up.
func (t *tree) bombed(at int64, description string) {
	t.bomb = true
	t.add(structure(threat.MGFMT405, at, description))
}

// add keeps a finding until the name of the format is known.
func (t *tree) add(f finding.Finding) {
	if len(t.found) <= finding.MaxFindings {
		t.found = append(t.found, f)
	}
}

func (t *tree) malformed(at int64, format string, args ...any) {
	t.add(structure(threat.MGFMT400, at, fmt.Sprintf(format, args...)))
}

// value takes one value at its place.
func (t *tree) value(v msgpack.Value) error {
	var key string
	if n := len(t.open); n > 0 {
		b := &t.open[n-1]
		isKey := b.isKey()
		b.left--
		if isKey {
			return t.key(b, v)
		}
		if b.pairs {
			key = b.key
			t.beside(b, v)
		}
	}
	if values, ok := v.IsContainer(); ok {
		t.open = append(t.open, branch{frame: frame{pairs: v.Kind == msgpack.Map, left: values}})
	} else if err := t.leaf(key, v); err != nil {
		return err
	}
	for n := len(t.open); n > 0 && t.open[n-1].left == 0; n-- {
		t.hooked(t.open[n-1])
		t.open = t.open[:n-1]
	}
	return nil
}

// key reads a key.
func (t *tree) key(b *branch, v msgpack.Value) error {
	switch v.Kind {
	case msgpack.String, msgpack.Binary:
		text, err := t.in.Text(v, maxKey)
		if err != nil {
			return err
		}
		if b.key = text; isHook(text) && b.hook == "" {
			b.hook, b.hookAt = text, v.At
		}
		return nil
	case msgpack.Array, msgpack.Map, msgpack.Extension:
		return source.Malformedf(v.At, "a key that is no name")
	default:
		b.key = fmt.Sprint(v.Int)
		return nil
	}
}

// isHook tells whether a key is one by which pickle, and what imitates it, finds out how to build an object.
func isHook(key string) bool {
	return slices.Contains([]string{"__reduce__", "__reduce_ex__", "__setstate__", "__class__", "__import__", "__code__", "__builtins__", "__globals__"}, key)
}

// beside notes what stands in a map beside a hook.
func (t *tree) beside(b *branch, v msgpack.Value) {
	switch v.Kind {
	case msgpack.Binary:
		b.bytes = b.bytes || v.Size > 0
	case msgpack.String:
		if text, err := t.in.Text(v, maxKey); err == nil && pynames.FamilyOf(text) != pynames.None {
			b.name = text
		}
	default:
	}
}

// hooked judges a map that has a hook.
func (t *tree) hooked(b branch) {
	if b.hook == "" {
		return
	}
	id, text := threat.MGOBJ101, "A map of parameters has a key by which objects are built."
	switch {
	case b.name != "":
		id, text = threat.MGOBJ100, "A map of parameters has a key by which objects are built, and names "+source.Evidence(b.name)+" beside it."
	case b.bytes:
		id, text = threat.MGOBJ100, "A map of parameters has a key by which objects are built, and bytes to build one from."
	}
	f := finding.New(id, b.hookAt, text)
	f.Role, f.Operator, f.Evidence = finding.RoleNew, b.name, source.Evidence(b.hook)
	t.add(f)
}

// leaf judges a value that holds no others.
func (t *tree) leaf(key string, v msgpack.Value) error {
	switch v.Kind {
	case msgpack.Extension:
		return t.extension(key, v)
	case msgpack.Binary:
		return t.inside(key, v, t.in.Content(v))
	case msgpack.String:
		text, err := t.in.Text(v, 64)
		if err != nil {
			return err
		}
		if v.Size > minInside && mayBeBytes(text) {
			return t.inside(key, v, t.in.Content(v))
		}
	default:
	}
	return nil
}

// mayBeBytes tells whether a string, of which the beginning is given, may be bytes: old writers have but one type for both. A
// pickle of protocol 0 is text in lines.
func mayBeBytes(text string) bool {
	for cut := 0; cut < utf8.UTFMax && !utf8.ValidString(text) && text != ""; cut++ {
		text = text[:len(text)-1] // the end may have cut a character
	}
	return !utf8.ValidString(text) || text == "" || strings.IndexByte("c(", text[0]) >= 0 && strings.Contains(text, "\n")
}

// minInside is the size up to which bytes are too short to be a format that does anything.
const minInside = 8

// inside scans bytes that stand where a loader takes a leaf. A pickle that does nothing is still one that somebody unpickles.
func (t *tree) inside(key string, v msgpack.Value, content source.Reader) error {
	out, err := t.sink.Member(t.ctx, source.Member{Name: "#" + key + fmt.Sprintf("@%d", v.Offset), Bytes: content, Prose: true})
	if err != nil {
		return err
	}
	if slices.Contains(out.Formats, "pickle") && out.Level == threat.Clean {
		f := finding.New(threat.MGOBJ101, v.Offset, "A leaf among the parameters is a pickle, which names nothing dangerous.")
		f.Role, f.Evidence = finding.RoleNew, source.Evidence(key)
		t.add(f)
	}
	return nil
}

// extension judges an extension.
func (t *tree) extension(key string, v msgpack.Value) error {
	switch v.Type {
	case 1, 3:
		t.arrays++
		return t.array(key, v)
	case 2:
		t.complex(v)
		return nil
	case -1:
		if v.Size == 4 || v.Size == 8 || v.Size == 12 {
			return nil // a time, as MessagePack itself defines it
		}
	}
	t.malformed(v.At, "Extension %d is none of Flax's.", v.Type)
	if v.Size <= minInside {
		return nil
	}
	return t.inside(key, v, t.in.Content(v))
}

// complex checks a complex number.
func (t *tree) complex(v msgpack.Value) {
	r, err := msgpack.New(t.file, v.Offset, v.Size)
	if err != nil {
		return
	}
	if list, err := r.Next(); err != nil || list.Kind != msgpack.Array || list.Count != 2 || r.Skip(list) != nil || r.Left() > 0 {
		t.malformed(v.At, "A complex number is no pair.")
	}
}
