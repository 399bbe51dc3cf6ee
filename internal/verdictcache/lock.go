package verdictcache

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lock in Redis is a key that expires, with the value and, after a NUL, a token that only its owner knows.
const tokenMark = "\x00"

// held is a lock of this process.
type held struct {
	value string
	freed chan struct{}
}

// Lease is a lock that this process holds, and renews until Release.
type Lease struct {
	cache *Cache
	key   string
	local *held
	token string // "" if Redis has no part in it
	ttl   time.Duration

	once sync.Once
	stop context.CancelFunc
	done sync.WaitGroup
	lost chan struct{}
}

// Lock takes the lock of a key, in this process and for all gateways, with a value that others can read (the UUID of the scan). If somebody
// else holds it, lease is nil and holder is their value. A lock whose owner is gone is free after ttl.
//
// Without Redis, or while it is gone, the lock holds within this process alone: two gateways may then do the same
// work, which costs time and changes nothing.
func (c *Cache) Lock(ctx context.Context, key, value string, ttl time.Duration) (lease *Lease, holder string) {
	l := &Lease{cache: c, key: key, ttl: ttl, local: &held{value: value, freed: make(chan struct{})}, lost: make(chan struct{})}
	c.mu.Lock()
	if other, taken := c.locks[key]; taken {
		c.mu.Unlock()
		return nil, other.value
	}
	c.locks[key] = l.local
	c.mu.Unlock()
	if c.remote == nil {
		return l, ""
	}
	token := value + tokenMark + rand.Text()
	taken, other := c.remote.take(ctx, lockKey(key), token, ttl)
	switch {
	case taken:
		l.token = token
		background, stop := context.WithCancel(context.WithoutCancel(ctx))
		l.stop = stop
		l.done.Go(func() { l.renew(background) })
	case other != "":
		c.free(key, l.local)
		holder, _, _ = strings.Cut(other, tokenMark)
		return nil, holder
	}
	return l, ""
}

func lockKey(key string) string { return schema + "lock:" + key }

// free gives a lock of this process back and wakes whoever waits for it.
func (c *Cache) free(key string, l *held) {
	c.mu.Lock()
	if c.locks[key] == l {
		delete(c.locks, key)
	}
	c.mu.Unlock()
	close(l.freed)
}

// take sets a lock, or returns who has it. Without Redis it returns neither.
func (r *remote) take(ctx context.Context, key, token string, ttl time.Duration) (taken bool, other string) {
	r.do(ctx, func(ctx context.Context) error {
		before, err := takeScript().Run(ctx, r.client, []string{key}, token, ttl.Milliseconds()).Text()
		switch {
		case errors.Is(err, redis.Nil):
			taken = true
		case err == nil:
			other = before
		}
		return err
	})
	return taken, other
}

// takeScript answers with the token of the owner, or with nothing once the lock is ours.
func takeScript() *redis.Script {
	return redis.NewScript(`local owner = redis.call("GET", KEYS[1]) if owner then return owner end
		redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2]) return false`)
}

// renew keeps the lock alive until Release. If somebody else has it, or Redis has been gone for longer than the lock lives, the
// lease is lost.
func (l *Lease) renew(ctx context.Context) {
	tick := time.NewTicker(max(l.ttl/3, time.Millisecond))
	defer tick.Stop()
	kept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		mine := false
		answered := l.cache.remote.do(ctx, func(ctx context.Context) error {
			n, err := renewScript().Run(ctx, l.cache.remote.client, []string{lockKey(l.key)}, l.token, l.ttl.Milliseconds()).Int()
			mine = err == nil && n == 1
			return err
		})
		switch {
		case ctx.Err() != nil:
			return
		case mine:
			kept = time.Now()
		case answered || time.Since(kept) > l.ttl:
			close(l.lost)
			return
		}
	}
}

// renewScript and releaseScript touch a lock only if it is still the owner's.
func renewScript() *redis.Script {
	return redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end return 0`)
}

func releaseScript() *redis.Script {
	return redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)
}

// Release gives the lock back, if it is still ours. It may be called more than once.
func (l *Lease) Release() {
	l.once.Do(func() {
		if l.token != "" {
			l.stop()
			l.done.Wait()
			l.cache.remote.do(context.Background(), func(ctx context.Context) error {
				return releaseScript().Run(ctx, l.cache.remote.client, []string{lockKey(l.key)}, l.token).Err()
			})
		}
		l.cache.free(l.key, l.local)
	})
}

// Lost is closed when the lock could not be kept: others may do the same work now.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Pauses between two looks at a lock of another gateway.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = 500 * time.Millisecond
)

// Wait returns when the lock of a key is free, or was never taken, or when ctx ends, with its error. A lock of this process is waited
// for without asking again; one of another gateway is looked at up to twice a second. If Redis is gone, the locks of others
// count as free.
func (c *Cache) Wait(ctx context.Context, key string) error {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		c.mu.Lock()
		local, taken := c.locks[key]
		c.mu.Unlock()
		if taken {
			select {
			case <-local.freed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if c.remote == nil || !c.remote.exists(ctx, lockKey(key)) {
			return ctx.Err()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *remote) exists(ctx context.Context, key string) bool {
	var n int64
	answered := r.do(ctx, func(ctx context.Context) (err error) {
		n, err = r.client.Exists(ctx, key).Result()
		return err
	})
	return answered && n > 0
}
