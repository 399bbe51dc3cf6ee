package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

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

// rangeTries is how often a range that is cut is gone on with.
const rangeTries = 4

// Fetch implements source.RangeFetcher: exactly n bytes from off. A range that is cut is gone on with where it was.
func (r *remote) Fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if err := r.place.check(); err != nil {
		return nil, err
	}
	b := &rangeBody{ctx: ctx, from: r, off: off, left: n}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
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

// rangeBody is a range that survives being cut.
type rangeBody struct {
	ctx   context.Context
	from  *remote
	off   int64
	left  int64
	body  io.ReadCloser
	fails int
}

func (b *rangeBody) open() error {
	body, err := b.from.open(b.ctx, b.off, b.left)
	if err != nil {
		return err
	}
	b.body = body
	return nil
}

// Read implements io.Reader.
func (b *rangeBody) Read(p []byte) (int, error) {
	for idle := 0; b.left > 0; {
		if b.body == nil {
			if err := b.open(); err != nil {
				return 0, err
			}
		}
		n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
		b.off, b.left = b.off+int64(n), b.left-int64(n)
		if n > 0 {
			return n, nil
		}
		if idle++; err == nil && idle < 100 {
			continue
		}
		if errors.Is(err, io.EOF) || err == nil {
			err = io.ErrUnexpectedEOF
		}
		if err := b.cut(err); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// cut notes that the body broke, and returns an error if that happens too often.
func (b *rangeBody) cut(err error) error {
	_ = b.Close()
	if b.fails++; b.fails >= rangeTries || b.ctx.Err() != nil {
		return fmt.Errorf("range of %s ends %d bytes early: %w", b.from.place.path, b.left, err)
	}
	select {
	case <-time.After(time.Duration(b.fails) * 100 * time.Millisecond):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// Close implements io.Closer.
func (b *rangeBody) Close() error {
	if b.body == nil {
		return nil
	}
	err := b.body.Close()
	b.body = nil
	return err
}

// errMoved is a redirect where there should be none.
var errMoved = fmt.Errorf("redirect of an address that worked: %w", ErrAnswer)

func withoutRedirects(ctx context.Context) context.Context {
	return upstream.WithFollow(ctx, func(*url.URL) error { return errMoved })
}
