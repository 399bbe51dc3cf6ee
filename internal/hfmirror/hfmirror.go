// Package hfmirror is the door that speaks the Hugging Face Hub's protocol: with HF_ENDPOINT pointing here, an unmodified
// client works as it does with the Hub, except where a version is blocked.
//
// Metadata is answered and bytes are refused: API calls and HEAD of a file answer as soon as the Hub does, GET of a file waits for the
// verdict on its version. Only that shape lets every client show its user the reason and the scan's UUID. Whatever
// could carry bytes of files and is not known is refused.
//
// The door never redirects: it gives all bytes itself, and rewrites every Link, so that nothing leads a client around the gate. What
// would make a client use Xet, for which there is no way back to plain HTTP, is taken out of every answer.
//
// Read it in the order of a request: hfmirror.go (what is needed), address.go (what is asked for), door.go (who answers), resolve.go
// (files), verdict.go and hold.go (judged, and waited for), serve.go (bytes), api.go with json.go and link.go (metadata), lfs.go and
// ollama.go (the other ways to files), refusal.go (every error as the protocol says it), proxied.go (what differs behind the forward proxy).
package hfmirror

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream/hub"
)

// Hub is what the door asks of the Hub's client. *hub.Client implements it; every method takes the caller's token.
type Hub interface {
	// Files answers what HEAD and GET of a file need.
	Files
	// Opener opens a file for the blob store.
	Opener(tok hub.Token, repo hub.Repo, commit, path string) blob.Opener
	// Forward passes an API request on.
	Forward(ctx context.Context, r *http.Request, pathAndQuery string) (*http.Response, error)
}

// Files is the part of [Hub] that knows repositories.
type Files interface {
	Resolve(ctx context.Context, tok hub.Token, repo hub.Repo, rev string) (hub.Revision, error)
	Stat(ctx context.Context, tok hub.Token, repo hub.Repo, commit, path string) (hub.FileInfo, error)
	Files(ctx context.Context, tok hub.Token, repo hub.Repo, commit string) ([]model.File, error)
	Authorize(ctx context.Context, tok hub.Token, repo hub.Repo, commit, path string) error
}

// Gate gives verdicts. *gate.Gate implements it.
type Gate interface {
	Judge
	Memory
}

// Judge is the part of [Gate] that may start something.
type Judge interface {
	// Check looks a verdict up, or starts the scan that will give it.
	Check(ctx context.Context, req gate.Request) (*gate.Ticket, error)
	// Quarantine blocks a version whose bytes were not those that were announced or scanned.
	Quarantine(ctx context.Context, req gate.Request, reason string) error
}

// Memory is the part of [Gate] that only remembers.
type Memory interface {
	// Known tells the verdict if it stands.
	Known(ctx context.Context, req gate.Request) (gate.Verdict, bool)
	// ScanOutcome tells which version a scan was of and how it ended.
	ScanOutcome(ctx context.Context, scan uuid.UUID) (model.Version, model.Outcome, bool)
	// Blocks are the ranges of a file that scanners were given, which the bytes served are held to.
	Blocks(ctx context.Context, f model.File) []finding.Block
}

// Origin makes what the gate scans a version from. It is used after the request has ended.
type Origin func(tok hub.Token, repo hub.Repo, commit string) gate.Origin

// Config is what the door needs. Hub, Gate, Blobs and Origin must be set.
type Config struct {
	Hub    Hub
	Gate   Gate
	Blobs  *blob.Store
	Origin Origin
	// Record is told of every request for bytes that was answered; nil tells nobody.
	Record func(model.Download)
	Log    zerolog.Logger

	// Endpoint is the Hub's address, which links in its answers start with.
	Endpoint string
	// PublicURL is the gate's own address; "" is that of each request.
	PublicURL string
	// TrustForwarded takes a client's address, and the gate's, from X-Forwarded-* headers: a reverse proxy in front sets them.
	TrustForwarded bool
	// BlockMetadata refuses API and HEAD of blocked versions too.
	BlockMetadata bool
	// NoCORS leaves out the headers that let pages of other origins read answers.
	NoCORS bool
	// Hold is how long a request waits for a scan; 0 is five minutes.
	Hold time.Duration
	// Heartbeat is how often a waiting client is told to stay; 0 is three seconds.
	Heartbeat time.Duration
	// Patience is how long the Hub may take to answer an API request; 0 is 10 s for routes that are not known, 60 s for others.
	Patience time.Duration

	// Bulk is told before many bytes of a file leave; what it returns is called when they have left. nil tells nobody.
	Bulk func(ctx context.Context) (done func())

	Registerer prometheus.Registerer // nil: no metrics
}

// New returns the door.
func New(cfg Config) (*Door, error) {
	if cfg.Hub == nil || cfg.Gate == nil || cfg.Blobs == nil || cfg.Origin == nil {
		return nil, errors.New("hub door: hub, gate, blobs and origin must be given")
	}
	if cfg.Hold <= 0 {
		cfg.Hold = 5 * time.Minute
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 3 * time.Second
	}
	if cfg.Record == nil {
		cfg.Record = func(model.Download) {}
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	m, err := reply.NewMetrics(cfg.Registerer, "hub", "the Hub's door", "route")
	if err != nil {
		return nil, err
	}
	links, err := newLinks(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	return &Door{Config: cfg, metrics: m, links: links, ids: newRequestIDs(), manifests: newManifests(), kept: newKept(), small: newSmall()}, nil
}
