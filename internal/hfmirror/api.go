package hfmirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/reply"
	"modelgate/internal/upstream"
)

// Bounds of the API.
const (
	maxAPIBody   = 256 << 20 // of an answer
	maxAPIError  = 1 << 20   // of an answer that is an error
	maxAPIPost   = 1 << 20   // of a request
	wholeAnswer  = 64 << 10  // shorter answers are sent with their length
	unknownLimit = 10 * time.Second
	knownLimit   = 60 * time.Second
	learnLimit   = 5 * time.Second // which an answer may be kept back for
)

// xetSentence is what a client reads that was led to Xet by a listing it had fetched from the Hub itself.
const xetSentence = "modelgate serves files over HTTP only: delete the cached tree of this repository or set HF_HUB_DISABLE_XET=1"

// serveAPI answers /api/…: metadata, which is answered whatever the verdict.
func (d *Door) serveAPI(x *exchange) error {
	switch {
	case x.verb == "telemetry":
		d.common(x)
		x.out.WriteHeader(http.StatusNoContent)
		return nil
	case x.verb == "agent-harnesses": // a registry that command lines fetch now and then, and must not wait for
		return notFound("modelgate does not serve this catalogue")
	case x.verb == "xet-read-token":
		return forbidden(xetSentence)
	case carriesBytes(x.address):
		return forbidden("modelgate gives bytes of files at /resolve/ only, where they are judged")
	}
	if d.BlockMetadata && x.repo.ID != "" {
		if err := d.hideBlocked(x); err != nil {
			return err
		}
	}
	return d.forward(x)
}

// carriesBytes tells whether a route of the API answers with bytes of files, or leads to them.
func carriesBytes(a address) bool {
	if v, _ := known(a.verb); v.refused {
		return true
	}
	path, err := url.PathUnescape(strings.TrimRight(a.rest, "/"))
	return err != nil || strings.EqualFold(a.verb, "parquet") && strings.HasSuffix(strings.ToLower(path), ".parquet")
}

// hideBlocked refuses to speak of a version that is known to be blocked.
func (d *Door) hideBlocked(x *exchange) error {
	name := x.rev
	if name == "" {
		name = "main"
	}
	rev, err := d.revision(x, name)
	if err != nil {
		return err
	}
	if err := d.authorize(x, rev, ""); err != nil {
		return err
	}
	return d.blockMetadata(x)
}

// forward passes a request on and its answer back.
func (d *Door) forward(x *exchange) error {
	key := x.rest
	if x.URL.RawQuery != "" {
		key += "?" + x.URL.RawQuery
	}
	if answer, ok := d.kept.get(key); ok && time.Since(answer.at) < d.goodFor(x) && d.mayKnow(x) {
		return d.replay(x, answer)
	}
	ctx, cancel := context.WithTimeout(x.Context(), d.patience(x))
	defer cancel()
	defer d.learn(ctx, x)()
	resp, err := d.Hub.Forward(ctx, d.onward(ctx, x), key)
	if errors.Is(err, upstream.ErrUnreachable) {
		return d.forwardAway(x, key, fmt.Errorf("forward %s: %w", x.verb, err))
	}
	if err != nil {
		return fmt.Errorf("forward %s: %w", x.verb, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusInternalServerError { // there, but not well
		if err := d.forwardAway(x, key, errUnwell); !errors.Is(err, errUnwell) {
			return err
		}
	}
	if resp.StatusCode >= 300 {
		return d.passError(x, resp)
	}
	if x.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || x.verb == "auth-check" { // whose status says all
		d.apiHeader(x, resp.Header)
		x.out.WriteHeader(resp.StatusCode)
		return nil
	}
	if err := onlyMetadata(resp); err != nil {
		return err
	}
	return d.copyJSON(x, key, resp)
}

// errUnwell is a Hub that answers, but only that it cannot.
var errUnwell = errors.New("the Hub fails")

// forwardAway answers for a Hub that is away: what it last said, or what is known otherwise. It returns cause if there is neither.
func (d *Door) forwardAway(x *exchange, key string, cause error) error {
	if answer, ok := d.kept.get(key); ok && d.mayKnow(x) {
		x.out.Header().Add("X-Hf-Warning", "modelgate; the Hub cannot be reached: this is its last known answer")
		return d.replay(x, answer)
	}
	return d.answerAway(x, cause)
}

// learn finds out what a branch stands for while the Hub is asked about it, and returns what waits for that. A download begins with that
// question and goes on with files of the commit, so this costs no request more, and the branch is known when the Hub is away.
func (d *Door) learn(ctx context.Context, x *exchange) (wait func()) {
	if x.Method != http.MethodGet || x.repo.ID == "" || x.verb != "revision" || x.rev == "" || isCommit(x.rev) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(ctx, learnLimit)
		defer cancel()
		_, _ = d.Hub.Resolve(ctx, x.token, x.repo, x.rev) // the Hub's answer says it better
	}()
	return func() { <-done }
}

// patience is how long the Hub may take.
func (d *Door) patience(x *exchange) time.Duration {
	_, ok := known(x.verb)
	switch {
	case d.Patience > 0:
		return d.Patience
	case ok || x.repo.ID != "" && x.verb == "":
		return knownLimit
	default:
		return unknownLimit
	}
}

// onward is the request as the Hub may see it: without what was meant for the gate, or says who asks.
func (d *Door) onward(ctx context.Context, x *exchange) *http.Request {
	r := x.Clone(ctx)
	for name := range r.Header {
		if name == scanHeader || name == "Cookie" || name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") ||
			name == "X-Real-Ip" || name == "Range" || name == "If-Range" {
			r.Header.Del(name)
		}
	}
	if r.Body != nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxAPIPost)
	}
	return r
}

// onlyMetadata refuses an answer that may hold the bytes of a file: one that is not JSON, is meant to be saved, or comes from
// a route of files.
func onlyMetadata(resp *http.Response) error {
	refused := forbidden("modelgate passes on metadata only: the Hub's answer may hold the bytes of a file")
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return refused
	}
	if resp.Header.Get("Content-Disposition") != "" || resp.Header.Get("Content-Range") != "" || resp.Header.Get("X-Linked-Etag") != "" {
		return refused
	}
	if resp.Request == nil || resp.Request.URL == nil { // nothing was followed
		return nil
	}
	_, rest, ok := strings.Cut(resp.Request.URL.EscapedPath(), "/api/")
	if !ok {
		return refused
	}
	a, err := parseAPI(strings.Split(rest, "/"))
	a.rest = resp.Request.URL.EscapedPath()
	if err != nil || a.route != routeAPI || carriesBytes(a) {
		return refused
	}
	return nil
}

// passed are the headers of the Hub's API that clients get to see. Others could lead them elsewhere, or speak of the
// connection to the Hub.
var passed = []string{
	"Content-Type", "Etag", "Last-Modified", "Cache-Control", "Vary", "X-Error-Code", "X-Error-Message", "X-Request-Id",
	"X-Repo-Commit", "X-Total-Count", "X-Hf-Warning", "Retry-After", "Ratelimit", "Ratelimit-Policy", "Www-Authenticate",
}

// apiHeader sets the headers of an answer of the API.
func (d *Door) apiHeader(x *exchange, from http.Header) {
	h := d.common(x)
	for _, name := range passed {
		if values := from[name]; len(values) > 0 {
			h[name] = append(h[name], values...)
		}
	}
	if id := from.Get("X-Request-Id"); id != "" {
		h.Set("X-Request-Id", id)
	}
	h["X-Content-Type-Options"] = noSniff
	kept, dropped := d.links.rewrite(from.Values("Link"), d.base(x)+x.prefix, x.rest)
	if len(kept) > 0 {
		h["Link"] = []string{strings.Join(kept, ", ")}
	}
	for _, link := range dropped {
		d.Log.Warn().Str("request", x.id).Str("link", reply.Clip(link, 300)).Msg("a link of the Hub to another place was dropped")
	}
}

// passError passes on an error of the Hub: its headers, and its body if that is short and no page. A redirect that was not
// followed leads to files, or away from the Hub.
func (d *Door) passError(x *exchange, resp *http.Response) error {
	if resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified {
		return forbidden("modelgate follows no redirect of the Hub to where files may be")
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAPIError))
	if err != nil {
		return fmt.Errorf("read the Hub's error: %w", err)
	}
	if resp.StatusCode == http.StatusNotModified {
		d.apiHeader(x, resp.Header)
		x.out.WriteHeader(http.StatusNotModified)
		return nil
	}
	d.apiHeader(x, resp.Header)
	h := x.out.Header()
	if !json.Valid(text) {
		message := resp.Header.Get("X-Error-Message")
		if message == "" {
			message = http.StatusText(resp.StatusCode)
		}
		if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == "text/plain" && len(text) > 0 {
			message = strings.ToValidUTF8(reply.Clip(string(text), 2000), "?")
		}
		if text, err = json.Marshal(body{Error: message, Message: message, RequestID: h.Get("X-Request-Id")}); err != nil {
			return err
		}
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(resp.StatusCode)
	if x.Method != http.MethodHead {
		_, _ = x.out.Write(text)
	}
	return nil
}

// copyJSON copies an answer as it streams by, without what starts Xet. What may be of use when the Hub is away is kept.
func (d *Door) copyJSON(x *exchange, key string, resp *http.Response) error {
	late := &lateWriter{begin: func(length int) {
		d.apiHeader(x, resp.Header)
		if length >= 0 {
			x.out.Header().Set("Content-Length", strconv.Itoa(length))
		}
		x.out.WriteHeader(resp.StatusCode)
	}, to: x.out}
	if worthKeeping(x) {
		late.copy = new(bytes.Buffer)
	}
	out := bufio.NewWriterSize(late, wholeAnswer)
	in := bufio.NewReaderSize(io.LimitReader(resp.Body, maxAPIBody), 32<<10)
	injected := false
	err := prune(out, in, func() []byte {
		text := d.verdictEntry(x)
		injected = len(text) > 0
		return text
	})
	if err != nil {
		return fmt.Errorf("copy the Hub's answer: %w", err)
	}
	if !late.begun {
		late.begun = true
		late.begin(out.Buffered())
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if late.copy != nil && !injected && late.copy.Len() <= maxKeptAnswer {
		d.kept.put(key, keptAnswer{at: time.Now(), header: keptHeader(resp.Header), body: late.copy.Bytes()})
	}
	return nil
}

// lateWriter sends the header with the first bytes that no longer fit into the buffer before it.
type lateWriter struct {
	begin func(length int) // of the body; negative if it is not known yet
	to    io.Writer
	begun bool
	copy  *bytes.Buffer // nil, or what was written, until it's too much
}

func (w *lateWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.begin(-1)
	}
	if w.copy != nil && w.copy.Len() <= maxKeptAnswer {
		w.copy.Write(p)
	}
	return w.to.Write(p)
}

// truthy reads the booleans of queries: Python's True, JavaScript's true, 1.
func truthy(values []string) bool {
	return slices.ContainsFunc(values, func(s string) bool { return s == "1" || strings.EqualFold(s, "true") })
}
