package verdictcache

import (
	"bytes"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// memory keeps values up to a number of bytes; the least recently used go first.
type memory struct {
	ttl time.Duration // 0 is for ever

	mu    sync.Mutex
	lru   *simplelru.LRU[string, entry]
	bytes int
	max   int
}

type entry struct {
	value   []byte
	expires time.Time // zero is never
}

// entryOverhead is about what an entry costs besides key and value.
const entryOverhead = 200

func (e entry) cost(key string) int { return len(key) + len(e.value) + entryOverhead }

func newMemory(size int, ttl time.Duration) *memory {
	m := &memory{ttl: ttl, max: size}
	// The number of entries is bounded by their bytes. The constructor fails for a number below one only.
	m.lru, _ = simplelru.NewLRU(math.MaxInt32, func(key string, e entry) { m.bytes -= e.cost(key) })
	return m
}

// get returns a copy of a value.
func (m *memory) get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.lru.Get(key)
	if !ok {
		return nil, false
	}
	if !e.expires.IsZero() && time.Now().After(e.expires) {
		m.lru.Remove(key)
		return nil, false
	}
	return bytes.Clone(e.value), true
}

// put keeps a copy of a value, unless it is larger than a quarter of the memory.
func (m *memory) put(key string, value []byte) {
	e := entry{value: bytes.Clone(value)}
	if m.ttl > 0 {
		e.expires = time.Now().Add(m.ttl)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Remove(key)
	if e.cost(key) > m.max/4 {
		return
	}
	m.bytes += e.cost(key)
	m.lru.Add(key, e)
	for m.bytes > m.max {
		if _, _, ok := m.lru.RemoveOldest(); !ok {
			return
		}
	}
}

func (m *memory) remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Remove(key)
}
