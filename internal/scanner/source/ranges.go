package source

import (
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"slices"
	"sync"

	"modelgate/internal/finding"
)

// BlockSize is the unit in which Ranges fetches, keeps and remembers bytes. Blocks start at multiples of it; only the last
// one of a file may be shorter.
const BlockSize = 64 << 10

// Bounds of Ranges: files up to wholeFile bytes are fetched in one request, read-ahead grows from one block to
// maxAhead bytes, and cachedBlocks are kept in memory.
const (
	wholeFile    = 1 << 20
	maxAhead     = 4 << 20
	cachedBlocks = 256
)

// RangeFetcher reads a range of a remote file: exactly n bytes from off, both within the file. Fewer bytes are an error of
// the fetcher. The caller closes what it returns. It is called from several goroutines if its Ranges is.
type RangeFetcher interface {
	Fetch(ctx context.Context, off, n int64) (io.ReadCloser, error)
}

// Ranges is a Reader over something that answers to range requests. Its aim is few requests first and few bytes second: a
// small file is fetched at once, the first request for the end of a file brings the whole of what File.Tail asks for, and
// who reads on from block to block gets twice as many each time.
//
// It remembers the SHA-256 of what it was given, in runs of blocks that came one after the other, so that a later download of
// the whole file can be held to what was scanned; a block that is fetched again and is not what it was is an error that
// wraps ErrChanged.
//
// Ranges is safe for concurrent use: no block is fetched twice at the same time.
type Ranges struct {
	ctx     context.Context
	fetcher RangeFetcher
	size    int64

	mu       sync.Mutex
	blocks   map[int64]*list.Element // of *block by number
	recent   *list.List              // most recently used first
	seed     maphash.Seed
	seen     map[int64]uint64 // hash of each block that came, by number
	runs     []*run
	next     int64 // number of the block after those fetched last
	ahead    int64 // blocks to fetch if next is wanted
	requests int64
	fetched  int64
}

type block struct {
	number int64
	bytes  []byte
}

// run is a sequence of blocks that came in order, and the hash of all of them.
type run struct {
	off, size int64
	sum       hash.Hash
}

// maxRun bounds a run, in bytes: whoever is given the whole file later waits for the comparison of each.
const maxRun = 4 << 20

// ErrChanged is wrapped when a remote file does not give the same bytes twice.
var ErrChanged = errors.New("remote file changed while it was read")

// NewRanges returns a Reader over the size bytes that fetcher reads. Every fetch is made under ctx: an io.ReaderAt has no
// context of its own.
func NewRanges(ctx context.Context, fetcher RangeFetcher, size int64) *Ranges {
	return &Ranges{
		ctx: ctx, fetcher: fetcher, size: max(0, size), blocks: map[int64]*list.Element{}, recent: list.New(),
		seed: maphash.MakeSeed(), seen: map[int64]uint64{}, next: -1,
	}
}

// Size implements Reader.
func (r *Ranges) Size() (int64, error) { return r.size, nil }

// ReadAt implements io.ReaderAt.
func (r *Ranges) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > r.size-off
	if short {
		p = p[:r.size-off]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := 0; n < len(p); {
		at := off + int64(n)
		b, err := r.block(at/BlockSize, (off+int64(len(p))-1)/BlockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b.bytes[at%BlockSize:])
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

// block returns a block, from memory or by one request for it and those after it that are wanted, up to last.
func (r *Ranges) block(number, last int64) (*block, error) {
	if e, ok := r.blocks[number]; ok {
		r.recent.MoveToFront(e)
		b, _ := e.Value.(*block)
		return b, nil
	}
	count := r.plan(number, last)
	if err := r.fetch(number, count); err != nil {
		return nil, err
	}
	b, _ := r.blocks[number].Value.(*block)
	return b, nil
}

// plan says how many blocks to fetch from the given one, when those up to last are wanted.
func (r *Ranges) plan(number, last int64) int64 {
	end := (r.size + BlockSize - 1) / BlockSize
	if r.size <= wholeFile {
		r.ahead = 1
		return end - number
	}
	wanted := min(last-number+1, maxAhead/BlockSize)
	if number == r.next {
		r.ahead = min(2*max(1, r.ahead), maxAhead/BlockSize)
	} else {
		r.ahead = 1
	}
	count := min(max(wanted, r.ahead), end-number)
	for i := int64(1); i < count; i++ { // what is there already needs no second request
		if _, ok := r.blocks[number+i]; ok {
			return i
		}
	}
	return count
}

// fetch brings count blocks from the given one into memory.
func (r *Ranges) fetch(number, count int64) error {
	off := number * BlockSize
	n := min(count*BlockSize, r.size-off)
	r.requests++
	body, err := r.fetcher.Fetch(r.ctx, off, n)
	if err == nil {
		err = r.take(body, number, n)
		if closeErr := body.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %s", errShortRange, err.Error())
	}
	if err != nil {
		return fmt.Errorf("fetch %d bytes at %d: %w", n, off, err)
	}
	r.next = number + count
	return nil
}

// take reads n bytes into blocks.
func (r *Ranges) take(body io.Reader, number, n int64) error {
	for n > 0 {
		b := &block{number: number, bytes: make([]byte, min(n, BlockSize))}
		got, err := io.ReadFull(body, b.bytes)
		r.fetched += int64(got)
		if err != nil {
			return err
		}
		if err := r.keep(b); err != nil {
			return err
		}
		number++
		n -= int64(len(b.bytes))
	}
	return nil
}

// errShortRange is an answer that ended before its time. It is neither io.EOF nor io.ErrUnexpectedEOF, nor does it wrap
// them: a scanner would take the file for truncated.
var errShortRange = errors.New("answer is shorter than the range")

// keep remembers the hash of a block and puts it into memory in place of the one that was used least recently.
func (r *Ranges) keep(b *block) error {
	sum := maphash.Bytes(r.seed, b.bytes)
	before, again := r.seen[b.number]
	if again && before != sum {
		return fmt.Errorf("block at %d: %w", b.number*BlockSize, ErrChanged)
	}
	if !again {
		r.seen[b.number] = sum
		r.extend(b)
	}
	if e, ok := r.blocks[b.number]; ok {
		e.Value = b
		r.recent.MoveToFront(e)
		return nil
	}
	r.blocks[b.number] = r.recent.PushFront(b)
	for r.recent.Len() > cachedBlocks {
		oldest := r.recent.Back()
		if gone, ok := r.recent.Remove(oldest).(*block); ok {
			delete(r.blocks, gone.number)
		}
	}
	return nil
}

// extend adds a block that came for the first time to the run that ends where it begins, or begins one.
func (r *Ranges) extend(b *block) {
	off := b.number * BlockSize
	i := len(r.runs) - 1
	if i < 0 || r.runs[i].off+r.runs[i].size != off || r.runs[i].size >= maxRun {
		r.runs = append(r.runs, &run{off: off, sum: sha256.New()})
		i++
	}
	r.runs[i].sum.Write(b.bytes)
	r.runs[i].size += int64(len(b.bytes))
}

// Blocks returns what was fetched, in the order of the file and without overlaps, with the SHA-256 of each piece.
func (r *Ranges) Blocks() []finding.Block {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]finding.Block, 0, len(r.runs))
	for _, run := range r.runs {
		out = append(out, finding.Block{Offset: run.off, Size: run.size, SHA256: hex.EncodeToString(run.sum.Sum(nil))})
	}
	slices.SortFunc(out, func(a, b finding.Block) int { return cmp.Compare(a.Offset, b.Offset) })
	return out
}

// Cost tells how many requests were made and how many bytes came.
func (r *Ranges) Cost() (requests, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.fetched
}
