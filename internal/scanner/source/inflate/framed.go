package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"modelgate/internal/scanner/source"
)

// Magic numbers of frames, little-endian. Skippable frames have sixteen, and are the same in both formats.
const (
	magicZstd      = 0xfd2fb528
	magicLZ4       = 0x184d2204
	magicSkippable = 0x184d2a50
)

// Zstd decodes Zstandard frames (RFC 8878) that follow each other, skippable ones included.
func Zstd(f *source.Forward) (io.Reader, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(1<<40), zstd.WithDecoderMaxWindow(MaxDictionary))
	if err != nil {
		return nil, err
	}
	p := &part{f: f}
	return &frames{shut: d.Close, last: p.last, next: func() (io.Reader, error) {
		if err := skipTo(f, magicZstd); err != nil {
			return nil, err
		}
		*p = part{f: f, next: zstdParts()}
		if err := d.Reset(p); err != nil {
			return nil, err
		}
		return windowed{d}, nil
	}}, nil
}

// windowed marks the decoder's refusal of a large window.
type windowed struct{ *zstd.Decoder }

func (w windowed) Read(p []byte) (int, error) {
	n, err := w.Decoder.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("%w: %w", err, ErrUnsupported)
	}
	return n, err
}

// LZ4 decodes LZ4 frames (frame format 1.6.4) that follow each other, skippable ones included.
func LZ4(f *source.Forward) (io.Reader, error) {
	d := lz4.NewReader(nil)
	p := &part{f: f}
	return &frames{last: p.last, next: func() (io.Reader, error) {
		if err := skipTo(f, magicLZ4); err != nil {
			return nil, err
		}
		*p = part{f: f, next: lz4Parts()}
		d.Reset(p)
		return d, nil
	}}, nil
}

// skipTo goes past skippable frames and returns io.EOF if what follows is no frame with the magic number.
func skipTo(f *source.Forward, magic uint32) error {
	for {
		head := f.Peek(8)
		if len(head) < 4 {
			return io.EOF
		}
		got := binary.LittleEndian.Uint32(head)
		if got == magic {
			return nil
		}
		if got&^0xf != magicSkippable || len(head) < 8 {
			return io.EOF
		}
		f.Skip(8 + int64(binary.LittleEndian.Uint32(head[4:])))
	}
}

// part hands exactly one frame to a decoder: next looks at the bytes at hand and tells how many to pass on.
type part struct {
	f    *source.Forward
	left int64
	next func(*source.Forward) (int64, error) // 0 at the end of the frame
}

func (r *part) Read(p []byte) (int, error) {
	if r.left == 0 {
		n, err := r.next(r.f)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		r.left = n
	}
	n, err := r.f.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// last returns an error if the decoder left some of the frame behind: some call a truncated frame an end.
func (r *part) last() error {
	if r.left == 0 {
		n, err := r.next(r.f)
		if n == 0 {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

// zstdParts walks a frame: header of 6 to 18 bytes, blocks that begin with 3 bytes of last flag, type and size, checksum
// of 4 bytes if flagged (RFC 8878, section 3.1.1).
func zstdParts() func(*source.Forward) (int64, error) {
	started, last, sum := false, false, false
	return func(f *source.Forward) (int64, error) {
		switch {
		case !started:
			head := f.Peek(5)
			if len(head) < 5 {
				return 0, io.ErrUnexpectedEOF
			}
			started = true
			d := head[4]
			single := d&0x20 != 0
			sum = d&4 != 0
			n := int64(5) + []int64{0, 1, 2, 4}[d&3] + []int64{0, 2, 4, 8}[d>>6]
			if !single {
				n++ // window descriptor
			} else if d>>6 == 0 {
				n++ // content size of one byte
			}
			return n, nil
		case last:
			if sum {
				sum = false
				return 4, nil
			}
			return 0, nil
		}
		head := f.Peek(3)
		if len(head) < 3 {
			return 0, io.ErrUnexpectedEOF
		}
		block := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
		last = block&1 != 0
		size := int64(block >> 3)
		if block>>1&3 == 1 { // one byte repeated
			size = 1
		}
		return 3 + size, nil
	}
}

// lz4Parts walks a frame: magic, flags, block size, optional content size and dictionary id, header checksum, blocks that
// begin with their size, an end mark of zero, a checksum if flagged.
func lz4Parts() func(*source.Forward) (int64, error) {
	started, ended := false, false
	var flags byte
	return func(f *source.Forward) (int64, error) {
		if ended {
			return 0, nil
		}
		head := f.Peek(5)
		if !started {
			if len(head) < 5 {
				return 0, io.ErrUnexpectedEOF
			}
			started, flags = true, head[4]
			n := int64(7)
			if flags&8 != 0 {
				n += 8
			}
			if flags&1 != 0 {
				n += 4
			}
			return n, nil
		}
		if len(head) < 4 {
			return 0, io.ErrUnexpectedEOF
		}
		size := binary.LittleEndian.Uint32(head)
		if size == 0 {
			ended = true
			if flags&4 != 0 {
				return 8, nil
			}
			return 4, nil
		}
		n := 4 + int64(size&0x7fffffff)
		if flags&0x10 != 0 {
			n += 4
		}
		return n, nil
	}
}
