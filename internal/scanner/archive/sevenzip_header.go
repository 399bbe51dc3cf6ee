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

type (
	// header7z is what an archive holds.
	header7z struct {
		streams *streams7z // nil if no file has bytes
		files   []file7z
	}
	// file7z is a file; empty ones take no part of a folder.
	file7z struct {
		name  string
		empty bool
		mode  uint32 // of Unix, 0 if unknown
	}
	// streams7z are the packed streams, the folders made of them, and the parts of each folder.
	streams7z struct {
		position uint64 // of the first packed stream, from the end of the signature header
		packs    []uint64
		folders  []folder7z
		parts    [][]part7z
	}
	// folder7z is a stream that coders make of packed ones.
	folder7z struct {
		coders []coder7z
		packed int      // number of packed streams
		bound  []uint64 // output streams that feed another coder
		sizes  []uint64 // of the output streams
		crc    uint32
		hasCRC bool
	}
	coder7z struct {
		id         string
		outs       uint64
		properties []byte
	}
	// part7z is a file's part of a folder.
	part7z struct {
		size   uint64
		crc    uint32
		hasCRC bool
	}
)

// size is that of the output that feeds no other coder.
func (f *folder7z) size() uint64 {
	for i := len(f.sizes) - 1; i >= 0; i-- {
		free := true
		for _, b := range f.bound {
			free = free && b != uint64(i)
		}
		if free {
			return f.sizes[i]
		}
	}
	return 0
}

// pack returns where a packed stream lies in a file of the given size.
func (s *streams7z) pack(i int, size int64) (at, n int64, ok bool) {
	off, carry := bits.Add64(s.position, sevenZipStart, 0)
	for j := 0; j < i && j < len(s.packs) && carry == 0; j++ {
		off, carry = bits.Add64(off, s.packs[j], 0)
	}
	if carry != 0 || i >= len(s.packs) || off > uint64(size) || s.packs[i] > uint64(size)-off {
		return 0, 0, false
	}
	return int64(off), int64(s.packs[i]), true
}

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

// streams reads what describes packed streams, folders and their parts.
func (p *parser7z) streams() (*streams7z, error) {
	s := &streams7z{}
	divided := false
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			if !divided {
				s.divide()
			}
			return s, p.err
		case idPackInfo:
			p.packInfo(s)
		case idUnpackInfo:
			p.unpackInfo(s)
		case idSubStreams:
			p.subStreams(s)
			divided = true
		default:
			p.fail("unknown property %#x of streams", id)
		}
	}
	return nil, p.err
}

// divide gives each folder one part.
func (s *streams7z) divide() {
	s.parts = make([][]part7z, len(s.folders))
	for i := range s.folders {
		f := &s.folders[i]
		s.parts[i] = []part7z{{f.size(), f.crc, f.hasCRC}}
	}
}

func (p *parser7z) packInfo(s *streams7z) {
	s.position = p.number()
	n := p.count("packed streams")
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			return
		case idSize:
			s.packs = make([]uint64, 0, min(n, len(p.b)))
			for range n {
				if p.err != nil {
					return
				}
				s.packs = append(s.packs, p.number())
			}
		case idCRC:
			p.digests(n)
		default:
			p.fail("unknown property %#x of packed streams", id)
		}
	}
}

func (p *parser7z) unpackInfo(s *streams7z) {
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			return
		case idFolder:
			n := p.count("folders")
			if p.byte() != 0 {
				p.fail("folders in another stream")
			}
			for i := 0; i < n && p.err == nil; i++ {
				s.folders = append(s.folders, p.folder())
			}
		case idUnpackSize:
			for i := range s.folders {
				p.sizes(&s.folders[i])
			}
		case idCRC:
			sums, has := p.digests(len(s.folders))
			for i := range s.folders {
				s.folders[i].crc, s.folders[i].hasCRC = sums[i], has[i]
			}
		default:
			p.fail("unknown property %#x of folders", id)
		}
	}
}

// sizes reads one size for each output of a folder's coders.
func (p *parser7z) sizes(f *folder7z) {
	outs := uint64(0)
	for _, c := range f.coders {
		outs += c.outs
	}
	for range outs {
		if p.err != nil {
			return
		}
		f.sizes = append(f.sizes, p.number())
	}
}

// folder reads coders and how they are connected.
func (p *parser7z) folder() folder7z {
	const most = 32 // coders, and streams of a coder; 7-Zip's own limit
	var f folder7z
	ins, outs := uint64(0), uint64(0)
	n := p.number()
	if n < 1 || n > most {
		p.fail("a folder of %d coders", n)
		return f
	}
	for i := uint64(0); i < n && p.err == nil; i++ {
		flags := p.byte()
		c := coder7z{id: string(p.take(uint64(flags & 0xf))), outs: 1}
		in := uint64(1)
		if flags&0x10 != 0 {
			in, c.outs = p.number(), p.number()
		}
		if flags&0xc0 != 0 || in < 1 || in > most || c.outs < 1 || c.outs > most {
			p.fail("a coder of %d inputs and %d outputs", in, c.outs)
			return f
		}
		if flags&0x20 != 0 {
			c.properties = p.take(p.number())
		}
		ins, outs = ins+in, outs+c.outs
		f.coders = append(f.coders, c)
	}
	for i := uint64(1); i < outs && p.err == nil; i++ {
		p.number()
		f.bound = append(f.bound, p.number())
	}
	if ins+1 < outs {
		p.fail("a folder of %d inputs and %d outputs", ins, outs)
		return f
	}
	f.packed = int(ins + 1 - outs)
	if f.packed > 1 {
		for range f.packed {
			p.number()
		}
	}
	return f
}

// subStreams reads how folders are divided into files.
func (p *parser7z) subStreams(s *streams7z) {
	s.divide()
	total := len(s.folders)
	sized := false
	for p.err == nil {
		id := p.byte()
		switch id {
		case idNumUnpack:
			total = 0
			for i := range s.parts {
				n := p.count("files in a folder")
				if total += n; total > 10*most7z || uint64(n) > most7z {
					p.fail("%d files in folders", total)
					return
				}
				s.parts[i] = make([]part7z, n)
			}
			s.whole()
		case idSize:
			sized = true
			p.partSizes(s)
		case idCRC:
			p.partDigests(s)
		case idEnd:
			if !sized && total > len(s.folders) {
				p.fail("files in folders without sizes")
			}
			return
		default:
			p.fail("unknown property %#x of files in folders", id)
		}
	}
}

// whole gives a folder's size and checksum to its only part.
func (s *streams7z) whole() {
	for i, parts := range s.parts {
		if f := &s.folders[i]; len(parts) == 1 {
			parts[0] = part7z{f.size(), f.crc, f.hasCRC}
		}
	}
}

// partSizes reads the sizes of all parts of a folder but the last, which has the rest.
func (p *parser7z) partSizes(s *streams7z) {
	for i, parts := range s.parts {
		left := s.folders[i].size()
		for j := range parts {
			if j < len(parts)-1 {
				parts[j].size = p.number()
			} else {
				parts[j].size = left
			}
			if parts[j].size > left {
				p.fail("files of more bytes than their folder")
				return
			}
			left -= parts[j].size
		}
	}
}

// partDigests reads the checksums of parts that are not a whole folder whose checksum is known.
func (p *parser7z) partDigests(s *streams7z) {
	var open []*part7z
	for i, parts := range s.parts {
		if len(parts) == 1 && s.folders[i].hasCRC {
			continue
		}
		for j := range parts {
			open = append(open, &parts[j])
		}
	}
	sums, has := p.digests(len(open))
	for i, part := range open {
		part.crc, part.hasCRC = sums[i], has[i]
	}
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
