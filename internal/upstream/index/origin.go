package index

import (
	"context"
	"fmt"
	"time"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
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
func (o *Origin) Metadata(ctx context.Context) (model.Metadata, error) {
	e := o.Entry
	meta := o.Index.metadata(e.Upstream, e.Project, e.File, e.status())
	meta.Package.Advisories = o.Index.advisories(e.Project, e.File)
	if e.Page != nil {
		meta.Package.Since = e.Page.since()
	}
	meta.Package.FormerDigest = o.Index.files.former(ctx, e, o.File.Digest)
	meta.Package.Origin = o.attested(ctx)
	text, err := o.coreMetadata(ctx)
	meta.Package.LicenseUnknown = err != nil
	meta.Package.Licenses = dist.ParseMetadata(text).Licenses()
	return meta, nil
}

// Listed tells of each file of a page what is known of it besides its bytes.
func (x *Index) Listed(p *Page) []model.Metadata {
	out := make([]model.Metadata, len(p.Files))
	known := map[string][]model.Advisory{}
	since := p.since()
	for i, f := range p.Files {
		out[i] = x.metadata(p.Upstream, p.Project, f, p.Status)
		out[i].Package.Since = since
		version := f.Version()
		found, ok := known[version]
		if !ok {
			found = x.advisories(p.Project, f)
			known[version] = found
		}
		out[i].Package.Advisories = found
	}
	return out
}

// metadata is what an entry of a page tells.
func (x *Index) metadata(upstreamName, project string, f File, status string) model.Metadata {
	return model.Metadata{URI: "pypi://" + project, LicenseUnknown: true, Private: x.Private(upstreamName), Package: &model.Package{
		Project: project, Version: f.Version(), Filename: f.Filename, Upstream: upstreamName, Uploaded: f.Uploaded, AsOf: time.Now(),
		Yanked: f.Yanked, YankedReason: clip(f.YankedReason, 300), Status: status,
	}}
}

// since is when the first file of a page was uploaded; zero if that of any is not told.
func (p *Page) since() time.Time {
	var first time.Time
	for _, f := range p.Files {
		if f.Uploaded.IsZero() {
			return time.Time{}
		}
		if first.IsZero() || f.Uploaded.Before(first) {
			first = f.Uploaded
		}
	}
	return first
}

// advisories are what is known against the release that a file belongs to.
func (x *Index) advisories(project string, f File) []model.Advisory {
	if x.cfg.Advisories == nil {
		return nil
	}
	return x.cfg.Advisories(project, f.Version())
}

// status is that of the project, if the page tells.
func (e Entry) status() string {
	if e.Page == nil {
		return ""
	}
	return e.Page.Status
}

// Open opens the file, whole and verified, when it is its turn: an installer asks for fifty files at once, and to read them all at once
// would make none of them ready earlier, and take the memory of fifty scans. Bytes that are not those that the index announced are an error like
// any other: a page of errors in place of a file says nothing of the file, whose digest others ask for too.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	c, err := o.Index.cfg.Blobs.Get(ctx, blob.Want{Digest: f.Digest, Size: f.Size}, o.Index.Opener(o.Entry))
	if err == nil {
		if err = c.Wait(ctx); err == nil {
			err = o.Index.turns.take(ctx)
		}
		if err == nil {
			return &taken{Content: c, turns: o.Index.turns}, nil
		}
		_ = c.Close()
	}
	return nil, fmt.Errorf("open %s: %w", f.Path, err)
}
