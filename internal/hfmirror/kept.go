package hfmirror

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
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

// goodFor is how long an answer is given again without asking the Hub: the listing of a commit, without what the Hub learns of it
// later, never changes; what is known of an organization hardly does.
func (d *Door) goodFor(x *exchange) time.Duration {
	switch {
	case x.Method != http.MethodGet:
		return 0
	case x.verb == "tree" && isCommit(x.rev) && !truthy(x.URL.Query()["expand"]):
		return 365 * 24 * time.Hour
	case x.repo.ID == "" && worthKeeping(x):
		return time.Hour
	default:
		return 0
	}
}

// worthKeeping tells whether an answer helps clients later: what they ask before they ask for files. It is the same for everybody who
// may see the repository; what an organization looks like to its members is kept for nobody.
func worthKeeping(x *exchange) bool {
	switch {
	case x.Method != http.MethodGet:
		return false
	case x.repo.ID != "":
		return slices.Contains([]string{"", "revision", "tree", "refs"}, x.verb)
	default:
		return (x.verb == "organizations" || x.verb == "users") && strings.HasSuffix(x.rest, "/overview") && x.token == ""
	}
}

// mayKnow tells whether this caller may have what another one has asked for.
func (d *Door) mayKnow(x *exchange) bool {
	if x.repo.ID == "" {
		return x.token == ""
	}
	name := x.rev
	if name == "" {
		name = "main"
	}
	rev, err := d.revision(x, name)
	return err == nil && d.authorize(x, rev, "") == nil
}

// replay answers with what the Hub said before.
func (d *Door) replay(x *exchange, a keptAnswer) error {
	d.apiHeader(x, a.header)
	x.out.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	x.out.WriteHeader(http.StatusOK)
	_, _ = x.out.Write(a.body)
	return nil
}
