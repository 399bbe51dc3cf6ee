package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"modelgate/internal/upstream"
)

// Bounds of requests that are passed on.
const (
	forwardLimit = 10 * time.Second // until the header of the answer is there, for callers who set no deadline
	maxForward   = 1 << 20          // bytes of a request's body
)

// Forward sends an API request with the caller's own headers and token, less those that are between two hops, and returns the answer as
// it is, its body decoded if it was compressed. The caller closes the body. pathAndQuery is what follows the endpoint, escaped, and
// begins with a slash. Redirects are followed from the API to the API of the Hub alone: nothing that carries a file's bytes is behind
// one. The method has to be one that changes nothing.
//
// The header of the answer has to come within 10 s, unless ctx has a deadline of its own. Errors wrap ErrUnreachable or
// upstream.ErrRefused, or are an *Error: with 429 if the Hub's rate limit leaves no room within that time, with 413 if the body of the
// request is too large.
func (c *Client) Forward(ctx context.Context, r *http.Request, pathAndQuery string) (*http.Response, error) {
	u, err := url.Parse(c.endpoint + pathAndQuery)
	if err != nil || !strings.HasPrefix(pathAndQuery, "/") || !c.site.IsOwn(u) || u.User != nil {
		return nil, fmt.Errorf("forward: path is not valid: %w", errPath)
	}
	body, err := forwardedBody(r)
	if err != nil {
		return nil, err
	}
	limit := forwardLimit
	if at, ok := ctx.Deadline(); ok {
		limit = time.Until(at)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	overdue := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %s: %w", limit, ErrUnreachable)) })
	res, err := c.forward(c.withinAPI(upstream.WithPatience(ctx, limit)), r, u, body)
	overdue.Stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		switch {
		case errors.Is(cause, ErrUnreachable):
			err = cause
		case errors.Is(err, context.DeadlineExceeded):
			err = fmt.Errorf("no answer within %s: %w", limit, ErrUnreachable)
		}
		return nil, fmt.Errorf("forward %s: %w", u.Path, asError(err))
	}
	removeHopByHop(res.Header)
	res.Body = &cancelling{ReadCloser: res.Body, cancel: func() { cancel(nil) }}
	return res.Response, nil
}

func (c *Client) forward(ctx context.Context, r *http.Request, u *url.URL, body []byte) (*upstream.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	removeHopByHop(req.Header)
	for _, name := range keptBack() {
		req.Header.Del(name)
	}
	if req.Header.Get("Authorization") == "" && c.token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	return c.site.Do(req)
}

// withinAPI lets redirects lead from the API to the API, as those of renamed repositories do.
func (c *Client) withinAPI(ctx context.Context) context.Context {
	own, _ := url.Parse(c.endpoint) // it was parsed before
	return upstream.WithFollow(ctx, func(to *url.URL) error {
		p := strings.TrimPrefix(to.EscapedPath(), own.EscapedPath())
		api := strings.HasPrefix(p, "/api/") && !strings.Contains(p, "/resolve") || strings.HasSuffix(p, "/info/lfs/objects/batch")
		if !c.site.IsOwn(to) || !api {
			return fmt.Errorf("redirect from the API to %s%s: %w", to.Host, to.Path, upstream.ErrRefused)
		}
		return nil
	})
}

// forwardedBody reads the body of a request that is passed on, so that it can be sent again.
func forwardedBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForward+1))
	if err != nil {
		return nil, fmt.Errorf("read body of request: %w", err)
	}
	if len(body) > maxForward {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("request of more than %d bytes", maxForward), Header: http.Header{}}
	}
	return body, nil
}

// keptBack are headers of requests that are not the Hub's business, or would make it answer something that can't be looked into: a
// part, or nothing because the client has an older copy.
func keptBack() []string {
	return []string{
		"Cookie", "Accept-Encoding", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via", "Origin", "Referer", "Expect",
	}
}

// removeHopByHop removes headers that are between two hops (RFC 9110, 7.6.1).
func removeHopByHop(h http.Header) {
	for _, value := range h.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade",
	} {
		h.Del(name)
	}
}

// cancelling ends a request's context with its body.
type cancelling struct {
	io.ReadCloser
	cancel func()
}

// Close implements io.Closer.
func (c *cancelling) Close() error {
	err := c.ReadCloser.Close()
	c.cancel()
	return err
}
