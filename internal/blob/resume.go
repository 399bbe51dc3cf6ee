package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A stream that is cut is resumed. After maxFailures in a row it is given up; a failure that comes after at least progress bytes is
// the first of a new row.
const (
	maxFailures = 6
	progress    = 64 << 10
)

// resuming reads bytes from upstream from front to back, over as many streams as it takes.
type resuming struct {
	ctx     context.Context
	open    Opener
	backoff func(failures int) time.Duration
	off     int64 // of the next byte
	size    int64

	body     io.ReadCloser
	begun    bool  // a byte has arrived
	since    int64 // bytes since the last failure
	failures int
}

// Read returns at least one byte, or an error: io.EOF after all of them. Nothing beyond the size is read.
func (r *resuming) Read(p []byte) (int, error) {
	for idle := 0; r.off < r.size; {
		if r.body == nil {
			if err := r.reopen(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.size-r.off)])
		r.off, r.since = r.off+int64(n), r.since+int64(n)
		if n > 0 {
			r.begun = true
			return n, nil // the error comes again
		}
		if idle++; err == nil && idle < 100 {
			continue
		}
		if err == nil {
			err = io.ErrNoProgress
		}
		if err := r.fail(err); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// reopen opens the next stream, after a pause if the last one failed. Before the first byte there is nothing to save: a refusal is
// final then.
func (r *resuming) reopen() error {
	for {
		if r.failures > 0 {
			select {
			case <-time.After(r.backoff(r.failures)):
			case <-r.ctx.Done():
				return context.Cause(r.ctx)
			}
		}
		body, err := r.open(r.ctx, r.off)
		if err == nil {
			r.body = body
			return nil
		}
		if !r.begun || permanent(err) {
			return err
		}
		if err := r.fail(err); err != nil {
			return err
		}
	}
}

// fail ends the stream, and returns an error if there shall be no other.
func (r *resuming) fail(err error) error {
	r.Close()
	if r.since >= progress {
		r.failures = 0
	}
	r.failures, r.since = r.failures+1, 0
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.ctx.Err() != nil || r.failures >= maxFailures || permanent(err) {
		return fmt.Errorf("upstream stopped at %d of %d bytes: %w", r.off, r.size, err)
	}
	return nil
}

// Close closes the stream.
func (r *resuming) Close() {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
}

// permanent tells whether an error says of itself that another attempt would not help.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
