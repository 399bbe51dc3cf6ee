package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"modelgate/internal/auth"
)

// passage is a connection that was let through the door of CONNECT: where it leads, and whose it is.
type passage struct {
	target
	scheme    string // that clients speak inside: "https", or "http" if there is no TLS in the tunnel
	agent     string // User-Agent of the CONNECT
	principal auth.Principal
}

// inspected is the connection of a passage.
type inspected struct {
	replayed
	pass *passage
	// name is set when the client asked, in TLS, for another name than in CONNECT.
	name string
}

// configureTLS makes the configurations that all inspected connections share: sessions can be resumed, and none is made for each.
func (s *Server) configureTLS() {
	base := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, ok := hello.Conn.(*inspected)
			if !ok {
				return nil, errors.New("not a connection of the proxy")
			}
			return s.Authority.Leaf(c.pass.host)
		},
	}
	s.plain = base.Clone()
	s.plain.NextProtos = []string{"http/1.1"}
	s.both = base.Clone()
	s.both.NextProtos = []string{"http/1.1", "h2"} // the server's order counts
	s.refused = &tls.Config{MinVersion: tls.VersionTLS12}
}

// forHello chooses the configuration for a handshake. A name that is not that of CONNECT gets one without certificates, which ends the
// handshake with unrecognized_name.
func (s *Server) forHello(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c, ok := hello.Conn.(*inspected)
	if !ok {
		return nil, errors.New("not a connection of the proxy")
	}
	if hello.ServerName != "" && !c.pass.isNamed(hello.ServerName) {
		c.name = hello.ServerName
		return s.refused, nil
	}
	if s.h2.Has(c.pass.host) {
		return s.both, nil
	}
	return s.plain, nil
}

// Types of the first byte of what comes through a tunnel.
const (
	recordHandshake = 22 // TLS record type (RFC 8446, 5.1)
)

// intercept ends a tunnel here: TLS, or plain HTTP, is answered by the server inside. Anything else is closed.
func (s *Server) intercept(ctx context.Context, conn net.Conn, pass *passage) {
	c := &inspected{pass: pass}
	c.Conn = conn
	first, err := c.first()
	switch {
	case err != nil:
		_ = conn.Close()
	case first == recordHandshake:
		s.handshake(ctx, c)
	case 'A' <= first && first <= 'Z':
		pass.scheme = "http"
		s.handed.give(c)
	default:
		s.metrics.handshakes.WithLabelValues("not_tls").Inc()
		s.log.Warn().Str("target", pass.String()).Str("from", conn.RemoteAddr().String()).Msg("what came through the tunnel is neither TLS nor HTTP")
		_ = conn.Close()
	}
}

// first tells the client that the tunnel stands, and looks at the first byte that comes.
func (c *inspected) first() (byte, error) {
	if err := established(c.Conn); err != nil {
		return 0, err
	}
	if err := c.SetReadDeadline(time.Now().Add(headerWithin)); err != nil {
		return 0, err
	}
	b := make([]byte, 1)
	if _, err := io.ReadFull(c.Conn, b); err != nil {
		return 0, err
	}
	c.early = b
	return b[0], c.SetReadDeadline(time.Time{})
}

// handshake ends TLS and hands the connection to the server inside.
func (s *Server) handshake(ctx context.Context, c *inspected) {
	conn := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.forHello})
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.mourn(c, err)
		_ = c.Close()
		return
	}
	s.metrics.handshakes.WithLabelValues("ok").Inc()
	s.handed.give(conn)
}

// mourn counts a handshake that failed, and tells the log of it now and then.
func (s *Server) mourn(c *inspected, err error) {
	reason := reasonOf(c, err)
	s.metrics.handshakes.WithLabelValues(reason).Inc()
	if s.failed.add(Failure{Time: time.Now(), Host: c.pass.host, Client: c.pass.agent, From: c.RemoteAddr().String(), Reason: reason}) {
		s.log.Warn().Err(err).Str("target", c.pass.String()).Str("client", c.pass.agent).Str("from", c.RemoteAddr().String()).
			Str("reason", reason).Str("asked_for", c.name).Msg("handshake with a client failed")
	}
}

// reasonOf tells why a handshake failed.
func reasonOf(c *inspected, err error) string {
	var alert tls.AlertError
	text := err.Error()
	switch {
	case c.name != "":
		return "sni"
	case strings.Contains(text, "unsupported application protocols"):
		return "alpn"
	case errors.As(err, &alert), strings.Contains(text, "remote error"), strings.Contains(text, "bad record MAC"), errors.Is(err, io.EOF):
		return "untrusted"
	default:
		return "other"
	}
}

// withPassage lets requests know by which passage they came.
func withPassage(ctx context.Context, conn net.Conn) context.Context {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, ok := conn.(*inspected)
	if !ok {
		return ctx
	}
	return context.WithValue(auth.With(ctx, c.pass.principal), passageKey{}, c.pass)
}

type passageKey struct{}

// passageOf is the passage that a request came by.
func passageOf(r *http.Request) (*passage, bool) {
	p, ok := r.Context().Value(passageKey{}).(*passage)
	return p, ok
}

// handover is a listener whose connections are given by hand.
type handover struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHandover() *handover {
	return &handover{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// give hands a connection over, or closes it if nobody takes any more.
func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

func (h *handover) close() { h.once.Do(func() { close(h.closed) }) }

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error { h.close(); return nil }

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return &net.TCPAddr{} }
