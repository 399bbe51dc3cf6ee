package proxy

import (
	"context"
	"io"
	"sync"
	"time"
)

// ledger is who is in the house: connections that net/http no longer knows of, since they were taken over. The end of the proxy waits for
// them.
type ledger struct {
	mu     sync.Mutex
	closed bool
	guests map[io.Closer]bool // whether it may go on for a while at the end
	gone   sync.WaitGroup
}

// enter lets a connection in that has just come. It is false when the proxy ends, and the caller closes the connection.
func (l *ledger) enter(c io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.guests == nil {
		l.guests = map[io.Closer]bool{}
	}
	l.guests[c] = false
	l.gone.Add(1)
	return true
}

// settle puts a guest that stays, such as a tunnel, into the place of the connection that it has come as: it is given time at the end. It is
// false when the proxy ends.
func (l *ledger) settle(came, stays io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.guests[came]; l.closed || !ok {
		return false
	}
	delete(l.guests, came)
	l.guests[stays] = true
	return true
}

// leave says that a connection is closed. It may be said more than once.
func (l *ledger) leave(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.guests[c]; ok {
		delete(l.guests, c)
		l.gone.Done()
	}
}

// each is called with every guest that stays.
func (l *ledger) each(f func(io.Closer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, stays := range l.guests {
		if stays {
			f(c)
		}
	}
}

// close lets nobody in any more, and ends what has just come.
func (l *ledger) close() { l.end(func(stays bool) bool { return !stays }) }

// wait waits until all are gone: for as long as patience and ctx allow, then it ends those that are left.
func (l *ledger) wait(ctx context.Context, patience time.Duration) {
	gone := make(chan struct{})
	go func() { l.gone.Wait(); close(gone) }()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-gone:
		return
	case <-limit.C:
	case <-ctx.Done():
	}
	l.end(func(bool) bool { return true })
	<-gone
}

// end closes guests. Closing takes no part of the lock, since it may call leave.
func (l *ledger) end(which func(stays bool) bool) {
	l.mu.Lock()
	l.closed = true
	var list []io.Closer
	for c, stays := range l.guests {
		if which(stays) {
			list = append(list, c)
		}
	}
	l.mu.Unlock()
	for _, c := range list {
		_ = c.Close()
	}
}
