package blob

import (
	"errors"
	"fmt"
	"io"
)

// tail is what a reader goes on with when the disk was full: a stream of its own from upstream, verified like any other and kept
// nowhere. It begins where the file ends; the bytes of the file count for the digest, so that the client's bytes are verified as one.
type tail struct {
	up       *resuming
	v        *verifier
	size     int64
	pos      int64  // of pending
	pending  []byte // read and hashed, not given out yet: what is withheld, and tailChunk
	verified bool
	err      error // that ended it; it stays
}

// tailChunk is how much a tail reads at once.
const tailChunk = 32 << 10

// spill begins the tail. The content is locked. Upstream is asked at once, so that its refusal is known before the first byte.
func (c *Content) spill() error {
	f := c.fetch
	f.mu.Lock()
	file, written, start := f.file, f.written, f.limit(c.admitted)
	f.mu.Unlock()
	t := &tail{v: newVerifier(c.want), size: c.want.Size, pos: start}
	if written > 0 {
		if _, err := io.Copy(t.v, io.NewSectionReader(file, 0, written)); err != nil {
			return fmt.Errorf("read what was written: %w", err)
		}
		t.pending = make([]byte, written-t.pos)
		if _, err := file.ReadAt(t.pending, t.pos); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read what was written: %w", err)
		}
	}
	t.up = &resuming{ctx: c.ctx, open: c.open, backoff: c.store.backoff, off: written, size: t.size}
	if written < t.size {
		if err := t.up.reopen(); err != nil {
			return err
		}
	}
	c.tail = t
	return t.settle()
}

// readTail reads from the tail. It goes forward only: who goes back has it begin again.
func (c *Content) readTail(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tail != nil && off < c.tail.pos {
		c.tail.up.Close()
		c.tail = nil
	}
	if c.tail == nil {
		if err := c.spill(); err != nil {
			return 0, err
		}
	}
	skipped := make([]byte, min(tailChunk, off-c.tail.pos))
	for c.tail.pos < off {
		if _, err := c.tail.read(skipped[:min(int64(len(skipped)), off-c.tail.pos)]); err != nil {
			return 0, err
		}
	}
	return c.tail.read(p)
}

// read gives out at least one byte.
func (t *tail) read(p []byte) (int, error) {
	for {
		limit := t.size
		if !t.verified {
			limit = min(t.v.cleared(), max(0, t.size-Withheld))
		}
		if n := min(int64(len(p)), int64(len(t.pending)), limit-t.pos); n > 0 {
			copy(p, t.pending[:n])
			t.pending = t.pending[:copy(t.pending, t.pending[n:])]
			t.pos += n
			return int(n), nil
		}
		if t.pos == t.size {
			return 0, io.EOF
		}
		if t.err == nil {
			t.err = t.more()
		}
		if t.err != nil {
			return 0, t.err
		}
	}
}

// more reads and hashes the next bytes.
func (t *tail) more() error {
	at := len(t.pending)
	t.pending = append(t.pending, make([]byte, tailChunk)...)
	n, err := t.up.Read(t.pending[at:])
	t.pending = t.pending[:at+n]
	if err != nil {
		return err
	}
	if _, err := t.v.Write(t.pending[at:]); err != nil {
		return err
	}
	return t.settle()
}

// settle verifies when all bytes have come.
func (t *tail) settle() error {
	if t.v.off < t.size {
		return nil
	}
	err := t.v.finish()
	t.verified = err == nil
	return err
}
