// Package verdictcache keeps verdicts and file reports in memory, in front of an optional Redis, and lets gateways agree on who
// scans what. It is a cache and a meeting point, never the record: losing it loses nothing, and a Redis that is gone or slow
// costs a caller no more than a moment.
package verdictcache

import (
	"context"
	"errors"
	"time"

	"modelgate/internal/finding"
)

// Options say how large the cache is and where its Redis is.
type Options struct {
	// URL is redis://, rediss://, redis+sentinel:// or redis+cluster://; "" keeps to memory.
	URL string
	// Entries is the size of each in-process tier; 0 is 65,536 verdicts and 4,096 reports.
	Entries int
	// TTL is how long Redis keeps an entry; 0 is seven days.
	TTL time.Duration
	// Log is told once when Redis goes and once when it is back; nil tells nobody.
	Log func(message string, err error)
}

// Cache is the two tiers. All methods may be called at the same time.
type Cache struct{}

// Open makes a cache. A Redis that does not answer yet is no error; a URL that cannot be read is.
func Open(ctx context.Context, o Options) (*Cache, error) { return nil, errors.New("not written yet") }

// Close ends the connection to Redis.
func (c *Cache) Close() error { return nil }

// Verdict finds what PutVerdict stored.
func (c *Cache) Verdict(ctx context.Context, key string) ([]byte, bool) { return nil, false }

// PutVerdict stores a verdict in both tiers.
func (c *Cache) PutVerdict(ctx context.Context, key string, verdict []byte) {}

// ForgetVerdict removes a verdict from both tiers.
func (c *Cache) ForgetVerdict(ctx context.Context, key string) {}

// Report finds what PutReport stored.
func (c *Cache) Report(ctx context.Context, key string) (finding.FileReport, bool) {
	return finding.FileReport{}, false
}

// PutReport stores the report of a file in both tiers.
func (c *Cache) PutReport(ctx context.Context, key string, r finding.FileReport) {}

// Lease is a lock that this process holds and renews until Release.
type Lease struct{}

// Release gives the lock back, if it is still ours.
func (l *Lease) Release() {}

// Lost is closed when the lock could not be kept.
func (l *Lease) Lost() <-chan struct{} { return nil }

// Lock takes the lock of a key for all gateways, with a value that others can read (the UUID of the scan). If somebody else holds it,
// lease is nil and holder is their value. Without Redis, or while it is gone, the lock is given at once:
// one scan at a time within the process is the caller's business.
func (c *Cache) Lock(ctx context.Context, key, value string, ttl time.Duration) (lease *Lease, holder string) {
	return &Lease{}, ""
}

// Wait returns when the lock of a key is free, or was never taken, or when ctx ends.
func (c *Cache) Wait(ctx context.Context, key string) error { return nil }
