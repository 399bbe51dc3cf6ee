package hfmirror

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"modelgate/internal/model"
)

// Bounds of the small files that are kept in memory. Most requests are for such: configurations, tokenizers, indexes.
const (
	smallFile     = 32 << 10
	maxSmallBytes = 16 << 20
	maxSmallCount = 8192
)

// small holds whole, verified files by their digest, so that opening, reading and closing them is spared. Nobody changes the bytes.
type small struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[model.Digest, []byte]
	bytes int
}

func newSmall() *small {
	s := &small{}
	// The size is positive, so there is no error.
	s.lru, _ = simplelru.NewLRU(maxSmallCount, func(_ model.Digest, b []byte) { s.bytes -= len(b) })
	return s
}

func (s *small) get(d model.Digest, size int64) ([]byte, bool) {
	if size > smallFile {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.lru.Get(d)
	return b, ok && int64(len(b)) == size
}

func (s *small) put(d model.Digest, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(d)
	s.bytes += len(b)
	s.lru.Add(d, b)
	for s.bytes > maxSmallBytes {
		s.lru.RemoveOldest()
	}
}
