package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"modelgate/internal/upstream"
)

// ask sends a request for a caller. Whatever the status, it is an answer; the caller closes the body.
func (c *Client) ask(ctx context.Context, method, address string, tok Token, header http.Header) (*upstream.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the hub: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if tok = c.effective(tok); tok != "" {
		req.Header.Set("Authorization", "Bearer "+string(tok))
	}
	res, err := c.site.Do(req)
	if err != nil {
		return nil, asError(err)
	}
	return res, nil
}

// askJSON reads the JSON that an address of the API answers into v, and returns the header of the answer.
func (c *Client) askJSON(ctx context.Context, address string, tok Token, v any) (http.Header, error) {
	res, err := c.ask(ctx, http.MethodGet, address, tok, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res.Response)
	}
	defer func() { _ = res.Body.Close() }()
	bounded := &io.LimitedReader{R: res.Body, N: maxAnswer}
	if err := json.NewDecoder(bounded).Decode(v); err != nil {
		if bounded.N <= 0 {
			return nil, fmt.Errorf("more than %d bytes of JSON: %w", maxAnswer, ErrAnswer)
		}
		return nil, fmt.Errorf("read JSON: %w: %w", ErrAnswer, err)
	}
	// A connection is used again if its answer was read to the end.
	_, _ = io.CopyN(io.Discard, bounded, 4<<10)
	return res.Header, nil
}

// patient is how long a question may take: as long as clients wait for an answer to a HEAD, or longer if the caller has said by
// upstream.WithPatience that it can wait for the Hub's rate limit.
func (c *Client) patient(ctx context.Context) time.Duration {
	d, _ := upstream.Patience(ctx)
	return c.askLimit + d
}

// together lets one caller ask and all who want the same wait for the answer. The question goes on when its caller leaves, for as long
// as limit says.
func together[T any](ctx context.Context, c *Client, key string, limit time.Duration, ask func(ctx context.Context) (T, error)) (T, error) {
	ch := c.asking.DoChan(key, func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		return ask(detached)
	})
	var zero T
	select {
	case r := <-ch:
		if r.Err != nil {
			return zero, r.Err
		}
		t, _ := r.Val.(T)
		return t, nil
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}
