package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// errSpilled means that the disk was full: the reader has to go on with a stream of its own.
var errSpilled = fmt.Errorf("read on without the disk: %w", ErrNoSpace)

// errUnchecked means that all bytes are there, and the reader has to look for its own blocks among them before it may have the last.
var errUnchecked = errors.New("blocks are not checked yet")

// fetch is a blob that is arriving.
type fetch struct {
	store  *Store
	want   wanted
	open   Opener
	ctx    context.Context
	cancel context.CancelFunc

	// reserved is the space that counts as used while the blob arrives: 0 if it is larger than everything that may be kept, as it
	// will not be then.
	reserved int64

	// Guarded by the store's mutex.
	readers  int
	finished bool

	mu       sync.Mutex
	file     *os.File      // nil until it is made, and if it can't be
	written  int64         // bytes of the file
	cleared  int64         // bytes of it of which no block is left to be compared
	verified bool          // all bytes are there and what they should be
	err      error         // why the fetch ended otherwise
	changed  chan struct{} // closed when any of these changes; nil if nobody waits
}

// launch begins a fetch with one reader. The store is locked.
func (s *Store) launch(w wanted, open Opener) *fetch {
	f := &fetch{store: s, want: w, open: open, readers: 1}
	f.ctx, f.cancel = context.WithCancel(s.ctx)
	if s.index.fits(w.Size) {
		s.makeRoom(w.Size)
		s.index.used += w.Size
		f.reserved = w.Size
	}
	s.flights[flightKey{w.Digest, w.Size}] = f
	s.fetching.Add(1)
	go f.run()
	return f
}

// run fetches, tells the readers, and puts the blob into its place.
func (f *fetch) run() {
	defer f.store.fetching.Done()
	defer f.cancel()
	err := f.fill()
	if err != nil && f.store.ctx.Err() != nil && !errors.Is(err, ErrMismatch) {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	if err != nil {
		f.store.failed(f, err)
	}
	f.update(func() { f.err, f.verified = err, err == nil })
	kept := err == nil && f.reserved == f.want.Size && f.keep()
	if !kept && f.file != nil {
		_ = os.Remove(f.file.Name())
	}

	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(f)
	f.finished = true
	s.index.used -= f.reserved
	if kept {
		s.index.add(&entry{
			digest: f.want.Digest, size: f.want.Size, touched: time.Now(),
			checked: map[uint64]bool{f.want.fingerprint: true},
		})
	}
	s.makeRoom(0)
	if f.readers == 0 {
		s.orphans--
		f.discard()
	}
}

// failed makes later callers begin anew, before the readers of this fetch are told, and counts.
func (s *Store) failed(f *fetch, err error) {
	s.mu.Lock()
	s.forget(f)
	s.mu.Unlock()
	reason := "upstream"
	switch {
	case errors.Is(err, ErrMismatch):
		reason = "mismatch"
	case errors.Is(err, errSpilled):
		reason = "space"
	}
	s.metrics.failures.WithLabelValues(reason).Inc()
	s.log.Warn().Err(err).Str("digest", string(f.want.Digest)).Msg("fetch of blob failed")
}

// fill writes and verifies all bytes. An error wraps errSpilled if the disk could not take them.
func (f *fetch) fill() error {
	file, err := f.create()
	if err != nil {
		return fmt.Errorf("%w: %w", errSpilled, err)
	}
	f.update(func() { f.file = file })
	h := startHashing(newVerifier(f.want), func(cleared int64) { f.update(func() { f.cleared = cleared }) })
	up := &resuming{ctx: f.ctx, open: f.open, backoff: f.store.backoff, size: f.want.Size}
	err = f.copy(up, h)
	up.Close()
	v, mismatch := h.stop()
	switch {
	case mismatch != nil:
		return mismatch
	case err != nil:
		return err
	}
	return v.finish()
}

// create makes the temporary file.
func (f *fetch) create() (*os.File, error) {
	dir, pattern := temporary(f.store.dir), f.want.Digest.Hex()[:16]+"-*"
	file, err := f.store.disk.create(dir, pattern)
	if err != nil && full(err) && f.evict(1) {
		file, err = f.store.disk.create(dir, pattern)
	}
	return file, err
}

// copy moves the bytes from upstream to the file and to the hash.
func (f *fetch) copy(up *resuming, h *hashing) error {
	for {
		buf := h.buffer()
		for used := 0; used < len(buf); {
			n, err := up.Read(buf[used:])
			if n > 0 {
				f.store.metrics.fetched.Add(float64(n))
				part := buf[used : used+n]
				used += n
				if err := f.write(part); err != nil {
					return err
				}
				if !h.take(part, buf, used == len(buf)) {
					return nil
				}
			}
			if errors.Is(err, io.EOF) && up.off == up.size {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// write appends to the file. If the disk is full, blobs have to go; the error wraps errSpilled if that does not help, and what was
// written before stays readable.
func (f *fetch) write(p []byte) error {
	for len(p) > 0 {
		n, err := f.store.disk.writeAt(f.file, p, f.written)
		p = p[n:]
		f.mu.Lock()
		f.written += int64(n)
		f.mu.Unlock()
		if err != nil && (!full(err) || !f.evict(f.want.Size-f.written)) {
			return fmt.Errorf("%w: %w", errSpilled, err)
		}
	}
	return nil
}

// evict lets blobs go until n bytes are free, and tells whether there were any.
func (f *fetch) evict(n int64) bool {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	return f.store.evict(n) > 0
}

// keep makes the temporary file a blob. Readers have all bytes by then and don't wait for the disk.
func (f *fetch) keep() bool {
	to := f.store.path(f.want.Digest)
	err := f.file.Sync()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o750)
	}
	if err == nil {
		err = f.store.disk.rename(f.file.Name(), to)
	}
	if err != nil {
		f.store.log.Error().Err(err).Str("digest", string(f.want.Digest)).Msg("keep blob")
	}
	return err == nil
}

// discard closes the file after the last reader has left.
func (f *fetch) discard() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// update changes the state and wakes those who wait for it.
func (f *fetch) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// await waits until bytes at off can be given out and tells how many. A reader who is not admitted, because its own blocks are not
// those that are compared as the bytes pass, has to wait for all of them. After the end of the fetch the error is its own, errSpilled
// or errUnchecked.
func (f *fetch) await(ctx context.Context, off int64, admitted bool) (int64, error) {
	for {
		f.mu.Lock()
		if errors.Is(f.err, ErrMismatch) {
			f.mu.Unlock()
			return 0, f.err
		}
		if limit := f.limit(admitted); off < limit {
			f.mu.Unlock()
			return limit - off, nil
		}
		if f.verified {
			f.mu.Unlock()
			return 0, errUnchecked
		}
		if f.err != nil {
			f.mu.Unlock()
			return 0, f.err
		}
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// limit is how many bytes from the front can be given out. The fetch is locked.
func (f *fetch) limit(admitted bool) int64 {
	switch {
	case !admitted:
		return 0
	case f.verified:
		return f.want.Size
	default:
		return min(f.cleared, max(0, f.want.Size-Withheld))
	}
}

// abandon tells whether the fetch is not worth going on with for nobody; many says that there are many such.
func (f *fetch) abandon(many bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	rest := f.want.Size - f.written
	return !f.verified && (many || rest > maxOrphanRest && f.written < rest/16)
}

// state tells how the fetch stands.
func (f *fetch) state() (verified bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.verified, f.err
}
