package source

import (
	"math/bits"
	"sync"
)

// Buffers of decoders are used again: an archive has thousands of members, and most of what a scan would leave to the collector of garbage
// are these. There is a shelf for each power of two from smallestBuffer to largestBuffer; what is larger is made anew.
const (
	smallestBuffer = 4 << 10
	largestBuffer  = 8 << 20
)

// shelves hold buffers that nobody uses, by the logarithm of their size.
var shelves [24]sync.Pool

func shelf(size int) int { return bits.Len(uint(max(size, smallestBuffer) - 1)) }

// buffer returns a buffer of so many bytes, with anything in them.
func buffer(size int) []byte {
	if size > largestBuffer {
		return make([]byte, size)
	}
	n := shelf(size)
	if b, ok := shelves[n].Get().(*[]byte); ok {
		return (*b)[:size]
	}
	return make([]byte, size, 1<<n)
}

// giveBack takes a buffer that is not used any more. Nobody may hold a part of it.
func giveBack(b []byte) {
	size := cap(b)
	if n := shelf(size); size == 1<<n && size <= largestBuffer {
		shelves[n].Put(&b)
	}
}
