package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"modelgate/internal/upstream"
)

// tunnel copies between a client and a host, without a look at the bytes.
type tunnel struct {
	client, host net.Conn
	used         atomic.Int64 // when bytes passed last, in Unix nanoseconds
}

// tunnelPiece is how much the kernel moves before the clock is looked at.
const tunnelPiece = 1 << 20

// tunnel connects a client to a host. It returns when the connection stands or has failed; bytes are copied by goroutines of the tunnel's own.
func (s *Server) tunnel(r *http.Request, conn net.Conn, to target) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.within.handshake) // net/http ends the request's own with the hijack
	defer cancel()
	host, err := s.Dial(ctx, to.host, to.port)
	if err != nil {
		s.log.Warn().Err(err).Str("target", to.String()).Msg("tunnel cannot be made")
		s.metrics.connects.WithLabelValues("unreachable").Inc()
		answer(conn, statusOf(err), upstream.Cause(err))
		return
	}
	t := &tunnel{client: conn, host: host}
	t.use()
	if !s.open.settle(conn, t) {
		_ = t.Close()
		return
	}
	if err := errors.Join(established(conn), t.early()); err != nil {
		_ = t.Close()
		s.open.leave(t)
		return
	}
	s.metrics.tunnels.Inc()
	var ways sync.WaitGroup
	ways.Add(1)
	go func() { defer ways.Done(); t.copy(host, bare(conn), s.within.idleTunnel/5) }()
	go func() {
		t.copy(bare(conn), host, s.within.idleTunnel/5)
		ways.Wait()
		_ = t.Close()
		s.metrics.tunnels.Dec()
		s.open.leave(t)
	}()
}

// statusOf is the status for a host that was not connected to.
func statusOf(err error) int {
	switch {
	case errors.Is(err, upstream.ErrRefused):
		return http.StatusForbidden
	case upstream.IsLate(err):
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

// sweep ends tunnels through which nothing has passed for too long, until done. It is what ends those, too, whose peer takes nothing.
func (s *Server) sweep(done <-chan struct{}) {
	ticks := time.NewTicker(s.within.idleTunnel / 10)
	defer ticks.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-ticks.C:
			s.open.each(func(c io.Closer) {
				if t, ok := c.(*tunnel); ok && now.UnixNano()-t.used.Load() > s.within.idleTunnel.Nanoseconds() {
					_ = t.Close()
				}
			})
		}
	}
}

// early sends on what came together with CONNECT.
func (t *tunnel) early() error {
	c, ok := t.client.(*replayed)
	if !ok || len(c.early) == 0 {
		return nil
	}
	_, err := t.host.Write(c.early)
	c.early = nil
	return err
}

func (t *tunnel) use() { t.used.Store(time.Now().UnixNano()) }

// Close ends both sides.
func (t *tunnel) Close() error { return errors.Join(t.client.Close(), t.host.Close()) }

// copy copies one way until its end, which it passes on. Every now and then it looks whether something has passed: the kernel says so
// only at the end of a piece.
func (t *tunnel) copy(to, from net.Conn, look time.Duration) {
	w := newWaiter(from)
	for {
		_ = from.SetReadDeadline(time.Now().Add(look)) // of a connection that is closed the next line tells
		n, ended, err := move(to, from, w)
		if n > 0 {
			t.use()
		}
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			_ = t.Close()
			return
		case ended:
			if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				_ = t.Close()
			}
			return
		}
	}
}

// move moves what has come, or what comes, up to a piece.
func move(to, from net.Conn, w *waiter) (n int64, ended bool, err error) {
	size := int64(tunnelPiece)
	if w != nil {
		if size, err = w.wait(); err != nil || size == 0 {
			return 0, err == nil, err
		}
	}
	piece := io.LimitedReader{R: from, N: min(size, tunnelPiece)}
	n, err = io.Copy(to, &piece)
	return n, err == nil && piece.N > 0, err
}

// bare is the connection itself, without what was put around it: the kernel copies between two such.
func bare(conn net.Conn) net.Conn {
	for {
		switch c := conn.(type) {
		case *replayed:
			conn = c.Conn
		case *counted:
			conn = c.Conn
		default:
			return conn
		}
	}
}
