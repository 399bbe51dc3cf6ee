package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Content is an open blob, possibly one that is still arriving. Read and Seek are for one goroutine at a time, ReadAt for any number.
type Content struct {
	ctx   context.Context // of waiting: an io.Reader has none of its own
	store *Store
	want  wanted
	open  Opener

	whole *os.File // of a blob that was on disk, with a place of its own
	entry *entry   // that blob, pinned

	fetch *fetch // else

	mu       sync.Mutex
	admitted bool  // the blocks of want were compared with the bytes
	tail     *tail // if the disk was full
	pos      int64 // of Read
	closed   atomic.Bool
}

// File is the file itself if the blob was on disk, for http.ServeContent to send without copying; nil if it is, or was, arriving. Its
// place is not that of Read. It is closed by Close.
func (c *Content) File() *os.File { return c.whole }

// Size is the blob's size. It never fails.
func (c *Content) Size() (int64, error) { return c.want.Size, nil }

// begin makes sure that there is something to read.
func (c *Content) begin() error {
	if c.whole != nil {
		return c.checkWhole()
	}
	for {
		_, err := c.fetch.await(c.ctx, 0, c.isAdmitted())
		switch {
		case errors.Is(err, errUnchecked) && c.want.Size == 0 && c.isAdmitted():
			return nil
		case errors.Is(err, errUnchecked):
			err = c.admit()
			if err == nil {
				continue
			}
		case errors.Is(err, errSpilled):
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.spill()
		case err == nil:
			// A fetch that has failed meanwhile is better begun anew.
			_, err = c.fetch.state()
			if errors.Is(err, errSpilled) {
				err = nil
			}
		}
		return err
	}
}

// checkWhole compares the blocks with a blob on disk, once for each set of them.
func (c *Content) checkWhole() error {
	if c.want.fingerprint == 0 {
		return nil
	}
	s := c.store
	s.mu.Lock()
	known := c.entry.checked[c.want.fingerprint]
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := checkBlocks(c.whole, c.want.Blocks); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.entry.checked == nil {
		c.entry.checked = map[uint64]bool{}
	}
	c.entry.checked[c.want.fingerprint] = true
	return nil
}

// Wait waits until the blob is whole and verified. An error wraps ErrNoSpace if it will not be, because each reader has a stream of
// its own.
func (c *Content) Wait(ctx context.Context) error {
	if c.whole != nil || c.want.Size == 0 {
		return nil
	}
	for {
		_, err := c.fetch.await(ctx, c.want.Size-1, c.isAdmitted())
		if errors.Is(err, errUnchecked) {
			if err = c.admit(); err == nil {
				continue
			}
		}
		return err
	}
}

func (c *Content) isAdmitted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.admitted
}

// admit compares the blocks of this reader with a blob that has arrived whole.
func (c *Content) admit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.admitted {
		return nil
	}
	if err := checkBlocks(c.fetch.file, c.want.Blocks); err != nil {
		return err
	}
	c.admitted = true
	return nil
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.readSome(p, c.pos)
	c.pos += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (c *Content) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += c.pos
	case io.SeekEnd:
		off += c.want.Size
	default:
		return 0, fmt.Errorf("seek from %d", whence)
	}
	if off < 0 {
		return 0, errors.New("seek to before the start")
	}
	c.pos = off
	return off, nil
}

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if c.whole != nil {
		return c.whole.ReadAt(p, off)
	}
	read := 0
	for read < len(p) {
		n, err := c.readSome(p[read:], off+int64(read))
		read += n
		if err != nil {
			return read, err
		}
	}
	return read, nil
}

// readSome reads at least one byte at off, waiting for it if need be.
func (c *Content) readSome(p []byte, off int64) (int, error) {
	if c.closed.Load() {
		return 0, os.ErrClosed
	}
	if off >= c.want.Size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.want.Size-off)]
	if c.whole != nil {
		return readFile(c.whole, p, off)
	}
	for {
		n, err := c.fetch.await(c.ctx, off, c.isAdmitted())
		switch {
		case err == nil:
			return readFile(c.fetch.file, p[:min(int64(len(p)), n)], off)
		case errors.Is(err, errSpilled):
			return c.readTail(p, off)
		case !errors.Is(err, errUnchecked):
			return 0, err
		}
		if err := c.admit(); err != nil {
			return 0, err
		}
	}
}

// readFile reads bytes that must be there.
func readFile(f *os.File, p []byte, off int64) (int, error) {
	n, err := f.ReadAt(p, off)
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		return 0, io.ErrUnexpectedEOF
	}
	return 0, err
}

// Close lets go of the blob.
func (c *Content) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.mu.Lock()
	if c.tail != nil {
		c.tail.up.Close()
	}
	c.mu.Unlock()
	if c.whole != nil {
		defer c.store.unpin(c.entry)
		return c.whole.Close()
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.store.leave(c.fetch)
	return nil
}
