// Package objectstore is the door of object stores: requests to S3, Google Cloud Storage and Azure Blob Storage that arrive through the forward
// proxy. Clients keep their endpoints, credentials and signatures; the door is seen only where a model is blocked.
//
// A verdict belongs to an object's state, never to an answer: what the store says of the object (version, generation, entity tag, size, time)
// pins it, and no byte of it leaves without an ALLOWED verdict on exactly that state, whichever range of it is asked for. Each request for
// bytes is asked of the store as the client sent it, which proves the client's right each time, and its answer is held until the verdict
// stands. Listings, metadata and writes pass as they are; what an address or a request means that is not known is not guessed but refused.
//
// What is read to judge an object is read in the client's name where its signature leaves the range free, else with credentials of the
// gate's own that are registered for the bucket, else as a whole; what can be judged in none of these ways is refused, and the answer says
// which credentials are missing.
//
// Read it in the order of a request: objectstore.go (what is needed), address.go, s3.go, google.go, azure.go and batch.go (what is asked for), door.go (who
// answers), bytes.go (requests for bytes), signature.go and reads.go (how the gate reads), refusal.go (every error).
package objectstore

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
	"modelgate/internal/upstream/bucket"
)

// Relay asks stores in clients' names. *upstream.Relay implements it.
type Relay interface {
	http.RoundTripper
	// Pass sends a request on and the answer back as it comes.
	Pass(w http.ResponseWriter, in *http.Request, see func(*http.Response) error, fail func(error))
}

// Stores are the buckets that may be read with credentials of the gate's own. *bucket.Stores implements it.
type Stores interface {
	Registered(a bucket.Address) (bucket.Registration, bool)
	Store(ctx context.Context, a bucket.Address) (bucket.Store, bucket.Address, error)
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

// Endpoint is a server that is configured to speak a provider's protocol.
type Endpoint struct {
	Provider model.Source
	Host     string // with the port, unless it goes without saying
	// PathStyle says that the bucket, or the account of Azure, stands in the path and not in the host.
	PathStyle bool
}

// Config is what the door needs. Relay, Gate, Blobs and Pickled must be set.
type Config struct {
	Relay Relay
	Gate  Gate
	Blobs *blob.Store
	// Pickled tells whether text begins as a pickle does, of the protocol that is text.
	Pickled   func(head []byte) bool
	Stores    Stores // nil: nothing is registered
	Endpoints []Endpoint
	// Elsewhere answers requests that are not for a store, to hosts that have other services too; nil refuses them.
	Elsewhere http.Handler
	// Models are patterns of prefixes that are models, such as s3://bucket/models/*/, beside those that are recognised by what is in them.
	Models []string
	// Record is told of every request for bytes that was answered; nil tells nobody.
	Record func(model.Download)
	Log    zerolog.Logger

	// PublicURL is what links to the gate's pages start with.
	PublicURL string
	// Hold is how long a request waits for a scan; 0 is five minutes.
	Hold time.Duration
	// MaxStaged bounds objects that have to be read whole; 0 is 64 GiB.
	MaxStaged int64

	Registerer prometheus.Registerer // nil: no metrics
}

// mostPrefixes is how many prefixes are remembered.
const mostPrefixes = 4096

// New returns the door.
func New(cfg Config) (*Door, error) {
	if cfg.Relay == nil || cfg.Gate == nil || cfg.Blobs == nil || cfg.Pickled == nil {
		return nil, errors.New("door of object stores: relay, gate, blobs and what tells pickles must be given")
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
	m, err := reply.NewMetrics(cfg.Registerer, "objectstore", "the door of object stores", "class")
	if err != nil {
		return nil, err
	}
	prefixes, err := lru.New[string, listing](mostPrefixes)
	if err != nil {
		return nil, err
	}
	return &Door{Config: cfg, metrics: m, prefixes: prefixes}, nil
}

// Door answers for object stores.
type Door struct {
	Config
	metrics  reply.Metrics
	prefixes *lru.Cache[string, listing]
}

// Hosts are patterns of the names that providers give their stores, for clients that have to be told which hosts to send here.
func Hosts() []string {
	return []string{
		"*.amazonaws.com", "*.amazonaws.com.cn",
		"storage.googleapis.com", "*.storage.googleapis.com", "commondatastorage.googleapis.com", "*.commondatastorage.googleapis.com",
		"storage.mtls.googleapis.com", "*.rep.googleapis.com", "*.p.googleapis.com", "storage-download.googleapis.com", googleAPIs,
		"firebasestorage.googleapis.com", "storage.cloud.google.com", "*.googleusercontent.com",
		"*.core.windows.net", "*.storage.azure.net", "*.fabric.microsoft.com",
		"*.core.chinacloudapi.cn", "*.core.usgovcloudapi.net", "*.core.cloudapi.de",
	}
}

// Knows tells whether a host is one of a store.
func (d *Door) Knows(host string, port int) bool {
	_, ok := d.endpoint(host, port)
	host = withoutDot(host)
	return ok || isS3Host(host) || isGCSHost(host) || isAzureHost(host)
}

// Takes tells whether a request to a host that nobody knows carries the signature of a store's client.
func (d *Door) Takes(r *http.Request) bool {
	return hasS3Signature(r) || hasGCSSignature(r) || hasAzureSignature(r)
}
