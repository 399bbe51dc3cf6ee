package xmltokens

import (
	"bytes"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder gives the bytes of a text as UTF-8. What is not UTF-16 is given as it is: the marks of XML are ASCII.
type decoder struct {
	in   io.ByteReader
	at   int64 // bytes read of in
	wide bool
	big  bool
	rest []byte // of the last letter
}

// newDecoder tells the encoding by the first bytes (XML 1.0, appendix F): a byte order mark, or a "<" of two bytes.
func newDecoder(in io.ByteReader, head []byte) *decoder {
	d := &decoder{in: in}
	switch {
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00<\x00")):
		d.wide, d.big = true, true
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("<\x00")):
		d.wide = true
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		for range 3 {
			_, _ = d.next() // head has them
		}
	}
	return d
}

// ReadByte implements io.ByteReader.
func (d *decoder) ReadByte() (byte, error) {
	if !d.wide {
		return d.next()
	}
	for len(d.rest) == 0 {
		r, err := d.unit()
		if err != nil {
			return 0, err
		}
		if utf16.IsSurrogate(r) {
			low, err := d.unit()
			if err != nil {
				return 0, err
			}
			r = utf16.DecodeRune(r, low)
		}
		if r != 0xfeff { // the mark itself
			d.rest = utf8.AppendRune(d.rest[:0], r)
		}
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c, nil
}

func (d *decoder) next() (byte, error) {
	c, err := d.in.ReadByte()
	if err == nil {
		d.at++
	}
	return c, err
}

// unit reads two bytes.
func (d *decoder) unit() (rune, error) {
	a, err := d.next()
	if err != nil {
		return 0, err
	}
	b, err := d.next()
	if err != nil {
		return 0, err
	}
	if d.big {
		a, b = b, a
	}
	return rune(a) | rune(b)<<8, nil
}
