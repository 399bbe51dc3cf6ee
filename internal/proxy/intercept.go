package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/auth"
)

// passage is a connection that was let through the door of CONNECT: where it leads, and whose it is.
type passage struct {
	target
	scheme    string // that clients speak inside: "https", or "http" if there is no TLS in the tunnel
	agent     string // User-Agent of the CONNECT
	principal auth.Principal
	tls       *tls.ConnectionState // nil if there is none
}

// inspected is the connection of a passage.
type inspected struct {
	replayed
	pass *passage
	// name is set when the client asked, in TLS, for another name than in CONNECT.
	name  string
	close func() error

	buffers   *sync.Pool // of *[]byte
	mu        sync.Mutex
	gathering bool
	gathered  *[]byte // nil if nothing is
}

// How much of what TLS writes is sent together, and how much makes more than one record.
const (
	sendTogether = 128 << 10
	oneRecord    = 16 << 10
)

// gather keeps what is written until send.
func (c *inspected) gather() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = true
}

// send writes what was kept.
func (c *inspected) send() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = false
	return c.flush()
}

// Write implements net.Conn.
func (c *inspected) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gathering {
		return c.Conn.Write(p)
	}
	if c.gathered == nil {
		c.gathered = c.buffer()
	}
	*c.gathered = append(*c.gathered, p...)
	if len(*c.gathered) >= sendTogether {
		return len(p), c.flush()
	}
	return len(p), nil
}

// flush writes what was kept, and gives the buffer back.
func (c *inspected) flush() error {
	if c.gathered == nil {
		return nil
	}
	_, err := c.Conn.Write(*c.gathered)
	*c.gathered = (*c.gathered)[:0]
	c.buffers.Put(c.gathered)
	c.gathered = nil
	return err
}

func (c *inspected) buffer() *[]byte {
	if b, ok := c.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, sendTogether+2*oneRecord)
	return &b
}

// Close implements net.Conn.
func (c *inspected) Close() error { return c.close() }

// configureTLS makes the configurations that all inspected connections share: one for all handshakes, so that sessions can be resumed, and
// those that it chooses from.
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
	// A session that is resumed needs no certificate: none may be, where there is none.
	s.refused = &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.forHello}
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

// language is what the first bytes of a tunnel are.
type language int

const (
	notYetKnown language = iota
	speaksTLS
	speaksHTTP
	speaksOther
)

// longestMethod is how long the longest method of HTTP in use is: VERSION-CONTROL, of WebDAV, and some more.
const longestMethod = 20

// recognise tells what the first bytes of a tunnel are: a handshake of TLS (RFC 8446, 5.1), or the method of a request of HTTP/1. The preface
// of HTTP/2 looks like one and is none.
func recognise(b []byte) language {
	const handshake, major = 22, 3 // type of the record, and the version that all have in common
	switch {
	case len(b) == 0:
		return notYetKnown
	case b[0] == handshake && len(b) == 1:
		return notYetKnown
	case b[0] == handshake && b[1] == major:
		return speaksTLS
	}
	method, _, whole := bytes.Cut(b, []byte(" "))
	switch {
	case len(method) == 0 || len(method) > longestMethod || len(bytes.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")) > 0:
		return speaksOther
	case !whole:
		return notYetKnown
	case string(method) == "PRI":
		return speaksOther
	default:
		return speaksHTTP
	}
}

// intercept ends a tunnel here: TLS, or plain HTTP, is answered by the server inside. Anything else is closed.
func (s *Server) intercept(ctx context.Context, conn net.Conn, pass *passage) {
	c := &inspected{pass: pass, buffers: &s.buffers}
	c.Conn = conn
	c.close = sync.OnceValue(func() error {
		defer s.open.leave(c)
		return conn.Close()
	})
	speaks, err := c.first(s.within.header)
	switch {
	case err != nil:
		_ = conn.Close()
	case speaks == speaksTLS:
		s.handshake(ctx, c)
	case speaks == speaksHTTP:
		pass.scheme = "http"
		s.handOver(c, c)
	default:
		s.metrics.handshakes.WithLabelValues("not_tls").Inc()
		s.log.Warn().Str("target", pass.String()).Str("from", conn.RemoteAddr().String()).Msg("what came through the tunnel is neither TLS nor HTTP")
		_ = conn.Close()
	}
}

// handOver gives a connection to the server inside.
func (s *Server) handOver(c *inspected, conn net.Conn) {
	if !s.open.settle(c.Conn, c) || !s.handed.give(conn) {
		_ = c.Close()
	}
}

// first tells the client that the tunnel stands, and looks at the first bytes that come.
func (c *inspected) first(within time.Duration) (language, error) {
	if err := established(c.Conn); err != nil {
		return speaksOther, err
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return speaksOther, err
	}
	b := make([]byte, longestMethod+2)
	n := 0
	for {
		more, err := c.Conn.Read(b[n:])
		n += more
		if speaks := recognise(b[:n]); speaks != notYetKnown {
			c.early = b[:n]
			return speaks, c.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return speaksOther, err
		}
	}
}

// handshake ends TLS and hands the connection to the server inside.
func (s *Server) handshake(ctx context.Context, c *inspected) {
	conn := tls.Server(c, s.tls)
	ctx, cancel := context.WithTimeout(ctx, s.within.handshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.mourn(c, err)
		_ = c.Close()
		return
	}
	s.metrics.handshakes.WithLabelValues("ok").Inc()
	state := conn.ConnectionState()
	c.pass.tls = &state
	if state.NegotiatedProtocol == "h2" {
		s.handOver(c, conn) // the server inside needs to see what it is
		return
	}
	s.handOver(c, &opened{Conn: conn, server: s, inspected: c})
}

// opened is a connection whose handshake is done. Clients that look at the certificate only then leave without a request.
type opened struct {
	*tls.Conn
	server    *Server
	inspected *inspected
	heard     atomic.Bool
}

// Write sends all records of a piece together, where TLS sends each by itself.
func (c *opened) Write(p []byte) (int, error) {
	if len(p) <= oneRecord {
		return c.Conn.Write(p)
	}
	c.inspected.gather()
	n, err := c.Conn.Write(p)
	return n, errors.Join(err, c.inspected.send())
}

// Read notes whether anything comes.
func (c *opened) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.heard.Load() || c.heard.Swap(true) || n > 0 || err == nil {
		return n, err
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) { // which is our own doing
		c.server.mourn(c.inspected, fmt.Errorf("%w: %w", errLeft, err))
	}
	return n, err
}

// errLeft is wrapped when a client leaves after the handshake, before it has asked for anything.
var errLeft = errors.New("no request came")

// mourn counts a handshake that failed, and tells the log of it now and then.
func (s *Server) mourn(c *inspected, err error) {
	f := Failure{Time: time.Now(), Host: c.pass.host, Client: c.pass.agent, From: c.RemoteAddr().String(), Reason: reasonOf(c, err)}
	f.Advice = adviceFor(f)
	s.metrics.handshakes.WithLabelValues(f.Reason).Inc()
	s.metrics.failures.WithLabelValues(f.Reason, toolOf(f.Client).Name).Inc()
	if s.failed.add(f) {
		level := zerolog.WarnLevel
		if f.Reason == "left" && toolOf(f.Client).Trust == "" { // such as a browser that opens connections in advance
			level = zerolog.DebugLevel
		}
		s.log.WithLevel(level).Err(err).Str("target", c.pass.String()).Str("client", f.Client).Str("from", f.From).
			Str("reason", f.Reason).Str("asked_for", c.name).Str("advice", f.Advice).Msg("handshake with a client failed")
	}
}

// reasonOf tells why a handshake failed. A client that does not trust the certificate says so, or just leaves.
func reasonOf(c *inspected, err error) string {
	var alert tls.AlertError
	text := err.Error()
	switch {
	case c.name != "":
		return "sni"
	case strings.Contains(text, "unsupported application protocols"):
		return "alpn"
	case errors.Is(err, errLeft) && !strings.Contains(text, "remote error"):
		return "left"
	case errors.As(err, &alert), strings.Contains(text, "remote error"), strings.Contains(text, "bad record MAC"),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "untrusted"
	default:
		return "other"
	}
}

// withPassage lets requests know by which passage they came.
func withPassage(ctx context.Context, conn net.Conn) context.Context {
	switch t := conn.(type) {
	case *tls.Conn:
		conn = t.NetConn()
	case *opened:
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

// give hands a connection over. It is false if nobody takes any more.
func (h *handover) give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.closed:
		return false
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
