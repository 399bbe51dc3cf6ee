package inflate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"

	"modelgate/internal/scanner/source"
)

// XZ decodes .xz streams (format 1.1.0) that follow each other, with the padding between them:
//
//	stream header 12 bytes, blocks, index, footer 12 bytes
//
// The only filter decoded is LZMA2. The index is walked over, not compared: no reader's content depends on it.
func XZ(f *source.Forward) (io.Reader, error) {
	x := &xzStream{f: f}
	if err := x.header(); err != nil {
		return nil, err
	}
	return x, nil
}

var xzMagic = [6]byte{0xfd, '7', 'z', 'X', 'Z', 0}

type xzStream struct {
	f     *source.Forward
	check byte // type of the blocks' checksums
	block *xzBlock
	count uint64 // blocks of this stream
	spent int64  // bytes of the dictionaries so far
}

type xzBlock struct {
	r     io.Reader
	start int64 // of the compressed data
	sum   hash.Hash
	want  uint64 // uncompressed size, all bits set if the header doesn't say
	n     uint64
}

// header reads a stream header: magic, flags u16, CRC-32 of the flags.
func (x *xzStream) header() error {
	var h [12]byte
	if _, err := io.ReadFull(x.f, h[:]); err != nil {
		return unexpected(err)
	}
	if !bytes.Equal(h[:6], xzMagic[:]) {
		return errors.New("xz: no stream header")
	}
	if crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errors.New("xz: checksum of the stream header differs")
	}
	if h[6] != 0 || h[7] > 15 {
		return fmt.Errorf("xz: stream flags %02x %02x: %w", h[6], h[7], ErrUnsupported)
	}
	x.check, x.count = h[7], 0
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *xzStream) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
		}
		b := x.block
		n, err := b.r.Read(p)
		b.n += uint64(n)
		if b.sum != nil {
			_, _ = b.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			x.block = nil
			if err = x.endBlock(b); n == 0 && err == nil {
				continue
			}
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// next goes to the next block, over the end of a stream if there is one. It returns io.EOF where no stream follows.
func (x *xzStream) next() error {
	for {
		first := x.f.Peek(1)
		if len(first) == 0 {
			return io.ErrUnexpectedEOF
		}
		if first[0] != 0 {
			x.count++
			return x.blockHeader(int64(first[0]))
		}
		if err := x.tail(); err != nil {
			return err
		}
		for padding := x.f.Peek(4); bytes.Equal(padding, []byte{0, 0, 0, 0}); padding = x.f.Peek(4) {
			x.f.Skip(4)
		}
		if !bytes.Equal(x.f.Peek(6), xzMagic[:]) {
			return io.EOF
		}
		if err := x.header(); err != nil {
			return err
		}
	}
}

// blockHeader reads a block header: size, flags, sizes if flagged, filters, padding, CRC-32.
func (x *xzStream) blockHeader(size int64) error {
	h := make([]byte, 4*(size+1))
	if _, err := io.ReadFull(x.f, h); err != nil {
		return unexpected(err)
	}
	body, sum := h[:len(h)-4], h[len(h)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return errors.New("xz: checksum of a block header differs")
	}
	flags, rest := body[1], body[2:]
	b := &xzBlock{want: ^uint64(0), sum: newCheck(x.check)}
	if flags&0x40 != 0 {
		if _, rest = varint(rest); rest == nil {
			return errors.New("xz: bad size in a block header")
		}
	}
	if flags&0x80 != 0 {
		if b.want, rest = varint(rest); rest == nil {
			return errors.New("xz: bad size in a block header")
		}
	}
	id, rest := varint(rest)
	length, rest := varint(rest)
	if flags&3 != 0 || id != 0x21 || length != 1 || len(rest) < 1 || flags&0x3c != 0 {
		return fmt.Errorf("xz: %d filters, the first of type %#x: %w", flags&3+1, id, ErrUnsupported)
	}
	size, err := dictionary(rest[0], x.f.Left())
	if err != nil {
		return err
	}
	if b.want < uint64(size) {
		size = max(int64(b.want), lzma.MinDictCap)
	}
	if err := x.charge(size); err != nil {
		return err
	}
	b.start = x.f.Offset()
	if b.r, err = (lzma.Reader2Config{DictCap: int(size)}).NewReader2(x.f); err != nil {
		return err
	}
	x.block = b
	return nil
}

// dictionary decodes the dictionary size of LZMA2 (format section 5.3.1) for so many packed bytes.
func dictionary(bits byte, packed int64) (int64, error) {
	if bits > 40 {
		return 0, fmt.Errorf("xz: dictionary size code %d", bits)
	}
	size := (2 | int64(bits)&1) << (bits/2 + 11)
	return affordable(size, packed)
}

// charge takes the dictionary of a block out of what the stream may cost: blocks of a few bytes with large dictionaries are
// made to spend memory, not to hold data.
func (x *xzStream) charge(size int64) error {
	const once, each = 1 << 30, 64
	if x.spent += size; x.spent > once+each*x.f.Offset() {
		return fmt.Errorf("xz: dictionaries of %d bytes by offset %d: %w", x.spent, x.f.Offset(), source.ErrBomb)
	}
	return nil
}

// varint reads an integer of 7 bits per byte, at most 9 bytes; the rest is nil if there is none.
func varint(b []byte) (uint64, []byte) {
	var v uint64
	for i := range min(len(b), 9) {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, b[i+1:]
		}
	}
	return 0, nil
}

func newCheck(kind byte) hash.Hash {
	switch kind {
	case 1:
		return crc32.NewIEEE()
	case 4:
		return crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		return sha256.New()
	}
	return nil
}

// endBlock reads padding and checksum of a block whose data have ended.
func (x *xzStream) endBlock(b *xzBlock) error {
	x.f.Skip((4 - (x.f.Offset()-b.start)%4) % 4)
	got := make([]byte, []int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[x.check])
	if _, err := io.ReadFull(x.f, got); err != nil {
		return unexpected(err)
	}
	if b.want != ^uint64(0) && b.want != b.n {
		return fmt.Errorf("xz: a block of %d bytes is said to have %d", b.n, b.want)
	}
	if b.sum == nil {
		return nil
	}
	want := b.sum.Sum(nil)
	if x.check != 10 { // integers are written with the least significant byte first
		for i := range len(want) / 2 {
			want[i], want[len(want)-1-i] = want[len(want)-1-i], want[i]
		}
	}
	if !bytes.Equal(got, want) {
		return errors.New("xz: checksum of a block differs")
	}
	return nil
}

// tail reads index and footer: indicator 0, number of records, two integers each, padding, CRC-32, footer.
func (x *xzStream) tail() error {
	start := x.f.Offset()
	x.f.Skip(1)
	records, err := x.varint()
	if err != nil {
		return err
	}
	if records != x.count {
		return fmt.Errorf("xz: the index has %d records for %d blocks", records, x.count)
	}
	for range 2 * records {
		if _, err := x.varint(); err != nil {
			return err
		}
	}
	x.f.Skip((4 - (x.f.Offset()-start)%4) % 4)
	x.f.Skip(4)
	var footer [12]byte
	if _, err := io.ReadFull(x.f, footer[:]); err != nil {
		return unexpected(err)
	}
	if footer[10] != 'Y' || footer[11] != 'Z' || footer[9] != x.check {
		return errors.New("xz: bad stream footer")
	}
	return nil
}

func (x *xzStream) varint() (uint64, error) {
	v, rest := varint(x.f.Peek(9))
	if rest == nil {
		return 0, errors.New("xz: bad integer in the index")
	}
	n := len(x.f.Peek(9)) - len(rest)
	x.f.Skip(int64(n))
	return v, nil
}
