package pypimirror

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/reply"
)

// Door answers for package indexes.
type Door struct {
	Config
	metrics   reply.Metrics
	rendered  *rendered
	announced *announced

	base   context.Context // of work that outlives its request; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Close ends work that outlived its request, and waits for it.
func (d *Door) Close() {
	d.cancel()
	d.work.Wait()
}

// exchange is one request and what is known of it so far.
type exchange struct {
	*http.Request
	address
	out *reply.Writer
	id  string // of the request
	// gate is the gate's own address if the request came through the forward proxy, "" if it was sent to the gate.
	gate string

	// For the log and the record.
	version model.Version
	scan    uuid.UUID
	outcome model.Outcome
}

// ServeHTTP answers a request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entrance{door: d, read: func(r *http.Request) address { return parse(r.URL.EscapedPath()) }}.ServeHTTP(w, r)
}

// entrance is a way into the door: that of the mirror, or that of the forward proxy.
type entrance struct {
	door *Door
	// read finds what a request asks for.
	read func(r *http.Request) address
	// gate is the gate's own address; "" is that of the request.
	gate string
	// rest answers what is no route of the door; nil refuses it.
	rest http.Handler
}

// ServeHTTP answers a request.
func (e entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	d, a := e.door, e.read(r)
	if a.route == routeNone && e.rest != nil {
		e.rest.ServeHTTP(w, r)
		return
	}
	if a.group == "" {
		a.group = auth.From(r.Context()).Group(model.PyPI)
	}
	x := &exchange{Request: r, out: &reply.Writer{ResponseWriter: w}, address: a, id: uuid.NewString(), gate: e.gate}
	var err error
	defer func() { d.finish(x, began, err) }() // also if the connection is to be cut
	if err = d.handler(x)(x); err != nil {
		d.fail(x, err)
	}
}

// handler finds who answers.
func (d *Door) handler(x *exchange) func(*exchange) error {
	if x.Method != http.MethodGet && x.Method != http.MethodHead {
		return func(x *exchange) error {
			x.out.Header().Set("Allow", "GET, HEAD")
			return failure{http.StatusMethodNotAllowed, "modelgate is read-only"}
		}
	}
	switch x.route {
	case routeList:
		return d.serveList
	case routePage:
		return d.servePage
	case routeFile:
		return d.serveFile
	case routeBeside:
		return d.serveBeside
	case routeMoved:
		return d.serveMoved
	case routeNone:
	}
	return func(*exchange) error { return failure{http.StatusNotFound, "there is nothing here"} }
}

// serveMoved leads to the one address that a page has. It is relative, so host, prefix and credentials stay.
func (d *Door) serveMoved(x *exchange) error {
	to := x.to
	if x.URL.RawQuery != "" {
		to += "?" + x.URL.RawQuery
	}
	x.out.Header().Set("Location", to)
	x.out.WriteHeader(http.StatusMovedPermanently)
	return nil
}

// address is the gate's own.
func (d *Door) address(x *exchange) string {
	if x.gate != "" {
		return x.gate
	}
	if d.PublicURL != "" {
		return d.PublicURL
	}
	scheme := "http"
	if x.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + x.Host
}

// finish logs, counts and records a request that was answered.
func (d *Door) finish(x *exchange, began time.Time, err error) {
	took := time.Since(began)
	d.metrics.Observe(string(x.route), x.out, took)
	e := d.Log.Info()
	if e == nil {
		return
	}
	e.Str("request", x.id).Str("method", reply.Clip(x.Method, 20)).Str("route", string(x.route)).Str("path", reply.Clip(x.URL.Path, 512)).
		Int("status", x.out.Status).Int64("bytes", x.out.Bytes).Dur("duration", took).Str("client", reply.Clip(x.UserAgent(), 200))
	if x.group != "" {
		e.Str("group", x.group)
	}
	if x.version.Name != "" {
		e.Stringer("version", x.version)
	}
	if x.scan != uuid.Nil {
		e.Stringer("scan", x.scan).Str("outcome", string(x.outcome))
	}
	if err != nil {
		e.AnErr("error", err)
	}
	e.Msg("package request")
}
