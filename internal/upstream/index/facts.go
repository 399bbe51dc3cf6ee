package index

import (
	"context"
	"errors"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/upstream/attestation"
)

// coreMetadata are the metadata of the package: those beside the file, else those in it.
func (o *Origin) coreMetadata(ctx context.Context) ([]byte, error) {
	if o.Entry.HasMetadata {
		text, err := o.Index.Beside(ctx, o.Entry, Metadata)
		if err == nil || errors.Is(err, blob.ErrMismatch) {
			return text, err
		}
	}
	c, err := o.Open(ctx, o.File) // which the scan needs anyway
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return dist.ArchiveMetadata(c, o.File.Size, o.Entry.Filename)
}

// attested is what the attestations of a file prove of its origin (PEP 740).
func (o *Origin) attested(ctx context.Context) model.Provenance {
	e := o.Entry
	if e.Provenance == "" {
		return model.Provenance{Lost: e.Page != nil && e.Page.lost(e.File)}
	}
	doc, err := o.Index.Beside(ctx, e, Provenance)
	if errors.Is(err, ErrNotFound) {
		return model.Provenance{}
	}
	if err != nil || o.Index.cfg.Trust == nil {
		return model.Provenance{Unknown: true}
	}
	found := o.Index.cfg.Trust.Verify(doc, attestation.Subject{Project: e.Project, Filename: e.Filename, SHA256: o.File.Digest.Hex()})
	return model.Provenance{Served: len(found) > 0, Attestations: found}
}

// lost tells whether the file that was uploaded last before this one, for another release, has attestations: then this one, which has none,
// was published in another way.
func (p *Page) lost(f File) bool {
	if f.Uploaded.IsZero() || f.Release == nil {
		return false
	}
	var before File
	for _, other := range p.Files {
		if other.Uploaded.After(before.Uploaded) && other.Uploaded.Before(f.Uploaded) && !other.sameRelease(f) {
			before = other
		}
	}
	return before.Provenance != ""
}

// sameRelease tells whether two files of a project belong to one release.
func (f File) sameRelease(other File) bool {
	return f.Release != nil && other.Release != nil && f.Release.Key == other.Release.Key
}

// former is the digest that the file had when it was judged first, "" if that is the one it has now. The first one is remembered.
func (f *files) former(ctx context.Context, e Entry, digest model.Digest) string {
	key := "index/pin/" + e.Upstream + "/" + e.Project + "/" + e.Filename
	value, ok := f.known.Get(key)
	if !ok && f.cfg.Memory != nil {
		var err error
		if value, ok, err = f.cfg.Memory.Get(ctx, key); err != nil {
			return ""
		}
	}
	if ok {
		if string(value) != digest.Hex() {
			return string(value)
		}
		return ""
	}
	if f.cfg.Memory != nil {
		if err := f.cfg.Memory.Put(context.WithoutCancel(ctx), key, []byte(digest.Hex())); err != nil {
			f.cfg.Log.Warn().Str("file", e.Filename).Err(err).Msg("the digest of a file is not remembered")
			return ""
		}
	}
	f.known.Add(key, []byte(digest.Hex()))
	return ""
}
