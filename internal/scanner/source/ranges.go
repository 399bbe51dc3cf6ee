package source

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
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
// It remembers the SHA-256 of every block that it was given, so that a later download of the whole file can be held to
// what was scanned; a block that is fetched again and is not what it was is an error that wraps ErrChanged.
//
// Ranges is safe for concurrent use: no block is fetched twice at the same time.
type Ranges struct {
	ctx     context.Context
	fetcher RangeFetcher
	size    int64

	mu       sync.Mutex
	blocks   map[int64]*list.Element // of *block by number
	recent   *list.List              // most recently used first
	sums     map[int64][32]byte      // by offset
	next     int64                   // number of the block after those fetched last
	ahead    int64                   // blocks to fetch if next is wanted
	requests int64
	fetched  int64
}

type block struct {
	number int64
	bytes  []byte
}

// ErrChanged is wrapped when a remote file does not give the same bytes twice.
var ErrChanged = errors.New("remote file changed while it was read")

// NewRanges returns a Reader over the size bytes that fetcher reads. Every fetch is made under ctx: an io.ReaderAt has no
// context of its own.
func NewRanges(ctx context.Context, fetcher RangeFetcher, size int64) *Ranges {
	return &Ranges{
		ctx: ctx, fetcher: fetcher, size: max(0, size), blocks: map[int64]*list.Element{}, recent: list.New(),
		sums: map[int64][32]byte{}, next: -1,
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
	sum := sha256.Sum256(b.bytes)
	if before, ok := r.sums[b.number*BlockSize]; ok && before != sum {
		return fmt.Errorf("block at %d: %w", b.number*BlockSize, ErrChanged)
	}
	r.sums[b.number*BlockSize] = sum
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

// Blocks returns the SHA-256 of each block that was fetched, by its offset. A block has BlockSize bytes, or those that remain
// up to the end of the file.
func (r *Ranges) Blocks() map[int64][32]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.sums)
}

// Cost tells how many requests were made and how many bytes came.
func (r *Ranges) Cost() (requests, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.fetched
}
