package hub

import (
	"context"
	"errors"
	"fmt"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
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
	return o.Client.Files(ctx, o.Token, o.Repo, o.Commit)
}

// Metadata tells what rules need to know.
func (o *Origin) Metadata(ctx context.Context) (model.Metadata, error) {
	return o.Client.Metadata(ctx, o.Token, o.Repo, o.Commit)
}

// Open opens one of the files. Small files, and those that are on disk already, come whole and verified from the blob store; large
// ones are read by range, and what was read is remembered by block. Every read is made under ctx.
//
// An error wraps source.ErrChanged if the bytes are not those that the Hub announced.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	if o.Blobs != nil && f.Digest != "" && (f.Size <= wholeFile || o.Blobs.Has(f.Digest, f.Size)) {
		want := blob.Want{Digest: f.Digest, Size: f.Size}
		c, err := o.Blobs.Get(ctx, want, o.Client.Opener(o.Token, o.Repo, o.Commit, f.Path))
		if err == nil {
			if err = c.Wait(ctx); err == nil {
				return c, nil
			}
			_ = c.Close()
		}
		switch {
		case errors.Is(err, blob.ErrNoSpace): // by range, then: that needs no disk
		case errors.Is(err, blob.ErrMismatch) && f.Size <= judgedWhole: // for the scanner to see and say
		case errors.Is(err, blob.ErrMismatch):
			return nil, fmt.Errorf("open %s: %w: %w", f.Path, source.ErrChanged, err)
		default:
			return nil, fmt.Errorf("open %s: %w", f.Path, err)
		}
	}
	p := place{o.Token, o.Repo, o.Commit, f.Path}
	return remoteContent{source.NewRanges(ctx, &remote{client: o.Client, place: p}, f.Size)}, nil
}

// remoteContent is a file that is read by range. There is nothing to close: each range is closed when it has been read.
type remoteContent struct{ *source.Ranges }

// Close implements io.Closer.
func (remoteContent) Close() error { return nil }
