// Package upstream is the outside world over HTTP: one way out for every request that modelgate makes.
package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrUnreachable is wrapped when upstream gave no answer.
var ErrUnreachable = errors.New("upstream is unreachable")

// ErrRefused is wrapped when upstream pointed to an address that the configuration does not allow.
var ErrRefused = errors.New("address is not allowed")

var errTodo = errors.New("not written yet")

// Config is what all sites share.
type Config struct {
	CABundle    string // PEM file of the authorities that upstream certificates are checked against; "" is the system's
	ParentProxy string // http:// or https:// proxy for every request; "" is none, whatever the environment says
	UserAgent   string
	Registerer  prometheus.Registerer // nil: no metrics
	Pauses      Pauses                // rate limits shared between instances; nil: this process alone
}

// Pauses shares between instances until when a quota is used up.
type Pauses interface {
	// Pause notes that nothing may be asked under this key before until.
	Pause(ctx context.Context, key string, until time.Time) error
	// Until tells when the pause ends; a time that has passed, or the zero time, is none.
	Until(ctx context.Context, key string) (time.Time, error)
}

// Client is the way out.
type Client struct{}

// New returns a Client.
func New(cfg Config) (*Client, error) { return nil, errTodo }

// SiteConfig is one upstream.
type SiteConfig struct {
	Name     string // of metrics: "hub"
	Endpoint string
	// Redirects are host names, or patterns like *.example.org, to which the endpoint may redirect.
	Redirects []string
}

// Site is one upstream with its own policy.
type Site struct{}

// Site returns the site of an endpoint.
func (c *Client) Site(cfg SiteConfig) (*Site, error) { return nil, errTodo }

// Hop is an answer that redirected.
type Hop struct {
	Status int
	Header http.Header
}

// Response is the last answer and those that led to it.
type Response struct {
	*http.Response
	Hops []Hop
}

// Do sends a request.
func (s *Site) Do(req *http.Request) (*Response, error) { return nil, errTodo }

// WithPatience says how long requests under ctx may wait for a quota of upstream's to be renewed.
func WithPatience(ctx context.Context, d time.Duration) context.Context { return ctx }

var _ io.Reader
