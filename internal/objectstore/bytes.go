package objectstore

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/transfer"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/bucket"
)

// quarantineWithin bounds how long a quarantine may take to be recorded. It does not depend on the client.
const quarantineWithin = 30 * time.Second

// askings is how often a store is asked for one request: an object that changes each time is not waited for.
const askings = 3

// serveBytes answers a request for bytes. The store is asked first, as the client asks, which proves that the client may; what it answers pins
// the state of the object. If that has no verdict yet, the answer is let go, and the store is asked again when it has.
func (d *Door) serveBytes(x *exchange) error {
	for range askings {
		res, err := d.ask(x)
		if err != nil {
			return err
		}
		done, err := d.settle(x, res)
		_ = res.Body.Close()
		if done || err != nil {
			return err
		}
	}
	return failure{status: http.StatusServiceUnavailable, code: x.dialect.busy, message: "the object changes faster than it can be judged"}
}

// ask asks the store what the client asks. What is sent as it is stored can be judged, so that is asked for where the signature lets it.
func (d *Door) ask(x *exchange) (*http.Response, error) {
	if x.via != nil {
		return x.askVia(x.Context())
	}
	req := upstream.Outgoing(x.Context(), x.Request)
	if x.dialect.freedom(x.Request).encoding {
		x.dialect.raw(req)
	}
	return d.Relay.RoundTrip(req)
}

// settle does with a store's answer what can be done: passes an error of its own, gives the bytes, or refuses them. Done is false if the store
// has to be asked again.
func (d *Door) settle(x *exchange, res *http.Response) (done bool, err error) {
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent {
		return true, d.passAnswer(x, res)
	}
	span, info, err := d.identify(x, res)
	if err != nil {
		return true, err
	}
	if x.toDecode(res) && res.StatusCode == http.StatusPartialContent && x.dialect.freedom(x.Request).change {
		x.Header.Del("Range") // such a store gives no parts of what it decodes
		return false, nil
	}
	object := bucket.Object{Key: x.address.Key, Info: info}
	judged, err := d.judge(x, object, span, res.Body)
	if err != nil || !judged.fresh {
		return false, err
	}
	return true, d.send(x, res, span, judged.file)
}

// passAnswer passes an answer of the store's that has no bytes of the object. A body that is no message is left out: clients may keep what
// comes under the status of an error.
func (d *Door) passAnswer(x *exchange, res *http.Response) error {
	if res.StatusCode < http.StatusMultipleChoices && res.StatusCode != http.StatusNoContent {
		return failure{status: http.StatusBadGateway, code: "BadGateway", message: "the store's answer is not understood"}
	}
	h := x.out.Header()
	copyHeader(h, res.Header)
	text, err := d.message(res)
	if err != nil || len(text) > 0 {
		h.Del("Content-Encoding")
		h.Set("Content-Length", strconv.Itoa(len(text)))
	}
	x.out.WriteHeader(res.StatusCode)
	if _, err := x.out.Write(text); err != nil && len(text) > 0 {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// maxErrorBody bounds what passes under the status of an error: an error is short, a model is not.
const maxErrorBody = 64 << 10

// message reads the body of an error, decoded. It is text, and no pickle of the protocol that is text, or the error wraps errContent.
func (d *Door) message(res *http.Response) ([]byte, error) {
	body := io.Reader(res.Body)
	switch coding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
	case "gzip":
		head := bufio.NewReader(body)
		if _, err := head.Peek(1); errors.Is(err, io.EOF) { // there is no body
			return nil, nil
		}
		decoded, err := gzip.NewReader(head)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errContent, err)
		}
		body = decoded
	default:
		return nil, errContent
	}
	var read bytes.Buffer
	if _, err := read.ReadFrom(io.LimitReader(body, maxErrorBody+1)); err != nil {
		return nil, fmt.Errorf("%w: %w", errContent, err)
	}
	text := read.Bytes()
	if len(text) > maxErrorBody || !utf8.Valid(text) || !isText(text) || len(text) > 0 && d.Pickled(text) {
		return nil, errContent
	}
	return text, nil
}

// identify reads which bytes of which state of the object an answer has.
func (d *Door) identify(x *exchange, res *http.Response) (transfer.Span, bucket.Info, error) {
	unclear := func(why string) error {
		return failure{status: http.StatusForbidden, code: "AccessDenied", message: "it cannot be judged: " + why}
	}
	span, err := transfer.SpanOf(res)
	if err != nil || span.Total < 0 {
		return span, bucket.Info{}, unclear("the store does not tell which bytes of how many it sends")
	}
	if want, ok := transfer.Asked(x.dialect.rangeOf(x.Request), span.Total); res.StatusCode == http.StatusPartialContent && ok &&
		(want.First != span.First || want.Last != span.Last) {
		return span, bucket.Info{}, unclear("the store sends another range than was asked for")
	}
	info := x.told(res.Header)
	info.Size = span.Total
	switch {
	case info.ETag == "" && info.VersionID == "":
		return span, info, unclear("the store tells neither a version nor an entity tag")
	case res.Header.Get("X-Ms-Structured-Body") != "":
		return span, info, unclear("it comes in frames; clients can be told not to ask for checksums within the content")
	case !bucket.IsLegible(info.Encoding):
		return span, info, unclear("it is stored under an encoding that nobody here looks into")
	}
	return span, info, nil
}

// judgement is a verdict that lets bytes pass.
type judgement struct {
	file model.File // that was judged
	// fresh says that the verdict stood when the store was asked; else its answer has waited for too long.
	fresh bool
}

// judge waits for the verdict on an object. It returns an error unless the bytes may be served. What the store has answered is closed if it would
// have to wait too.
func (d *Door) judge(x *exchange, object bucket.Object, span transfer.Span, answer io.Closer) (judgement, error) {
	o, err := d.origin(x, object, span)
	if errors.Is(err, errStale) {
		return judgement{}, nil
	}
	if err != nil {
		return judgement{}, err
	}
	x.version, x.judged = o.version, o
	ticket, err := d.Gate.Check(x.Context(), x.request())
	if err != nil {
		return judgement{}, fmt.Errorf("check %s: %w", o.version, err)
	}
	x.scan, x.outcome = ticket.Scan, model.Pending
	fresh := isClosed(ticket.Done())
	if !fresh {
		_ = answer.Close()
		d.metrics.Waiting.Inc()
		end := reply.Wait(x.out, x.Request, ticket.Done(), d.Hold)
		d.metrics.Waiting.Dec()
		switch end {
		case reply.TooLong:
			return judgement{}, refusal{scan: ticket.Scan, outcome: model.Pending}
		case reply.Gone:
			return judgement{}, x.Context().Err()
		case reply.Ready:
		}
	}
	v, err := ticket.Verdict(x.Context())
	if err != nil {
		return judgement{}, fmt.Errorf("scan of %s: %w", o.version, err)
	}
	x.scan, x.outcome = v.Scan, v.Outcome
	if v.Outcome != model.Allowed {
		d.record(x, o.file)
		return judgement{}, refusal{scan: v.Scan, outcome: v.Outcome, failed: v.Blocking(), unread: o.unread}
	}
	if v.Warning != "" {
		x.out.Header().Set("X-Modelgate-Warning", reply.Line(v.Warning, 300))
	}
	return judgement{file: o.file, fresh: fresh}, nil
}

// request asks for the verdict on what the object is judged as.
func (x *exchange) request() gate.Request {
	return gate.Request{
		Version: x.version, Group: auth.From(x.Context()).Group(x.address.Provider), Path: x.judged.file.Path, Origin: x.judged.reads, Owner: x.who,
		ScanOrigin: model.OriginGateway, RequestedRevision: x.judged.label, ModelURI: x.version.Name, Whole: x.judged.whole,
		Unread: x.judged.unread,
	}
}

// question asks the gate for the verdict on an object.
func (d *Door) question(x *exchange, object bucket.Object, o origin) gate.Request {
	return gate.Request{
		Version: o.version, Group: auth.From(x.Context()).Group(x.address.Provider), Path: o.file.Path, Origin: o.reads, Owner: x.who,
		ScanOrigin: model.OriginGateway, RequestedRevision: object.Label(), ModelURI: o.version.Name, Whole: o.whole,
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// send gives the bytes of an answer, as they pass the comparison with what was judged.
func (d *Door) send(x *exchange, res *http.Response, span transfer.Span, f model.File) error {
	defer func() { d.record(x, f) }()
	h := x.out.Header()
	copyHeader(h, res.Header)
	h.Set("X-Modelgate-Scan", x.scan.String())
	h.Set("Cache-Control", reply.Private(res.Header.Get("Cache-Control")))
	check := transfer.Check{Blocks: d.Gate.Blocks(x.Context(), f), Digest: f.Digest}
	var err error
	if x.toDecode(res) && span.Whole() {
		h.Del("Content-Length")
		h.Del("Content-Encoding")
		x.out.WriteHeader(res.StatusCode)
		err = copyDecoded(x.out, res.Body, span, check)
	} else {
		x.out.WriteHeader(res.StatusCode)
		_, err = transfer.Copy(x.out, res.Body, span, check)
	}
	if errors.Is(err, transfer.ErrMismatch) {
		return errors.Join(err, d.quarantine(x, err))
	}
	return err
}

// toDecode tells whether an answer, which was asked for as it is stored, is to be given decoded, as the store would give it.
func (x *exchange) toDecode(res *http.Response) bool {
	if !x.dialect.decodes || !strings.EqualFold(strings.TrimSpace(res.Header.Get("Content-Encoding")), "gzip") {
		return false
	}
	for coding := range strings.SplitSeq(strings.Join(x.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if name = strings.TrimSpace(name); strings.EqualFold(name, "gzip") || name == "*" {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight == "q=0" || strings.HasPrefix(weight, "q=0.") && strings.Trim(weight[len("q=0."):], "0") == ""
		}
	}
	return true
}

// copyDecoded gives out what is stored under gzip, decoded, as its stored bytes pass the comparison.
func copyDecoded(w io.Writer, body io.Reader, s transfer.Span, c transfer.Check) error {
	stored, into := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := transfer.Copy(into, body, s, c)
		_ = into.CloseWithError(err) // of nil, it is the end
	}()
	defer func() { <-ended }()
	defer func() { _ = stored.Close() }()
	decoded, err := gzip.NewReader(stored)
	if err != nil {
		return fmt.Errorf("decode what is stored under gzip: %w", err)
	}
	_, err = bufio.NewReader(decoded).WriteTo(w)
	return err
}

// quarantine tells the gate of bytes that were not those that were judged.
func (d *Door) quarantine(x *exchange, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Context()), quarantineWithin)
	defer cancel()
	d.Log.Error().Str("request", x.id).Stringer("version", x.version).Err(cause).Msg("bytes do not match: quarantine")
	if err := d.Gate.Quarantine(ctx, x.request(), cause.Error()); err != nil {
		return fmt.Errorf("quarantine %s: %w", x.version, err)
	}
	return nil
}

// copyHeader copies what concerns more than the connection to the store.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Alt-Svc":
		default:
			to[name] = values
		}
	}
}
