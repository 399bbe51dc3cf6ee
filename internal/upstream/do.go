package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// tries is how often a request is sent at most before its failure is the caller's.
const tries = 3

// maxDrain is how much of a body that nobody wants is read, so that its connection can be used again.
const maxDrain = 64 << 10

// Hop is an answer that redirected.
type Hop struct {
	URL    *url.URL // that was asked
	Status int
	Header http.Header
}

// Response is the last answer, and those that led to it, first to last.
type Response struct {
	*http.Response
	Hops []Hop
}

// Follow says which redirects are followed.
type Follow func(to *url.URL) error

type followKey struct{}

// WithFollow narrows the redirects that requests under ctx follow: http.ErrUseLastResponse makes the redirect itself the answer, any
// other error of f is returned. What the site's policy forbids stays forbidden.
func WithFollow(ctx context.Context, f Follow) context.Context {
	return context.WithValue(ctx, followKey{}, f)
}

// Do sends a request to the site and follows redirects. Any status is an answer; the caller closes its body.
//
// GET, HEAD, and POST with GetBody are repeated when the connection fails or the answer is 502, 503 or 504: POST must not change
// anything upstream, and nothing that modelgate posts does. Errors wrap ErrUnreachable or ErrRefused, or are a *LimitError or the
// context's own.
func (s *Site) Do(req *http.Request) (*Response, error) {
	ctx := req.Context()
	limit := deadline(ctx)
	var quota string
	if s.quota != nil {
		quota = s.quota(req)
	}
	key := s.pauses.key(quota, req)
	for failures := 1; ; failures++ {
		waited, err := s.pauses.wait(ctx, key, limit)
		s.client.metrics.waits.WithLabelValues(s.name).Add(waited.Seconds())
		if err != nil {
			return nil, err
		}
		res, err := s.once(req)
		pause := s.client.backoff(failures)
		again := errors.Is(err, ErrUnreachable) && ctx.Err() == nil
		limited := err == nil && res.StatusCode == http.StatusTooManyRequests
		if err == nil {
			var asked time.Duration
			asked, again = s.learn(ctx, key, limit, res)
			pause = max(pause, asked)
		}
		if limited {
			failures, pause = failures-1, 0 // waiting for a quota is no failure, and done above
		} else if failures >= tries {
			again = false
		}
		if !again || !repeatable(req) || time.Now().Add(pause).After(limit) {
			return res, err
		}
		if err == nil {
			drain(res.Body)
		}
		s.client.metrics.retries.WithLabelValues(s.name).Inc()
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// deadline is until when a request can wait for a quota.
func deadline(ctx context.Context) time.Time {
	limit := time.Now().Add(maxPause)
	if at, ok := ctx.Deadline(); ok {
		limit = earlier(limit, at)
	}
	if d, ok := Patience(ctx); ok {
		limit = earlier(limit, time.Now().Add(d))
	}
	return limit
}

// maxRetryAfter is how long a server that is not available may ask to be left alone and still be asked again.
const maxRetryAfter = 10 * time.Second

// learn notes what answers say of quotas, and tells whether to ask again and after which pause.
func (s *Site) learn(ctx context.Context, key string, limit time.Time, res *Response) (pause time.Duration, again bool) {
	for _, hop := range res.Hops {
		if d, ok := pauseOf(hop.Status, hop.Header); ok {
			s.pauses.set(ctx, key, d, hop.Header)
		}
	}
	d, ok := pauseOf(res.StatusCode, res.Header)
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return d, !ok || d <= maxRetryAfter
	case http.StatusTooManyRequests:
		d = max(d, time.Second)
		s.pauses.set(ctx, key, d, res.Header)
		return 0, !time.Now().Add(d).After(limit)
	}
	if ok {
		s.pauses.set(ctx, key, d, res.Header)
	}
	return 0, false
}

// repeatable tells whether a request can be sent again.
func repeatable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain lets a connection be used again if little is left of its answer.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	_ = body.Close()
}

// once sends a request and follows redirects.
func (s *Site) once(req *http.Request) (*Response, error) {
	var hops []Hop
	at := req.URL
	for {
		res, err := s.send(req, at)
		if err != nil {
			return nil, err
		}
		to, err := s.next(req, at, res)
		if err != nil {
			_ = res.Body.Close()
			s.client.metrics.requests.WithLabelValues(s.name, "refused").Inc()
			return nil, err
		}
		if to == nil {
			return &Response{Response: res, Hops: hops}, nil
		}
		hops = append(hops, Hop{URL: at, Status: res.StatusCode, Header: res.Header})
		drain(res.Body)
		if len(hops) > maxRedirects {
			return nil, fmt.Errorf("ask %s: more than %d redirects: %w", req.URL.Host, maxRedirects, ErrRefused)
		}
		at = to
	}
}

// next is where an answer redirects to, or nil if it does not.
func (s *Site) next(req *http.Request, at *url.URL, res *http.Response) (*url.URL, error) {
	switch res.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			return nil, nil
		}
	default:
		return nil, nil
	}
	location := res.Header.Get("Location")
	if location == "" || !repeatable(req) {
		return nil, nil
	}
	to, err := at.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("redirect to what is no address: %w", ErrRefused)
	}
	to.Fragment, to.RawFragment = "", ""
	if err := s.policy.check(at, to); err != nil {
		return nil, err
	}
	if follow, ok := req.Context().Value(followKey{}).(Follow); ok {
		switch err := follow(to); {
		case errors.Is(err, http.ErrUseLastResponse):
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	return to, nil
}

// send sends a request to one address. Only the endpoint's own origin is told who asks.
func (s *Site) send(req *http.Request, at *url.URL) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	out := req.Clone(ctx)
	out.URL, out.Host = at, ""
	if !s.policy.own(at) {
		out.Header.Del("Authorization")
		out.Header.Del("Cookie")
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", s.client.cfg.UserAgent)
	}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel(nil)
			return nil, fmt.Errorf("ask %s: %w", at.Host, err)
		}
		out.Body = body
	}
	res, err := s.transport.RoundTrip(out)
	if err != nil {
		cancel(nil)
		s.client.metrics.requests.WithLabelValues(s.name, "error").Inc()
		if parent := req.Context().Err(); parent != nil {
			return nil, parent
		}
		if errors.Is(err, ErrRefused) {
			return nil, fmt.Errorf("ask %s: %w", at.Host, err)
		}
		return nil, fmt.Errorf("ask %s: %w: %w", at.Host, ErrUnreachable, err)
	}
	s.client.metrics.requests.WithLabelValues(s.name, strconv.Itoa(res.StatusCode)).Inc()
	res.Body = newBody(ctx, cancel, res.Body, s.client.cfg.StallTimeout, s.client.metrics.bytes.WithLabelValues(s.name))
	return res, nil
}
