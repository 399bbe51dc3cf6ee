package index

import (
	"context"
	"errors"
	"fmt"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// Origin is a distribution file as the gate scans it: a version of one file. It comes whole through the blob store: nothing of it may
// leave before its verdict anyway, so the scan and all who wait for it share one fetch.
type Origin struct {
	Index *Index
	Entry Entry
	File  model.File // as Index.Bytes tells
}

// Version is the version of a distribution file: the project and the SHA-256 of the bytes.
func (o *Origin) Version() model.Version {
	return model.Version{Source: model.PyPI, Name: o.Entry.Project, Revision: o.File.Digest.Hex()}
}

// Files lists the file.
func (o *Origin) Files(context.Context) ([]model.File, error) { return []model.File{o.File}, nil }

// Metadata tells what rules need to know besides the bytes.
func (o *Origin) Metadata(context.Context) (model.Metadata, error) {
	e := o.Entry
	var known []model.Advisory
	if find := o.Index.cfg.Advisories; find != nil {
		known = find(e.Project, e.Parsed.Version.String())
	}
	return model.Metadata{URI: "pypi://" + e.Project, LicenseUnknown: true, Private: o.Index.Private(e.Upstream), Package: &model.Package{
		Project: e.Project, Version: e.Parsed.Version.String(), Filename: e.Filename, Upstream: e.Upstream, Uploaded: e.Uploaded,
		Yanked: e.Yanked, YankedReason: clip(e.YankedReason, 300), Status: e.status(), Advisories: known,
	}}, nil
}

// status is that of the project, if the page tells.
func (e Entry) status() string {
	if e.Page == nil {
		return ""
	}
	return e.Page.Status
}

// Open opens the file, whole and verified. An error wraps source.ErrChanged if the bytes are not those that the index announced.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	c, err := o.Index.cfg.Blobs.Get(ctx, blob.Want{Digest: f.Digest, Size: f.Size}, o.Index.Opener(o.Entry))
	if err == nil {
		if err = c.Wait(ctx); err == nil {
			return c, nil
		}
		_ = c.Close()
	}
	if errors.Is(err, blob.ErrMismatch) {
		err = fmt.Errorf("%w: %w", source.ErrChanged, err)
	}
	return nil, fmt.Errorf("open %s: %w", f.Path, err)
}
