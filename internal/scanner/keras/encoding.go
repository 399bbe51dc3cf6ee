package keras

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

// Keras hands the bytes of a configuration to Python's json.loads, which takes UTF-16 and UTF-32 too, with and without a mark of their
// byte order (json.detect_encoding). So they are read here as well.

// unit is an encoding: how many bytes a unit has, and their order.
type unit struct {
	size  int
	order binary.ByteOrder
	mark  int // bytes of the mark in front
}

// encoding returns how a document is encoded, nil if it is UTF-8.
func encoding(head []byte) *unit {
	little, big := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}):
		return &unit{4, little, 4}
	case bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff}):
		return &unit{4, big, 4}
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return &unit{2, little, 2}
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return &unit{2, big, 2}
	case len(head) < 4:
		return nil
	}
	switch zero := [4]bool{head[0] == 0, head[1] == 0, head[2] == 0, head[3] == 0}; {
	case zero[0] && zero[1]:
		return &unit{4, big, 0}
	case zero[0]:
		return &unit{2, big, 0}
	case zero[1] && zero[2] && zero[3]:
		return &unit{4, little, 0}
	case zero[1]:
		return &unit{2, little, 0}
	}
	return nil
}

// recoded returns a document in UTF-8, if it is in anything else.
func recoded(f *source.File) (text source.Bytes, coded bool, err error) {
	head, err := f.Head()
	if err != nil {
		return nil, false, err
	}
	u := encoding(head)
	if u == nil {
		return nil, false, nil
	}
	size, err := f.Size()
	if err != nil {
		return nil, false, err
	}
	if size > maxSize/2 { // it may grow by half
		return nil, false, fmt.Errorf("a document of %d bytes: %w", size, source.ErrBudget)
	}
	data, err := f.Text(maxSize)
	if err != nil {
		return nil, false, err
	}
	return u.decode([]byte(data[u.mark:])), true, nil
}

// decode returns units as UTF-8; what is none becomes the replacement character, and a unit that is cut off is dropped.
func (u *unit) decode(data []byte) []byte {
	out := make([]byte, 0, len(data)/u.size+16)
	for ; len(data) >= u.size; data = data[u.size:] {
		if u.size == 4 {
			out = utf8.AppendRune(out, rune(min(u.order.Uint32(data), utf8.MaxRune+1)))
			continue
		}
		r := rune(u.order.Uint16(data))
		if utf16.IsSurrogate(r) && len(data) >= 4 {
			if pair := utf16.DecodeRune(r, rune(u.order.Uint16(data[2:]))); pair != utf8.RuneError {
				r, data = pair, data[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
