package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// flight is one scan in the making, shared by everybody who waits for it.
type flight struct {
	scan uuid.UUID
	done chan struct{} // closed after what follows is set
	rec  record
	// large says that the version turned out to be one that is judged file by file: there is no verdict on the whole.
	large bool
	err   error
}

// lockTTL is how long a lock between gateways outlives a gateway that died.
const lockTTL = 20 * time.Second

// beginWithin bounds the part of a scan that a client waits for whatever its patience: lock and first record.
const beginWithin = 30 * time.Second

// follow gives a ticket for the scan of a request and fills it when the scan is done.
func (g *Gate) follow(ctx context.Context, req Request, group ruledGroup, k keys) (*Ticket, error) {
	byFile, err := g.byFile(ctx, req)
	if err != nil {
		return nil, err
	}
	f, err := g.board(ctx, req, group, k, byFile)
	if err != nil {
		return nil, err
	}
	t := &Ticket{Scan: f.scan, done: make(chan struct{})}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		defer close(t.done)
		<-f.done
		if f.large {
			if f, t.err = g.board(g.base, req, group, k, true); t.err != nil {
				return
			}
			<-f.done
		}
		if t.err = f.err; t.err == nil {
			t.verdict = g.verdict(req, f.rec)
		}
	}()
	return t, nil
}

// board joins the flight of a version, or of one file, or starts it.
func (g *Gate) board(ctx context.Context, req Request, group ruledGroup, k keys, byFile bool) (*flight, error) {
	key := k.version
	if byFile {
		key = k.file
	}
	attempt := attemptKey(key, req.Unread)
	joined, err, _ := g.begin.Do(attempt, func() (any, error) {
		g.mu.Lock()
		f, ok := g.flights[attempt]
		g.mu.Unlock()
		if ok {
			return f, nil
		}
		if err := g.base.Err(); err != nil {
			return nil, errors.New("the gate is closing")
		}
		// The flight belongs to all who join it: it starts under a context that the first one can't end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beginWithin)
		defer cancel()
		if r, ok := g.cachedUnder(ctx, key, req.Unread); ok { // it landed while we were on our way
			f := &flight{scan: r.Scan, done: make(chan struct{}), rec: r}
			close(f.done)
			return f, nil
		}
		return g.takeOff(ctx, req, group, k, key, byFile)
	})
	if err != nil {
		return nil, fmt.Errorf("start the scan of %s: %w", req.Version, err)
	}
	f, ok := joined.(*flight)
	if !ok {
		return nil, errors.New("start a scan: not a flight")
	}
	return f, nil
}

// takeOff takes the lock, records the scan as PENDING and lets it run. If another gateway holds the lock, the
// flight waits for that gateway's verdict instead, under its scan's UUID.
func (g *Gate) takeOff(ctx context.Context, req Request, group ruledGroup, k keys, key string, byFile bool) (*flight, error) {
	sc := scanning{gate: g, req: req, group: group, keys: k}
	if err := sc.announce(ctx, byFile); err != nil {
		return nil, err
	}
	lease, holder := g.cache.Lock(ctx, key, sc.scan.UUID.String(), lockTTL)
	f := &flight{scan: sc.scan.UUID, done: make(chan struct{})}
	if lease == nil {
		if other, err := uuid.Parse(holder); err == nil {
			f.scan = other
		}
	} else if err := sc.record(ctx); err != nil {
		lease.Release()
		return nil, err
	}
	g.mu.Lock()
	attempt := attemptKey(key, req.Unread)
	g.flights[attempt] = f
	g.mu.Unlock()
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		defer func() {
			g.mu.Lock()
			delete(g.flights, attempt)
			g.mu.Unlock()
			close(f.done)
		}()
		ctx, cancel := context.WithTimeout(g.base, g.timeout)
		defer cancel()
		if lease == nil {
			f.rec, f.large, f.err = g.awaitOther(ctx, &sc, key, byFile)
			return
		}
		defer lease.Release()
		f.rec, f.large, f.err = sc.run(ctx, byFile)
	}()
	return f, nil
}

// awaitOther waits until the gateway that holds the lock is done. Should it die without a verdict, this one scans.
func (g *Gate) awaitOther(ctx context.Context, sc *scanning, key string, byFile bool) (record, bool, error) {
	for {
		if err := g.cache.Wait(ctx, key); err != nil {
			return record{}, false, fmt.Errorf("wait for another gateway's scan of %s: %w", sc.req.Version, err)
		}
		if r, ok := g.cachedUnder(ctx, key, sc.req.Unread); ok {
			return r, false, nil
		}
		if r, ok, err := g.recorded(ctx, sc.req, sc.group, sc.keys); err == nil && ok {
			return r, false, nil
		}
		if large, err := g.byFile(ctx, sc.req); err == nil && large && !byFile {
			return record{}, true, nil
		}
		lease, _ := g.cache.Lock(ctx, key, sc.scan.UUID.String(), lockTTL)
		if lease == nil {
			continue
		}
		defer lease.Release()
		if err := sc.record(ctx); err != nil {
			return record{}, false, err
		}
		return sc.run(ctx, byFile)
	}
}
