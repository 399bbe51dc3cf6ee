// Package blob keeps bytes by their digest on disk, and hands them to any number of readers while they are still arriving.
//
// What lies in the directory:
//
//	sha256/ab/abcdef…   a whole, verified blob; its modification time says when it was used last, to the minute
//	git/12/123456…      the same for blobs named by the SHA-1 that git gives them
//	tmp/…               fetches under way; what a crash left there is removed by Open
//
// However many callers ask for a blob, there is one fetch. It writes to a temporary file, hashes in a goroutine of its own, compares
// what scanners were given before ([Want.Blocks]) with what passes now, and lets every reader follow along. No byte of such a block is
// given to anybody before the block has matched, and the last bytes are kept from everybody until all of it has: what was judged is
// what is read, by range or as a whole, and bytes that are not what was asked for are never given out whole, and never kept. Then the
// file is renamed into its place, so that nothing half-written is ever taken for a blob.
//
// A fetch belongs to the store, not to its callers: it goes on when they leave. When upstream cuts it off, it is resumed
// where it stopped. When the disk is full, the blob that was used least recently goes, and if that does not help, each reader is
// given its own stream from upstream, verified in the same way and kept nowhere.
//
// One process at a time may use a directory.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// ErrMismatch is wrapped when upstream's bytes are not those that were asked for: another digest, another size, or other bytes than
// a scanner was given. Nothing of them is kept.
var ErrMismatch = errors.New("bytes are not those that were asked for")

// ErrNoSpace is wrapped when the disk can't take a blob.
var ErrNoSpace = errors.New("no space for blobs")

// ErrClosed is returned by a store that was closed.
var ErrClosed = errors.New("blob store is closed")

// Withheld is how many of the last bytes nobody is given before all bytes have been verified.
const Withheld = 64 << 10

// maxOrphans bounds the fetches that go on although all of their readers have left. One that has hardly begun and has more than
// maxOrphanRest bytes to go does not: somebody has looked at the beginning of something huge.
const (
	maxOrphans    = 4
	maxOrphanRest = 4 << 30
)

// Config says where blobs are kept and how many.
type Config struct {
	Dir string
	// MaxBytes bounds what is kept; 0 is unlimited. Blobs that are open and fetches under way stay, and may exceed it for a while.
	MaxBytes   int64
	Log        zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Want names the bytes asked for.
type Want struct {
	Digest model.Digest
	Size   int64
	// Blocks are ranges that a scanner was given before, and must be found in the bytes again. They must not overlap.
	Blocks []finding.Block
}

// Opener opens the bytes upstream from the given offset to their end. It is called again where the last stream was cut. Its
// context is not that of Get: a fetch outlives its callers. An error with a method Permanent() bool that returns true is not tried
// again.
type Opener func(ctx context.Context, off int64) (io.ReadCloser, error)

// Store is a directory of blobs. All methods may be called at the same time.
type Store struct {
	dir     string
	log     zerolog.Logger
	disk    disk
	backoff func(failures int) time.Duration
	metrics metrics

	ctx      context.Context // of all fetches; ends with Close
	stop     context.CancelFunc
	fetching sync.WaitGroup

	mu      sync.Mutex
	index   index
	flights map[flightKey]*fetch
	orphans int
	closed  bool
}

type flightKey struct {
	digest model.Digest
	size   int64
}

// Open opens the store in a directory, which is made if absent. What a crash left half-written is removed.
func Open(cfg Config) (*Store, error) { return open(cfg, osDisk(), pause) }

func open(cfg Config, d disk, backoff func(int) time.Duration) (*Store, error) {
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	s := &Store{dir: cfg.Dir, log: cfg.Log, disk: d, backoff: backoff, metrics: m, flights: map[flightKey]*fetch{}}
	if err := clearTemporary(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	s.index, err = readIndex(cfg.Dir, cfg.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(0)
	return s, nil
}

// Close ends every fetch, waits for it, and makes Get fail. Contents that are open can be read to where their fetch came.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.fetching.Wait()
	return nil
}

// Has tells whether a blob is here whole and verified, so that Get needs no upstream.
func (s *Store) Has(d model.Digest, size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[flightKey{d, size}]; f != nil {
		if verified, _ := f.state(); verified {
			return true
		}
	}
	e := s.index.get(d)
	return e != nil && e.size == size
}

// Get returns the bytes: from disk, or by one fetch from upstream that all callers share. It returns as soon as the first bytes are
// there or upstream has refused them. Reads of the Content wait for bytes that have not arrived yet as long as ctx lives.
//
// If a fetch that another caller began fails, it is tried once more with this caller's opener: it may be allowed what the other was not.
func (s *Store) Get(ctx context.Context, want Want, open Opener) (*Content, error) {
	w, err := prepare(want)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", want.Digest, err)
	}
	for {
		c, first, err := s.attach(ctx, w, open)
		if err != nil {
			return nil, fmt.Errorf("blob %s: %w", want.Digest, err)
		}
		if err = c.begin(); err == nil {
			return c, nil
		}
		_ = c.Close()
		if first || ctx.Err() != nil || errors.Is(err, ErrMismatch) || errors.Is(err, ErrClosed) {
			return nil, fmt.Errorf("blob %s: %w", want.Digest, err)
		}
	}
}

// attach opens the blob on disk, joins the fetch that is under way, or begins one; first tells that this caller began it.
func (s *Store) attach(ctx context.Context, w wanted, open Opener) (c *Content, first bool, err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, false, ErrClosed
	}
	if e := s.index.get(w.Digest); e != nil {
		e.pins++
		s.mu.Unlock()
		if c := s.openWhole(ctx, w, e); c != nil {
			s.metrics.requests.WithLabelValues("hit").Inc()
			return c, true, nil
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	c = &Content{ctx: ctx, store: s, want: w, open: open}
	if f := s.flights[flightKey{w.Digest, w.Size}]; f != nil {
		s.metrics.requests.WithLabelValues("join").Inc()
		s.join(f)
		c.fetch, c.admitted = f, f.want.fingerprint == w.fingerprint
		return c, false, nil
	}
	s.metrics.requests.WithLabelValues("miss").Inc()
	c.fetch, c.admitted = s.launch(w, open), true
	return c, true, nil
}

// openWhole opens a blob on disk that is pinned. It returns nil, and forgets the blob, if the file is damaged or gone.
func (s *Store) openWhole(ctx context.Context, w wanted, e *entry) *Content {
	file, err := os.Open(s.path(w.Digest))
	if err == nil {
		var info os.FileInfo
		if info, err = file.Stat(); err == nil && info.Size() == w.Size {
			s.touch(e)
			return &Content{ctx: ctx, store: s, want: w, whole: file, entry: e}
		}
		if err == nil {
			err = fmt.Errorf("%d bytes on disk, want %d", info.Size(), w.Size)
		}
		err = errors.Join(err, file.Close())
	}
	s.log.Warn().Err(err).Str("digest", string(w.Digest)).Msg("blob on disk is damaged and will be fetched again")
	s.mu.Lock()
	defer s.mu.Unlock()
	e.pins--
	s.drop(e)
	return nil
}

// join makes the caller a reader of a fetch. The store is locked.
func (s *Store) join(f *fetch) {
	if f.readers == 0 {
		s.orphans--
	}
	f.readers++
}

// leave undoes join. A fetch that all readers have left goes on, unless there are many such or it has a long way to go. The store is
// locked.
func (s *Store) leave(f *fetch) {
	f.readers--
	if f.readers > 0 {
		return
	}
	if f.finished {
		f.discard()
		return
	}
	s.orphans++
	if f.abandon(s.orphans > maxOrphans) {
		f.cancel()
		s.forget(f)
	}
}

// forget makes later callers begin a fetch of their own. The store is locked.
func (s *Store) forget(f *fetch) {
	key := flightKey{f.want.Digest, f.want.Size}
	if s.flights[key] == f {
		delete(s.flights, key)
	}
}
