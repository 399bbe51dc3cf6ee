package xgboost

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// UBJSON (ubjson.org, draft 12) writes a value as a letter for its type and the content, with big-endian numbers:
//
//	Z null  N nothing  T true  F false  i U I l L integers of 1, 1, 2, 4, 8 bytes  d D floats  C character
//	S string: length, bytes    H number as text: length, digits    [ … ] list    { length key value … } object
//
// A container may state the type of all its values ("$" and a letter) and their number ("#" and an integer), and then has no end.
// XGBoost writes lists of numbers so, and their content is passed over.
const (
	maxText   = 1 << 28
	maxValues = 1 << 28 // of all containers, and of one list of children that is read
)

type ubjson struct {
	in     *source.Cursor
	faults []fault
	values int64
}

func newUBJSON(r source.Reader) (*ubjson, error) {
	in, err := source.NewCursor(r, 0, binary.BigEndian)
	return &ubjson{in: in}, err
}

// document reads one value.
func (u *ubjson) document() error {
	kind, err := u.in.U8()
	if err != nil {
		return err
	}
	return u.value(kind, 0, nil, "")
}

// value reads the content of a value.
func (u *ubjson) value(kind byte, depth int, of *tree, key string) error {
	if u.values++; u.values > maxValues {
		return fmt.Errorf("more than %d values: %w", maxValues, source.ErrBudget)
	}
	if width, ok := widthOf(kind); ok {
		return u.in.Skip(width)
	}
	if depth > maxDepth {
		return source.Malformedf(u.in.Offset(), "nested more than %d deep", maxDepth)
	}
	switch kind {
	case 'S', 'H':
		n, err := u.length()
		if err != nil {
			return err
		}
		return u.in.Skip(n)
	case '[':
		return u.list(depth, of, key)
	case '{':
		return u.object(depth)
	default:
		return source.Malformedf(u.in.Offset()-1, "%q is the type of no value", kind)
	}
}

// widthOf returns how many bytes a value of a simple type has.
func widthOf(kind byte) (int64, bool) {
	switch kind {
	case 'Z', 'N', 'T', 'F':
		return 0, true
	case 'i', 'U', 'C':
		return 1, true
	case 'I':
		return 2, true
	case 'l', 'd':
		return 4, true
	case 'L', 'D':
		return 8, true
	}
	return 0, false
}

// integer reads an integer of a type.
func (u *ubjson) integer(kind byte) (int64, error) {
	switch kind {
	case 'i':
		v, err := u.in.U8()
		return int64(int8(v)), err
	case 'U':
		v, err := u.in.U8()
		return int64(v), err
	case 'I':
		v, err := u.in.U16()
		return int64(int16(v)), err
	case 'l':
		v, err := u.in.U32()
		return int64(int32(v)), err
	case 'L':
		v, err := u.in.U64()
		return int64(v), err
	default:
		return 0, source.Malformedf(u.in.Offset()-1, "%q is the type of no integer", kind)
	}
}

// length reads an integer with its type, which must fit into the file.
func (u *ubjson) length() (int64, error) {
	at := u.in.Offset()
	kind, err := u.in.U8()
	if err != nil {
		return 0, err
	}
	n, err := u.integer(kind)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > u.in.Remaining() {
		return 0, source.Malformedf(at, "a length of %d, and %d bytes remain", n, u.in.Remaining())
	}
	return n, nil
}

// shape reads what a container states of its values: their type, 0 if each has its own, and their number, -1 if it has an end.
func (u *ubjson) shape() (kind byte, count int64, first byte, err error) {
	c, err := u.in.U8()
	if err != nil {
		return 0, 0, 0, err
	}
	if c == '$' {
		if kind, err = u.in.U8(); err != nil {
			return 0, 0, 0, err
		}
		if c, err = u.in.U8(); err != nil {
			return 0, 0, 0, err
		}
		if c != '#' {
			return 0, 0, 0, source.Malformedf(u.in.Offset()-1, "a container states the type of its values and not their number")
		}
	}
	if c != '#' {
		return 0, -1, c, nil
	}
	at := u.in.Offset()
	tag, err := u.in.U8()
	if err != nil {
		return 0, 0, 0, err
	}
	count, err = u.integer(tag)
	if err != nil {
		return 0, 0, 0, err
	}
	width, simple := widthOf(kind)
	if !simple {
		width = 1
	}
	if count < 0 || width > 0 && count > u.in.Remaining()/width || count > maxValues {
		return 0, 0, 0, source.Malformedf(at, "%d values in the %d bytes that remain", count, u.in.Remaining())
	}
	return kind, count, 0, nil
}

// list reads a list, and notes the numbers of one that holds children.
func (u *ubjson) list(depth int, of *tree, key string) error {
	which := -1
	if of != nil {
		which = side(key)
	}
	kind, count, c, err := u.shape()
	if err != nil {
		return err
	}
	if width, simple := widthOf(kind); simple && kind != 0 && which < 0 {
		return u.in.Skip(width * count)
	}
	n := int64(0)
	for ; count < 0 || n < count; n++ {
		switch {
		case count >= 0 && kind != 0:
			c = kind
		case count >= 0 || n > 0:
			if c, err = u.in.U8(); err != nil {
				return err
			}
		}
		if count < 0 && c == ']' {
			break
		}
		if which >= 0 {
			child, err := u.integer(c)
			if err != nil {
				return err
			}
			of.add(child)
			continue
		}
		if err := u.value(c, depth+1, nil, ""); err != nil {
			return err
		}
	}
	if which >= 0 {
		of.arrays++
		of.lengths[which] = n
	}
	return nil
}

// object reads an object, which may be a tree.
func (u *ubjson) object(depth int) error {
	t := tree{at: u.in.Offset() - 1}
	kind, count, c, err := u.shape()
	if err != nil {
		return err
	}
	for n := int64(0); count < 0 || n < count; n++ {
		if count < 0 && c == '}' {
			break
		}
		key, err := u.key(c, count < 0)
		if err != nil {
			return err
		}
		v := kind
		if v == 0 {
			if v, err = u.in.U8(); err != nil {
				return err
			}
		}
		if err := u.value(v, depth+1, &t, key); err != nil {
			return err
		}
		if count < 0 {
			if c, err = u.in.U8(); err != nil {
				return err
			}
		}
	}
	if f, ok := t.judge(); !ok && len(u.faults) < mostFaults {
		u.faults = append(u.faults, f)
	}
	return nil
}

// key reads a key, the type of whose length may have been read.
func (u *ubjson) key(kind byte, read bool) (string, error) {
	if !read {
		var err error
		if kind, err = u.in.U8(); err != nil {
			return "", err
		}
	}
	n, err := u.integer(kind)
	if err != nil {
		return "", err
	}
	if n < 0 || n > maxText {
		return "", source.Malformedf(u.in.Offset(), "a key of %d bytes", n)
	}
	if n > 64 { // none of ours
		return "", u.in.Skip(n)
	}
	b, err := u.in.Bytes(uint64(n), 64)
	return string(b), err
}
