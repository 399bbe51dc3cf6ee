package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/transfer"
	"modelgate/internal/upstream"
)

// Sizes and times of judging.
const (
	// byRange is from which size on ranges are read, and not the whole: few small files are worth several requests.
	byRange          = 1 << 20
	quarantineWithin = 30 * time.Second
)

// judge holds an answer until its verdict stands, and arranges that the client gets what was judged.
func (d *Door) judge(x *exchange, res *http.Response) error {
	span, err := spanOf(res)
	if err != nil {
		return refusal{outcome: model.Errored, message: "the host does not tell which bytes of how many it sends"}
	}
	if s, ok := stateOf(x, res, span); ok {
		return d.judgeState(x, res, span, s)
	}
	return d.judgeWhole(x, res, span)
}

// spanOf reads which bytes an answer has. What comes under the status of an error is a whole like any other.
func spanOf(res *http.Response) (transfer.Span, error) {
	if res.StatusCode == http.StatusPartialContent {
		return transfer.SpanOf(res)
	}
	as := *res
	as.StatusCode = http.StatusOK
	return transfer.SpanOf(&as)
}

// state is what a host serves under an address, as far as the host names it: it can be asked for again, by ranges.
type state struct {
	etag, modified string
	size           int64
}

// stateOf reads the state that an answer is of; ok is false if it can't be held to that.
func stateOf(x *exchange, res *http.Response, span transfer.Span) (state, bool) {
	s := state{etag: res.Header.Get("Etag"), modified: res.Header.Get("Last-Modified"), size: span.Total}
	strong := strings.HasPrefix(s.etag, `"`) && len(s.etag) > 2
	ranges := res.StatusCode == http.StatusPartialContent || strings.EqualFold(strings.TrimSpace(res.Header.Get("Accept-Ranges")), "bytes")
	fits := res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent
	return s, x.Method == http.MethodGet && strong && ranges && fits && s.size >= byRange && res.Header.Get("Content-Encoding") == ""
}

// revision names the state.
func (s state) revision() string {
	sum := sha256.Sum256([]byte(s.etag + "\n" + s.modified + "\n" + strconv.FormatInt(s.size, 10)))
	return hex.EncodeToString(sum[:])
}

// judgeState judges what an answer is a part of by ranges of its own. An answer that has waited is let go, and asked for again.
func (d *Door) judgeState(x *exchange, res *http.Response, span transfer.Span, s state) error {
	x.version = model.Version{Source: model.Web, Name: name(x.Request), Revision: s.revision()}
	pin := sha256.Sum256([]byte(x.version.Name + "\n" + x.version.Revision))
	x.file = model.File{Path: fileName(x.Request, res), Size: s.size, Pin: hex.EncodeToString(pin[:])}
	waited, err := d.verdict(x, &ranged{relay: d.Relay, request: upstream.Outgoing(context.WithoutCancel(x.Context()), x.Request), state: s, file: x.file}, res.Body)
	if err != nil {
		return err
	}
	if waited {
		again, err := d.Relay.RoundTrip(upstream.Outgoing(x.Context(), x.Request))
		if err != nil {
			return err
		}
		now, err := spanOf(again)
		if next, ok := stateOf(x, again, now); err != nil || !ok || next != s || now != span || again.StatusCode != res.StatusCode {
			_ = again.Body.Close()
			return failure{http.StatusBadGateway, "what the host serves has changed while it was judged: try again"}
		}
		*res = *again
	}
	res.Body = d.checked(x, res.Body, span)
	d.mark(x, res)
	return nil
}

// judgeWhole keeps what an answer is a part of on disk, judges it, and gives it from there.
func (d *Door) judgeWhole(x *exchange, res *http.Response, span transfer.Span) error {
	body := res.Body
	if !span.Whole() && res.StatusCode == http.StatusPartialContent {
		whole, err := d.fetchWhole(x, res, span)
		if err != nil {
			return err
		}
		defer func() { _ = whole.Close() }()
		body = whole
	}
	digest, size, err := d.keep(x, body)
	if err != nil {
		return err
	}
	if span.Total >= 0 && size != span.Total {
		return failure{http.StatusBadGateway, "the host sends fewer bytes than it announces"}
	}
	x.version = model.Version{Source: model.Web, Name: name(x.Request), Revision: digest.Hex()}
	x.file = model.File{Path: fileName(x.Request, res), Size: size, Digest: digest}
	kept := &kept{blobs: d.Blobs, file: x.file, uri: x.version.Name}
	if _, err := d.verdict(x, kept, body); err != nil {
		return err
	}
	content, err := kept.open(x.Context())
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	first, n := span.First, span.Size()
	if span.Total < 0 {
		first, n = 0, size
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(content, first, n), content}
	res.ContentLength, res.TransferEncoding, res.Trailer = n, nil, nil
	res.Header.Set("Content-Length", strconv.FormatInt(n, 10))
	d.mark(x, res)
	return nil
}

// fetchWhole asks for the whole that an answer is a part of.
func (d *Door) fetchWhole(x *exchange, res *http.Response, span transfer.Span) (io.ReadCloser, error) {
	unclear := refusal{outcome: model.Errored, message: "a part of something that cannot be had as a whole cannot be judged"}
	if x.Method != http.MethodGet {
		return nil, unclear
	}
	req := upstream.Outgoing(x.Context(), x.Request)
	req.Header.Del("Range")
	req.Header.Del("If-Range")
	whole, err := d.Relay.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	same := whole.StatusCode == http.StatusOK && whole.ContentLength == span.Total && span.Total >= 0 && whole.Header.Get("Etag") == res.Header.Get("Etag") &&
		whole.Header.Get("Last-Modified") == res.Header.Get("Last-Modified") && whole.Header.Get("Content-Encoding") == ""
	if !same {
		_ = whole.Body.Close()
		return nil, unclear
	}
	return whole.Body, nil
}

// keep puts bytes on disk, while the client is kept.
func (d *Door) keep(x *exchange, body io.Reader) (digest model.Digest, size int64, err error) {
	done := make(chan struct{})
	var failed error
	go func() {
		defer close(done)
		digest, size, failed = d.Blobs.Adopt(x.Context(), body, d.MaxStaged)
	}()
	d.metrics.Waiting.Inc()
	defer d.metrics.Waiting.Dec()
	for {
		switch reply.Wait(x.out, x.Request, done, time.Hour) { // as long as bytes come: what stalls ends by itself
		case reply.Gone:
			<-done
			return "", 0, x.Context().Err()
		case reply.Ready:
			return digest, size, failed
		case reply.TooLong:
		}
	}
}

// verdict waits for the verdict. It returns nil only if the bytes may be served. What the host has answered is closed if it would have to wait
// too.
func (d *Door) verdict(x *exchange, from gate.Origin, answer io.Closer) (waited bool, err error) {
	x.from = from
	ticket, err := d.Gate.Check(x.Context(), x.request())
	if err != nil {
		return false, fmt.Errorf("check %s: %w", x.version, err)
	}
	x.scan, x.outcome = ticket.Scan, model.Pending
	select {
	case <-ticket.Done():
	default:
		waited = true
		_ = answer.Close()
		d.metrics.Waiting.Inc()
		end := reply.Wait(x.out, x.Request, ticket.Done(), d.Hold)
		d.metrics.Waiting.Dec()
		switch end {
		case reply.TooLong:
			return waited, refusal{scan: ticket.Scan, outcome: model.Pending}
		case reply.Gone:
			return waited, x.Context().Err()
		case reply.Ready:
		}
	}
	v, err := ticket.Verdict(x.Context())
	if err != nil {
		return waited, fmt.Errorf("scan of %s: %w", x.version, err)
	}
	x.scan, x.outcome = v.Scan, v.Outcome
	if v.Outcome != model.Allowed {
		return waited, refusal{scan: v.Scan, outcome: v.Outcome, failed: v.Blocking(), message: v.Message}
	}
	return waited, nil
}

// request asks for the verdict on what is downloaded.
func (x *exchange) request() gate.Request {
	return gate.Request{
		Version: x.version, Group: x.group, Path: x.file.Path, Digest: x.file.Digest, Origin: x.from, Owner: x.who,
		ScanOrigin: model.OriginGateway, ModelURI: x.version.Name, Whole: true,
	}
}

// mark tells the client of the scan, and keeps caches on the way from giving the bytes to others.
func (d *Door) mark(x *exchange, res *http.Response) {
	res.Header.Set("X-Modelgate-Scan", x.scan.String())
	res.Header.Set("Cache-Control", reply.Private(res.Header.Get("Cache-Control")))
}

// checked is a body that ends in an error where it is not what was judged.
func (d *Door) checked(x *exchange, body io.ReadCloser, span transfer.Span) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := transfer.Copy(w, body, span, transfer.Check{Blocks: d.Gate.Blocks(x.Context(), x.file), Digest: x.file.Digest})
		if errors.Is(err, transfer.ErrMismatch) {
			err = errors.Join(err, d.quarantine(x, err))
		}
		_ = w.CloseWithError(err)
	}()
	return struct {
		io.Reader
		io.Closer
	}{r, closers{r, body}}
}

type closers []io.Closer

// Close implements io.Closer.
func (cs closers) Close() error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
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

// fileName is the name that scanners know the bytes by: what the host says to save them as, or the end of the address. Packed bytes are of
// another format than their name says.
func fileName(r *http.Request, res *http.Response) string {
	base := path.Base(r.URL.Path)
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		base = path.Base(strings.ReplaceAll(params["filename"], `\`, "/"))
	}
	if base == "." || base == "/" || base == ".." {
		base = "index"
	}
	if res.Header.Get("Content-Encoding") != "" {
		base += ".gz"
	}
	return base
}
