package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream"
)

// Sizes up to which a file that is scanned is fetched whole.
const (
	// wholeFile: through the blob store, so that scan and download share one fetch.
	wholeFile = 8 << 20
	// judgedWhole: up to here the scanner itself compares the bytes with their digest, and makes a finding of what differs.
	judgedWhole = 1 << 20
)

// Origin is a version on the Hub as the gate scans it.
type Origin struct {
	Client *Client
	Token  Token
	Repo   Repo // canonical
	Commit string
	Blobs  *blob.Store // nil: everything by range
}

// Files lists the files.
func (o *Origin) Files(ctx context.Context) ([]model.File, error) {
	return o.Client.Files(willing(ctx), o.Token, o.Repo, o.Commit)
}

// Metadata tells what rules need to know.
func (o *Origin) Metadata(ctx context.Context) (model.Metadata, error) {
	return o.Client.Metadata(willing(ctx), o.Token, o.Repo, o.Commit)
}

// willing makes a scan wait for the Hub's rate limit as long as it lives, ten minutes if that has no end.
func willing(ctx context.Context) context.Context {
	if _, ok := upstream.Patience(ctx); ok {
		return ctx
	}
	left := 10 * time.Minute
	if at, ok := ctx.Deadline(); ok {
		left = max(0, time.Until(at))
	}
	return upstream.WithPatience(ctx, left)
}

// Open opens one of the files. Small files, and those that are on disk already, come whole and verified from the blob store; large
// ones are read by range, and what was read is remembered by block. Every read is made under ctx.
//
// An error wraps source.ErrChanged if the bytes are not those that the Hub announced.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	if o.Blobs != nil && f.Digest != "" && (f.Size <= wholeFile || o.Blobs.Has(f.Digest, f.Size)) {
		c, err := o.whole(ctx, f)
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, blob.ErrNoSpace): // by range, then: that needs no disk
		case errors.Is(err, blob.ErrMismatch) && f.Size <= judgedWhole: // for the scanner to see and say
		default:
			return nil, fmt.Errorf("open %s: %w", f.Path, err)
		}
	}
	p := place{o.Token, o.Repo, o.Commit, f.Path}
	c := &remoteContent{Ranges: source.NewRanges(ctx, &remote{client: o.Client, place: p}, f.Size)}
	if o.Blobs != nil && f.Digest != "" {
		c.open = func() (*blob.Content, error) { return o.whole(ctx, f) }
	}
	return c, nil
}

// whole fetches a file through the blob store and waits until all of it is there and verified.
func (o *Origin) whole(ctx context.Context, f model.File) (*blob.Content, error) {
	want := blob.Want{Digest: f.Digest, Size: f.Size}
	c, err := o.Blobs.Get(ctx, want, o.Client.Opener(o.Token, o.Repo, o.Commit, f.Path))
	if err == nil {
		if err = c.Wait(ctx); err == nil {
			return c, nil
		}
		_ = c.Close()
	}
	if errors.Is(err, blob.ErrMismatch) {
		err = fmt.Errorf("%w: %w", source.ErrChanged, err)
	}
	return nil, err
}

// remoteContent is a file that is read by range; whole, if its server turns out not to know ranges.
type remoteContent struct {
	*source.Ranges
	open func() (*blob.Content, error) // nil: by range or not at all

	mu    sync.Mutex
	whole *blob.Content
}

// ReadAt implements io.ReaderAt.
func (c *remoteContent) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	whole := c.whole
	c.mu.Unlock()
	if whole != nil {
		return whole.ReadAt(p, off)
	}
	n, err := c.Ranges.ReadAt(p, off)
	if c.open == nil || !errors.Is(err, errNoRanges) {
		return n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole == nil {
		if c.whole, err = c.open(); err != nil {
			return 0, fmt.Errorf("read the whole file: %w", err)
		}
	}
	return c.whole.ReadAt(p, off)
}

// Close implements io.Closer.
func (c *remoteContent) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole == nil {
		return nil
	}
	return c.whole.Close()
}
