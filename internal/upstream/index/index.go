// Package index is the origin of Python packages: one or more indexes that speak the Simple API, in JSON or HTML, and the file hosts
// that their pages name. No host is written down here: indexes are configured, file hosts are learned from their pages.
//
// A name belongs to one index. One that an index claims is never asked of another, not even when its owner is down or does not have it:
// what has a private name must not come from the public. A name that nobody claims is asked of the indexes in order; the first that has
// it gives the whole page, and an index that fails ends the search. Pages are never merged, since then the highest version
// would win wherever it comes from.
//
// Read it in the order of a request: index.go (which index), claims.go (whose name), pages.go (the page, cached), page.go with html.go
// and rawjson.go (read), render.go (written), files.go (bytes), hosts.go (where they may come from), places.go (what is asked for at an index's
// own addresses).
package index

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/attestation"
)

// Upstream is one index.
type Upstream struct {
	// Name is letters, digits, "-" and "_"; it is part of the addresses of files.
	Name string
	// URL is the address of its Simple API.
	URL string
	// Private marks an index whose names are remembered as its own once it has answered for them.
	Private bool
	// Claims are names that belong to it, in any spelling; a trailing * stands for any ending.
	Claims []string
	// Credentials go to the index, and to file hosts that are its own host or listed.
	Username, Password string
	CredentialHosts    []string
}

// Memory remembers facts over restarts. A fact that is lost is asked for again, but for remembered claims: a lost one opens a name.
type Memory interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Put(ctx context.Context, key string, value []byte) error
}

// Config is what an Index needs.
type Config struct {
	Upstreams []Upstream
	Client    *upstream.Client
	Blobs     *blob.Store
	Memory    Memory // nil remembers nothing
	Log       zerolog.Logger

	PageTTL   time.Duration // how long a page is fresh at most; 0 is 10 minutes
	PageStale time.Duration // how long an old page is good while its index is down; 0 is 24 hours
	MaxFile   int64         // bytes of a file; 0 is 10 GiB
	// Advisories finds what is known against a release; nil knows nothing.
	Advisories func(project, version string) []model.Advisory
	// Trust is whom attestations must be signed through; nil verifies none.
	Trust *attestation.Root
	// ForgetClaims turns off that names which a private index has answered for are its own from then on.
	ForgetClaims bool
}

// Errors that doors tell apart. Each is wrapped with what was asked.
var (
	// ErrNotFound: no index has the project, or the file.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: an index that had to be asked gave no usable answer, so nothing can be said.
	ErrUnavailable = errors.New("index is unavailable")
	// ErrClaimed: the file is of another index than the one that its name belongs to.
	ErrClaimed = errors.New("the name belongs to another index")
)

// Index finds projects and files. It is safe for concurrent use.
type Index struct {
	cfg       Config
	upstreams []*site
	claims    *claims
	pages     *pages
	files     *files
	turns     turns
}

// site is one index with its connections.
type site struct {
	Upstream
	base  *url.URL // ends with a slash
	api   *upstream.Site
	hosts *hosts
}

// Defaults.
const (
	pageTTL   = 10 * time.Minute
	pageStale = 24 * time.Hour
	maxFile   = 10 << 30
)

// New returns an index over upstreams, in the order in which unclaimed names are asked for.
func New(cfg Config) (*Index, error) {
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("no package index is configured")
	}
	if cfg.PageTTL <= 0 {
		cfg.PageTTL = pageTTL
	}
	if cfg.PageStale <= 0 {
		cfg.PageStale = pageStale
	}
	if cfg.MaxFile <= 0 {
		cfg.MaxFile = maxFile
	}
	x := &Index{cfg: cfg, turns: newTurns()}
	seen := map[string]bool{}
	for _, u := range cfg.Upstreams {
		s, err := newSite(cfg, u)
		if err != nil {
			return nil, fmt.Errorf("package index %q: %w", u.Name, err)
		}
		if seen[u.Name] {
			return nil, fmt.Errorf("two package indexes have the name %q", u.Name)
		}
		seen[u.Name] = true
		x.upstreams = append(x.upstreams, s)
	}
	var err error
	if x.claims, err = newClaims(x.upstreams, cfg.Memory); err != nil {
		return nil, err
	}
	if x.pages, err = newPages(cfg); err != nil {
		return nil, err
	}
	x.files, err = newFiles(cfg)
	return x, err
}

func newSite(cfg Config, u Upstream) (*site, error) {
	if u.Name == "" || strings.Trim(u.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return nil, errors.New("its name may have letters, digits, - and _ only")
	}
	api, err := cfg.Client.Site(upstream.SiteConfig{Name: "index", Endpoint: u.URL, AnyPublic: true})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(strings.TrimRight(u.URL, "/") + "/")
	if err != nil {
		return nil, err
	}
	s := &site{Upstream: u, base: base, api: api}
	s.hosts = newHosts(cfg, s)
	return s, nil
}

// Close closes connections that are not in use.
func (x *Index) Close() {
	for _, s := range x.upstreams {
		s.api.Close()
		s.hosts.close()
	}
}

// Project returns the page of a project, whose name must be in its normal form.
func (x *Index) Project(ctx context.Context, name string) (*Page, error) {
	if normal, ok := dist.Normalize(name); !ok || normal != name {
		return nil, fmt.Errorf("project %q: %w", clip(name, 100), ErrNotFound)
	}
	owner, err := x.claims.owner(ctx, name)
	if err != nil {
		return nil, err
	}
	if owner != nil {
		return x.page(ctx, owner, name)
	}
	for _, s := range x.upstreams {
		p, err := x.page(ctx, s, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		return p, err // an index that fails ends the search: down must not mean "ask the next"
	}
	return nil, fmt.Errorf("project %s: %w", name, ErrNotFound)
}

// page asks one index for a project, and remembers what a private index has answered for.
func (x *Index) page(ctx context.Context, s *site, name string) (*Page, error) {
	p, err := x.pages.get(ctx, s, name)
	if err != nil {
		return nil, fmt.Errorf("project %s of index %s: %w", name, s.Name, err)
	}
	if s.Private && !x.cfg.ForgetClaims {
		if err := x.claims.remember(ctx, name, s); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Private tells whether an index is marked as one.
func (x *Index) Private(upstreamName string) bool {
	s := x.site(upstreamName)
	return s != nil && s.Private
}

func (x *Index) site(name string) *site {
	for _, s := range x.upstreams {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// ID names an entry of a page in addresses: its SHA-256 if the index gives one, else "u" and the SHA-256 of its address.
func (f File) ID() string {
	if sum := f.hash("sha256"); isSHA256(sum) { // as most indexes write it
		return sum
	}
	if d := f.SHA256(); d != "" {
		return d.Hex()
	}
	return addressID(f.URL)
}

// Entry finds a file by what an address of ours says: the index, the project, the id and the name of the file. What was seen on a page
// once is found later, even when the page no longer has it.
func (x *Index) Entry(ctx context.Context, upstreamName, project, id, filename string) (Entry, error) {
	s := x.site(upstreamName)
	if normal, ok := dist.Normalize(project); s == nil || !ok || normal != project || !dist.SafeFilename(filename) {
		return Entry{}, fmt.Errorf("file %q: %w", clip(filename, 100), ErrNotFound)
	}
	if err := x.mayHave(ctx, s, project); err != nil {
		return Entry{}, err
	}
	p, err := x.page(ctx, s, project)
	if err == nil {
		for i := range p.Files {
			if f := p.Files[i]; f.Filename == filename && f.ID() == id {
				return Entry{File: f, Project: project, Upstream: s.Name, Page: p, site: s}, nil
			}
		}
		err = fmt.Errorf("%s of %s: %w", filename, project, ErrNotFound)
	}
	if e, ok := x.files.seen(ctx, s, project, id, filename); ok {
		return e, nil
	}
	return Entry{}, err
}

// mayHave returns an error that wraps ErrClaimed if a name belongs to another index.
func (x *Index) mayHave(ctx context.Context, s *site, name string) error {
	owner, err := x.claims.owner(ctx, name)
	if err == nil && owner != nil && owner != s {
		err = fmt.Errorf("%s of index %s: %w", name, s.Name, ErrClaimed)
	}
	return err
}

// Entry is a file found, with the page that it stands on, if that could be had.
type Entry struct {
	File
	Project  string
	Upstream string
	Page     *Page // nil if the page is gone

	site *site
}
