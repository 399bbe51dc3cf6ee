package caffe

import (
	"errors"
	"io"
	"strconv"

	"modelgate/internal/scanner/source"
)

// kind is what a token is.
type kind int

const (
	word kind = iota // a name, a number or an enum
	text             // a string, its escapes resolved and its neighbours joined to it
	sign             // { } < > [ ] : , ;
)

// token is a token of the text form of protobuf.
type token struct {
	kind kind
	text string
	at   int64
}

// maxToken is how much of a token is kept, in bytes.
const maxToken = 64 << 10

// tokens reads the text form of protobuf (Protocol Buffers, "Text Format Language"): words, strings in either quotes, signs, and comments
// from # to the end of the line.
type tokens struct {
	in     io.ByteReader
	at     int64 // of the next byte
	back   int   // a byte that was read too far, -1 if none
	peeked *token
	fail   error
}

func newTokens(in io.ByteReader) *tokens { return &tokens{in: in, back: -1} }

// read returns the next byte.
func (t *tokens) read() (byte, error) {
	if t.back >= 0 {
		c := byte(t.back)
		t.back = -1
		t.at++
		return c, nil
	}
	c, err := t.in.ReadByte()
	if err == nil {
		t.at++
	}
	return c, err
}

func (t *tokens) unread(c byte) {
	t.back = int(c)
	t.at--
}

// names tells whether the word that was read last is the name of a field: a colon or a message follows it.
func (t *tokens) names() bool {
	tok, err := t.peek()
	if err != nil || tok.kind != sign {
		return false
	}
	if tok.text == ":" {
		t.peeked = nil
		return true
	}
	return tok.text == "{" || tok.text == "<"
}

// peek returns the next token and leaves it.
func (t *tokens) peek() (token, error) {
	if t.peeked == nil {
		tok, err := t.scan()
		if err != nil {
			t.fail = err
			return tok, err
		}
		t.peeked = &tok
	}
	return *t.peeked, nil
}

// next returns the next token; a string with those that follow it at once.
func (t *tokens) next() (token, error) {
	if t.fail != nil && t.peeked == nil {
		return token{}, t.fail
	}
	tok, err := t.peek()
	t.peeked = nil
	if err != nil || tok.kind != text {
		return tok, err
	}
	for len(tok.text) < maxToken && t.isText() {
		tok.text += t.peeked.text
		t.peeked = nil
	}
	return tok, nil
}

// isText tells whether a string comes next.
func (t *tokens) isText() bool {
	tok, err := t.peek()
	return err == nil && tok.kind == text
}

// scan reads one token.
func (t *tokens) scan() (token, error) {
	for {
		at := t.at
		c, err := t.read()
		if err != nil {
			return token{}, err
		}
		switch {
		case c == '#':
			if err := t.comment(); err != nil {
				return token{}, err
			}
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '"' || c == '\'':
			s, err := t.quoted(c)
			return token{text, s, at}, err
		case c == '{' || c == '}' || c == '<' || c == '>' || c == '[' || c == ']' || c == ':' || c == ',' || c == ';':
			return token{sign, string(c), at}, nil
		case c < 0x20 || c >= 0x7f:
			return token{}, source.Malformedf(at, "a byte %#02x outside of strings", c)
		default:
			s, err := t.letters(c)
			return token{word, s, at}, err
		}
	}
}

// comment passes over the rest of a line.
func (t *tokens) comment() error {
	for {
		c, err := t.read()
		if err != nil || c == '\n' {
			return err
		}
	}
}

// letters reads a word that begins with c.
func (t *tokens) letters(c byte) (string, error) {
	out := []byte{c}
	for {
		c, err := t.read()
		if errors.Is(err, io.EOF) {
			return string(out), nil
		}
		if err != nil {
			return "", err
		}
		switch c {
		case ' ', '\t', '\n', '\r', '{', '}', '<', '>', '[', ']', ':', ',', ';', '#', '"', '\'':
			t.unread(c)
			return string(out), nil
		}
		if len(out) < maxToken {
			out = append(out, c)
		}
	}
}

// quoted reads a string up to its quote.
func (t *tokens) quoted(quote byte) (string, error) {
	var out []byte
	for {
		c, err := t.read()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = source.Malformedf(t.at, "the text ends within a string")
			}
			return "", err
		}
		switch c {
		case quote:
			return string(out), nil
		case '\\':
			if c, err = t.escape(); err != nil {
				return "", err
			}
		}
		if len(out) < maxToken {
			out = append(out, c)
		}
	}
}

// escape reads an escape behind its backslash: a letter, up to three octal digits, or x and up to two hexadecimal ones.
func (t *tokens) escape() (byte, error) {
	c, err := t.read()
	if err != nil {
		return 0, err
	}
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'x', 'X':
		return t.digits("", 2, 16)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return t.digits(string(c), 3, 8)
	}
	return c, nil
}

// digits reads a number of at most n digits.
func (t *tokens) digits(s string, n, base int) (byte, error) {
	for len(s) < n {
		c, err := t.read()
		if err != nil {
			return 0, err
		}
		if _, err := strconv.ParseUint(string(c), base, 8); err != nil {
			t.unread(c)
			break
		}
		s += string(c)
	}
	v, err := strconv.ParseUint(s, base, 16)
	if err != nil {
		return 0, source.Malformedf(t.at, "an escape without digits")
	}
	return byte(v), nil
}
