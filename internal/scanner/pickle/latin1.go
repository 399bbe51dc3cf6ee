package pickle

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pycode"
)

// latin1 looks at the bytes that a string stands for.
func (m *machine) latin1(v value) (index int, taken bool) {
	if v.kind() != kLongText {
		if !m.afford(int(v.payload() & maxText)) { // its length
			return 0, false
		}
		text, ok := m.content(v)
		if !ok {
			return 0, false
		}
		raw := make([]byte, len(text))
		n, _ := io.ReadFull(&narrow{r: strings.NewReader(text)}, raw) // characters are longer than what they stand for
		if !looksLike(raw[:n], false) && !pycode.LooksLike(raw[:n]) {
			return 0, false
		}
		return m.hand(m.at, "#latin1", source.Bytes(raw[:n]))
	}
	if v.payload() >= uint64(len(m.longs)) || !m.afford(4*sniffHead) {
		return 0, false
	}
	span := m.longs[v.payload()]
	head, err := m.in.peekAt(span.offset, int(min(span.size, 2*sniffHead)))
	if err != nil {
		m.abort(err)
		return 0, false
	}
	narrowed := func(r io.ByteReader) io.Reader { return &narrow{r: r} }
	if span.escaped {
		narrowed = func(r io.ByteReader) io.Reader { return &escaped{r: r} }
	}
	raw := make([]byte, sniffHead)
	n, _ := io.ReadFull(narrowed(bytes.NewReader(head)), raw) // the head may end inside a character
	if !looksLike(raw[:n], false) && !pycode.LooksLike(raw[:n]) {
		return 0, false
	}
	decode := func(f *source.Forward) (io.Reader, error) { return narrowed(f), nil }
	return m.hand(span.offset, "#latin1", source.Decode(m.f, span.offset, span.size, decode, m.f.Budget))
}

// narrow turns UTF-8 into the Latin-1 that it encodes.
type narrow struct {
	r io.ByteReader
}

func (n *narrow) Read(p []byte) (int, error) {
	for i := range p {
		c, err := n.r.ReadByte()
		if err != nil {
			return i, err
		}
		if c < utf8.RuneSelf {
			p[i] = c
			continue
		}
		low, err := n.r.ReadByte()
		if err != nil {
			return i, err
		}
		if c&^1 != 0xc2 { // not Latin-1: the loader stops
			return i, io.ErrUnexpectedEOF
		}
		p[i] = c<<6 | low&0x3f
	}
	return len(p), nil
}

// escaped turns a line of raw-unicode-escape into the Latin-1 that it stands for.
type escaped struct {
	r io.ByteReader
}

func (e *escaped) Read(p []byte) (int, error) {
	for i := range p {
		c, err := e.r.ReadByte()
		if err != nil {
			return i, err
		}
		if p[i] = c; c != '\\' {
			continue
		}
		digits := 4
		switch c, err = e.r.ReadByte(); {
		case err != nil:
			return i, err
		case c == 'U':
			digits = 8
		case c != 'u': // what a nested stream has behind a backslash is written as an escape, so this is none
			return i, io.ErrUnexpectedEOF
		}
		p[i] = 0
		for range digits {
			d, err := e.r.ReadByte()
			if err != nil {
				return i, err
			}
			n, ok := hexDigit(d)
			if !ok {
				return i, io.ErrUnexpectedEOF
			}
			p[i] = p[i]<<4 | n
		}
	}
	return len(p), nil
}
