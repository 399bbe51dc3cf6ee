package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrPanic is wrapped by the error of a stream whose decoder panicked. The engine makes a MG-FMT-407 finding of it.
var ErrPanic = errors.New("decoder panicked")

// Stream is a Reader over something that can only be read forward: a compressed stream. It keeps the last window bytes; a
// read before them opens the stream anew. Every byte that comes out is taken from the budget: as fresh the first time, as
// repeated when it comes again.
//
// A stream that breaks off ends there with io.EOF, so that what came out before is scanned like any other bytes; Err tells
// how it ended.
type Stream struct {
	open   func() (io.ReadCloser, error)
	budget *Budget
	from   *Forward // what the decoder reads, if the Stream made it

	mu     sync.Mutex
	rc     io.ReadCloser
	buf    []byte // the bytes [start, start+len(buf))
	start  int64
	fresh  int64 // how far the stream was ever read
	size   int64 // -1 until the end was seen
	ended  int64 // where in from the decoder stopped
	failed error // how the stream ended, if not with io.EOF
}

// streamWindow is how far behind its newest byte a Stream can be read without starting again; streamPiece is what it
// inflates at once, and streamFirst what it inflates at first: most members of archives are small.
const (
	streamWindow = 8 << 20
	streamPiece  = 256 << 10
	streamFirst  = 16 << 10
)

// NewStream returns a Stream; open must return the stream from its start each time.
func NewStream(open func() (io.ReadCloser, error), budget *Budget) *Stream {
	return &Stream{open: open, budget: budget, size: -1}
}

// Decode returns a Stream of what decode makes of the n bytes of r from off. Errors of r itself are kept apart from those of
// the decoder, and Consumed tells where the decoder stopped. A decoder that is an io.Closer, or has a Close method without
// result, is closed.
func Decode(r Reader, off, n int64, decode func(*Forward) (io.Reader, error), budget *Budget) *Stream {
	s := &Stream{budget: budget, size: -1}
	s.open = func() (io.ReadCloser, error) {
		s.from = NewForward(r, off, n)
		d, err := decode(s.from)
		if err != nil {
			return nil, err
		}
		return decoder{d}, nil
	}
	return s
}

// decoder gives every decoder the same Close.
type decoder struct{ io.Reader }

func (d decoder) Close() error {
	switch c := d.Reader.(type) {
	case io.Closer:
		return c.Close()
	case interface{ Close() }:
		c.Close()
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *Stream) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	total := 0
	for total < len(p) {
		at := off + int64(total)
		if s.size >= 0 && at >= s.size {
			return total, io.EOF
		}
		if at < s.start {
			s.rewind()
		}
		if end := s.start + int64(len(s.buf)); at < end {
			total += copy(p[total:], s.buf[at-s.start:])
			continue
		}
		if err := s.more(); err != nil {
			return total, err
		}
	}
	return total, nil
}

// Size implements Reader by reading to the end once.
func (s *Stream) Size() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size < 0 {
		if err := s.more(); err != nil && s.size < 0 {
			return 0, err
		}
	}
	return s.size, nil
}

// Err tells how the stream ended if not cleanly: nil before the end was reached.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Consumed tells where in the Reader given to Decode the decoder stopped. It is meant for after Size, and is 0 for a Stream
// made by NewStream.
func (s *Stream) Consumed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Close releases the decoder.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut()
}

func (s *Stream) shut() error {
	if s.rc == nil {
		return nil
	}
	err := s.rc.Close()
	s.rc = nil
	return err
}

// rewind makes the next piece the first. How an abandoned decoder closes says nothing of the bytes.
func (s *Stream) rewind() {
	_ = s.shut()
	s.buf, s.start = s.buf[:0], 0
}

// more inflates the next piece. At the end it returns io.EOF, also if the stream broke off.
func (s *Stream) more() error {
	end := s.start + int64(len(s.buf))
	if s.size >= 0 && end >= s.size {
		return io.EOF
	}
	if s.rc == nil {
		if end > 0 { // closed in between: begin again
			s.rewind()
			end = 0
		}
		if err := s.launch(); err != nil {
			return s.end(end, err)
		}
	}
	if len(s.buf) >= streamWindow+streamWindow/2 {
		drop := len(s.buf) - streamWindow
		s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
		s.start += int64(drop)
	}
	at := len(s.buf)
	piece := min(max(at, streamFirst), streamPiece)
	s.buf = slices.Grow(s.buf, piece)[:at+piece]
	n, err := s.read(s.buf[at:])
	s.buf = s.buf[:at+n]
	if spent := s.spend(end, int64(n)); spent != nil {
		return spent
	}
	if err != nil {
		err = s.end(end+int64(n), err)
	}
	if n > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// launch opens the decoder at the start of the stream.
func (s *Stream) launch() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open: %v: %w", p, ErrPanic)
		}
	}()
	rc, err := s.open()
	if err != nil {
		return err
	}
	s.rc = rc
	return nil
}

// read fills p, and returns an error only together with what came before it. A panic of the decoder is an error.
func (s *Stream) read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read: %v: %w", r, ErrPanic)
		}
	}()
	for idle := 0; n < len(p); {
		k, err := s.rc.Read(p[n:])
		n += k
		if err != nil {
			return n, err
		}
		if k > 0 {
			idle = 0
		} else if idle++; idle > 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// spend takes the n bytes from at out of the budget.
func (s *Stream) spend(at, n int64) error {
	again := min(n, max(0, s.fresh-at))
	if again > 0 {
		if err := s.budget.Repeat(again); err != nil {
			return err
		}
	}
	s.fresh = max(s.fresh, at+n)
	if n > again {
		return s.budget.Inflate(n - again)
	}
	return nil
}

// end notes that the stream ended at the given offset. Errors of the Reader below and spent budgets are returned as they
// are; everything else is the end of the stream.
func (s *Stream) end(at int64, err error) error {
	if s.from != nil {
		if fault := s.from.Fault(); fault != nil {
			return fmt.Errorf("read compressed bytes: %w", fault)
		}
		s.ended = s.from.Offset()
	}
	if errors.Is(err, ErrBudget) || errors.Is(err, ErrBomb) {
		return err
	}
	if s.size < 0 {
		s.size = at
		if !errors.Is(err, io.EOF) || errors.Is(err, ErrPanic) {
			s.failed = err
		}
	}
	return io.EOF
}
