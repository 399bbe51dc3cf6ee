package archive

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf16"

	"modelgate/internal/scanner/source"
)

// Property ids of 7z headers.
const (
	idEnd           = 0x00
	idHeader        = 0x01
	idProperties    = 0x02
	idAdditional    = 0x03
	idMainStreams   = 0x04
	idFiles         = 0x05
	idPackInfo      = 0x06
	idUnpackInfo    = 0x07
	idSubStreams    = 0x08
	idSize          = 0x09
	idCRC           = 0x0a
	idFolder        = 0x0b
	idUnpackSize    = 0x0c
	idNumUnpack     = 0x0d
	idEmptyStream   = 0x0e
	idNames         = 0x11
	idAttributes    = 0x15
	idEncodedHeader = 0x17
)

// most7z bounds the numbers of folders, coders and streams in a header.
const most7z = 100_000

// parser7z reads a header. The first error sticks, and makes every number 0.
type parser7z struct {
	b   []byte
	pos int
	err error
}

func (p *parser7z) fail(format string, args ...any) {
	if p.err == nil {
		p.err = source.Malformedf(int64(p.pos), "7z header: "+format, args...)
	}
}

func (p *parser7z) take(n uint64) []byte {
	if p.err != nil || n > uint64(len(p.b)-p.pos) {
		p.fail("%d bytes wanted, %d remain", n, len(p.b)-p.pos)
		return nil
	}
	b := p.b[p.pos : p.pos+int(n)]
	p.pos += int(n)
	return b
}

func (p *parser7z) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser7z) u32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// number reads an integer whose first byte says by its leading ones how many bytes follow.
func (p *parser7z) number() uint64 {
	first := p.byte()
	extra := bits.LeadingZeros8(^first)
	var v uint64
	for i, c := range p.take(uint64(extra)) {
		v |= uint64(c) << (8 * i)
	}
	if extra < 8 {
		v |= uint64(first&(0x7f>>extra)) << (8 * extra)
	}
	return v
}

// count reads a number of things that the rest of the header has to describe.
func (p *parser7z) count(what string) int {
	n := p.number()
	if n > most7z {
		p.fail("%d %s", n, what)
		return 0
	}
	return int(n)
}

// flags reads n flags; all of them are set if the byte in front says so and optional is true.
func (p *parser7z) flags(n int, optional bool) []bool {
	out := make([]bool, n)
	if optional && p.byte() != 0 {
		for i := range out {
			out[i] = true
		}
		return out
	}
	for i, b := range p.take(uint64(n+7) / 8) {
		for j := 0; j < 8 && i*8+j < n; j++ {
			out[i*8+j] = b&(0x80>>j) != 0
		}
	}
	return out
}

// digests reads n checksums, some of which may be missing.
func (p *parser7z) digests(n int) (sums []uint32, has []bool) {
	has, sums = p.flags(n, true), make([]uint32, n)
	for i := range has {
		if has[i] {
			sums[i] = p.u32()
		}
	}
	return sums, has
}

// parse7z reads a header.
func parse7z(b []byte, maxFiles int64) (*header7z, error) {
	p := &parser7z{b: b}
	h := &header7z{}
	if p.byte() != idHeader {
		p.fail("no header")
	}
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			return h, p.err
		case idProperties:
			for p.err == nil && p.byte() != idEnd {
				p.take(p.number())
			}
		case idAdditional, idMainStreams:
			s, err := p.streams()
			if err != nil {
				return nil, err
			}
			if id == idMainStreams {
				h.streams = s
			}
		case idFiles:
			if err := p.files(h, maxFiles); err != nil {
				return nil, err
			}
		default:
			p.fail("unknown property %#x", id)
		}
	}
	return nil, p.err
}

// files reads names and kinds of the files.
func (p *parser7z) files(h *header7z, maxFiles int64) error {
	n := p.number()
	if n > uint64(maxFiles) {
		return fmt.Errorf("%d files: %w", n, source.ErrBudget)
	}
	if n > uint64(len(p.b)) {
		p.fail("%d files in a header of %d bytes", n, len(p.b))
		return p.err
	}
	h.files = make([]file7z, n)
	for p.err == nil {
		id := p.byte()
		if id == idEnd {
			return p.err
		}
		body := &parser7z{b: p.take(p.number())}
		if p.err != nil {
			return p.err
		}
		switch id {
		case idEmptyStream:
			for i, empty := range body.flags(len(h.files), false) {
				h.files[i].empty = empty
			}
		case idNames:
			body.names(h.files)
		case idAttributes:
			body.attributes(h.files)
		}
		if body.err != nil {
			return body.err
		}
	}
	return p.err
}

// names reads one name for each file, UTF-16 with a zero behind it.
func (p *parser7z) names(files []file7z) {
	if p.byte() != 0 {
		p.fail("names in another stream")
		return
	}
	for i := range files {
		var units []uint16
		for {
			b := p.take(2)
			if b == nil {
				return
			}
			u := binary.LittleEndian.Uint16(b)
			if u == 0 {
				break
			}
			units = append(units, u)
		}
		files[i].name = string(utf16.Decode(units))
	}
}

// attributes reads Windows' attributes, whose upper half may be the mode of Unix.
func (p *parser7z) attributes(files []file7z) {
	has := p.flags(len(files), true)
	if p.byte() != 0 {
		p.fail("attributes in another stream")
		return
	}
	const unix = 0x8000
	for i := range files {
		if has[i] {
			if a := p.u32(); a&unix != 0 {
				files[i].mode = a >> 16
			}
		}
	}
}
