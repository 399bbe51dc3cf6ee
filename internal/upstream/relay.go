package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Time limits of what is asked in a client's name: the client's own patience counts, these only end what is dead.
const (
	relayDial   = 10 * time.Second
	relayHeader = 60 * time.Second
	relayStall  = 60 * time.Second
)

// RelayConfig says where a relay may lead.
type RelayConfig struct {
	// AllowPrivate lets it connect to addresses that are not public: private, loopback and link-local ones, and what stands for such.
	AllowPrivate bool
	// Exempt are hosts and ports that may have a private address all the same. nil: none.
	Exempt func(host string, port int) bool
	// Own are the ports that this process listens at: they are never connected to on an address of this machine.
	Own []int
	// Parent is the proxy for all of it; "" is that of the client. Bypass are hosts that are connected to without it. nil: none.
	Parent string
	Bypass func(host string) bool
	// Resolver finds the addresses of names; nil is the system's.
	Resolver *net.Resolver
}

// Relay is the way to any host, for what clients ask of others: their own requests, passed on as they are. Certificates are verified, and
// addresses held to what the configuration allows when the connection is made. Redirects are not followed, nothing is repeated.
type Relay struct {
	client *Client
	cfg    RelayConfig
	parent *url.URL // nil is none
	http1  *http.Transport
	http2  *http.Transport
	copies sync.Pool
}

// NewRelay returns a relay.
func (c *Client) NewRelay(cfg RelayConfig) (*Relay, error) {
	r := &Relay{client: c, cfg: cfg, parent: c.proxy}
	if cfg.Parent != "" {
		var err error
		if r.parent, err = parseParent(cfg.Parent); err != nil {
			return nil, fmt.Errorf("parent of the relay %w", err)
		}
	}
	r.copies.New = func() any { b := make([]byte, relayCopy); return &b }
	r.http1 = r.transport(false)
	r.http2 = r.transport(true)
	return r, nil
}

func (r *Relay) transport(h2 bool) *http.Transport {
	t := &http.Transport{
		DialContext:            r.dialWide,
		TLSClientConfig:        &tls.Config{RootCAs: r.client.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    relayDial,
		ResponseHeaderTimeout:  relayHeader,
		ExpectContinueTimeout:  relayDial,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        30 * time.Second,
		WriteBufferSize:        64 << 10,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(h2)
	if r.parent != nil {
		through := http.ProxyURL(r.parent)
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			if r.bypasses(req.URL.Hostname()) {
				return nil, nil
			}
			return through(req)
		}
	}
	return t
}

func (r *Relay) bypasses(host string) bool { return r.cfg.Bypass != nil && r.cfg.Bypass(lower(host)) }

// HasParent tells whether another proxy makes the connections: it finds the addresses of names, which are not looked at then.
func (r *Relay) HasParent() bool { return r.parent != nil }

// Close closes connections that are not in use.
func (r *Relay) Close() {
	r.http1.CloseIdleConnections()
	r.http2.CloseIdleConnections()
}

// Dial connects to a host, through the parent proxy if there is one. An error wraps ErrRefused if the address is not allowed, and
// ErrUnreachable otherwise.
func (r *Relay) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	var conn net.Conn
	var err error
	if r.parent == nil || r.bypasses(host) {
		conn, err = r.dialAddress(ctx, "tcp", addr)
	} else {
		conn, err = r.throughParent(ctx, addr)
	}
	if err != nil && !errors.Is(err, ErrRefused) {
		err = fmt.Errorf("connect to %s: %w: %w", host, ErrUnreachable, err)
	}
	return conn, err
}

// dialAddress connects, after what the name has turned out to be was looked at. The parent proxy is the operator's word.
func (r *Relay) dialAddress(ctx context.Context, network, addr string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: relayDial, KeepAlive: relayDial * 6, Resolver: r.cfg.Resolver}
	if p := r.parent; p == nil || lower(host) != lower(p.Hostname()) || portText != port(p) {
		number, err := strconv.Atoi(portText)
		if err != nil {
			return nil, err
		}
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return r.checkAddress(host, number, address)
		}
	}
	return d.DialContext(ctx, network, addr)
}

// dialWide is dialAddress for connections that answers are read of.
func (r *Relay) dialWide(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := r.dialAddress(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &wide{Conn: conn}, nil
}

// checkAddress says whether a connection may be made to the address that a host has turned out to have.
func (r *Relay) checkAddress(host string, port int, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", host, ErrRefused)
	}
	for _, own := range r.cfg.Own {
		if int(ap.Port()) == own && isOwnAddress(ap.Addr()) {
			return fmt.Errorf("connect to %s, which is the gate itself: %w", host, ErrRefused)
		}
	}
	if public(ap.Addr()) || r.cfg.AllowPrivate || r.cfg.Exempt != nil && r.cfg.Exempt(lower(host), port) {
		return nil
	}
	return fmt.Errorf("connect to %s, which is %s: %w", host, ap.Addr(), ErrRefused)
}

// isOwnAddress tells whether an address is one of this machine.
func isOwnAddress(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return true // in doubt it is
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == ip {
				return true
			}
		}
	}
	return false
}

// checkName says whether the parent proxy may be asked for a host, whose addresses it finds itself: what is an address, or stands for this
// machine, is held to the same rules as without it.
func (r *Relay) checkName(host, portText string) error {
	number, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	private := err == nil && !public(ip) || isLoopback(lower(host))
	if !private || r.cfg.AllowPrivate || r.cfg.Exempt != nil && r.cfg.Exempt(lower(host), number) {
		return nil
	}
	return fmt.Errorf("connect to %s: %w", host, ErrRefused)
}

// throughParent has the parent proxy make the connection.
func (r *Relay) throughParent(ctx context.Context, addr string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := r.checkName(host, portText); err != nil {
		return nil, err
	}
	parent := r.parent
	conn, err := r.dialAddress(ctx, "tcp", net.JoinHostPort(parent.Hostname(), port(parent)))
	if err != nil {
		return nil, err
	}
	if parent.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: parent.Hostname(), RootCAs: r.client.roots, MinVersion: tls.VersionTLS12})
	}
	early, err := askParent(ctx, conn, parent, addr)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if len(early) == 0 {
		return conn, nil
	}
	return &begun{Conn: conn, early: early}, nil
}

// askParent asks a proxy for a connection. It returns what came behind the answer.
func askParent(ctx context.Context, conn net.Conn, parent *url.URL, addr string) (early []byte, err error) {
	limit := time.Now().Add(relayDial)
	if at, ok := ctx.Deadline(); ok && at.Before(limit) {
		limit = at
	}
	if err := conn.SetDeadline(limit); err != nil {
		return nil, err
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {""}}}
	if u := parent.User; u != nil {
		password, _ := u.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("ask the parent proxy: %w", err)
	}
	buffered := bufio.NewReader(io.LimitReader(conn, maxHeader))
	res, err := http.ReadResponse(buffered, req)
	if err != nil {
		return nil, fmt.Errorf("ask the parent proxy: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the parent proxy answers %s", res.Status)
	}
	early = make([]byte, buffered.Buffered())
	if _, err := io.ReadFull(buffered, early); err != nil {
		return nil, err
	}
	return early, conn.SetDeadline(time.Time{})
}

// begun is a connection of which some bytes have been read.
type begun struct {
	net.Conn
	early []byte
}

// CloseWrite passes the end of one way on.
func (c *begun) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// Read gives the early bytes first.
func (c *begun) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}

// RoundTrip sends a request as it is: over HTTP/2 if the client's came that way, as it may be one that nothing else can carry. An error wraps
// ErrRefused, or ErrUnreachable with its cause, or is the context's own. The body of the answer ends in an error if it stalls.
func (r *Relay) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.parent != nil && !r.bypasses(req.URL.Hostname()) {
		if err := r.checkName(req.URL.Hostname(), port(req.URL)); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	t := r.http1
	if req.ProtoMajor == 2 {
		t = r.http2
	}
	var below *wide
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { below = wideOf(c.Conn) }})
	res, err := t.RoundTrip(req.WithContext(traced))
	if err != nil {
		cancel(nil)
		r.client.metrics.requests.WithLabelValues("relay", "error").Inc()
		switch {
		case req.Context().Err() != nil:
			return nil, req.Context().Err()
		case errors.Is(err, ErrRefused):
			return nil, fmt.Errorf("ask %s: %w", req.URL.Host, err)
		default:
			return nil, fmt.Errorf("ask %s: %w: %w", req.URL.Host, ErrUnreachable, err)
		}
	}
	res.Header.Del("Alt-Svc") // nobody is told of a way around
	r.client.metrics.requests.WithLabelValues("relay", strconv.Itoa(res.StatusCode)).Inc()
	if conn, ok := res.Body.(io.ReadWriteCloser); ok && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body = &switched{conn, cancel}
		return res, nil
	}
	if below != nil && res.ProtoMajor == 1 && res.ContentLength > relayCopy {
		res.Body = &gathered{ReadCloser: res.Body, conn: below}
	}
	res.Body = newBody(ctx, cancel, res.Body, relayStall, r.client.metrics.bytes.WithLabelValues("relay"))
	return res, nil
}

// switched is a connection that has changed its protocol.
type switched struct {
	io.ReadWriteCloser
	cancel context.CancelCauseFunc
}

// Close implements io.Closer.
func (c *switched) Close() error {
	err := c.ReadWriteCloser.Close()
	c.cancel(nil)
	return err
}

// silent takes what httputil says of clients that left.
var silent = stdlog.New(io.Discard, "", 0)

// relayCopy is how much is copied at once.
const relayCopy = 256 << 10

// Get implements httputil.BufferPool.
func (r *Relay) Get() []byte {
	b, ok := r.copies.Get().(*[]byte)
	if !ok {
		return make([]byte, relayCopy)
	}
	return *b
}

// Put implements httputil.BufferPool.
func (r *Relay) Put(b []byte) { r.copies.Put(&b) }

// Outgoing is a request of the gate's own after a client's: the same address, headers and method, without a body and without what concerns
// the client's connection alone. The request's URL must be whole.
func Outgoing(ctx context.Context, in *http.Request) *http.Request {
	out := in.Clone(ctx)
	out.RequestURI, out.Body, out.ContentLength, out.TransferEncoding, out.Close = "", http.NoBody, 0, nil, false
	for _, value := range in.Header.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			out.Header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
	} {
		out.Header.Del(name)
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header["User-Agent"] = nil // net/http would send its own
	}
	return out
}

// asItCame undoes what httputil.ReverseProxy changes besides removing the headers of the hop.
func asItCame(p *httputil.ProxyRequest) {
	p.Out.Host = p.In.Host
	p.Out.URL.RawQuery, p.Out.URL.ForceQuery = p.In.URL.RawQuery, p.In.URL.ForceQuery
	if path, _, _ := strings.Cut(p.In.RequestURI, "?"); strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && path != p.Out.URL.EscapedPath() && p.Out.URL.Scheme == "https" {
		p.Out.URL.Opaque = path // escaped as net/url would not: it may be signed so
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := p.In.Header[name]; ok {
			p.Out.Header[name] = values
		}
	}
}

// Pass sends a client's request on, and the answer back as it comes: trailers, interim answers and upgrades included. See is shown the
// answer before any of it is sent, and may change it; an error of it, or of the relay, goes to fail, with nothing sent yet. See may be nil.
func (r *Relay) Pass(w http.ResponseWriter, in *http.Request, see func(*http.Response) error, fail func(error)) {
	p := httputil.ReverseProxy{
		Rewrite: asItCame, Transport: r, BufferPool: r, ModifyResponse: see, FlushInterval: -1,
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { fail(err) },
		ErrorLog:     silent,
	}
	p.ServeHTTP(w, in)
}
