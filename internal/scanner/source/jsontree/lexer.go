package jsontree

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

// Bounds of tokens, in bytes, and of the nesting of what is passed over.
const (
	maxString  = 8 << 20
	maxScalar  = 512
	maxSkipped = 10_000
)

// Lexer reads the tokens of a document by RFC 8259, and as Python does: NaN and Infinity are values. A byte order mark at the
// beginning is passed over. Its memory is that of the longest string.
type Lexer struct {
	in  *source.Forward
	buf []byte // of the string that was read last
}

// NewLexer returns a lexer over what in has left.
func NewLexer(in *source.Forward) *Lexer {
	if string(in.Peek(3)) == "\xef\xbb\xbf" {
		in.Skip(3)
	}
	return &Lexer{in: in}
}

// Offset is where the next byte stands.
func (l *Lexer) Offset() int64 { return l.in.Offset() }

// fault is the error of the reader, or that of a document that breaks off.
func (l *Lexer) fault() error {
	if err := l.in.Fault(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// Next returns the next byte that is no white space, without taking it. At the end it is io.ErrUnexpectedEOF.
func (l *Lexer) Next() (byte, error) {
	for {
		b, err := l.in.Window()
		if err != nil {
			return 0, l.fault()
		}
		for i, c := range b {
			if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
				l.in.Skip(int64(i))
				return c, nil
			}
		}
		l.in.Skip(int64(len(b)))
	}
}

// Take goes past the next byte that is no white space, which must be c.
func (l *Lexer) Take(c byte) error {
	b, err := l.Next()
	if err != nil {
		return err
	}
	if b != c {
		return source.Malformedf(l.in.Offset(), "%q instead of %q", b, c)
	}
	l.in.Skip(1)
	return nil
}

// Scalar reads a number or a literal: true, false, null, NaN and the infinities.
func (l *Lexer) Scalar() (string, error) {
	b, err := l.scalar()
	return string(b), err
}

// scalar is Scalar without a string of its own. The word is valid until the next read.
func (l *Lexer) scalar() ([]byte, error) {
	at := l.in.Offset()
	word := l.in.Peek(maxScalar)
	for i, c := range word {
		if ends[c] {
			word = word[:i]
			break
		}
	}
	if !isScalar(word) {
		return nil, source.Malformedf(at, "a value that is none")
	}
	l.in.Skip(int64(len(word)))
	return word, nil
}

// ends are the bytes that no number and no literal has.
var ends = func() (set [256]bool) {
	for _, c := range []byte(" \t\r\n,]}:\"[{") {
		set[c] = true
	}
	return set
}()

// isScalar tells whether a word is a literal, or has the letters of a number.
func isScalar(word []byte) bool {
	switch string(word) {
	case "":
		return false
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		return true
	}
	for _, c := range word {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return false
		}
	}
	return word[0] == '-' || word[0] >= '0' && word[0] <= '9'
}

// Text reads a string, whose quote is the next byte. What is not to be kept is not put together. Lone surrogates become the
// replacement character.
func (l *Lexer) Text(keep bool) (string, error) {
	b, err := l.str(keep)
	return string(b), err
}

// str is Text without a string of its own. The text is valid until the next string is read.
func (l *Lexer) str(keep bool) ([]byte, error) {
	start := l.in.Offset()
	l.in.Skip(1)
	if cap(l.buf) > maxScalar*128 {
		l.buf = nil // that was a long one
	}
	l.buf = l.buf[:0]
	for high := rune(0); ; {
		b, err := l.in.Window()
		if err != nil {
			return nil, l.fault()
		}
		n := plain(b)
		if n > 0 {
			high = 0
		}
		if keep {
			l.buf = append(l.buf, b[:n]...)
		}
		if len(l.buf) > maxString {
			return nil, source.Malformedf(start, "a string of more than %d bytes", maxString)
		}
		l.in.Skip(int64(n))
		if n == len(b) {
			continue
		}
		switch c := b[n]; c {
		case '"':
			l.in.Skip(1)
			return l.buf, nil
		case '\\':
			l.in.Skip(1)
			if high, err = l.escape(high, keep); err != nil {
				return nil, err
			}
		default:
			return nil, source.Malformedf(l.in.Offset(), "a control character in a string")
		}
	}
}

// plain tells how many bytes there are in front of a quote, a backslash or a control character.
func plain(b []byte) int {
	for i, c := range b {
		if c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return len(b)
}

// escape decodes the escape behind a backslash; high is the first half of a pair that was just read, and what is returned is one.
func (l *Lexer) escape(high rune, keep bool) (rune, error) {
	c, err := l.in.ReadByte()
	if err != nil {
		return 0, l.fault()
	}
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		if keep {
			l.buf = append(l.buf, "\"\\/\b\f\n\r\t"[i])
		}
		return 0, nil
	}
	digits := l.in.Peek(4)
	v, err := strconv.ParseUint(string(digits), 16, 16)
	if c != 'u' || len(digits) < 4 || err != nil {
		return 0, source.Malformedf(l.in.Offset()-2, "an escape that is none")
	}
	l.in.Skip(4)
	if !keep {
		return 0, nil
	}
	code := rune(v)
	if pair := utf16.DecodeRune(high, code); high != 0 && pair != utf8.RuneError {
		l.buf = utf8.AppendRune(l.buf[:max(0, len(l.buf)-3)], pair)
		return 0, nil
	}
	if utf16.IsSurrogate(code) {
		l.buf = utf8.AppendRune(l.buf, utf8.RuneError)
		return code, nil
	}
	l.buf = utf8.AppendRune(l.buf, code)
	return 0, nil
}

// List reads a list, and calls item in front of each of its values to read it.
func (l *Lexer) List(item func() error) error {
	return l.container('[', ']', func(byte) error { return item() })
}

// Object reads an object, and calls member in front of each value, to read it, with its key and where that stands.
func (l *Lexer) Object(member func(key string, at int64) error) error {
	return l.object(func(key []byte, at int64) error { return member(string(key), at) })
}

// object is Object with keys that are valid until the next string is read.
func (l *Lexer) object(member func(key []byte, at int64) error) error {
	return l.container('{', '}', func(c byte) error {
		at := l.in.Offset()
		if c != '"' {
			return source.Malformedf(at, "%q instead of a key", c)
		}
		key, err := l.str(true)
		if err != nil {
			return err
		}
		if err := l.Take(':'); err != nil {
			return err
		}
		return member(key, at)
	})
}

// container reads what stands in brackets, with commas between; element is called with the first byte of each.
func (l *Lexer) container(open, end byte, element func(first byte) error) error {
	if err := l.Take(open); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := l.Next()
		if err != nil {
			return err
		}
		if c == end {
			l.in.Skip(1)
			return nil
		}
		if !first {
			if err := l.Take(','); err != nil {
				return err
			}
			if c, err = l.Next(); err != nil {
				return err
			}
		}
		if err := element(c); err != nil {
			return err
		}
	}
}

// Skip reads a value by the grammar and keeps nothing of it.
func (l *Lexer) Skip() error { return l.skip(0) }

func (l *Lexer) skip(depth int) error {
	c, err := l.Next()
	if err != nil {
		return err
	}
	if depth > maxSkipped {
		return source.Malformedf(l.in.Offset(), "nested more than %d deep", maxSkipped)
	}
	switch c {
	case '{':
		return l.object(func([]byte, int64) error { return l.skip(depth + 1) })
	case '[':
		return l.List(func() error { return l.skip(depth + 1) })
	case '"':
		_, err := l.str(false)
		return err
	default:
		_, err := l.scalar()
		return err
	}
}

// IsBroken tells whether an error of a lexer is one of the document.
func IsBroken(err error) bool {
	var malformed *source.Malformed
	return errors.As(err, &malformed) || errors.Is(err, io.ErrUnexpectedEOF)
}
