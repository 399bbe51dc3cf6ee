// Package proxy is the door of the company's egress: a forward proxy that ends TLS for the hosts that models and packages come from, and
// hands the requests to the same doors that answer for the mirrors. Everything else is tunnelled, inspected by content or refused, as the
// configuration says.
//
// goproxy reads CONNECT requests and dispatches them. Inspected connections are taken over from it and end in a server of our own, which
// gives doors what they rely on: cancellation when a client leaves, time limits, interim answers, reason phrases, a graceful end. The name
// in CONNECT, in the TLS handshake and in the Host header must be one: else one allowed name would open every other.
//
// What the proxy does not do: it looks at no body itself, keeps nothing, and never talks to an upstream without verifying its certificate.
//
// Read it in the order of a connection: proxy.go (listener, shutdown), enter.go (who may), hosts.go and policy.go (what is done with it),
// connect.go (CONNECT), tunnel.go, intercept.go (TLS ends), inside.go (requests within), pac.go (what clients are told).
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/elazarl/goproxy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
	"modelgate/internal/proxy/authority"
)

// Time limits and sizes.
const (
	headerWithin    = 10 * time.Second // of a request, inside and outside
	handshakeWithin = 10 * time.Second
	idleInside      = 120 * time.Second
	idleTunnel      = 15 * time.Minute
	tunnelsEnd      = 30 * time.Second // how long tunnels may go on at the end
	maxHeader       = 64 << 10
)

// Door answers for some hosts.
type Door struct {
	Name string // of logs and metrics
	// Hosts are those that it answers for by their names: exact ones, or patterns like *.example.org.
	Hosts []string
	// Sends are further patterns of hosts that the PAC file sends to the proxy: some of what matches may be the door's.
	Sends []string
	// Knows tells of further hosts, such as those that were learned. nil knows none.
	Knows func(host string, port int) bool
	// Takes tells whether it answers a request to a host that no door knows, by the request's own marks. nil takes none.
	Takes   func(*http.Request) bool
	Handler http.Handler
}

// Config is what the proxy needs. Authority and Web must be set.
type Config struct {
	Authority *authority.Authority
	Policy    Policy
	Doors     []Door
	// Web answers for inspected hosts that no door knows.
	Web http.Handler
	// Pass lets plain HTTP through to hosts that are not inspected; nil refuses it.
	Pass http.Handler
	// Dial connects to hosts that are tunnelled; it refuses addresses that nobody may be connected to.
	Dial func(ctx context.Context, host string, port int) (net.Conn, error)
	// Accounts are who may use the proxy; nil lets everybody in.
	Accounts *auth.Accounts
	// H2Hosts are hosts whose clients may speak HTTP/2: those that speak nothing else. WebSocketHosts may be upgraded to.
	H2Hosts, WebSocketHosts []string
	// PrivateNames are patterns of hosts that clients reach without the proxy; the PAC file says so.
	PrivateNames []string
	// MaxConnections bounds the connections of all clients, and MaxPerClient those of one address; 0 is 10,000 and 512.
	MaxConnections, MaxPerClient int

	Log        zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Server is the forward proxy.
type Server struct {
	Config
	policy  *policy
	metrics metrics
	crowd   crowd
	log     zerolog.Logger
	h2      Hosts
	sockets Hosts

	engine  *goproxy.ProxyHttpServer
	outside *http.Server
	inside  *http.Server
	handed  *handover // connections that go from outside to inside
	plain   *tls.Config
	both    *tls.Config
	refused *tls.Config
	failed  *Failures

	tunnels sync.WaitGroup
	mu      sync.Mutex
	open    map[*tunnel]struct{}
	closing bool
}

// New returns the proxy.
func New(cfg Config) (*Server, error) {
	if cfg.Authority == nil || cfg.Web == nil || cfg.Dial == nil {
		return nil, errors.New("forward proxy: authority, dial and web must be given")
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 10_000
	}
	if cfg.MaxPerClient <= 0 {
		cfg.MaxPerClient = 512
	}
	s := &Server{Config: cfg, log: cfg.Log, open: map[*tunnel]struct{}{}, handed: newHandover(), failed: newFailures()}
	s.crowd = crowd{all: cfg.MaxConnections, each: cfg.MaxPerClient, by: map[netip.Addr]int{}}
	var err error
	if s.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, err
	}
	if s.h2, err = NewHosts(cfg.H2Hosts); err != nil {
		return nil, err
	}
	if s.sockets, err = NewHosts(cfg.WebSocketHosts); err != nil {
		return nil, err
	}
	byName := make([]Hosts, len(cfg.Doors))
	for i, d := range cfg.Doors {
		if byName[i], err = NewHosts(d.Hosts); err != nil {
			return nil, err
		}
	}
	s.Doors = make([]Door, len(cfg.Doors))
	for i, d := range cfg.Doors {
		knows := d.Knows
		d.Knows = func(host string, port int) bool { return byName[i].Has(host) || knows != nil && knows(host, port) }
		s.Doors[i] = d
	}
	if s.policy, err = newPolicy(cfg.Policy, s.known); err != nil {
		return nil, err
	}
	s.configureTLS()
	s.engine = s.newEngine()
	errorLog := stdlog.New(debugLog{s.log}, "", 0)
	s.outside = &http.Server{
		Handler: http.HandlerFunc(s.enter), ReadHeaderTimeout: headerWithin, IdleTimeout: idleInside, MaxHeaderBytes: maxHeader, ErrorLog: errorLog,
	}
	s.inside = &http.Server{
		Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: headerWithin, IdleTimeout: idleInside, MaxHeaderBytes: maxHeader, ErrorLog: errorLog,
		ConnContext: withPassage, Protocols: new(http.Protocols),
	}
	s.inside.Protocols.SetHTTP1(true)
	s.inside.Protocols.SetHTTP2(true)
	return s, nil
}

// known tells whether a door answers for a host.
func (s *Server) known(t target) bool {
	for _, d := range s.Doors {
		if d.Knows(t.host, t.port) {
			return true
		}
	}
	return false
}

// Serve answers connections until Shutdown. It returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	inside := make(chan error, 1)
	go func() { inside <- s.inside.Serve(s.handed) }()
	err := s.outside.Serve(s.crowd.listen(l))
	if !errors.Is(err, http.ErrServerClosed) {
		err = errors.Join(err, s.inside.Close())
	}
	if e := <-inside; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Shutdown ends the proxy: it accepts nothing more, lets requests that are inside finish while ctx lives, and tunnels for half a minute of
// that time. It returns when no goroutine of a connection is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err := s.outside.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.outside.Close())
	}
	if e := s.inside.Shutdown(ctx); e != nil {
		err = errors.Join(err, e, s.inside.Close())
	}
	s.handed.close()
	s.endTunnels(ctx)
	return err
}

// Failures are the clients that did not accept the proxy's certificates.
func (s *Server) Failures() *Failures { return s.failed }

// debugLog takes what the HTTP servers say of broken connections, which clients cause at will.
type debugLog struct{ log zerolog.Logger }

func (l debugLog) Write(line []byte) (int, error) {
	l.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
