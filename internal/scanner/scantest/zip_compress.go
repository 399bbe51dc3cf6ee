package scantest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// Gzip compresses to one gzip member.
func Gzip(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

// Zlib compresses to a zlib stream.
func Zlib(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })
}

// XZ compresses to an .xz stream.
func XZ(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) {
		return xz.WriterConfig{DictCap: 1 << 20}.NewWriter(w)
	})
}

// LZMA compresses to the .lzma format.
func LZMA(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) {
		return lzma.WriterConfig{DictCap: 1 << 20}.NewWriter(w)
	})
}

// LZ4 compresses to an LZ4 frame of small blocks.
func LZ4(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) {
		z := lz4.NewWriter(w)
		return z, z.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
	})
}

// Zstd compresses to a Zstandard frame.
func Zstd(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

// compressed returns nil if a writer fails, which none does that writes to memory.
func compressed(content []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		return nil
	}
	if _, err := w.Write(content); err != nil {
		return nil
	}
	if err := w.Close(); err != nil {
		return nil
	}
	return b.Bytes()
}

// BzippedContent is what Bzip2 holds: the standard library has no writer.
const BzippedContent = "bzip2 content, packed with Python's bz2 module\n"

// Bzip2 is a bzip2 stream of BzippedContent.
func Bzip2() []byte {
	b, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		return nil
	}
	return b
}

const bzipped = "QlpoOTFBWSZTWaiIJcwAAAdbgAAQQIQQAEAAPm/OsCAAIimQyep6Iae1J+lCgAGgZMjlnqlbYAhpybqdsgLopBXhZF6GmcJrD7mE/F3JFOFCQqIglzA="
