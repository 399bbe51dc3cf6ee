// Package verdictcache keeps verdicts and file reports in memory, in front of an optional Redis, and lets gateways agree on who
// scans what. It is a cache and a meeting point, never the record: losing it loses nothing. A Redis that is gone or slow
// costs one caller 100 ms, once; then the cache keeps to memory, asks in the background whether Redis is back, and goes on
// with it by itself.
//
// What the cache is given is kept encoded and counted in bytes, so that no report, however large, makes it grow without
// bounds, and nobody can change what another one reads.
package verdictcache

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"modelgate/internal/finding"
)

// schema is part of every key in Redis. It is raised when what is stored changes its shape, so that entries of
// an older version are never read, by anybody.
const schema = "modelgate:1:"

// Options say how large the cache is and where its Redis is.
type Options struct {
	// URL is where Redis is; "" keeps to memory. See [Open].
	URL string
	// VerdictBytes and ReportBytes bound the two tiers in memory; 0 is 32 MiB and 64 MiB.
	VerdictBytes int
	ReportBytes  int
	// MemoryTTL is how long memory believes what other gateways could have taken back meanwhile; 0 is one minute. Without Redis
	// there are no others, and nothing expires.
	MemoryTTL time.Duration
	// RedisTTL is how long Redis keeps an entry; 0 is seven days.
	RedisTTL time.Duration
	// Log is told once when Redis goes and once when it is back, with nil; nil tells nobody. It is called from a goroutine of the cache.
	Log func(message string, err error)
}

// Cache is the two tiers. All methods may be called at the same time.
type Cache struct {
	verdicts *memory
	reports  *memory
	remote   *remote // nil without Redis
	ttl      time.Duration

	mu    sync.Mutex
	locks map[string]*held // those of this process
}

// Open makes a cache. A Redis that does not answer yet is no error; a URL that cannot be read is. The URL is one of
//
//	redis://[user:password@]host[:port][/database]          one server; rediss:// with TLS, here and below
//	redis+sentinel://[user:password@]host,host/master[/database]
//	redis+cluster://[user:password@]host,host
func Open(ctx context.Context, o Options) (*Cache, error) {
	c := &Cache{locks: map[string]*held{}, ttl: o.RedisTTL}
	if c.ttl <= 0 {
		c.ttl = 7 * 24 * time.Hour
	}
	memoryTTL := time.Duration(0)
	if o.URL != "" {
		r, err := openRemote(ctx, o.URL, o.Log)
		if err != nil {
			return nil, err
		}
		c.remote = r
		if memoryTTL = o.MemoryTTL; memoryTTL <= 0 {
			memoryTTL = time.Minute
		}
	}
	c.verdicts = newMemory(orDefault(o.VerdictBytes, 32<<20), memoryTTL)
	c.reports = newMemory(orDefault(o.ReportBytes, 64<<20), memoryTTL)
	return c, nil
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Close ends the connection to Redis.
func (c *Cache) Close() error {
	if c.remote == nil {
		return nil
	}
	if err := c.remote.close(); err != nil {
		return fmt.Errorf("close connection to redis: %w", err)
	}
	return nil
}

// Verdict finds what PutVerdict stored. The caller may change it.
func (c *Cache) Verdict(ctx context.Context, key string) ([]byte, bool) {
	return c.get(ctx, c.verdicts, "verdict:"+key)
}

// PutVerdict stores a verdict in both tiers.
func (c *Cache) PutVerdict(ctx context.Context, key string, verdict []byte) {
	c.put(ctx, c.verdicts, "verdict:"+key, verdict)
}

// ForgetVerdict removes a verdict from both tiers. Other gateways may believe it for another minute.
func (c *Cache) ForgetVerdict(ctx context.Context, key string) {
	c.verdicts.remove("verdict:" + key)
	if c.remote != nil {
		c.remote.remove(ctx, schema+"verdict:"+key)
	}
}

// Report finds what PutReport stored.
func (c *Cache) Report(ctx context.Context, key string) (finding.FileReport, bool) {
	text, ok := c.get(ctx, c.reports, "report:"+key)
	if !ok {
		return finding.FileReport{}, false
	}
	var r finding.FileReport
	if err := json.Unmarshal(text, &r); err != nil {
		return finding.FileReport{}, false // something else wrote under our name; it will be replaced
	}
	return r, true
}

// PutReport stores the report of a file in both tiers.
func (c *Cache) PutReport(ctx context.Context, key string, r finding.FileReport) {
	text, err := json.Marshal(r)
	if err != nil {
		return // a cache may forget
	}
	c.put(ctx, c.reports, "report:"+key, text)
}

// get looks in memory, then in Redis; what Redis has is kept in memory.
func (c *Cache) get(ctx context.Context, m *memory, key string) ([]byte, bool) {
	if value, ok := m.get(key); ok {
		return value, true
	}
	if c.remote == nil {
		return nil, false
	}
	value, ok := c.remote.get(ctx, schema+key)
	if ok {
		m.put(key, value)
	}
	return value, ok
}

// maxShared is the largest value that is sent to Redis; larger ones would hold others up.
const maxShared = 1 << 20

func (c *Cache) put(ctx context.Context, m *memory, key string, value []byte) {
	m.put(key, value)
	if c.remote != nil && len(value) <= maxShared {
		c.remote.put(ctx, schema+key, value, c.ttl)
	}
}
