package download

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
)

// exchange is one request and what is known of it so far.
type exchange struct {
	*http.Request
	door *Door
	out  *reply.Writer
	id   string // of the request
	who  string // account or address of the client
	// group is the security group that the client's downloads are judged by.
	group string
	kind  kind

	// For the log and the record.
	version model.Version
	file    model.File
	from    gate.Origin // how the version is read
	scan    uuid.UUID
	outcome model.Outcome
	broken  error // what cut the answer
}

// ServeHTTP answers a request whose URL is whole.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{door: d, Request: asRaw(r), out: &reply.Writer{ResponseWriter: w}, id: uuid.NewString(), who: auth.Who(r), group: auth.From(r.Context()).Group(model.Web)}
	var err error
	defer func() { d.finish(x, began, err) }() // also if the connection is to be cut
	d.Relay.Pass(x.out, x.Request, x.see, func(failed error) { err = failed })
	if err != nil {
		d.fail(x, err)
	}
}

// asRaw asks for bytes as they are, or in the one coding that is looked into: of what is coded otherwise nobody here could tell what it is.
func asRaw(r *http.Request) *http.Request {
	coding := "identity"
	for _, value := range r.Header.Values("Accept-Encoding") {
		if strings.Contains(strings.ToLower(value), "gzip") {
			coding = "gzip"
		}
	}
	if r.Header.Get("Range") != "" {
		coding = "identity"
	}
	r.Header.Set("Accept-Encoding", coding)
	return r
}

// name is the address without what may be secret in it.
func name(r *http.Request) string {
	return r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
}

// finish logs, counts and records a request that was answered.
func (d *Door) finish(x *exchange, began time.Time, err error) {
	took := time.Since(began)
	d.metrics.Observe(string(x.kind), x.out, took)
	d.record(x)
	e := d.Log.Info()
	if e == nil {
		return
	}
	e.Str("request", x.id).Str("method", reply.Line(x.Method, 20)).Str("address", reply.Line(name(x.Request), 512)).Str("kind", string(x.kind)).
		Int("status", x.out.Status).Int64("bytes", x.out.Bytes).Dur("duration", took).Str("client", reply.Line(x.UserAgent(), 200)).Str("who", x.who)
	if x.scan != uuid.Nil {
		e.Stringer("version", x.version).Stringer("scan", x.scan).Str("outcome", string(x.outcome))
	}
	if err == nil {
		err = x.broken
	}
	if err != nil {
		e.AnErr("error", err)
	}
	e.Msg("web request")
}

// record notes a download that was judged and answered.
func (d *Door) record(x *exchange) {
	outcome := x.outcome
	switch outcome {
	case model.Allowed:
	case model.Blocked, model.Errored:
		outcome = model.Blocked
	default: // nothing was judged, or nothing was answered yet
		return
	}
	d.Record(model.Download{
		Time: time.Now(), Version: x.version, Path: x.file.Path, Digest: x.file.Digest, Scan: x.scan, Outcome: outcome,
		Client: reply.Line(x.UserAgent(), 200), Who: x.who, Bytes: x.out.Bytes, Door: "download",
	})
}
