package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Pauses shares between instances until when a quota is used up.
type Pauses interface {
	// Pause notes that nothing may be asked under this key before until.
	Pause(ctx context.Context, key string, until time.Time) error
	// Until tells when the pause ends; the zero time, or one that has passed, is none.
	Until(ctx context.Context, key string) (time.Time, error)
}

// LimitError says that a quota of upstream's is used up for longer than the caller can wait.
type LimitError struct {
	Until  time.Time
	Header http.Header // of the last answer that said so; nil if another instance was told
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("upstream's rate limit is reached for another %d s", e.Seconds())
}

// Seconds is how long to wait, rounded up.
func (e *LimitError) Seconds() int {
	return int(max(1, (time.Until(e.Until)+time.Second-1)/time.Second))
}

// maxPause bounds what is believed: the windows of rate limits are minutes.
const maxPause = time.Hour

// maxKeys bounds how many pauses are remembered. They are few: one a quota and token in use.
const maxKeys = 10_000

// pauses remembers which quotas are used up.
type pauses struct {
	site    string
	shared  Pauses // nil is none
	mu      sync.Mutex
	known   map[string]pauseEnd
	waiting int // how many have waited so far
}

type pauseEnd struct {
	until  time.Time
	header http.Header
}

func newPauses(site string, shared Pauses) *pauses {
	return &pauses{site: site, shared: shared, known: map[string]pauseEnd{}}
}

// key names the quota that a request counts for. Upstream counts by who asks: by token, and by address for those without one.
func (p *pauses) key(quota string, req *http.Request) string {
	key := p.site + "|" + quota
	if auth := req.Header.Get("Authorization"); auth != "" {
		sum := sha256.Sum256([]byte(auth))
		key += "|" + hex.EncodeToString(sum[:8])
	}
	return key
}

// wait waits until the quota is renewed, or returns a *LimitError if that takes longer than the caller can wait.
func (p *pauses) wait(ctx context.Context, key string, limit time.Time) (waited time.Duration, err error) {
	start := time.Now()
	for {
		end := p.get(ctx, key)
		now := time.Now()
		if !end.until.After(now) {
			return now.Sub(start), nil
		}
		if end.until.After(limit) {
			return now.Sub(start), &LimitError{Until: end.until, Header: end.header}
		}
		left := end.until.Sub(now)
		t := time.NewTimer(left + p.turn(min(left/10, time.Second)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return time.Since(start), ctx.Err()
		}
	}
}

// turn spreads those who wait over a span, so that they don't come back all at once.
func (p *pauses) turn(span time.Duration) time.Duration {
	const turns = 16
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	return span * time.Duration(p.waiting%turns) / turns
}

// get tells when the pause ends, as far as this process or another knows. If the others can't be asked, this one's knowledge has
// to do.
func (p *pauses) get(ctx context.Context, key string) pauseEnd {
	p.mu.Lock()
	end := p.known[key]
	p.mu.Unlock()
	if p.shared == nil || end.until.After(time.Now()) {
		return end
	}
	if until, err := p.shared.Until(ctx, key); err == nil && until.After(end.until) {
		end = pauseEnd{until: earlier(until, time.Now().Add(maxPause))}
	}
	return end
}

// set notes a pause, if it is longer than the one that is known.
func (p *pauses) set(ctx context.Context, key string, d time.Duration, header http.Header) {
	until := time.Now().Add(min(d, maxPause))
	p.mu.Lock()
	known := p.known[key].until
	if until.After(known) {
		if len(p.known) >= maxKeys {
			p.forget()
		}
		p.known[key] = pauseEnd{until, header}
	}
	p.mu.Unlock()
	if p.shared != nil && until.After(known.Add(time.Second)) {
		_ = p.shared.Pause(ctx, key, until) // sharing is a kindness: each instance learns of it by itself too
	}
}

// forget drops pauses that have ended, or all if none has. The pauses are locked.
func (p *pauses) forget() {
	now := time.Now()
	for key, end := range p.known {
		if !end.until.After(now) {
			delete(p.known, key)
		}
	}
	if len(p.known) >= maxKeys {
		clear(p.known)
	}
}

// pauseOf reads from an answer how long not to ask again: from Retry-After with 429 and 503, from RateLimit
// (draft-ietf-httpapi-ratelimit-headers: `"name";r=remaining;t=seconds`) when nothing remains. A 429 that says nothing is
// given 5 s.
func pauseOf(status int, header http.Header) (time.Duration, bool) {
	limited := status == http.StatusTooManyRequests
	if limited || status == http.StatusServiceUnavailable {
		if d, ok := retryAfter(header.Get("Retry-After")); ok {
			return d, true
		}
	}
	if remaining, reset, ok := rateLimit(header.Get("RateLimit")); ok && (limited || remaining == 0) {
		return reset, reset > 0
	}
	if limited {
		return 5 * time.Second, true
	}
	return 0, false
}

// retryAfter reads seconds or a date.
func retryAfter(value string) (time.Duration, bool) {
	if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n >= 0 {
		return time.Duration(min(n, int64(maxPause/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// rateLimit reads the first policy of a RateLimit header.
func rateLimit(value string) (remaining int64, reset time.Duration, ok bool) {
	first, _, _ := strings.Cut(value, ",")
	var haveR, haveT bool
	for _, param := range strings.Split(first, ";")[min(1, strings.Count(first, ";")):] {
		name, number, _ := strings.Cut(strings.TrimSpace(param), "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 {
			continue
		}
		switch name {
		case "r":
			remaining, haveR = n, true
		case "t":
			reset, haveT = time.Duration(min(n, int64(maxPause/time.Second)))*time.Second, true
		}
	}
	return remaining, reset, haveR && haveT
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
