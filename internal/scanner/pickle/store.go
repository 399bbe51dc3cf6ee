package pickle

// texts keeps the content of short strings, in pages, until it is full. What comes later is read again from the stream where
// it matters.
type texts struct {
	pages [][]byte
}

// Bounds of texts: 4 MiB in pages of 64 KiB.
const (
	textPage  = 64 << 10
	textPages = 64
)

// put keeps a copy of at most maxText bytes. ok is false if there is no room left.
func (t *texts) put(s []byte) (payload uint64, ok bool) {
	last := len(t.pages) - 1
	if last < 0 || cap(t.pages[last])-len(t.pages[last]) < len(s) {
		if len(t.pages) >= textPages {
			return 0, false
		}
		size := textPage
		if last < 0 {
			size = textPage / 16 // most streams are small
		}
		t.pages = append(t.pages, make([]byte, 0, max(size, len(s))))
		last++
	}
	at := len(t.pages[last])
	t.pages[last] = append(t.pages[last], s...)
	return uint64(last*textPage+at)<<textBits | uint64(len(s)), true
}

// get returns what put kept.
func (t *texts) get(payload uint64) []byte {
	at, n := payload>>textBits, payload&maxText
	page := t.pages[at/textPage]
	return page[at%textPage : at%textPage+n]
}

// nodes keeps what containers hold, in a ring: the newest 4 MiB. A node that was overwritten is forgotten, and whoever asks
// for its items is told so. Items matter while they are arguments of a call that follows at once, so little is lost.
//
// A node's first word is its size: the number of items (24 bits, cut) and the number of objects that one would meet who
// followed every reference (40 bits, cut). A tuple's items follow. A dict's second word is the place of its newest chunk
// of items, plus one; a chunk is the place of the chunk before it, plus one, the number of pairs, and the pairs.
type nodes struct {
	ring []uint64
	head uint64 // where the next node goes; grows for ever
}

// Bounds of nodes: words of the ring, items of a tuple and of one chunk of a dict that are kept, and chunks that are read.
const (
	firstRing  = 1 << 9
	mostRing   = 1 << 19
	tupleItems = 64
	chunkPairs = 64
	maxChunks  = 64
	maxCount   = 1<<24 - 1
	maxExpand  = 1<<40 - 1
)

// reserve makes room for n words, which is at most 2*chunkPairs+2, and returns their place.
func (s *nodes) reserve(n int) uint64 {
	for len(s.ring) < mostRing && s.head+uint64(n) > uint64(len(s.ring)) {
		grown := make([]uint64, max(firstRing, 4*len(s.ring)))
		copy(grown, s.ring)
		s.ring = grown
	}
	mask := uint64(len(s.ring) - 1)
	if at := s.head & mask; at+uint64(n) > uint64(len(s.ring)) {
		s.head += uint64(len(s.ring)) - at // a node never straddles the end
	}
	at := s.head
	s.head += uint64(n)
	return at
}

// words returns the ring from a place on; ok is false if the node was overwritten.
func (s *nodes) words(at uint64) (w []uint64, ok bool) {
	if at >= s.head || s.head-at > uint64(len(s.ring)) {
		return nil, false
	}
	return s.ring[at&uint64(len(s.ring)-1):], true
}

// empty makes a list, dict or set without items.
func (s *nodes) empty(k kind) value {
	n := 1
	if k == kDict {
		n = 2
	}
	at := s.reserve(n)
	w, _ := s.words(at)
	w[0] = 1
	if n == 2 {
		w[1] = 0
	}
	return makeValue(k, at)
}

// tuple makes a tuple of items, or a frozen set.
func (s *nodes) tuple(k kind, items []value) value {
	kept := min(len(items), tupleItems)
	at := s.reserve(1 + kept)
	w, _ := s.words(at)
	for i, v := range items[:kept] {
		w[1+i] = uint64(v)
	}
	w[0] = sizeWord(len(items), 1+s.expandAll(items))
	return makeValue(k, at)
}

func sizeWord(count int, expand uint64) uint64 {
	return uint64(min(count, maxCount))<<40 | min(expand, maxExpand)
}

// expand is how many objects one would meet who followed every reference from a value, as far as is known.
func (s *nodes) expand(v value) uint64 {
	if !v.isNode() {
		return 1
	}
	if w, ok := s.words(v.payload()); ok {
		return w[0] & maxExpand
	}
	return 1
}

func (s *nodes) expandAll(items []value) uint64 {
	total := uint64(0)
	for _, v := range items {
		total += s.expand(v)
	}
	return total
}

// add counts items into a container, and keeps those of a dict. It returns the container's new expansion.
func (s *nodes) add(v value, items []value) uint64 {
	more := s.expandAll(items)
	w, ok := s.words(v.payload())
	if !ok {
		return 1
	}
	count := int(w[0]>>40) + len(items)
	expand := min(w[0]&maxExpand+more, maxExpand)
	w[0] = sizeWord(count, expand)
	if v.kind() == kDict && count <= 2*chunkPairs*maxChunks {
		s.chunk(v, items)
	}
	return expand
}

// chunk keeps the pairs that are added to a dict.
func (s *nodes) chunk(v value, items []value) {
	pairs := min(len(items)/2, chunkPairs)
	at := s.reserve(2 + 2*pairs)
	dict, ok := s.words(v.payload())
	if !ok {
		return // the chunk took the place of its own dict
	}
	w, _ := s.words(at)
	w[0], w[1] = dict[1], uint64(pairs)
	for i, item := range items[:2*pairs] {
		w[2+i] = uint64(item)
	}
	dict[1] = at + 1
}

// items returns those of a tuple; ok is false if there are more than are kept, or if they were forgotten.
func (s *nodes) items(v value) (items []value, ok bool) {
	if v.kind() != kTuple {
		return nil, false
	}
	w, ok := s.words(v.payload())
	if !ok {
		return nil, false
	}
	n := int(w[0] >> 40)
	items = make([]value, min(n, tupleItems))
	for i := range items {
		items[i] = value(w[1+i])
	}
	return items, n <= tupleItems
}

// pairs is how many pairs of a dict each may visit.
func (s *nodes) pairs(v value) int {
	if v.kind() != kDict {
		return 0
	}
	if dict, ok := s.words(v.payload()); ok {
		return min(int(dict[0]>>40)/2, chunkPairs*maxChunks)
	}
	return 0
}

// each calls yield with the kept pairs of a dict until it returns false, the newest first: of two pairs with one key, the
// first counts. It tells whether these are all.
func (s *nodes) each(v value, yield func(key, val value) bool) (whole bool) {
	if v.kind() != kDict {
		return false
	}
	dict, ok := s.words(v.payload())
	if !ok {
		return false
	}
	count, seen := int(dict[0]>>40)/2, 0
	at := dict[1]
	for range maxChunks {
		if at == 0 {
			return seen == count
		}
		w, ok := s.words(at - 1)
		if !ok || len(w) < 2 || w[1] > chunkPairs {
			return false
		}
		for i := int(w[1]) - 1; i >= 0; i-- {
			seen++
			if !yield(value(w[2+2*i]), value(w[3+2*i])) {
				return true
			}
		}
		at = w[0]
	}
	return at == 0 && seen == count
}
