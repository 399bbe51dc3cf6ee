package pickle

import (
	"maps"
	"slices"
)

// memo is Python's memo: places by index. Indices that grow with the number of entries lie in pages, others in a map, both
// bounded; entries beyond are forgotten and counted.
type memo struct {
	pages  [][]value
	sparse map[uint64]value
	count  uint64 // entries that the loader would have
	lost   bool   // an entry was forgotten
	next   uint64 // behind the highest index that was
	taken  int    // pages of the memos of outer streams, which count, too
}

// Bounds of the memo: 4 Mi entries in pages, 64 Ki elsewhere.
const (
	memoPage   = 4096
	memoPages  = 1024
	memoSparse = 64 << 10
)

// clone returns a memo of its own with the same entries.
func (m *memo) clone() memo {
	c := memo{sparse: maps.Clone(m.sparse), count: m.count, lost: m.lost, next: m.next}
	for _, page := range m.pages {
		c.pages = append(c.pages, slices.Clone(page))
	}
	return c
}

// put stores a value under an index.
func (m *memo) put(index uint64, v value) {
	if page := index / memoPage; page < uint64(len(m.pages)) {
		at := &m.pages[page][index%memoPage]
		if *at == 0 && (len(m.sparse) == 0 || !m.move(index)) {
			m.count++
		}
		*at = v
		return
	}
	m.putBeyond(index, v)
}

// move takes an entry out of the map, because its place has a page now.
func (m *memo) move(index uint64) bool {
	_, ok := m.sparse[index]
	delete(m.sparse, index)
	return ok
}

// putBeyond stores under an index that has no page yet.
func (m *memo) putBeyond(index uint64, v value) {
	if page := uint64(len(m.pages)); index/memoPage == page && index <= m.count+memoPage && page+uint64(m.taken) < memoPages {
		m.pages = append(m.pages, make([]value, memoPage))
		m.put(index, v)
		return
	}
	if _, ok := m.sparse[index]; !ok {
		full := index >= memoPage*uint64(len(m.pages)) && len(m.pages)+m.taken >= memoPages && index <= m.count+memoPage // an honest pickler numbers its entries one by one
		if len(m.sparse) >= memoSparse || full && !v.lasting() {
			m.lost = true
			if index >= m.next {
				m.count++
				m.next = index + 1
			}
			return
		}
		m.count++
	}
	if m.sparse == nil {
		m.sparse = map[uint64]value{}
	}
	m.sparse[index] = v
}

// get returns what is stored under an index, or 0. What was forgotten is unknown.
func (m *memo) get(index uint64) value {
	if page := index / memoPage; page < uint64(len(m.pages)) {
		if v := m.pages[page][index%memoPage]; v != 0 || len(m.sparse) == 0 {
			return v
		}
	}
	if v, ok := m.sparse[index]; ok {
		return v
	}
	if m.lost {
		return unknown
	}
	return 0
}
