// Package inflate holds the decoders of compressed streams that archives and bare files have in common. Each decodes what
// lies at the front of a source.Forward, members or frames that follow each other included, takes no byte more than that,
// and ends in io.EOF: where it stopped, something else begins. Memory is bounded whatever a header asks for.
//
// Gzip (RFC 1952), zlib (RFC 1950) and bzip2 come from the standard library, LZ4 blocks from pierrec/lz4, deflate (RFC 1951) and
// Zstandard frames (RFC 8878) from klauspost/compress, LZMA from ulikunitz/xz. The containers of LZ4, Zstandard and LZMA are walked
// here, since their packages either read ahead or allocate what the file asks for.
package inflate

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"

	"modelgate/internal/scanner/source"
)

// MaxDictionary is the largest dictionary or window that a stream may ask for, in bytes: that of xz -9.
const MaxDictionary = 64 << 20

// ErrUnsupported is wrapped by the errors of streams that may be well-formed, but are not decoded here.
var ErrUnsupported = errors.New("not supported")

// Func decodes the stream at the front of a Forward.
type Func = func(*source.Forward) (io.Reader, error)

// Zlib decodes one zlib stream.
func Zlib(f *source.Forward) (io.Reader, error) { return zlib.NewReader(f) }

// Bzip2 decodes bzip2 streams that follow each other.
func Bzip2(f *source.Forward) (io.Reader, error) { return bzip{bzip2.NewReader(f), f}, nil }

type bzip struct {
	r io.Reader
	f *source.Forward
}

// Read turns the complaint about what follows the last stream into its end.
func (b bzip) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if errors.Is(err, bzip2.StructuralError("bad magic value in continuation file")) {
		b.f.Disown(2)
		return n, io.EOF
	}
	return n, err
}

// Gzip decodes gzip members that follow each other.
func Gzip(f *source.Forward) (io.Reader, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &frames{r: z, next: func() (io.Reader, error) {
		if !bytes.Equal(f.Peek(3), []byte{0x1f, 0x8b, 8}) {
			return nil, io.EOF
		}
		if err := z.Reset(f); err != nil {
			return nil, err
		}
		z.Multistream(false)
		return z, nil
	}}, nil
}

// frames reads one frame after the other.
type frames struct {
	r    io.Reader // nil before the first frame
	next func() (io.Reader, error)
	last func() error // tells at the end of a frame whether all of it was taken; nil if that is sure
	shut func()
}

func (c *frames) Read(p []byte) (int, error) {
	for {
		if c.r == nil {
			r, err := c.next()
			if err != nil {
				return 0, err
			}
			c.r = r
		}
		n, err := c.r.Read(p)
		if errors.Is(err, io.EOF) {
			if c.r, err = nil, nil; c.last != nil {
				err = c.last()
			}
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// Close releases what the frames' decoder holds.
func (c *frames) Close() error {
	if c.shut != nil {
		c.shut()
	}
	return nil
}

// LZMA decodes one stream of the .lzma format: properties, dictionary size u32, size u64 or all bits set, data.
func LZMA(f *source.Forward) (io.Reader, error) {
	var head [13]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, unexpected(err)
	}
	return decodeLZMA(f, head[:])
}

// decodeLZMA decodes the data behind the header of an .lzma file.
func decodeLZMA(f *source.Forward, head []byte) (io.Reader, error) {
	size, err := affordable(int64(binary.LittleEndian.Uint32(head[1:])), f.Left())
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(head[1:], uint32(size))
	r, err := lzma.ReaderConfig{DictCap: MaxDictionary}.NewReader(io.MultiReader(bytes.NewReader(head), f))
	if err != nil {
		return nil, err
	}
	return &drained{r: r}, nil
}

// affordable is how large a dictionary is made for a stream of so many packed bytes that asks for the given size. Few bytes
// don't need a large one, whatever their header says: thousands of tiny streams must not cost gigabytes.
func affordable(size, packed int64) (int64, error) {
	const least, each = 64 << 10, 4096
	if size > MaxDictionary {
		return 0, fmt.Errorf("dictionary of %d bytes: %w", size, ErrUnsupported)
	}
	return max(lzma.MinDictCap, min(size, least+each*min(packed, MaxDictionary))), nil
}

// drained gives out what the LZMA decoder still holds in its dictionary when it fails, before the error.
type drained struct {
	r   io.Reader
	err error
}

func (d *drained) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.err == nil && err != nil && !errors.Is(err, io.EOF) {
		if d.err = err; n == 0 && len(p) > 0 {
			n, err = d.r.Read(p)
		}
	}
	switch {
	case d.err == nil:
		return n, err
	case n > 0:
		return n, nil
	}
	return 0, d.err
}

// ZipLZMA decodes LZMA data as ZIP archives hold it (APPNOTE 5.8.8): version u16, length of properties u16, properties,
// data. The decoder wants the header of an .lzma file in front of the data.
func ZipLZMA(f *source.Forward) (io.Reader, error) {
	var head [9]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, err
	}
	if head[2] != 5 || head[3] != 0 {
		return nil, fmt.Errorf("LZMA properties of %d bytes: %w", int(head[2])|int(head[3])<<8, ErrUnsupported)
	}
	return decodeLZMA(f, append(head[4:9:9], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
}

// RawLZMA decodes LZMA data without a header, as 7z holds it: the properties are 5 bytes, and the size is known.
func RawLZMA(properties []byte, size uint64) Func {
	return func(f *source.Forward) (io.Reader, error) {
		if len(properties) != 5 {
			return nil, fmt.Errorf("LZMA properties of %d bytes: %w", len(properties), ErrUnsupported)
		}
		return decodeLZMA(f, binary.LittleEndian.AppendUint64(bytes.Clone(properties), size))
	}
}

// RawLZMA2 decodes LZMA2 data without a header; the property is the code of the dictionary's size.
func RawLZMA2(properties []byte) Func {
	return func(f *source.Forward) (io.Reader, error) {
		if len(properties) != 1 {
			return nil, fmt.Errorf("LZMA2 properties of %d bytes: %w", len(properties), ErrUnsupported)
		}
		size, err := dictionary(properties[0], f.Left())
		if err != nil {
			return nil, err
		}
		return lzma.Reader2Config{DictCap: int(size)}.NewReader2(f)
	}
}
