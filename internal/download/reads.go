package download

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/transfer"
	"modelgate/internal/upstream"
)

// ranged is what a host serves in a state that can be asked for again, as the gate scans it. It outlives the request.
type ranged struct {
	relay   Relay
	request *http.Request // without a context that counts
	state   state
	file    model.File
}

// Files lists the one file.
func (o *ranged) Files(context.Context) ([]model.File, error) { return []model.File{o.file}, nil }

// Metadata of a download is its address.
func (o *ranged) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{URI: name(o.request)}, nil
}

// Open gives random access, by ranges.
func (o *ranged) Open(ctx context.Context, f model.File) (source.Content, error) {
	return rangedContent{source.NewRanges(ctx, o, f.Size)}, nil
}

type rangedContent struct{ *source.Ranges }

// Close implements io.Closer. Nothing is open between reads.
func (rangedContent) Close() error { return nil }

// Fetch implements source.RangeFetcher.
func (o *ranged) Fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	return upstream.Resume(ctx, o.file.Path, off, n, o.fetch)
}

// fetch asks for a range of that state and nothing else.
func (o *ranged) fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	req := o.request.Clone(ctx)
	for _, name := range []string{"If-Range", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		req.Header.Del(name)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	req.Header.Set("If-Match", o.state.etag)
	req.Header.Set("Accept-Encoding", "identity")
	res, err := o.relay.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if err := o.check(res, off, n); err != nil {
		_ = res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// check says whether an answer is that range of that state.
func (o *ranged) check(res *http.Response, off, n int64) error {
	if res.StatusCode == http.StatusPreconditionFailed || res.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s answers %s: %w", res.Request.URL.Host, res.Status, source.ErrChanged)
	}
	if res.StatusCode != http.StatusPartialContent && (res.StatusCode != http.StatusOK || n != o.state.size) {
		return fmt.Errorf("%s answers %s to a range: %w", res.Request.URL.Host, res.Status, transfer.ErrUnclear)
	}
	span, err := transfer.SpanOf(res)
	if err != nil {
		return err
	}
	got := state{etag: res.Header.Get("Etag"), modified: res.Header.Get("Last-Modified"), size: span.Total}
	if got != o.state || res.Header.Get("Content-Encoding") != "" {
		return fmt.Errorf("%s serves another state: %w", res.Request.URL.Host, source.ErrChanged)
	}
	if span.First != off || span.Size() != n {
		return fmt.Errorf("bytes %d to %d in place of %d from %d: %w", span.First, span.Last, n, off, transfer.ErrUnclear)
	}
	return nil
}

// kept is what was put on disk first.
type kept struct {
	blobs *blob.Store
	file  model.File
	uri   string
}

// Files lists the one file.
func (o *kept) Files(context.Context) ([]model.File, error) { return []model.File{o.file}, nil }

// Metadata of a download is its address.
func (o *kept) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{URI: o.uri}, nil
}

// Open opens it.
func (o *kept) Open(ctx context.Context, _ model.File) (source.Content, error) { return o.open(ctx) }

func (o *kept) open(ctx context.Context) (*blob.Content, error) {
	return o.blobs.Get(ctx, blob.Want{Digest: o.file.Digest, Size: o.file.Size}, func(context.Context, int64) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%s is gone from the disk: %w", o.file.Path, blob.ErrNoSpace)
	})
}
