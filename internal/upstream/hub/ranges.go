package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"modelgate/internal/upstream"
)

// remote reads ranges of one file. It keeps the signed address that the Hub gave it, so that a range costs one request, and asks for
// another when that one no longer works. It implements source.RangeFetcher.
type remote struct {
	client *Client
	place  place

	mu      sync.Mutex
	address string // "" if the Hub has to be asked
}

// Fetch implements source.RangeFetcher: exactly n bytes from off. A range that is cut is gone on with where it was.
func (r *remote) Fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if err := r.place.check(); err != nil {
		return nil, err
	}
	return upstream.Resume(ctx, r.place.path, off, n, r.open)
}

// open opens a range at the address that is known, or at the one that the Hub gives.
func (r *remote) open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	r.mu.Lock()
	address := r.address
	r.mu.Unlock()
	if address != "" {
		body, err := r.openAt(ctx, address, off, n)
		if err == nil || ctx.Err() != nil || errors.Is(err, errNoRanges) {
			return body, err
		}
	}
	body, address, err := r.client.open(ctx, r.place, off, n)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.address = address
	r.mu.Unlock()
	return body, nil
}

func (r *remote) openAt(ctx context.Context, address string, off, n int64) (io.ReadCloser, error) {
	// An address that worked a moment ago; it must not lead elsewhere now.
	ctx = withoutRedirects(ctx)
	res, err := r.client.get(ctx, r.place.tok, address, off, n)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusPartialContent && res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s answers %s", res.Request.URL.Host, res.Status)
	}
	return ranged(res, off, n, r.client.size(ctx, r.place))
}

// errMoved is a redirect where there should be none.
var errMoved = fmt.Errorf("redirect of an address that worked: %w", ErrAnswer)

func withoutRedirects(ctx context.Context) context.Context {
	return upstream.WithFollow(ctx, func(*url.URL) error { return errMoved })
}
