package blob

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"modelgate/internal/model"
)

// touchEvery is how often at most the use of a blob is written to its file.
const touchEvery = time.Minute

// index is what is on disk, most recently used first. It is guarded by the store's mutex.
type index struct {
	max     int64 // 0 is unlimited
	used    int64 // bytes of entries and of fetches under way
	entries map[model.Digest]*list.Element
	recent  *list.List // of *entry
}

// entry is one blob on disk.
type entry struct {
	digest  model.Digest
	size    int64
	touched time.Time       // as the file's modification time says
	pins    int             // open contents
	checked map[uint64]bool // fingerprints of blocks that were found in it
	gone    bool
}

// readIndex lists what lies in a directory. Names that are no blobs are left alone.
func readIndex(dir string, limit int64) (index, error) {
	x := index{max: limit, entries: map[model.Digest]*list.Element{}, recent: list.New()}
	var found []*entry
	for _, algorithm := range []string{model.SHA256, model.GitSHA} {
		err := filepath.WalkDir(filepath.Join(dir, algorithm), func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			digest, bad := model.NewDigest(algorithm, d.Name())
			info, err := d.Info()
			if err != nil || bad != nil || !info.Mode().IsRegular() {
				return err
			}
			found = append(found, &entry{digest: digest, size: info.Size(), touched: info.ModTime()})
			return nil
		})
		if err != nil {
			return x, fmt.Errorf("list %s: %w", dir, err)
		}
	}
	slices.SortFunc(found, func(a, b *entry) int { return a.touched.Compare(b.touched) })
	for _, e := range found {
		x.add(e)
	}
	return x, nil
}

func (x *index) get(d model.Digest) *entry {
	if el := x.entries[d]; el != nil {
		e, _ := el.Value.(*entry)
		return e
	}
	return nil
}

// fits tells whether a blob of that size can be kept at all.
func (x *index) fits(size int64) bool { return x.max == 0 || size <= x.max }

// add makes an entry the most recently used one, in place of another of its digest.
func (x *index) add(e *entry) {
	x.remove(x.get(e.digest))
	x.entries[e.digest] = x.recent.PushFront(e)
	x.used += e.size
}

// remove takes an entry out, if it is still in.
func (x *index) remove(e *entry) {
	if e == nil || e.gone {
		return
	}
	x.recent.Remove(x.entries[e.digest])
	delete(x.entries, e.digest)
	x.used -= e.size
	e.gone = true
}

// touch notes that an entry is used now.
func (s *Store) touch(e *entry) {
	now := time.Now()
	s.mu.Lock()
	if el := s.index.entries[e.digest]; el != nil && !e.gone {
		s.index.recent.MoveToFront(el)
	}
	stale := now.Sub(e.touched) >= touchEvery
	if stale {
		e.touched = now
	}
	s.mu.Unlock()
	if stale {
		if err := os.Chtimes(s.path(e.digest), now, now); err != nil {
			s.log.Debug().Err(err).Msg("note use of blob")
		}
	}
}

// unpin lets an entry go.
func (s *Store) unpin(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.pins--
	s.makeRoom(0)
}

// makeRoom removes the least recently used blobs that nobody has open until need more bytes fit. The store is locked.
func (s *Store) makeRoom(need int64) {
	defer func() { s.metrics.kept.Set(float64(s.index.used)) }()
	if s.index.max == 0 {
		return
	}
	s.evict(s.index.used + need - s.index.max)
}

// evict removes blobs of at least so many bytes, and tells how many bytes they had. The store is locked.
func (s *Store) evict(excess int64) (freed int64) {
	for el := s.index.recent.Back(); el != nil && freed < excess; {
		e, _ := el.Value.(*entry)
		el = el.Prev()
		if e.pins == 0 {
			freed += e.size
			s.drop(e)
			s.metrics.evictions.Inc()
		}
	}
	return freed
}

// drop removes a blob. The store is locked. The name goes at once, so that a new blob can take it.
func (s *Store) drop(e *entry) {
	if e.gone {
		return
	}
	s.index.remove(e)
	if err := os.Remove(s.path(e.digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error().Err(err).Msg("remove blob")
	}
}
