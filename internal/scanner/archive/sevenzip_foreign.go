package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bodgit/sevenzip"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
)

// foreign decodes, with package sevenzip, what several coders made: filters for machine code, mostly, in front of LZMA. It
// sees only archives whose header was parsed here and whose coders ask for bounded memory.
type foreign struct {
	r    *sevenzip.Reader
	base *watched
	err  error
}

// watched keeps the first error of a reader, so that it isn't taken for a fault of the archive.
type watched struct {
	source.Reader
	err error
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.Reader.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) && w.err == nil {
		w.err = err
	}
	return n, err
}

// openForeign opens the archive in package sevenzip. A panic is an error.
func openForeign(r source.Reader, size int64) (f *foreign) {
	f = &foreign{base: &watched{Reader: r}}
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("%v: %w", p, source.ErrPanic)
		}
	}()
	f.r, f.err = sevenzip.NewReader(f.base, size)
	return f
}

// stream returns the bytes of the file with the given index.
func (f *foreign) stream(i int, budget *source.Budget) *source.Stream {
	return source.NewStream(func() (io.ReadCloser, error) {
		if f.err != nil || i >= len(f.r.File) {
			return nil, errors.Join(f.err, errors.New("no such file"))
		}
		return f.r.File[i].Open()
	}, budget)
}

// affordable tells whether package sevenzip knows all coders of a folder, and none asks for more memory than a decoder may
// have.
func (f *folder7z) affordable() bool {
	for _, c := range f.coders {
		switch c.id {
		case codecCopy, codecDeflate, codecBzip2, "\x04\xf7\x11\x02", "\x03", "\x0a",
			"\x03\x03\x01\x03", "\x03\x03\x01\x1b", "\x03\x03\x02\x05", "\x03\x03\x05\x01", "\x03\x03\x08\x05":
		case codecLZMA:
			if len(c.properties) != 5 || binary.LittleEndian.Uint32(c.properties[1:]) > inflate.MaxDictionary {
				return false
			}
		case codecLZMA2:
			if len(c.properties) != 1 || c.properties[0] > 28 { // 64 MiB
				return false
			}
		case "\x03\x04\x01": // PPMd
			if len(c.properties) != 5 || binary.LittleEndian.Uint32(c.properties[1:]) > inflate.MaxDictionary {
				return false
			}
		default:
			return false
		}
	}
	return true
}
