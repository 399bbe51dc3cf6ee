package verdictcache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Patience with Redis.
const (
	// operation is how long a caller may wait for Redis.
	operation = 100 * time.Millisecond
	// probe is how long the background waits for a sign of life, and rest how long it pauses before the next try.
	probe = 2 * time.Second
	rest  = time.Second
)

// remote is a Redis that may be gone. While it is, every operation answers at once as if nothing were stored.
type remote struct {
	client redis.UniversalClient
	log    func(string, error)

	up   atomic.Bool
	down chan error // tells the background that an operation failed
	stop context.CancelFunc
	done sync.WaitGroup
}

// quiet keeps the library from writing to standard error: what matters is told through Options.Log.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func openRemote(ctx context.Context, url string, log func(string, error)) (*remote, error) {
	o, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(quiet{})
	o.MaxRetries = -1
	o.DialTimeout, o.DialerRetries = probe, 1
	o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = probe, probe, operation
	o.ContextTimeoutEnabled = true
	o.PoolSize, o.MinIdleConns = max(32, 16*runtime.GOMAXPROCS(0)), 4
	if log == nil {
		log = func(string, error) {}
	}
	r := &remote{client: redis.NewUniversalClient(o), log: log, down: make(chan error, 1)}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	err = r.ping(ctx)
	r.up.Store(err == nil)
	if err != nil {
		r.log("redis does not answer: working without it", err)
	}
	r.done.Go(func() { r.watch(background, err == nil) })
	return r, nil
}

func (r *remote) close() error {
	r.stop()
	r.done.Wait()
	r.up.Store(false)
	return r.client.Close()
}

func (r *remote) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probe)
	defer cancel()
	return r.client.Ping(ctx).Err()
}

// watch waits until an operation fails, then asks for a sign of life until there is one. Each time up turns false, one error is
// sent to it.
func (r *remote) watch(ctx context.Context, healthy bool) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		if healthy {
			select {
			case <-ctx.Done():
				return
			case err := <-r.down:
				healthy = false
				r.log("redis is gone: working without it", err)
			}
		}
		timer.Reset(rest)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if r.ping(ctx) == nil {
			healthy = true
			r.up.Store(true)
			r.log("redis is back", nil)
		}
	}
}

// do runs one operation within the patience of a caller. It returns false if Redis is gone, or did not answer.
func (r *remote) do(ctx context.Context, f func(ctx context.Context) error) bool {
	if !r.up.Load() {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	err := f(limited)
	var answer redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return true
	case ctx.Err() != nil, errors.Is(err, redis.ErrPoolTimeout):
		return false // the caller went, or there are too many callers
	case errors.As(err, &answer) && !unfit(answer):
		return false // it lives, and did not like the question
	}
	if r.up.CompareAndSwap(true, false) {
		select {
		case r.down <- fmt.Errorf("ask redis: %w", err):
		default:
		}
	}
	return false
}

// unfit says whether an answer means that this server cannot serve now: it loads its data, or is not the master any more.
func unfit(answer redis.Error) bool {
	text := answer.Error()
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH", "WRONGPASS"} {
		if len(text) >= len(prefix) && text[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

func (r *remote) get(ctx context.Context, key string) (value []byte, ok bool) {
	found := false
	answered := r.do(ctx, func(ctx context.Context) (err error) {
		value, err = r.client.Get(ctx, key).Bytes()
		found = err == nil
		return err
	})
	return value, answered && found
}

func (r *remote) put(ctx context.Context, key string, value []byte, ttl time.Duration) {
	r.do(ctx, func(ctx context.Context) error { return r.client.Set(ctx, key, value, ttl).Err() })
}

func (r *remote) remove(ctx context.Context, key string) {
	r.do(ctx, func(ctx context.Context) error { return r.client.Del(ctx, key).Err() })
}
