// Package download is the door of every inspected host that no other door knows (source WEB): answers that are a model, a package or an
// archive by their content are judged before a byte of them leaves, whatever their name, type, method and status; everything else streams
// through as it comes.
//
// The beginning of an answer is held and looked at. Text passes while it stays text. Pictures, sound, films, fonts and PDF pass but for
// their end, where an archive could hang. All else is judged: by ranges of its own where the origin gives them and names the state of what it
// serves by a strong validator; else the whole is kept on disk first, while the client waits, and given from there.
//
// What is not looked into: the packs of git's protocol (what git-lfs fetches is), and gRPC on hosts that are configured for HTTP/2.
//
// Read it in the order of a request: download.go (what is needed), door.go (who answers), look.go (what an answer is), judge.go and
// reads.go (what is judged), refusal.go (every error).
package download

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
)

// Relay asks hosts in clients' names. *upstream.Relay implements it.
type Relay interface {
	http.RoundTripper
	// Pass sends a request on and the answer back as it comes.
	Pass(w http.ResponseWriter, in *http.Request, see func(*http.Response) error, fail func(error))
}

// Gate gives verdicts. *gate.Gate implements it.
type Gate interface {
	// Check looks a verdict up, or starts the scan that will give it.
	Check(ctx context.Context, req gate.Request) (*gate.Ticket, error)
	// Blocks are the ranges of a file that scanners were given.
	Blocks(ctx context.Context, f model.File) []finding.Block
	// Quarantine blocks a version whose bytes were not those that were judged.
	Quarantine(ctx context.Context, req gate.Request, reason string) error
}

// Config is what the door needs. Relay, Gate, Blobs and Pickled must be set.
type Config struct {
	Relay Relay
	Gate  Gate
	Blobs *blob.Store
	// Pickled tells whether text begins as a pickle does, of the protocol that is text.
	Pickled func(head []byte) bool
	// Record is told of every download that was judged and answered; nil tells nobody.
	Record func(model.Download)
	Log    zerolog.Logger

	// PublicURL is what links to the gate's pages start with.
	PublicURL string
	// Hold is how long a request waits for a scan, and for what is kept on disk first; 0 is five minutes.
	Hold time.Duration
	// MaxStaged bounds what is kept on disk first; 0 is 64 GiB.
	MaxStaged int64

	Registerer prometheus.Registerer // nil: no metrics
}

// mostSuspects is how many addresses are remembered whose pictures had an archive at their end.
const mostSuspects = 4096

// New returns the door.
func New(cfg Config) (*Door, error) {
	if cfg.Relay == nil || cfg.Gate == nil || cfg.Blobs == nil || cfg.Pickled == nil {
		return nil, errors.New("door of downloads: relay, gate, blobs and pickled must be given")
	}
	if cfg.Hold <= 0 {
		cfg.Hold = 5 * time.Minute
	}
	if cfg.MaxStaged <= 0 {
		cfg.MaxStaged = 64 << 30
	}
	if cfg.Record == nil {
		cfg.Record = func(model.Download) {}
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	m, err := reply.NewMetrics(cfg.Registerer, "download", "the door of downloads", "kind")
	if err != nil {
		return nil, err
	}
	suspects, err := lru.New[string, struct{}](mostSuspects)
	if err != nil {
		return nil, err
	}
	return &Door{Config: cfg, metrics: m, suspects: suspects}, nil
}

// Door answers for hosts that no other door knows.
type Door struct {
	Config
	metrics  reply.Metrics
	suspects *lru.Cache[string, struct{}] // addresses whose answers are judged whatever they begin with
}
