package hfmirror

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream/hub"
)

// Door answers for the Hub.
type Door struct {
	Config
	metrics   reply.Metrics
	links     links
	ids       *requestIDs
	manifests *manifests
	kept      *kept
	small     *small
}

// exchange is one request and what is known of it so far.
type exchange struct {
	*http.Request
	address
	out   *reply.Writer
	token hub.Token
	id    string // of the request
	gate  string // its own address, "" if the request was sent to that

	// For the log and the record.
	version model.Version
	scan    uuid.UUID
	outcome model.Outcome
}

// Handles tells whether a request is for the Hub. Other doors come after this one: the Hub's file routes win over any other reading
// of a path.
func (d *Door) Handles(r *http.Request) bool {
	_, err := parse(r.URL.EscapedPath())
	return !errors.Is(err, errNotOurs)
}

// ServeHTTP answers a request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entrance{door: d, read: func(r *http.Request) (address, error) { return parse(r.URL.EscapedPath()) }}.ServeHTTP(w, r)
}

// entrance is a way into the door: that of the mirror, or one of those of the forward proxy.
type entrance struct {
	door *Door
	// read finds what a request asks for.
	read func(r *http.Request) (address, error)
	// gate is the gate's own address; "" is that of the request.
	gate string
}

// ServeHTTP answers a request.
func (e entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	d := e.door
	x := &exchange{Request: r, out: &reply.Writer{ResponseWriter: w}, token: tokenOf(r), id: d.ids.next(), gate: e.gate}
	var err error
	defer func() { d.finish(x, began, err) }() // also if the connection is to be cut
	x.address, err = e.read(r)
	if x.group == "" {
		x.group = auth.From(r.Context()).Group(model.HuggingFace)
	}
	if err == nil {
		answer := d.handler(x)
		err = answer(x)
	}
	if err != nil {
		d.fail(x, err)
	}
}

// handler answers one kind of request, or returns the error that [Door.fail] answers with.
type handler func(x *exchange) error

// handler finds who answers.
func (d *Door) handler(x *exchange) handler {
	if x.Method == http.MethodOptions && !d.NoCORS {
		return d.preflight
	}
	if x.route != routeGit { // whose clients show nothing but plain text
		if err := allowed(x); err != nil {
			return func(*exchange) error { return err }
		}
	}
	switch x.route {
	case routeFile, routeRaw:
		return d.serveFile
	case routeAPI:
		return d.serveAPI
	case routeLFS:
		return d.serveBatch
	case routeManifest:
		return d.serveManifest
	case routeBlob:
		return d.serveBlob
	case routeGit:
		return d.refuseGit
	case routeContent:
		return d.refuseContent
	case routeBucket:
		return func(*exchange) error { return notFound("modelgate does not serve buckets") }
	case routePage:
		return func(*exchange) error {
			return forbidden("modelgate serves files and the API of the Hub, not its pages")
		}
	}
	return func(*exchange) error { return notFound("there is nothing here") }
}

// allowed refuses every method that could change something: the gate only reads. Two requests that read are POSTs.
func allowed(x *exchange) error {
	reads := x.Method == http.MethodGet || x.Method == http.MethodHead
	if x.Method == http.MethodPost {
		reads = x.route == routeLFS || x.route == routeAPI && x.verb == "paths-info"
	} else if x.route == routeLFS {
		reads = false
	}
	if !reads {
		return forbidden("modelgate is read-only: " + ascii(x.Method, 20) + " is not passed on")
	}
	return nil
}

// tokenOf takes the client's token from its request: "Bearer hf_…", or the password that git gives.
func tokenOf(r *http.Request) hub.Token {
	value := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "bearer") {
		return hub.Token(strings.TrimSpace(token))
	}
	if _, password, ok := r.BasicAuth(); ok {
		return hub.Token(password)
	}
	return ""
}

// preflight answers a browser that asks whether a page of another origin may ask.
func (d *Door) preflight(x *exchange) error {
	h := x.out.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Range, If-Range, If-None-Match, Content-Type")
	h.Set("Access-Control-Max-Age", "86400")
	x.out.WriteHeader(http.StatusNoContent)
	return nil
}

// exposed are the headers that a page of another origin may read.
const exposed = "ETag, Content-Length, Content-Range, Accept-Ranges, Link, X-Repo-Commit, X-Linked-Etag, X-Linked-Size, X-Error-Code, " +
	"X-Error-Message, X-Request-Id, X-Modelgate-Scan"

// common sets the headers that every answer has. It comes after the last heartbeat, which would send them.
func (d *Door) common(x *exchange) http.Header {
	h := x.out.Header()
	h["X-Request-Id"] = []string{x.id}
	if !d.NoCORS && x.Header["Origin"] != nil { // which every browser sends from a page of another origin
		h["Access-Control-Allow-Origin"] = anyOrigin
		h["Access-Control-Expose-Headers"] = exposedHeaders
	}
	return h
}

// Values of headers that many answers share; nobody changes them.
var (
	anyOrigin      = []string{"*"}
	exposedHeaders = []string{exposed}
	byteRanges     = []string{"bytes"}
)

// who is the client for the record: its account, or else its address, as a reverse proxy in front tells it if that is trusted.
func (d *Door) who(x *exchange) string {
	if name := auth.From(x.Context()).Name; name != "" {
		return name
	}
	if d.TrustForwarded && x.gate == "" {
		if first, _, _ := strings.Cut(x.Header.Get("X-Forwarded-For"), ","); first != "" {
			if ip := net.ParseIP(strings.TrimSpace(first)); ip != nil {
				return ip.String()
			}
		}
	}
	host, _, err := net.SplitHostPort(x.RemoteAddr)
	if err != nil {
		return x.RemoteAddr
	}
	return host
}
