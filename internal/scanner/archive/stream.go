package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/threat"
)

// Codec is a compressed stream: how it is recognised and decoded.
type Codec struct {
	// Name is the machine name of the format, and after a "#" that of the member.
	Name   string
	decode inflate.Func
	match  func(head []byte) bool
}

// The compressed streams.
var (
	GzipCodec  = Codec{"gzip", inflate.Gzip, func(h []byte) bool { return len(h) > 9 && h[0] == 0x1f && h[1] == 0x8b && h[2] == 8 && h[3] < 0x20 }}
	Bzip2Codec = Codec{"bzip2", inflate.Bzip2, isBzip2}
	XZCodec    = Codec{"xz", inflate.XZ, func(h []byte) bool { return bytes.HasPrefix(h, []byte("\xfd7zXZ\x00")) }}
	LZMACodec  = Codec{"lzma", inflate.LZMA, isLZMA}
	ZlibCodec  = Codec{"zlib", inflate.Zlib, isZlib}
	LZ4Codec   = Codec{"lz4", inflate.LZ4, func(h []byte) bool { return frameMagic(h) == 0x184d2204 }}
	ZstdCodec  = Codec{"zstd", inflate.Zstd, func(h []byte) bool { return frameMagic(h) == 0xfd2fb528 }}
)

// isBzip2 wants the signature, a level, and the magic of a block or of the end.
func isBzip2(h []byte) bool {
	if len(h) < 10 || string(h[:3]) != "BZh" || h[3] < '1' || h[3] > '9' {
		return false
	}
	magic := string(h[4:10])
	return magic == "\x31\x41\x59\x26\x53\x59" || magic == "\x17\x72\x45\x38\x50\x90"
}

// isLZMA is as strict as liblzma is about a format without a magic: a dictionary of 2^n or 2^n + 2^(n-1) bytes, a size that
// is unknown or below 256 GiB, and the first byte of the range coder, which is always 0.
func isLZMA(h []byte) bool {
	if len(h) < 18 || h[0] >= 9*5*5 || h[13] != 0 {
		return false
	}
	dict := binary.LittleEndian.Uint32(h[1:])
	d := dict - 1
	d |= d >> 2
	d |= d >> 3
	d |= d >> 4
	d |= d >> 8
	d |= d >> 16
	if dict == 0 || dict != ^uint32(0) && d+1 != dict {
		return false
	}
	size := binary.LittleEndian.Uint64(h[5:])
	if size != ^uint64(0) && size >= 1<<38 {
		return false
	}
	return starts(h, inflate.LZMA) && !isChance(h)
}

// isChance tells whether the head of a file without a magic decodes to something that begins with two zeros and then breaks: numbers do
// that by chance, and nothing that a loader takes out of such a stream begins so.
func isChance(head []byte) (chance bool) {
	defer func() {
		if recover() != nil {
			chance = false
		}
	}()
	r, err := inflate.LZMA(source.NewForward(source.Bytes(head), 0, int64(len(head))))
	if err != nil {
		return false
	}
	begin := make([]byte, 2)
	if _, err := io.ReadFull(r, begin); err != nil || begin[0] != 0 || begin[1] != 0 {
		return false
	}
	_, err = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	return err != nil && !errors.Is(err, io.ErrUnexpectedEOF)
}

// isZlib wants a header without preset dictionary whose check fits, and data that can be inflated: two bytes are little, and
// two of the four headers in use are text.
func isZlib(h []byte) bool {
	if len(h) < 6 || h[0] != 0x78 || (uint(h[0])<<8|uint(h[1]))%31 != 0 || h[1]&0x20 != 0 {
		return false
	}
	return starts(h, inflate.Zlib)
}

// starts tells whether the head of a file decodes to some bytes, or to its end.
func starts(head []byte, decode inflate.Func) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	r, err := decode(source.NewForward(source.Bytes(head), 0, int64(len(head))))
	if err != nil {
		return false
	}
	n, err := io.ReadFull(r, make([]byte, 16))
	return err == nil || n > 0 && errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// frameMagic is the magic of the first frame that is not skippable, as far as the head reaches.
func frameMagic(h []byte) uint32 {
	for len(h) >= 8 {
		magic := binary.LittleEndian.Uint32(h)
		if magic&^0xf != 0x184d2a50 {
			return magic
		}
		n := 8 + int64(binary.LittleEndian.Uint32(h[4:]))
		if n > int64(len(h)) {
			return 0
		}
		h = h[n:]
	}
	return 0
}

// Probe accepts files that begin with such a stream.
func (c Codec) Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && c.match(head), err
}

// Scan hands what the stream decodes to back to the engine as member "#gzip" and the like, then reads the stream to its end:
// whether it is whole, and what follows it, is known only there.
func (c Codec) Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format(c.Name)
	size, err := f.Size()
	if err != nil {
		return err
	}
	stream := source.Decode(f, 0, size, c.decode, f.Budget)
	defer func() { _ = stream.Close() }() // how an abandoned decoder closes says nothing
	if _, err := s.Member(ctx, source.Member{Name: "#" + c.Name, Bytes: stream, Family: f.Family}); err != nil {
		return err
	}
	if _, err := stream.Size(); err != nil {
		return err
	}
	if err := stream.Err(); err != nil {
		c.broken(s, stream.Consumed(), err)
		return nil
	}
	return c.tail(ctx, f, s, stream.Consumed(), size)
}

// broken reports how a stream ended. What came out before was scanned.
func (c Codec) broken(s source.Sink, at int64, err error) {
	id, what := threat.MGFMT400, "The stream breaks off"
	switch {
	case errors.Is(err, source.ErrPanic):
		id, what = threat.MGFMT407, "The decoder gave up"
	case errors.Is(err, inflate.ErrUnsupported):
		id, what = threat.MGFMT404, "The stream cannot be decoded"
	}
	f := finding.New(id, at, fmt.Sprintf("%s: %s.", what, err))
	f.Role = finding.RoleStructure
	s.Find(f)
}

// tail scans what follows a stream. Zeros up to a tape's block are padding.
func (c Codec) tail(ctx context.Context, f *source.File, s source.Sink, from, size int64) error {
	const padding = 1 << 20
	n := size - from
	if n <= 0 {
		return nil
	}
	if n <= padding {
		b := make([]byte, n)
		if got, err := f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return err
		} else if len(bytes.Trim(b[:got], "\x00")) == 0 {
			return nil
		}
	}
	found := finding.New(threat.MGFMT402, from, fmt.Sprintf("%d bytes follow the end of the stream.", n))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err := s.Member(ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", from), Bytes: source.Section(f, from, n), Family: f.Family, Prose: true,
	})
	return err
}
