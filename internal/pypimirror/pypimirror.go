// Package pypimirror is the door that speaks the Simple API of package indexes: with PIP_INDEX_URL pointing here, unmodified installers
// work as they do with the index, except where a file is blocked.
//
// The page of a project is always answered with what the index has; refused are files. A release of which one file is blocked is yanked
// whole, with the scan as the reason, so that an unpinned install takes the newest good release without an error; one that is pinned
// gets the page's reason and the file's 403. No byte of a file leaves before its verdict, since uv unpacks while it streams. The door
// never redirects to another host, and no verdict is ever a 5xx.
//
// Read it in the order of a request: pypimirror.go (what is needed), address.go (what is asked for), door.go (who answers), negotiate.go
// and page.go (pages), release.go (what blocks a release), file.go, hold.go and beside.go (files and what stands beside them), refusal.go (every error), proxied.go
// (what differs behind the forward proxy).
package pypimirror

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/store"
	"modelgate/internal/upstream/index"
)

// Index is what the door asks of the package indexes. *index.Index implements it.
type Index interface {
	// Project returns the page of a project.
	Project(ctx context.Context, name string) (*index.Page, error)
	// Listed tells what is known of each file of a page besides its bytes.
	Listed(p *index.Page) []model.Metadata
	Files
	Places
}

// Places is the part of [Index] that knows what is asked for at the indexes' own addresses.
type Places interface {
	// Serves tells whether an index answers at the origin of an address, or keeps files there.
	Serves(ctx context.Context, u *url.URL) bool
	// Below finds the index below whose Simple API an address is, and tells the escaped rest of the path.
	Below(u *url.URL) (upstream, rest string, ok bool)
	// ProjectOf returns the page of a project as one index has it.
	ProjectOf(ctx context.Context, upstream, name string) (*index.Page, error)
	// EntryAt finds a file by the address that its index gives it.
	EntryAt(ctx context.Context, u *url.URL) (index.Entry, error)
}

// Files is the part of [Index] that knows files.
type Files interface {
	// Entry finds a file by what an address of the door says.
	Entry(ctx context.Context, upstream, project, id, filename string) (index.Entry, error)
	// Bytes names the bytes of a file.
	Bytes(ctx context.Context, e index.Entry) (model.File, error)
	// Beside reads what stands beside a file.
	Beside(ctx context.Context, e index.Entry, what index.Beside) ([]byte, error)
}

// Gate gives verdicts. *gate.Gate implements it.
type Gate interface {
	// Check looks a verdict up, or starts the scan that will give it.
	Check(ctx context.Context, req gate.Request) (*gate.Ticket, error)
	// Blocked finds the revisions of a project that are known to be blocked.
	Blocked(ctx context.Context, req gate.Request) ([]store.BlockedScan, error)
	// Announce judges what a page lists by what is known of it without its bytes; Blocked finds what that blocks.
	Announce(ctx context.Context, req gate.Request, list []gate.Announced) error
	// Rules names the rules that a request is judged by, with all else that a verdict on a listed file depends on.
	Rules(ctx context.Context, req gate.Request) (string, error)
	// Quarantine blocks a version whose bytes were not those that were announced or scanned.
	Quarantine(ctx context.Context, req gate.Request, reason string) error
}

// Origin makes what the gate scans a file from. It is used after the request has ended.
type Origin func(e index.Entry, f model.File) gate.Origin

// Config is what the door needs. Index, Gate, Blobs and Origin must be set.
type Config struct {
	Index  Index
	Gate   Gate
	Blobs  *blob.Store
	Origin Origin
	// Opener opens a file for the blob store.
	Opener func(e index.Entry) blob.Opener
	// Record is told of every request for bytes that was answered; nil tells nobody.
	Record func(model.Download)
	Log    zerolog.Logger

	// PublicURL is the gate's own address; "" is that of each request.
	PublicURL string
	// Hold is how long a request waits for a scan; 0 is five minutes.
	Hold time.Duration
	// HoldByRedirect makes pip wait by redirects too, for networks that swallow interim answers.
	HoldByRedirect bool
	// EnforceFile refuses only the files that fail, not their whole release.
	EnforceFile bool

	// Bulk is told before many bytes of a file leave; what it returns is called when they have left. nil tells nobody.
	Bulk func(ctx context.Context) (done func())

	Registerer prometheus.Registerer // nil: no metrics
}

// New returns the door.
func New(cfg Config) (*Door, error) {
	if cfg.Index == nil || cfg.Gate == nil || cfg.Blobs == nil || cfg.Origin == nil || cfg.Opener == nil {
		return nil, errors.New("package door: index, gate, blobs, origin and opener must be given")
	}
	if cfg.Hold <= 0 {
		cfg.Hold = 5 * time.Minute
	}
	if cfg.Record == nil {
		cfg.Record = func(model.Download) {}
	}
	if cfg.Bulk == nil {
		cfg.Bulk = func(context.Context) func() { return func() {} }
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	m, err := reply.NewMetrics(cfg.Registerer, "pypi", "the package door", "route")
	if err != nil {
		return nil, err
	}
	rendered, err := newRendered()
	if err != nil {
		return nil, err
	}
	judged, err := newAnnounced()
	if err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	return &Door{Config: cfg, metrics: m, rendered: rendered, announced: judged, base: base, cancel: cancel}, nil
}

// Handles tells whether a request is for this door.
func (d *Door) Handles(r *http.Request) bool {
	_, rest := splitGroup(r.URL.EscapedPath())
	return rest == "/pypi" || strings.HasPrefix(rest, "/pypi/")
}
