package pickle

import (
	"bytes"
	"context"
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// input reads a stream forward through one large buffer. It never asks for the stream's size, which would make an inflating
// stream run twice, and it keeps the last bytes before the position, so that recent operands can be read again for free.
type input struct {
	ctx  context.Context
	r    source.Reader
	buf  []byte // the bytes [base, base+len(buf))
	base int64
	pos  int  // in buf
	eof  bool // buf reaches the end of the stream
	want int  // how much to read at once
}

// Sizes of the buffer: the first read, the most that is read at once, and what is kept behind the position.
const (
	firstRead = 8 << 10
	mostRead  = 1 << 20
	keptBack  = 16 << 10
)

func newInput(ctx context.Context, r source.Reader) *input {
	return &input{ctx: ctx, r: r, want: firstRead}
}

// offset is the place of the next byte in the stream.
func (in *input) offset() int64 { return in.base + int64(in.pos) }

// have is how many bytes are in the buffer from the position on.
func (in *input) have() int { return len(in.buf) - in.pos }

// fill makes n bytes available from the position on, and tells whether there are so many. The error is the Reader's own, or
// that of the context. n is small compared with mostRead.
func (in *input) fill(n int) (bool, error) {
	for in.have() < n && !in.eof {
		if err := in.ctx.Err(); err != nil {
			return false, err
		}
		if drop := in.pos - keptBack; drop > 0 {
			in.buf = in.buf[:copy(in.buf, in.buf[drop:])]
			in.base += int64(drop)
			in.pos -= drop
		}
		at := len(in.buf)
		if cap(in.buf)-at < in.want {
			grown := make([]byte, at, at+in.want+in.want/4)
			copy(grown, in.buf)
			in.buf = grown
		}
		got, err := in.r.ReadAt(in.buf[at:at+in.want], in.base+int64(at))
		in.buf = in.buf[:at+got]
		in.want = min(2*in.want, mostRead)
		switch {
		case errors.Is(err, io.EOF):
			in.eof = true
		case err != nil:
			return false, err
		case got == 0:
			return false, io.ErrNoProgress
		}
	}
	return in.have() >= n, nil
}

// skip moves n bytes forward, or to the end, and tells whether there were so many.
func (in *input) skip(n uint64) (bool, error) {
	if n <= uint64(in.have()) {
		in.pos += int(n)
		return true, nil
	}
	if in.eof || n > 1<<62 {
		in.pos = len(in.buf)
		in.eof = true
		return false, nil
	}
	if n < mostRead {
		ok, err := in.fill(int(n))
		in.pos += min(int(n), in.have())
		return ok, err
	}
	return in.seek(in.offset() + int64(n))
}

// seek moves to an absolute offset, and tells whether the stream is so long. A shorter stream is then at its end.
func (in *input) seek(to int64) (bool, error) {
	if to >= in.base && to <= in.base+int64(len(in.buf)) {
		in.pos = int(to - in.base)
		return true, nil
	}
	back := min(to, keptBack)
	in.buf, in.base, in.pos, in.eof = in.buf[:0], to-back, 0, false
	ok, err := in.fill(int(back))
	in.pos += min(int(back), in.have())
	return ok, err
}

// line returns the bytes up to the next newline, which is taken but not returned, at most maxText of them: what is longer is
// cut, and n tells its real length. Like readline in Python, a line that the end of the stream breaks off loses its last
// byte to the missing newline; ended is false then. The result is valid until the next fill.
func (in *input) line() (text []byte, n int64, ended bool, err error) {
	if i := bytes.IndexByte(in.buf[in.pos:], '\n'); i >= 0 {
		text = in.buf[in.pos : in.pos+i]
		in.pos += i + 1
		return text[:min(i, maxText)], int64(i), true, nil
	}
	for {
		rest := in.buf[in.pos:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			in.pos += i + 1
			n += int64(i)
			if text == nil {
				return rest[:min(i, maxText)], n, true, nil
			}
			return append(text, rest[:min(i, maxText-len(text))]...), n, true, nil
		}
		if in.eof {
			in.pos = len(in.buf)
			n += int64(len(rest))
			text = append(text, rest[:min(len(rest), maxText-len(text))]...)
			return text[:max(0, min(int64(len(text)), n-1))], max(0, n-1), false, nil
		}
		if len(rest) < maxText { // it may still fit as a whole
			if _, err := in.fill(len(rest) + 1); err != nil {
				return nil, 0, false, err
			}
			continue
		}
		n += int64(len(rest))
		text = append(text, rest[:min(len(rest), maxText-len(text))]...)
		in.pos = len(in.buf)
		if _, err := in.fill(1); err != nil {
			return nil, 0, false, err
		}
	}
}

// peekAt returns up to n bytes at an absolute offset: from the buffer if they are there, else read anew.
func (in *input) peekAt(off int64, n int) ([]byte, error) {
	if off >= in.base && off+int64(n) <= in.base+int64(len(in.buf)) {
		at := int(off - in.base)
		return in.buf[at : at+n], nil
	}
	out := make([]byte, n)
	got, err := in.r.ReadAt(out, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out[:got], nil
}
