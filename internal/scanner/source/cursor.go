package source

import (
	"encoding/binary"
	"errors"
	"io"
)

// Cursor reads forward through a Reader with a buffer, and checks every length against what remains before it allocates.
// Errors of the bytes are Malformed; others come from the Reader.
type Cursor struct {
	r     Reader
	size  int64
	order binary.ByteOrder
	off   int64 // of the next byte
	buf   []byte
	own   []byte // what buf is a part of, unless that is the head of a File
	start int64  // offset of buf[0]
	ahead int    // bytes to read at once: doubles while reads are sequential
}

// NewCursor returns a cursor at off that reads integers in the given order.
func NewCursor(r Reader, off int64, order binary.ByteOrder) (*Cursor, error) {
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	return &Cursor{r: r, size: size, order: order, off: off}, nil
}

// Offset is the position of the next byte.
func (c *Cursor) Offset() int64 { return c.off }

// Remaining is how many bytes are left.
func (c *Cursor) Remaining() int64 { return max(0, c.size-c.off) }

// MoveTo moves to an offset, which may lie behind or before the present one; beyond the end nothing remains.
func (c *Cursor) MoveTo(off int64) { c.off = max(0, off) }

// Skip moves n bytes forward without reading them.
func (c *Cursor) Skip(n int64) error {
	if n < 0 || n > c.Remaining() {
		return Malformedf(c.off, "length %d exceeds the %d bytes that remain", n, c.Remaining())
	}
	c.off += n
	return nil
}

// cursorBuffer is how much a cursor reads at first, cursorAhead how much at most when it reads on without large skips:
// few requests for what is long, few bytes for what is short.
const (
	cursorBuffer = 64 << 10
	cursorAhead  = 512 << 10
)

// peek makes the next n bytes available in the buffer; n is small.
func (c *Cursor) peek(n int) ([]byte, error) {
	if int64(n) > c.Remaining() {
		return nil, Malformedf(c.off, "%d bytes wanted, %d remain", n, c.Remaining())
	}
	if c.off < c.start || c.off+int64(n) > c.start+int64(len(c.buf)) {
		if head := c.head(n); head != nil {
			c.buf, c.start, c.ahead = head, c.off, cursorBuffer
			return head[:n], nil
		}
		if end := c.start + int64(len(c.buf)); c.buf != nil && c.off <= end+cursorBuffer && c.off >= c.start {
			c.ahead = min(2*c.ahead, cursorAhead)
		} else {
			c.ahead = cursorBuffer
		}
		want := min(max(int64(n), int64(c.ahead)), c.Remaining())
		if int64(cap(c.own)) < want {
			c.own = make([]byte, want)
		}
		got, err := c.r.ReadAt(c.own[:want], c.off)
		if err != nil && (!errors.Is(err, io.EOF) || got < n) {
			if errors.Is(err, io.EOF) {
				return nil, Malformedf(c.off, "file ends before its stated size")
			}
			return nil, err
		}
		c.buf, c.start = c.own[:got], c.off
	}
	at := c.off - c.start
	return c.buf[at : at+int64(n)], nil
}

// head returns what the Reader has read already of the bytes from here on, nil if that is not all of the next n.
func (c *Cursor) head(n int) []byte {
	f, ok := c.r.(*File)
	if !ok || c.off+int64(n) > int64(len(f.head)) {
		return nil
	}
	return f.head[c.off:]
}

// Window returns bytes from the present position on that were read already, one at least. It is valid until the next read, and
// nothing is taken.
func (c *Cursor) Window() ([]byte, error) {
	if _, err := c.peek(1); err != nil {
		return nil, err
	}
	return c.buf[c.off-c.start:], nil
}

// U8 reads one byte.
func (c *Cursor) U8() (uint8, error) {
	b, err := c.peek(1)
	if err != nil {
		return 0, err
	}
	c.off++
	return b[0], nil
}

// U16 reads a 16-bit integer.
func (c *Cursor) U16() (uint16, error) {
	b, err := c.peek(2)
	if err != nil {
		return 0, err
	}
	c.off += 2
	return c.order.Uint16(b), nil
}

// U32 reads a 32-bit integer.
func (c *Cursor) U32() (uint32, error) {
	b, err := c.peek(4)
	if err != nil {
		return 0, err
	}
	c.off += 4
	return c.order.Uint32(b), nil
}

// U64 reads a 64-bit integer.
func (c *Cursor) U64() (uint64, error) {
	b, err := c.peek(8)
	if err != nil {
		return 0, err
	}
	c.off += 8
	return c.order.Uint64(b), nil
}

// Bytes reads n bytes into memory of their own; more than limit is Malformed.
func (c *Cursor) Bytes(n uint64, limit int64) ([]byte, error) {
	if n > uint64(c.Remaining()) || n > uint64(limit) {
		return nil, Malformedf(c.off, "length %d exceeds the %d bytes that remain or the limit of %d", n, c.Remaining(), limit)
	}
	out := make([]byte, n)
	if n <= cursorBuffer {
		b, err := c.peek(int(n))
		if err != nil {
			return nil, err
		}
		copy(out, b)
	} else if _, err := c.r.ReadAt(out, c.off); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	c.off += int64(n)
	return out, nil
}
