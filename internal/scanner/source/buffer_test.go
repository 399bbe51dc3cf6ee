package source

import "testing"

func TestBuffersAreAsLargeAsAskedForAndNeverTwoPeoples(t *testing.T) {
	for _, size := range []int{0, 1, smallestBuffer - 1, smallestBuffer, smallestBuffer + 1, largestBuffer - 1, largestBuffer, largestBuffer + 1} {
		a, b := buffer(size), buffer(size)
		if len(a) != size || len(b) != size {
			t.Fatalf("%d and %d bytes, want %d", len(a), len(b), size)
		}
		giveBack(a)
		c := buffer(size)
		if size > 0 && &c[0] == &b[0] {
			t.Errorf("a buffer of %d bytes that is in use was given out", size)
		}
		giveBack(b)
		giveBack(c[:0]) // it goes by what it was made as
	}
	odd := make([]byte, 5000)
	giveBack(odd) // what is of no shelf is left to the collector
	if got := buffer(8 << 10); cap(got) != 8<<10 {
		t.Errorf("a buffer of %d bytes on the shelf of %d", cap(got), 8<<10)
	}
}
