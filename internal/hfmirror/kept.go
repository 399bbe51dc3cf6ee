package hfmirror

import (
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of what is kept of the Hub's answers.
const (
	maxKeptAnswer = 2 << 20
	maxKeptBytes  = 32 << 20
	maxKeptCount  = 4096
)

// keptAnswer is a successful answer of the Hub, as it went to the client but for its links, which are as they came.
// Nobody changes it.
type keptAnswer struct {
	at     time.Time
	header http.Header
	body   []byte
}

// kept holds answers for when the Hub is away, the least recently used go first. Who may see one is asked each time.
type kept struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[string, keptAnswer]
	bytes int
}

func newKept() *kept {
	k := &kept{}
	// The size is positive, so there is no error.
	k.lru, _ = simplelru.NewLRU(maxKeptCount, func(key string, a keptAnswer) { k.bytes -= len(key) + len(a.body) })
	return k
}

func (k *kept) get(key string) (keptAnswer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lru.Get(key)
}

func (k *kept) put(key string, a keptAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lru.Remove(key)
	k.bytes += len(key) + len(a.body)
	k.lru.Add(key, a)
	for k.bytes > maxKeptBytes {
		k.lru.RemoveOldest()
	}
}

// keptHeader is the part of a header that is kept: what is passed on, and links.
func keptHeader(from http.Header) http.Header {
	h := http.Header{}
	for _, name := range append([]string{"Link"}, passed...) {
		if name != "X-Request-Id" && len(from[name]) > 0 {
			h[name] = from[name]
		}
	}
	return h
}
