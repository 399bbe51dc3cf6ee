package hdf5

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"modelgate/internal/scanner/source"
)

// Filters that the library has, and one that h5py brings along.
const (
	FilterDeflate     = 1
	FilterShuffle     = 2
	FilterFletcher32  = 3
	FilterSzip        = 4
	FilterNBit        = 5
	FilterScaleOffset = 6
	FilterLZF         = 32000
)

// Filter is a step that bytes pass before they are stored. A number that the library does not have makes it load a plug-in.
type Filter struct {
	ID     uint16
	Name   string
	Values []uint32
	Off    int64 // in the stream
}

// maxFilters is how many the library takes.
const maxFilters = 32

// filters reads a filter pipeline: version, number of filters, in version 1 six reserved bytes; for each filter its id u16, the
// length of its name u16 (in version 2 only for ids from 256 on), flags u16, number of values u16, its name (padded to eight bytes
// in version 1), values u32 (in version 1 padded to an even number).
func (f *File) filters(b []byte, off int64) ([]Filter, error) {
	d := f.decode(b, off)
	version := d.version("the filters", 1, 2)
	n := d.u8()
	if n > maxFilters {
		d.fail("%d filters", n)
	}
	if version == 1 {
		d.skip(6)
	}
	out := make([]Filter, 0, min(n, maxFilters))
	for range n {
		x := Filter{Off: d.here(), ID: d.u16()}
		name := uint64(0)
		if version == 1 || x.ID >= 256 {
			name = uint64(d.u16())
		}
		d.skip(2)
		values := d.u16()
		if version == 1 {
			name = (name + 7) &^ 7
		}
		text, _, _ := bytes.Cut(d.take(name), []byte{0})
		x.Name = string(text)
		for range values {
			if d.err != nil {
				break
			}
			x.Values = append(x.Values, d.u32())
		}
		if version == 1 && values%2 == 1 && d.left() > 0 {
			d.skip(4)
		}
		if d.err != nil {
			return out, d.err
		}
		out = append(out, x)
	}
	return out, nil
}

// unfilter undoes the filters, the last one first, but for those that the mask says were left out. What comes out has the given size,
// in bytes, at most.
func unfilter(b []byte, filters []Filter, mask uint32, size uint64, off int64) ([]byte, error) {
	if size > maxBlock {
		return nil, source.Malformedf(off, "a block of %d bytes", size)
	}
	for i := len(filters) - 1; i >= 0; i-- {
		if mask>>i&1 != 0 {
			continue
		}
		var err error
		switch x := filters[i]; x.ID {
		case FilterDeflate:
			b, err = inflate(b, size, off)
		case FilterShuffle:
			b = unshuffle(b, x.Values)
		case FilterFletcher32:
			b = b[:max(0, len(b)-4)]
		case FilterLZF:
			b, err = unLZF(b, size, off)
		default:
			err = fmt.Errorf("filter %d: %w", x.ID, ErrElsewhere)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// inflate undoes deflate. A stream that breaks off is given as far as it comes.
func inflate(b []byte, size uint64, off int64) ([]byte, error) {
	const slack = 4 // of the checksum that a filter before this one adds
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, source.Malformedf(off, "a block that does not inflate")
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(z, int64(size)+slack))
	if err != nil && n == 0 {
		return nil, source.Malformedf(off, "a block that does not inflate")
	}
	return out.Bytes(), nil
}

// unshuffle undoes the shuffle filter: all first bytes of elements, then all second ones, and so on, then what is left over.
func unshuffle(b []byte, values []uint32) []byte {
	if len(values) == 0 || values[0] < 2 || uint64(values[0]) > uint64(len(b)) {
		return b
	}
	size := int(values[0])
	n := len(b) / size
	out := make([]byte, 0, len(b))
	for i := range n {
		for j := range size {
			out = append(out, b[j*n+i])
		}
	}
	return append(out, b[n*size:]...)
}

// unLZF undoes LZF: a byte below 32 and one more than so many literals; or three bits of a length and 13 of a distance back, where a
// length of seven is followed by a byte that adds to it.
func unLZF(b []byte, size uint64, off int64) ([]byte, error) {
	out := make([]byte, 0, min(size, uint64(len(b))*64))
	bad := source.Malformedf(off, "a block that LZF did not write")
	for i := 0; i < len(b) && uint64(len(out)) < size; {
		c := int(b[i])
		i++
		if c < 32 {
			if i+c+1 > len(b) {
				return nil, bad
			}
			out = append(out, b[i:i+c+1]...)
			i += c + 1
			continue
		}
		n := c >> 5
		if n == 7 {
			if i >= len(b) {
				return nil, bad
			}
			n += int(b[i])
			i++
		}
		if i >= len(b) {
			return nil, bad
		}
		back := (c&31)<<8 + int(b[i]) + 1
		i++
		if back > len(out) {
			return nil, bad
		}
		for range n + 2 {
			out = append(out, out[len(out)-back])
		}
	}
	return out[:min(uint64(len(out)), size)], nil
}
