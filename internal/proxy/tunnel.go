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
)

// tunnel copies between a client and a host, without a look at the bytes.
type tunnel struct {
	client, host net.Conn
	used         atomic.Int64 // when bytes passed last, in Unix nanoseconds
}

// How a tunnel copies: by pieces that the kernel moves, and with a look at the clock in between.
const (
	tunnelPiece = 1 << 20
	tunnelLook  = idleTunnel / 5
)

// tunnel connects a client to a host. It returns when the connection stands or has failed; bytes are copied by goroutines of the tunnel's own.
func (s *Server) tunnel(r *http.Request, conn net.Conn, to target) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), handshakeWithin) // net/http ends the request's own with the hijack
	defer cancel()
	host, err := s.Dial(ctx, to.host, to.port)
	if err != nil {
		s.log.Warn().Err(err).Str("target", to.String()).Msg("tunnel cannot be made")
		status := http.StatusBadGateway
		if isTimeout(err) {
			status = http.StatusGatewayTimeout
		}
		answer(conn, status, to.String()+" cannot be reached")
		return
	}
	t := &tunnel{client: conn, host: host}
	t.used.Store(time.Now().UnixNano())
	if err := errors.Join(established(conn), t.early()); err != nil || !s.register(t) {
		t.close()
		return
	}
	s.metrics.tunnels.Inc()
	var ways sync.WaitGroup
	ways.Add(2)
	go func() { defer ways.Done(); t.copy(host, bare(conn)) }()
	go func() {
		defer s.tunnels.Done()
		t.copy(bare(conn), host)
		ways.Done()
		ways.Wait()
		t.close()
		s.unregister(t)
		s.metrics.tunnels.Dec()
	}()
}

// register counts a tunnel among those that Shutdown waits for; false if it is too late.
func (s *Server) register(t *tunnel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.tunnels.Add(1)
	s.open[t] = struct{}{}
	return true
}

func (s *Server) unregister(t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, t)
}

// endTunnels waits for tunnels to end by themselves, and ends the others.
func (s *Server) endTunnels(ctx context.Context) {
	ended := make(chan struct{})
	go func() { s.tunnels.Wait(); close(ended) }()
	patience := time.NewTimer(tunnelsEnd)
	defer patience.Stop()
	select {
	case <-ended:
		return
	case <-patience.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	for t := range s.open {
		t.close()
	}
	s.mu.Unlock()
	<-ended
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

func (t *tunnel) close() {
	_ = t.client.Close()
	_ = t.host.Close()
}

// copy copies one way until its end, which it passes on, or until nothing has passed either way for too long.
func (t *tunnel) copy(to, from net.Conn) {
	for {
		_ = from.SetReadDeadline(time.Now().Add(tunnelLook))
		piece := io.LimitedReader{R: from, N: tunnelPiece}
		n, err := io.Copy(to, &piece)
		now := time.Now().UnixNano()
		if n > 0 {
			t.used.Store(now)
		}
		switch {
		case err == nil && piece.N > 0: // the end
			if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				t.close()
			}
			return
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Duration(now-t.used.Load()) < idleTunnel:
		default:
			t.close()
			return
		}
	}
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

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
