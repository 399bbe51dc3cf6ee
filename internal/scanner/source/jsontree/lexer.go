package jsontree

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

// Bounds of tokens, in bytes.
const (
	maxString = 8 << 20
	maxScalar = 512
)

// Lexer reads the tokens of a document by RFC 8259, and as Python does: NaN and Infinity are values. A byte order mark at the
// beginning is passed over.
type Lexer struct {
	in *source.Forward
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

// Next returns the next byte that is no white space, without taking it. At the end it is io.ErrUnexpectedEOF.
func (l *Lexer) Next() (byte, error) {
	for {
		b := l.in.Peek(1)
		if len(b) == 0 {
			if err := l.in.Fault(); err != nil {
				return 0, err
			}
			return 0, io.ErrUnexpectedEOF
		}
		if c := b[0]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
		l.in.Skip(1)
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
	at := l.in.Offset()
	word := l.in.Peek(maxScalar)
	if end := bytes.IndexAny(word, " \t\r\n,]}:\"[{"); end >= 0 {
		word = word[:end]
	}
	s := string(word)
	l.in.Skip(int64(len(s)))
	switch s {
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		return s, nil
	default:
		if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || strings.Trim(s, "0123456789+-.eE") != "" {
			return "", source.Malformedf(at, "a value that is none")
		}
		return s, nil
	}
}

// Text reads a string, whose quote is the next byte. What is not to be kept is not put together. Lone surrogates become the
// replacement character.
func (l *Lexer) Text(keep bool) (string, error) {
	start := l.in.Offset()
	l.in.Skip(1)
	var b []byte
	var high rune
	for {
		c, err := l.in.ReadByte()
		if err != nil {
			if fault := l.in.Fault(); fault != nil {
				return "", fault
			}
			return "", io.ErrUnexpectedEOF
		}
		if c == '"' {
			break
		}
		if c < ' ' {
			return "", source.Malformedf(l.in.Offset()-1, "a control character in a string")
		}
		if c != '\\' {
			if high = 0; keep {
				b = append(b, c)
			}
		} else if b, high, err = l.escape(b, high, keep); err != nil {
			return "", err
		}
		if len(b) > maxString {
			return "", source.Malformedf(start, "a string of more than %d bytes", maxString)
		}
	}
	return string(b), nil
}

// escape decodes the escape behind a backslash and appends it; high is the first half of a pair that was just read.
func (l *Lexer) escape(b []byte, high rune, keep bool) ([]byte, rune, error) {
	c, err := l.in.ReadByte()
	if err != nil {
		return b, 0, io.ErrUnexpectedEOF
	}
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		if keep {
			b = append(b, "\"\\/\b\f\n\r\t"[i])
		}
		return b, 0, nil
	}
	digits := l.in.Peek(4)
	v, err := strconv.ParseUint(string(digits), 16, 16)
	if c != 'u' || len(digits) < 4 || err != nil {
		return b, 0, source.Malformedf(l.in.Offset()-2, "an escape that is none")
	}
	l.in.Skip(4)
	if !keep {
		return b, 0, nil
	}
	code := rune(v)
	if pair := utf16.DecodeRune(high, code); high != 0 && pair != utf8.RuneError {
		return utf8.AppendRune(b[:max(0, len(b)-3)], pair), 0, nil
	}
	if utf16.IsSurrogate(code) {
		return utf8.AppendRune(b, utf8.RuneError), code, nil
	}
	return utf8.AppendRune(b, code), 0, nil
}
