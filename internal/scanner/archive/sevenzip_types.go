package archive

import (
	"math/bits"
)

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
