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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elazarl/goproxy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
	"modelgate/internal/proxy/authority"
)

// limits are how long is waited for what.
type limits struct {
	header     time.Duration // of a request, inside and outside, and the first bytes of a tunnel
	handshake  time.Duration // of TLS, and the making of a tunnel
	idleInside time.Duration // between requests
	idleTunnel time.Duration
	tunnelsEnd time.Duration // how long tunnels may go on at the end
}

func usualLimits() limits {
	return limits{header: 10 * time.Second, handshake: 10 * time.Second, idleInside: 2 * time.Minute, idleTunnel: 15 * time.Minute, tunnelsEnd: 30 * time.Second}
}

// maxHeader is how long the header of a request may be: addresses with signatures have some 4 KiB.
const maxHeader = 64 << 10

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
	// Pass lets plain HTTP through to hosts that are not inspected, and Upgrade requests to change the protocol, to WebSocketHosts; nil
	// refuses them. Upgrade must give no body in its answer: nobody judges it.
	Pass, Upgrade http.Handler
	// Dial connects to hosts that are tunnelled; it refuses addresses that nobody may be connected to.
	Dial func(ctx context.Context, host string, port int) (net.Conn, error)
	// Clients are the networks whose clients may use the proxy; none lets all of them in. Accounts are who may; nil lets everybody in.
	Clients  []netip.Prefix
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
	tls     *tls.Config // of all handshakes: it chooses one of the three
	failed  *Failures
	open    ledger
	buffers sync.Pool // of *[]byte: what is sent together
	within  limits
}

// New returns the proxy.
func New(cfg Config) (*Server, error) { return newServer(cfg, usualLimits()) }

func newServer(cfg Config, within limits) (*Server, error) {
	if cfg.Authority == nil || cfg.Web == nil || cfg.Dial == nil {
		return nil, errors.New("forward proxy: authority, dial and web must be given")
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 10_000
	}
	if cfg.MaxPerClient <= 0 {
		cfg.MaxPerClient = 512
	}
	s := &Server{Config: cfg, log: cfg.Log, handed: newHandover(), failed: newFailures(), within: within}
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
		Handler: http.HandlerFunc(s.enter), ReadHeaderTimeout: within.header, IdleTimeout: within.idleInside, MaxHeaderBytes: maxHeader, ErrorLog: errorLog,
	}
	s.inside = &http.Server{
		Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: within.header, IdleTimeout: within.idleInside, MaxHeaderBytes: maxHeader, ErrorLog: errorLog,
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

// OpenDoors are the hosts in proxy.tunnel_hosts, and in rules that tunnel for everybody, that doors answer for: who reaches them through a
// tunnel meets no gate.
func (s *Server) OpenDoors() []string {
	list := slices.Clone(s.Policy.TunnelHosts)
	for _, r := range s.Policy.Rules {
		if r.Action == Tunnel {
			list = append(list, r.Hosts...)
		}
	}
	var out []string
	for _, host := range list {
		one, err := NewHosts([]string{host})
		if err != nil {
			continue // New has told
		}
		for _, d := range s.Doors {
			if slices.ContainsFunc(slices.Concat(d.Hosts, d.Sends), func(own string) bool { return overlap(one, host, own) }) && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
		if t, err := parseTarget(host, 443); err == nil && s.known(t) && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// overlap tells whether a host or pattern, which is read as one, and another have hosts in common.
func overlap(one Hosts, host, other string) bool {
	return one.Has(strings.TrimPrefix(other, "*.")) || strings.HasPrefix(host, "*.") && host == other
}

// Serve answers connections until Shutdown. It returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	done := make(chan struct{})
	defer close(done)
	go s.sweep(done)
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
	s.open.close()
	err := s.outside.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.outside.Close())
	}
	if e := s.inside.Shutdown(ctx); e != nil {
		err = errors.Join(err, e, s.inside.Close())
	}
	s.handed.close()
	s.open.wait(ctx, s.within.tunnelsEnd)
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
