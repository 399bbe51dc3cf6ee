package torch7

import (
	"errors"
	"io"
	"strconv"

	"modelgate/internal/scanner/source"
)

// input is one of the two forms.
type input interface {
	Offset() int64
	// Remaining is how many bytes are left.
	Remaining() int64
	integer() (int64, error)
	long() (int64, error)
	// number passes over a float.
	number() error
	// chars passes over n bytes, which are not more than remain, and returns the first of them.
	chars(n int64) (string, error)
	// elements passes over n elements of a size.
	elements(n, size int64) error
}

// binaryInput is the binary form.
type binaryInput struct {
	*source.Cursor
	wide bool // lengths have 64 bits
}

func (b *binaryInput) integer() (int64, error) {
	v, err := b.U32()
	return int64(int32(v)), err
}

func (b *binaryInput) long() (int64, error) {
	if !b.wide {
		return b.integer()
	}
	v, err := b.U64()
	return int64(v), err
}

func (b *binaryInput) number() error { return b.Skip(8) }

func (b *binaryInput) chars(n int64) (string, error) {
	kept, err := b.Bytes(uint64(min(n, maxName)), maxName)
	if err != nil {
		return "", err
	}
	return string(kept), b.Skip(n - int64(len(kept)))
}

func (b *binaryInput) elements(n, size int64) error {
	if n < 0 || n > b.Remaining()/size {
		return source.Malformedf(b.Offset(), "a storage of %d elements of %d bytes, of which %d bytes remain", n, size, b.Remaining())
	}
	return b.Skip(n * size)
}

// textInput is the text form: words between blanks. A string follows the line of its length, and a line ends behind it.
type textInput struct{ *source.Forward }

// Remaining implements input.
func (t *textInput) Remaining() int64 { return t.Left() }

// word reads a word of at most 64 bytes, and the blank behind it.
func (t *textInput) word() (string, error) {
	const longest = 64
	var w []byte
	for {
		c, err := t.ReadByte()
		if errors.Is(err, io.EOF) && len(w) > 0 {
			return string(w), nil
		}
		if err != nil {
			return "", err
		}
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			if len(w) > 0 {
				return string(w), nil
			}
		case len(w) == longest:
			return "", source.Malformedf(t.Offset(), "a number of more than %d letters", longest)
		default:
			w = append(w, c)
		}
	}
}

func (t *textInput) integer() (int64, error) {
	at := t.Offset()
	w, err := t.word()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		return 0, source.Malformedf(at, "%.40q instead of a number", w)
	}
	return v, nil
}

func (t *textInput) long() (int64, error) { return t.integer() }

func (t *textInput) number() error {
	_, err := t.word()
	return err
}

func (t *textInput) chars(n int64) (string, error) {
	kept := make([]byte, min(n, maxName))
	if _, err := io.ReadFull(t, kept); err != nil {
		return "", err
	}
	t.Skip(n - int64(len(kept)))
	if next := t.Peek(1); len(next) == 1 && next[0] == '\n' {
		t.Skip(1)
	}
	return string(kept), nil
}

// elements passes over a storage: of bytes as they are, of all others as words.
func (t *textInput) elements(n, size int64) error {
	if n < 0 || n > t.Remaining() {
		return source.Malformedf(t.Offset(), "a storage of %d elements, of which %d bytes remain", n, t.Remaining())
	}
	if size == 1 {
		_, err := t.chars(n)
		return err
	}
	for range n {
		if _, err := t.word(); err != nil {
			return err
		}
	}
	return nil
}
