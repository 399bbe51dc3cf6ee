// Package upstream is the outside world over HTTP: the one way out for every request that modelgate makes. Packages below it speak
// the protocols of its origins.
//
// What it takes care of, so that they don't have to:
//
//   - Addresses. A redirect is followed only to where the configuration allows, never from https to http, and never to a private
//     address that the endpoint is not itself; names are checked again by the address they turn out to have when a connection is
//     made. Authorization goes to the endpoint's own origin and nowhere else.
//   - Bad days. Requests that may be repeated are, after a pause, when the connection fails or the answer is 502, 503 or 504. Headers
//     have to come within a time, and bodies must not stall.
//   - Patience. When a quota is used up (429, Retry-After, RateLimit), every further request that counts for it waits until it is
//     renewed, in this process and, through [Pauses], in others. Who can't wait that long is told at once.
//
// It trusts nothing that comes back: sizes of headers are bounded, the sizes of bodies are for the reader to bound.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnreachable is wrapped when upstream gave no answer.
var ErrUnreachable = errors.New("upstream is unreachable")

// ErrRefused is wrapped when upstream pointed to an address that is not allowed.
var ErrRefused = errors.New("address is not allowed")

// Time limits. Clients of the Hub wait 10 s for a header and as long for each next piece of a body: a body that stalls has to be gone on
// with elsewhere before that.
const (
	dialTimeout   = 5 * time.Second
	headerTimeout = 30 * time.Second
	stallTimeout  = 8 * time.Second
	maxHeader     = 256 << 10 // bytes of the header of an answer
	maxRedirects  = 8
)

// Config is what all sites share.
type Config struct {
	CABundle    string // PEM file of the authorities that upstream certificates are checked against; "" is the system's
	ParentProxy string // http:// or https:// proxy for every request; "" is none, whatever the environment says
	UserAgent   string // of requests that have none
	Registerer  prometheus.Registerer
	Pauses      Pauses // quotas shared between instances; nil: this process alone

	// HeaderTimeout and StallTimeout are how long the header of an answer may take to come, and each next piece of a body; 0 is 30 s
	// and 8 s.
	HeaderTimeout, StallTimeout time.Duration
}

// Client is the way out. Its sites share certificates, parent proxy and counters.
type Client struct {
	cfg     Config
	roots   *x509.CertPool // nil is the system's
	proxy   *url.URL       // nil is none
	metrics metrics
	backoff func(failures int) time.Duration
}

// New returns a Client.
func New(cfg Config) (*Client, error) {
	if cfg.HeaderTimeout == 0 {
		cfg.HeaderTimeout = headerTimeout
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = stallTimeout
	}
	c := &Client{cfg: cfg, backoff: backoff}
	if cfg.CABundle != "" {
		pem, err := os.ReadFile(cfg.CABundle)
		if err != nil {
			return nil, fmt.Errorf("read upstream.ca_bundle: %w", err)
		}
		c.roots = x509.NewCertPool()
		if !c.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("upstream.ca_bundle %s holds no certificate", cfg.CABundle)
		}
	}
	if cfg.ParentProxy != "" {
		u, err := parseParent(cfg.ParentProxy)
		if err != nil {
			return nil, fmt.Errorf("upstream.proxy %w", err)
		}
		c.proxy = u
	}
	var err error
	if c.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics of upstream: %w", err)
	}
	return c, nil
}

// parseParent reads the address of a proxy. It may hold a password, so errors do not show it.
func parseParent(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("is not an http:// or https:// address")
	}
	return u, nil
}

// SiteConfig is one upstream.
type SiteConfig struct {
	Name     string // of metrics: "hub"
	Endpoint string // address below which everything is asked for
	// Redirects are host names, or patterns like *.example.org, to which the site may redirect besides its own host. A pattern
	// stands for all names below it, not for example.org itself.
	Redirects []string
	// AnyPublic lets it redirect to every host whose address is public, which is where package indexes keep their files.
	AnyPublic bool
	// Within is the site that has named this one's endpoint. Such an endpoint is not the operator's word: it may have an address that is
	// not public only if that site has. nil: the configuration names it.
	Within *Site
	// Quota names the quota that a request counts for; nil: all count for one.
	Quota func(*http.Request) string
}

// Site is one upstream with its own policy and connections. All methods may be called at the same time.
type Site struct {
	client    *Client
	name      string
	endpoint  *url.URL
	policy    *policy
	quota     func(*http.Request) string
	pauses    *pauses
	transport *http.Transport
}

// Site returns the site of an endpoint.
func (c *Client) Site(cfg SiteConfig) (*Site, error) {
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" || endpoint.User != nil ||
		endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, fmt.Errorf("endpoint of %s is not an http:// or https:// address", cfg.Name)
	}
	endpoint.Path, endpoint.RawPath = strings.TrimRight(endpoint.Path, "/"), ""
	s := &Site{client: c, name: cfg.Name, endpoint: endpoint, quota: cfg.Quota, pauses: newPauses(cfg.Name, c.cfg.Pauses)}
	if s.policy, err = newPolicy(endpoint, cfg.Redirects); err != nil {
		return nil, fmt.Errorf("redirects of %s: %w", cfg.Name, err)
	}
	s.policy.anyPublic = cfg.AnyPublic
	if cfg.Within != nil {
		s.policy.within = cfg.Within.policy
		s.policy.private.Store(false)
	}
	s.transport = &http.Transport{
		DialContext:            s.dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  c.cfg.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ReadBufferSize:         64 << 10,
	}
	if c.proxy != nil {
		s.transport.Proxy = http.ProxyURL(c.proxy)
	}
	// A connection for each request in flight: a slow reader of one download must not hold up another.
	s.transport.Protocols = new(http.Protocols)
	s.transport.Protocols.SetHTTP1(true)
	return s, nil
}

// Endpoint is the site's address without a slash at its end.
func (s *Site) Endpoint() string { return s.endpoint.String() }

// IsOwn tells whether an address belongs to the site's own origin: scheme, host and port are the endpoint's.
func (s *Site) IsOwn(u *url.URL) bool { return s.policy.own(u) }

// Close closes connections that are not in use.
func (s *Site) Close() { s.transport.CloseIdleConnections() }

// backoff is how long to wait after so many failures: 0.25 s, doubled each time, 4 s at most.
func backoff(failures int) time.Duration {
	return min(4*time.Second, 250*time.Millisecond<<min(failures-1, 10))
}

// patience is the context key of how long a quota may be waited for.
type patience struct{}

// WithPatience says how long each request under ctx may wait for a quota to be renewed. Without it, it's as long as ctx lives.
// Zero: not at all, a 429 is returned at once.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patience{}, d)
}

// Patience is what WithPatience said.
func Patience(ctx context.Context) (time.Duration, bool) {
	d, ok := ctx.Value(patience{}).(time.Duration)
	return d, ok
}
