package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// A 7z archive (7zFormat.txt of the LZMA SDK) is a signature header of 32 bytes, packed streams, and a header at the end
// that says what is in them:
//
//	"7z\xbc\xaf\x27\x1c", version u16, CRC-32 of the rest, offset u64, size u64 and CRC-32 of the header
//
// The header itself is mostly packed too. A folder is a stream that coders make of packed streams; the files lie in it one
// after the other. The header is parsed here, since readers allocate whatever it counts; what is decoded are folders of one
// coder.

const (
	sevenZipMagic  = "7z\xbc\xaf\x27\x1c"
	sevenZipStart  = 32       // bytes of the signature header
	sevenZipHeader = 32 << 20 // bytes of the largest header that is read
	sevenZipCheck  = 4 << 20  // bytes of the largest file whose checksum is compared
)

// Codecs of 7z that are decoded or told apart.
const (
	codecCopy    = "\x00"
	codecLZMA2   = "\x21"
	codecLZMA    = "\x03\x01\x01"
	codecDeflate = "\x04\x01\x08"
	codecBzip2   = "\x04\x02\x02"
	codecZstd    = "\x04\xf7\x11\x01"
	codecLZ4     = "\x04\xf7\x11\x04"
	codecAES     = "\x06\xf1\x07\x01"
)

// Probe7z accepts files with the signature.
func Probe7z(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && len(head) >= sevenZipStart && bytes.HasPrefix(head, []byte(sevenZipMagic)), err
}

// Scan7z scans every file.
func Scan7z(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("7_zip")
	size, err := f.Size()
	if err != nil {
		return err
	}
	z := &sevenZip{ctx: ctx, f: f, s: s, size: size}
	raw, err := z.start()
	if err != nil || raw == nil {
		return err
	}
	for depth := 0; len(raw) > 0 && raw[0] == idEncodedHeader; depth++ {
		if depth == 4 {
			return source.Malformedf(z.headerAt, "a header packed in headers")
		}
		if raw, err = z.unpackHeader(raw); err != nil || raw == nil {
			return err
		}
	}
	h, err := parse7z(raw, f.Budget.Limits.EntriesInOne)
	if err != nil {
		return err
	}
	if err := z.files(h); err != nil {
		return err
	}
	return z.behind()
}

// sevenZip is the scan of one archive.
type sevenZip struct {
	ctx      context.Context
	f        *source.File
	s        source.Sink
	size     int64
	headerAt int64
	end      int64    // of the header, and so of the archive
	foreign  *foreign // opened when first needed
}

func (z *sevenZip) find(id threat.ID, at int64, name, format string, args ...any) {
	f := finding.New(id, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	z.s.Find(f)
}

// start reads the signature header and the header that it leads to; nil if the archive is empty.
func (z *sevenZip) start() ([]byte, error) {
	head, err := z.f.Head()
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if crc32.ChecksumIEEE(head[12:32]) != le.Uint32(head[8:]) {
		z.find(threat.MGFMT400, 8, "", "The checksum of the signature header is wrong.")
	}
	offset, size := le.Uint64(head[12:]), le.Uint64(head[20:])
	if size == 0 {
		z.end = sevenZipStart
		return nil, z.behind()
	}
	room := uint64(z.size - sevenZipStart)
	if offset > room || size > room-offset {
		return nil, source.Malformedf(12, "a header of %d bytes at %d in a file of %d", size, offset, z.size)
	}
	if size > sevenZipHeader {
		return nil, fmt.Errorf("header of %d bytes: %w", size, source.ErrBudget)
	}
	z.headerAt = sevenZipStart + int64(offset)
	z.end = z.headerAt + int64(size)
	raw := make([]byte, size)
	if n, err := z.f.ReadAt(raw, z.headerAt); n < len(raw) {
		return nil, err
	}
	if crc32.ChecksumIEEE(raw) != le.Uint32(head[28:]) {
		z.find(threat.MGFMT400, 28, "", "The checksum of the header is wrong.")
	}
	return raw, nil
}

// unpackHeader decodes a packed header; nil if that was not possible, which was reported.
func (z *sevenZip) unpackHeader(raw []byte) ([]byte, error) {
	p := &parser7z{b: raw[1:]}
	streams, err := p.streams()
	if err != nil {
		return nil, err
	}
	if len(streams.folders) != 1 || streams.folders[0].size() > sevenZipHeader {
		return nil, source.Malformedf(z.headerAt, "a packed header of %d folders", len(streams.folders))
	}
	stream, reason := z.folder(streams, 0)
	if stream == nil {
		z.find(threat.MGFMT404, z.headerAt, "", "The header %s.", reason)
		return nil, nil
	}
	out := make([]byte, streams.folders[0].size())
	n, err := stream.ReadAt(out, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < len(out) {
		return nil, source.Malformedf(z.headerAt, "a packed header that breaks off")
	}
	return out, nil
}

// folder returns the stream of a folder, or why there is none.
func (z *sevenZip) folder(s *streams7z, i int) (source.Reader, string) {
	folder := s.folders[i]
	first := 0
	for _, before := range s.folders[:i] {
		first += before.packed
	}
	for _, c := range folder.coders {
		if c.id == codecAES {
			return nil, "is encrypted"
		}
	}
	if len(folder.coders) != 1 || folder.packed != 1 {
		return nil, fmt.Sprintf("is packed by %d coders in a row, which no scanner decodes", len(folder.coders))
	}
	at, n, ok := s.pack(first, z.size)
	if !ok {
		return nil, "lies outside the file"
	}
	c := folder.coders[0]
	decode := c.decoder(folder.size())
	switch {
	case c.id == codecCopy:
		return source.Section(z.f, at, n), ""
	case decode == nil:
		return nil, fmt.Sprintf("is packed by method %x, which no scanner decodes", c.id)
	}
	return source.Decode(z.f, at, n, decode, z.f.Budget), ""
}

// decoder returns what decodes a coder's stream to the given size; nil if nothing does.
func (c coder7z) decoder(size uint64) inflate.Func {
	switch c.id {
	case codecLZMA:
		return inflate.RawLZMA(c.properties, size)
	case codecLZMA2:
		return inflate.RawLZMA2(c.properties)
	case codecDeflate:
		return inflate.Deflate
	case codecBzip2:
		return inflate.Bzip2
	case codecZstd:
		return inflate.Zstd
	case codecLZ4:
		return inflate.LZ4
	}
	return nil
}

// files scans the files of all folders in their order.
func (z *sevenZip) files(h *header7z) error {
	next := 0 // file with bytes
	take := func() (file7z, int) {
		for ; next < len(h.files); next++ {
			if f := h.files[next]; !f.empty {
				next++
				return f, next - 1
			}
		}
		return file7z{}, -1
	}
	for _, f := range h.files {
		if found, bad := paths.Entry(f.name, z.headerAt); bad {
			z.s.Find(found)
		}
	}
	if h.streams == nil {
		return nil
	}
	for i, parts := range h.streams.parts {
		if err := z.part(h.streams, i, parts, take); err != nil {
			return err
		}
	}
	return nil
}

// part scans the files of one folder. Bytes without a file are scanned too.
func (z *sevenZip) part(s *streams7z, i int, parts []part7z, take func() (file7z, int)) error {
	stream, reason := z.folder(s, i)
	off := int64(0)
	for n, p := range parts {
		f, index := take()
		if index < 0 {
			f.name = fmt.Sprintf("#stream%d.%d", i, n)
			z.find(threat.MGFMT403, z.headerAt, f.name, "The archive holds bytes of no file.")
		}
		if stream == nil && index >= 0 && s.folders[i].affordable() {
			if err := z.foreignFile(f, p, index); err != nil {
				return err
			}
			continue
		}
		if stream == nil {
			z.find(threat.MGFMT404, z.headerAt, f.name, "A file %s.", reason)
			continue
		}
		bytes := source.Section(stream, off, int64(min(p.size, 1<<62-uint64(off))))
		off += int64(min(p.size, 1<<62-uint64(off)))
		if err := z.file(f, p, bytes); err != nil {
			return err
		}
	}
	if packed, ok := stream.(*source.Stream); ok {
		return z.ended(packed, s.folders[i].size())
	}
	return nil
}

// foreignFile scans a file whose folder is decoded by package sevenzip.
func (z *sevenZip) foreignFile(f file7z, p part7z, index int) error {
	if z.foreign == nil {
		z.foreign = openForeign(z.f, z.size)
	}
	stream := z.foreign.stream(index, z.f.Budget)
	if err := z.file(f, p, stream); err != nil {
		return err
	}
	if err := z.ended(stream, p.size); err != nil {
		return err
	}
	if z.foreign.base.err != nil {
		return fmt.Errorf("read packed bytes: %w", z.foreign.base.err)
	}
	return nil
}

// file scans one file.
func (z *sevenZip) file(f file7z, p part7z, bytes source.Reader) error {
	if _, err := z.s.Member(z.ctx, source.Member{Name: f.name, Bytes: bytes, Family: z.f.Family}); err != nil {
		return err
	}
	if p.size > sevenZipCheck {
		return nil
	}
	b := make([]byte, p.size)
	n, err := bytes.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	const typeMask, typeLink = 0xf000, 0xa000
	if f.mode&typeMask == typeLink {
		if found, bad := paths.Link(f.name, string(b[:n]), z.headerAt); bad {
			z.s.Find(found)
		}
	}
	if p.hasCRC && crc32.ChecksumIEEE(b[:n]) != p.crc {
		z.find(threat.MGFMT400, z.headerAt, f.name, "The checksum of a file is wrong.")
	}
	return nil
}

// ended reports a folder that breaks off or goes on.
func (z *sevenZip) ended(stream *source.Stream, want uint64) error {
	defer func() { _ = stream.Close() }() // how an abandoned decoder closes says nothing
	n, err := stream.Size()
	if err != nil {
		return err
	}
	id, why := threat.MGFMT400, stream.Err()
	switch {
	case errors.Is(why, source.ErrPanic):
		id = threat.MGFMT407
	case errors.Is(why, inflate.ErrUnsupported):
		id = threat.MGFMT404
	case why == nil && uint64(n) != want:
		why = fmt.Errorf("%d bytes instead of %d", n, want)
	}
	if why != nil {
		z.find(id, z.headerAt, "", "A packed stream does not hold what the header says: %s.", why)
	}
	return nil
}

// behind scans what follows the archive.
func (z *sevenZip) behind() error {
	n := z.size - z.end
	if n <= 0 {
		return nil
	}
	z.find(threat.MGFMT402, z.end, "", "%d bytes follow the archive.", n)
	_, err := z.s.Member(z.ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", z.end), Bytes: source.Section(z.f, z.end, n), Family: z.f.Family, Prose: true,
	})
	return err
}
