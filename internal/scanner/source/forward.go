package source

import (
	"errors"
	"io"
)

// Forward reads a part of a Reader from front to back, for decoders. It is an io.Reader and an io.ByteReader, so that a
// decoder takes no byte that it doesn't need, and Offset tells exactly where it stopped.
type Forward struct {
	r     Reader
	off   int64 // of the next byte that is not in buf
	end   int64
	buf   []byte
	at    int
	ahead int
	back  int64
	fault error
}

// forwardBuffer is what a Forward reads at first, forwardAhead what it reads at most at once.
const (
	forwardBuffer = 16 << 10
	forwardAhead  = 1 << 20
)

// NewForward returns a Forward over the n bytes of r from off.
func NewForward(r Reader, off, n int64) *Forward {
	return &Forward{r: r, off: off, end: off + max(0, n), ahead: forwardBuffer}
}

// Read implements io.Reader.
func (f *Forward) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := f.fill(); err != nil {
		return 0, err
	}
	n := copy(p, f.buf[f.at:])
	f.at += n
	return n, nil
}

// ReadByte implements io.ByteReader.
func (f *Forward) ReadByte() (byte, error) {
	if err := f.fill(); err != nil {
		return 0, err
	}
	b := f.buf[f.at]
	f.at++
	return b, nil
}

// Peek returns up to n of the bytes that Read would return next, without taking them; fewer only at the end or if the
// Reader fails. The result is valid until the next read.
func (f *Forward) Peek(n int) []byte {
	for len(f.buf)-f.at < n && f.off < f.end && f.fault == nil {
		kept := append([]byte(nil), f.buf[f.at:]...)
		f.at = len(f.buf)
		if f.fill() != nil {
			f.buf, f.at = kept, 0
			break
		}
		f.buf, f.at = append(kept, f.buf...), 0
	}
	return f.buf[f.at:min(f.at+n, len(f.buf))]
}

// Window returns the bytes that were read and not taken, one at least but at the end. It is valid until the next read.
func (f *Forward) Window() ([]byte, error) {
	err := f.fill()
	return f.buf[f.at:], err
}

// Skip takes n bytes without returning them, or as many as there are.
func (f *Forward) Skip(n int64) {
	have := int64(len(f.buf) - f.at)
	if n <= have {
		f.at += int(max(0, n))
		return
	}
	f.buf, f.at = f.buf[:0], 0
	f.off = min(f.end, f.off+n-have)
}

// Offset is the place in the Reader of the next byte that Read would return, less those of Disown.
func (f *Forward) Offset() int64 { return f.off - int64(len(f.buf)-f.at) - f.back }

// Left is how many bytes Read can return at most.
func (f *Forward) Left() int64 { return f.end - f.off + int64(len(f.buf)-f.at) }

// Disown states that the last n bytes were taken to look ahead and belong to what follows. Only Offset minds.
func (f *Forward) Disown(n int64) { f.back += n }

// Fault is the error of the Reader itself, if it had one: decoders may wrap or hide it, and it must not be taken for
// malformed data.
func (f *Forward) Fault() error { return f.fault }

// release gives the buffer back. What was read ahead is lost.
func (f *Forward) release() {
	giveBack(f.buf)
	f.buf, f.at = nil, 0
}

// fill makes at least one byte available.
func (f *Forward) fill() error {
	if f.at < len(f.buf) {
		return nil
	}
	if f.fault != nil {
		return f.fault
	}
	if f.off >= f.end {
		return io.EOF
	}
	want := int(min(int64(f.ahead), f.end-f.off))
	if cap(f.buf) < want {
		f.release()
		f.buf = buffer(want)
	}
	n, err := f.r.ReadAt(f.buf[:want], f.off)
	f.buf, f.at = f.buf[:n], 0
	f.off += int64(n)
	f.ahead = min(2*f.ahead, forwardAhead)
	if err != nil && !errors.Is(err, io.EOF) {
		f.fault = err
	}
	if n > 0 {
		return nil
	}
	if f.fault != nil {
		return f.fault
	}
	return io.EOF
}
