package proxy

import (
	"slices"
	"sync"
	"time"
)

// Failure is a handshake in which a client did not accept the proxy, or asked for what the proxy does not give.
type Failure struct {
	Time         time.Time
	Host, Client string // Client is the User-Agent of CONNECT, "" for clients that send none there
	From         string
	Advice       string // what the user can do, "" if nothing is known
	// Reason is one of: untrusted, it does not trust the authority; left, it has left without a request, as those do, too, that look at a
	// certificate last; alpn, it speaks HTTP/2 alone; sni, another name than in CONNECT; other.
	Reason string
}

// Bounds of what is kept of failures.
const (
	mostFailures = 100
	tellAgain    = time.Hour // of one host and client
	mostTold     = 1000
)

// Failures are the last handshakes that failed.
type Failures struct {
	mu   sync.Mutex
	last []Failure
	told map[[2]string]time.Time
}

func newFailures() *Failures { return &Failures{told: map[[2]string]time.Time{}} }

// Last are the last failures, the latest first.
func (f *Failures) Last() []Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.last)
	slices.Reverse(out)
	return out
}

// add keeps a failure, and tells whether the log should be told: clients that do not trust the authority try again for minutes.
func (f *Failures) add(x Failure) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.last) == mostFailures {
		f.last = f.last[1:]
	}
	f.last = append(f.last, x)
	key := [2]string{x.Host, x.Client}
	if at, ok := f.told[key]; ok && x.Time.Sub(at) < tellAgain {
		return false
	}
	if len(f.told) >= mostTold {
		clear(f.told)
	}
	f.told[key] = x.Time
	return true
}
