package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/upstream"
)

// Bounds of what stands beside a file, in bytes.
const (
	maxMetadata   = 4 << 20
	maxProvenance = 1 << 20
	mostSeen      = 10_000
	// Metadata that are kept: how many, and bytes of one.
	mostTexts = 1000
	keptText  = 64 << 10
)

// files are the entries that were asked for once, and the digests of those of which the index tells none.
type files struct {
	cfg   Config
	known *lru.Cache[string, []byte]
	// texts are metadata by their index and SHA-256: resolvers ask for the same ones again and again.
	texts *lru.Cache[string, []byte]
}

func newFiles(cfg Config) (*files, error) {
	known, err := lru.New[string, []byte](mostSeen)
	if err != nil {
		return nil, fmt.Errorf("memory of files: %w", err)
	}
	texts, err := lru.New[string, []byte](mostTexts)
	if err != nil {
		return nil, fmt.Errorf("memory of metadata: %w", err)
	}
	return &files{cfg: cfg, known: known, texts: texts}, nil
}

// addressID names an entry by its address.
func addressID(address string) string {
	address, _, _ = strings.Cut(address, "#")
	sum := sha256.Sum256([]byte(address))
	return "u" + hex.EncodeToString(sum[:])
}

// sighting is an entry as Memory keeps it.
type sighting struct {
	Filename string            `json:"filename"`
	URL      string            `json:"url"`
	Hashes   map[string]string `json:"hashes,omitempty"`
	Size     int64             `json:"size"`
	Metadata string            `json:"metadata,omitempty"`
	// Provenance is where its attestations are.
	Provenance string `json:"provenance,omitempty"`
	// SHA256 is that of the bytes, where the index tells none.
	SHA256 string `json:"sha256,omitempty"`
}

func sightingKey(s *site, project, id, filename string) string {
	return "index/file/" + s.Name + "/" + project + "/" + id + "/" + filename
}

// seen finds an entry that was asked for before.
func (f *files) seen(ctx context.Context, s *site, project, id, filename string) (Entry, bool) {
	known, ok := f.recall(ctx, sightingKey(s, project, id, filename))
	if !ok {
		return Entry{}, false
	}
	if _, err := url.Parse(known.URL); err != nil || known.URL == "" || known.Filename != filename {
		return Entry{}, false
	}
	e := Entry{Project: project, Upstream: s.Name, site: s, File: File{
		Filename: filename, URL: known.URL, Size: known.Size, MetadataSHA256: known.Metadata, HasMetadata: known.Metadata != "",
		Provenance: known.Provenance,
	}}
	for algorithm, sum := range known.Hashes {
		e.Hashes = append(e.Hashes, Hash{algorithm, sum})
	}
	if parsed, ok := dist.ParseFilename(project, filename); ok {
		e.Release = &Release{Version: parsed.Version.String(), Key: parsed.Version.Key()}
	}
	return e, e.ID() == id
}

func (f *files) recall(ctx context.Context, key string) (sighting, bool) {
	var out sighting
	value, ok := f.known.Get(key)
	if !ok && f.cfg.Memory != nil {
		var err error
		if value, ok, err = f.cfg.Memory.Get(ctx, key); err != nil {
			return out, false
		}
	}
	return out, ok && json.Unmarshal(value, &out) == nil
}

// note remembers an entry, so that addresses that were given out go on working.
func (f *files) note(ctx context.Context, e Entry, sum string) error {
	key := sightingKey(e.site, e.Project, e.ID(), e.Filename)
	size := e.Size
	if old, ok := f.recall(ctx, key); ok && sum == "" && old.SHA256 != "" {
		sum, size = old.SHA256, old.Size // what was learned stays
	}
	hashes := map[string]string{}
	for _, h := range e.Hashes {
		hashes[h.Algorithm] = h.Sum
	}
	text, err := json.Marshal(sighting{
		Filename: e.Filename, URL: e.URL, Hashes: hashes, Size: size, Metadata: e.MetadataSHA256, Provenance: e.Provenance, SHA256: sum,
	})
	if err != nil {
		return fmt.Errorf("remember %s: %w", e.Filename, err)
	}
	if old, ok := f.known.Get(key); ok && string(old) == string(text) {
		return nil
	}
	if f.cfg.Memory != nil {
		if err := f.cfg.Memory.Put(context.WithoutCancel(ctx), key, text); err != nil {
			return fmt.Errorf("remember %s: %w", e.Filename, err)
		}
	}
	f.known.Add(key, text)
	return nil
}

// Bytes names the bytes of a file: its SHA-256 and size. Where the index tells none, the file is read once to learn them, and what was
// learned is held to from then on. Errors wrap ErrNotFound or ErrUnavailable.
func (x *Index) Bytes(ctx context.Context, e Entry) (model.File, error) {
	out := model.File{Path: e.Filename, Size: e.Size, Digest: e.SHA256()}
	if out.Digest != "" && out.Size >= 0 {
		return out, x.files.note(ctx, e, "")
	}
	if known, ok := x.files.recall(ctx, sightingKey(e.site, e.Project, e.ID(), e.Filename)); ok && known.SHA256 != "" && known.Size >= 0 {
		out.Size = known.Size
		var err error
		out.Digest, err = model.NewDigest(model.SHA256, known.SHA256)
		return out, err
	}
	if out.Digest != "" {
		size, err := x.sizeOf(ctx, e)
		if err == nil && size >= 0 {
			out.Size, e.Size = size, size
			return out, x.files.note(ctx, e, out.Digest.Hex())
		}
	}
	return x.learnBytes(ctx, e, out)
}

// sizeOf asks the file's host how large it is; -1 if it does not say.
func (x *Index) sizeOf(ctx context.Context, e Entry) (int64, error) {
	res, err := x.ask(ctx, e, http.MethodHead, e.URL, 0)
	if err != nil {
		return -1, err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "" {
		return -1, nil
	}
	return res.ContentLength, nil
}

// learnBytes reads a file to learn what it is.
func (x *Index) learnBytes(ctx context.Context, e Entry, out model.File) (model.File, error) {
	body, err := x.open(ctx, e, 0)
	if err != nil {
		return out, err
	}
	defer func() { _ = body.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(body, x.cfg.MaxFile+1))
	if err != nil {
		return out, fmt.Errorf("read %s: %w: %w", e.Filename, ErrUnavailable, err)
	}
	if n > x.cfg.MaxFile {
		return out, fmt.Errorf("%s has more than %d bytes: %w", e.Filename, x.cfg.MaxFile, ErrUnavailable)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if out.Digest != "" && out.Digest.Hex() != sum || e.Size >= 0 && e.Size != n {
		return out, fmt.Errorf("%s of %s: %w", e.Filename, e.Project, blob.ErrMismatch)
	}
	out.Size = n
	if out.Digest, err = model.NewDigest(model.SHA256, sum); err != nil {
		return out, err
	}
	e.Size = n
	return out, x.files.note(ctx, e, sum)
}

// Opener opens a file for a blob.Store.
func (x *Index) Opener(e Entry) blob.Opener {
	return func(ctx context.Context, off int64) (io.ReadCloser, error) { return x.open(ctx, e, off) }
}

// Refused is the answer of a file's host that has no file for us.
type Refused struct {
	Status int
	Host   string
}

func (r *Refused) Error() string { return fmt.Sprintf("%s answers %d", r.Host, r.Status) }

// Permanent tells whether asking again is no use.
func (r *Refused) Permanent() bool {
	return r.Status == http.StatusNotFound || r.Status == http.StatusGone || r.Status == http.StatusForbidden || r.Status == http.StatusUnauthorized
}

// Unwrap makes a Refused one of the errors that doors know.
func (r *Refused) Unwrap() error {
	if r.Status == http.StatusNotFound || r.Status == http.StatusGone {
		return ErrNotFound
	}
	return ErrUnavailable
}

// open opens a file from an offset to its end.
func (x *Index) open(ctx context.Context, e Entry, off int64) (io.ReadCloser, error) {
	if e.Size > x.cfg.MaxFile {
		return nil, fmt.Errorf("%s has %d bytes, more than is fetched: %w", e.Filename, e.Size, ErrUnavailable)
	}
	res, err := x.ask(ctx, e, http.MethodGet, e.URL, off)
	if err != nil {
		return nil, err
	}
	err = x.checkAnswer(res, e, off)
	if err != nil {
		_ = res.Body.Close()
		return nil, fmt.Errorf("open %s: %w", e.Filename, err)
	}
	if res.StatusCode == http.StatusOK && off > 0 { // a host that knows no ranges
		if _, err := io.CopyN(io.Discard, res.Body, off); err != nil {
			_ = res.Body.Close()
			return nil, fmt.Errorf("open %s: read past %d bytes: %w: %w", e.Filename, off, ErrUnavailable, err)
		}
	}
	return res.Body, nil
}

// checkAnswer looks at the header of an answer with bytes.
func (x *Index) checkAnswer(res *upstream.Response, e Entry, off int64) error {
	if enc := res.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fmt.Errorf("bytes that are encoded as %q: %w", clip(enc, 40), ErrUnavailable)
	}
	switch {
	case res.StatusCode == http.StatusOK:
		if e.Size >= 0 && res.ContentLength >= 0 && res.ContentLength != e.Size {
			return fmt.Errorf("%d bytes for a file of %d: %w", res.ContentLength, e.Size, blob.ErrMismatch)
		}
		return nil
	case res.StatusCode == http.StatusPartialContent && off > 0:
		if want := fmt.Sprintf("bytes %d-", off); !strings.HasPrefix(res.Header.Get("Content-Range"), want) {
			return fmt.Errorf("range %q for one from %d: %w", clip(res.Header.Get("Content-Range"), 80), off, ErrUnavailable)
		}
		return nil
	default:
		return &Refused{Status: res.StatusCode, Host: res.Request.URL.Host}
	}
}

// ask asks the host of a file for an address on it.
func (x *Index) ask(ctx context.Context, e Entry, method, address string, off int64) (*upstream.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Filename, err)
	}
	way, err := e.site.hosts.siteFor(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", e.Filename, ErrUnavailable, err)
	}
	plain := *u
	plain.Fragment, plain.RawFragment = "", ""
	req, err := http.NewRequestWithContext(ctx, method, plain.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Filename, err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Accept", "*/*")
	if off > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	if e.site.hosts.credentials(u) {
		e.site.authorize(req)
	}
	res, err := way.Do(req)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", e.Filename, ErrUnavailable, err)
	}
	return res, nil
}

// Beside is what stands beside a file: its metadata, signature or provenance.
type Beside string

// The things that stand beside a file.
const (
	Metadata   Beside = ".metadata"
	Signature  Beside = ".asc"
	Provenance Beside = ".provenance"
)

// Beside reads what stands beside a file, whole. Metadata are held to the digest that the index gives, and fetched once under it. The text
// must not be changed.
func (x *Index) Beside(ctx context.Context, e Entry, what Beside) ([]byte, error) {
	key, named := e.Upstream+"/"+e.MetadataSHA256, what == Metadata && e.MetadataSHA256 != ""
	if named {
		if text, ok := x.files.texts.Get(key); ok {
			return text, x.files.note(ctx, e, "")
		}
	}
	text, err := x.fetchBeside(ctx, e, what)
	if err == nil && named && len(text) <= keptText {
		x.files.texts.Add(key, slices.Clone(text)) // which has no room that is not used
	}
	return text, err
}

func (x *Index) fetchBeside(ctx context.Context, e Entry, what Beside) ([]byte, error) {
	at, err := url.Parse(e.URL)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", what, e.Filename, err)
	}
	base, limit := at, int64(maxMetadata)
	switch what {
	case Provenance:
		limit = maxProvenance
		if e.Provenance == "" {
			return nil, fmt.Errorf("provenance of %s: %w", e.Filename, ErrNotFound)
		}
		if e.Page != nil {
			base = e.site.base.JoinPath(e.Project + "/")
		}
		if at, err = url.Parse(resolve(base, e.Provenance)); err != nil || at.Host == "" {
			return nil, fmt.Errorf("provenance of %s: %w", e.Filename, ErrNotFound)
		}
	case Metadata, Signature:
		at.Path, at.RawPath = at.Path+string(what), ""
	}
	if err := x.files.note(ctx, e, ""); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	res, err := x.ask(ctx, e, http.MethodGet, at.String(), 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, &Refused{Status: res.StatusCode, Host: res.Request.URL.Host}
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w: %w", what, e.Filename, ErrUnavailable, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s of %s has more than %d bytes: %w", what, e.Filename, limit, ErrUnavailable)
	}
	if sum := sha256.Sum256(text); what == Metadata && e.MetadataSHA256 != "" && hex.EncodeToString(sum[:]) != e.MetadataSHA256 {
		return nil, fmt.Errorf("metadata of %s: %w", e.Filename, blob.ErrMismatch)
	}
	return text, nil
}
