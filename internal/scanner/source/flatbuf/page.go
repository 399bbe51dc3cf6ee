package flatbuf

import (
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// A walk jumps between tables, the vtables that they share, and the lengths of vectors far away. So numbers are read through a few pages,
// each of which has one place: a megabyte at most, however large the buffer is.
const (
	pages    = 64
	pageSize = 16 << 10
)

// page is a piece of the buffer that begins at a multiple of pageSize.
type page struct {
	at   int64
	data []byte
}

// number returns the n bytes of a number, at most 8, at an offset. They are valid until the next call.
func (b *Buffer) number(at int64, n int) ([]byte, error) {
	if at < 0 {
		return nil, source.Malformedf(0, "an offset of %d leads before the buffer", at)
	}
	if int64(n) > b.size-at {
		return nil, source.Malformedf(at, "%d bytes wanted, %d remain", n, max(0, b.size-at))
	}
	p, err := b.page(at)
	if err != nil {
		return nil, err
	}
	if len(p) >= n {
		return p[:n], nil
	}
	next, err := b.page(at + int64(len(p))) // the number lies across two pages
	if err != nil {
		return nil, err
	}
	return append(append(make([]byte, 0, 8), p...), next[:n-len(p)]...), nil
}

// page returns what there is from an offset to the end of its page.
func (b *Buffer) page(at int64) ([]byte, error) {
	start := at / pageSize * pageSize
	p := &b.pages[at/pageSize%pages]
	if p.data == nil || p.at != start {
		want := min(pageSize, b.size-start)
		if int64(cap(p.data)) < want {
			p.data = make([]byte, want)
		}
		p.at, p.data = start, p.data[:want]
		n, err := b.r.ReadAt(p.data, start)
		if int64(n) < want {
			p.data = nil
			if err == nil || errors.Is(err, io.EOF) {
				err = source.Malformedf(start+int64(n), "the file ends before its stated size")
			}
			return nil, err
		}
	}
	return p.data[at-start:], nil
}
