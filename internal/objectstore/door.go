package objectstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream/bucket"
)

// exchange is one request and what is known of it so far.
type exchange struct {
	*http.Request
	asked
	out *reply.Writer
	id  string // of the request
	who string // account or address of the client
	// via is the store of a client whose endpoint is the gate; nil: the store is asked in the client's name.
	via forwarder

	// For the log and the record.
	version model.Version
	judged  origin
	scan    uuid.UUID
	outcome model.Outcome
}

// ServeHTTP answers a request whose URL is whole.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	a, err := d.parse(r)
	if errors.Is(err, errForeign) && d.Elsewhere != nil {
		d.Elsewhere.ServeHTTP(w, r)
		return
	}
	x := &exchange{asked: a, Request: r, out: &reply.Writer{ResponseWriter: w}, id: uuid.NewString(), who: auth.Who(r)}
	defer func() { d.finish(x, began, err) }() // also if the connection is to be cut
	if err == nil {
		err = d.handler(x)(x)
	}
	if err != nil {
		d.fail(x, err)
	}
}

// handler finds who answers.
func (d *Door) handler(x *exchange) func(*exchange) error {
	switch x.class {
	case classBytes:
		return d.serveBytes
	case classMetadata, classList:
		return d.serveDescription
	case classWrite:
		return d.serveWrite
	default:
		return func(x *exchange) error {
			return failure{status: http.StatusForbidden, code: "AccessDenied", message: x.reason}
		}
	}
}

// serveWrite passes what changes the store, and its answer. The next read of what is written is judged.
func (d *Door) serveWrite(x *exchange) error {
	if x.dialect.framed {
		return d.pass(x, nil)
	}
	return d.passText(x, x.dialect.describing+"{[<-") // parts of several answers begin with a line of dashes
}

// passText passes a request whose answer has to be a document that begins with one of the given bytes.
func (d *Door) passText(x *exchange, begins string) error {
	if x.dialect.freedom(x.Request).encoding {
		identityEncoding(x.Request) // so that it can be looked at
	}
	return d.pass(x, func(res *http.Response) error {
		switch {
		case res.ContentLength == 0:
			return nil
		case res.StatusCode < http.StatusMultipleChoices:
			return describes(res, begins)
		}
		text, err := d.message(res)
		_ = res.Body.Close()
		if err != nil || len(text) > 0 {
			res.Header.Del("Content-Encoding")
			res.Header.Set("Content-Length", strconv.Itoa(len(text)))
			res.ContentLength = int64(len(text))
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		return nil
	})
}

// pass sends a request on and the answer back.
func (d *Door) pass(x *exchange, see func(*http.Response) error) error {
	if x.via != nil {
		return d.passVia(x, see)
	}
	var failed error
	d.Relay.Pass(x.out, x.Request, see, func(err error) { failed = err })
	return failed
}

// errContent means that an answer which should describe something has content in it.
var errContent = errors.New("the store answers with content where a description was asked for")

// serveDescription passes listings and what describes objects, HEAD included: clients show no reason of a HEAD that is refused. A store that
// does not know a question may answer with the object instead, so only what is no content passes.
func (d *Door) serveDescription(x *exchange) error {
	if x.Method == http.MethodHead {
		return d.serveHead(x)
	}
	return d.passText(x, x.dialect.describing)
}

// serveHead passes a HEAD. Clients ask so just before they ask for bytes, so the scan of what can be read by credentials of the gate's own
// starts then.
func (d *Door) serveHead(x *exchange) error {
	var told *http.Response
	err := d.pass(x, func(res *http.Response) error {
		told = res
		return nil
	})
	if err != nil || told == nil || told.StatusCode != http.StatusOK || told.ContentLength < 0 || x.address.Key == "" {
		return err
	}
	object := bucket.Object{Key: x.address.Key, Info: x.told(told.Header)}
	object.Size = told.ContentLength
	if object.ETag == "" && object.VersionID == "" {
		return nil
	}
	if err := d.announce(x, object); err != nil {
		d.Log.Debug().Str("request", x.id).Err(err).Msg("no scan ahead of the request for bytes")
	}
	return nil
}

// announceWithin bounds how long starting a scan ahead may take.
const announceWithin = 30 * time.Second

// announce starts the scan of an object that has not been asked for yet. The client may have what it wanted, and leave.
func (d *Door) announce(x *exchange, object bucket.Object) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Context()), announceWithin)
	defer cancel()
	x.Request = x.WithContext(ctx)
	own, registered, err := d.own(x)
	if err != nil || !registered {
		return err
	}
	if err := http.NewResponseController(x.out).Flush(); err != nil { // nobody waits for what follows
		return err
	}
	o, err := d.ownOrigin(ctx, x, own, object)
	if err != nil {
		return err
	}
	_, err = d.Gate.Check(ctx, d.question(x, object, o))
	return err
}

// finish logs and counts a request that was answered. Queries hold signatures, so nothing of them is told.
func (d *Door) finish(x *exchange, began time.Time, err error) {
	took := time.Since(began)
	d.metrics.Observe(string(x.class), x.out, took)
	e := d.Log.Info()
	if e == nil {
		return
	}
	e.Str("request", x.id).Str("method", reply.Line(x.Method, 20)).Str("class", string(x.class)).Str("object", reply.Line(x.address.String(), 512)).
		Int("status", x.out.Status).Int64("bytes", x.out.Bytes).Dur("duration", took).Str("client", reply.Line(x.UserAgent(), 200)).Str("who", x.who)
	if x.scan != uuid.Nil {
		e.Stringer("version", x.version).Stringer("scan", x.scan).Str("outcome", string(x.outcome))
	}
	if err != nil {
		e.AnErr("error", err)
	}
	e.Msg("object store request")
}

// record notes a request for bytes that was answered or refused.
func (d *Door) record(x *exchange, f model.File) {
	outcome := x.outcome
	switch outcome {
	case model.Allowed:
	case model.Blocked, model.Errored:
		outcome = model.Blocked
	default: // nothing was answered yet
		return
	}
	d.Record(model.Download{
		Time: time.Now(), Version: x.version, Path: f.Path, Digest: f.Digest, Scan: x.scan, Outcome: outcome,
		Client: reply.Line(x.UserAgent(), 200), Who: x.who, Bytes: x.out.Bytes, Door: "objectstore",
	})
}
