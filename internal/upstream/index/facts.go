package index

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
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

// maxPublishers bounds how many publishers of a file are told.
const maxPublishers = 8

// attested is who the index says has published a file (PEP 740). The signatures are not verified: the index has done so, or says so.
func (x *Index) attested(ctx context.Context, e Entry) model.Provenance {
	if e.Provenance == "" {
		return model.Provenance{}
	}
	text, err := x.Beside(ctx, e, Provenance)
	if errors.Is(err, ErrNotFound) {
		return model.Provenance{}
	}
	var doc struct {
		Bundles []struct {
			Publisher struct {
				Kind       string `json:"kind"`
				Repository string `json:"repository"`
				Workflow   string `json:"workflow"`
				Email      string `json:"email"`
			} `json:"publisher"`
			Attestations []json.RawMessage `json:"attestations"`
		} `json:"attestation_bundles"`
	}
	if err != nil || json.Unmarshal(text, &doc) != nil {
		return model.Provenance{Unknown: true}
	}
	var out model.Provenance
	for _, b := range doc.Bundles {
		if len(b.Attestations) == 0 {
			continue
		}
		out.Served = true
		p := b.Publisher
		if len(out.Publishers) < maxPublishers {
			out.Publishers = append(out.Publishers, oneLine(strings.Join([]string{p.Kind, p.Repository, p.Workflow, p.Email}, " ")))
		}
	}
	return out
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
