package source

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrPanic is wrapped by the error of a stream whose decoder panicked. The engine makes a MG-FMT-407 finding of it.
var ErrPanic = errors.New("decoder panicked")

// Stream is a Reader over something that can only be read forward: a compressed stream. It keeps two decoders, each with the
// last bytes that came out of it: while one stands at a member of an archive, the other can look at the member's end. Only a
// read behind both opens the stream anew. Every byte that comes out is taken from the budget: as fresh the first time, as
// repeated when it comes again.
//
// A stream that breaks off ends there with io.EOF, so that what came out before is scanned like any other bytes; Err tells
// how it ended.
type Stream struct {
	open   func() (io.ReadCloser, *Forward, error)
	budget *Budget

	mu     sync.Mutex
	lanes  [2]lane
	clock  int64
	fresh  int64 // how far the stream was ever read
	size   int64 // -1 until the end was seen
	ended  int64 // where in the Reader below the decoder stopped
	failed error // how the stream ended, if not with io.EOF
}

// lane is a decoder and the bytes that came out of it last: those of the stream from start on.
type lane struct {
	rc    io.ReadCloser // nil if it is not open
	from  *Forward      // what the decoder reads; nil if the Stream didn't make it
	buf   []byte
	start int64
	used  int64
}

// end is the offset of the byte that comes out next.
func (l *lane) end() int64 { return l.start + int64(len(l.buf)) }

// streamWindow is how many bytes a lane keeps behind its newest; streamPiece is what it inflates at once, and streamFirst what
// it inflates at first: most members of archives are small.
const (
	streamWindow = 4 << 20
	streamPiece  = 256 << 10
	streamFirst  = 16 << 10
)

// NewStream returns a Stream; open must return the stream from its start each time.
func NewStream(open func() (io.ReadCloser, error), budget *Budget) *Stream {
	return &Stream{budget: budget, size: -1, open: func() (io.ReadCloser, *Forward, error) {
		rc, err := open()
		return rc, nil, err
	}}
}

// Decode returns a Stream of what decode makes of the n bytes of r from off. Errors of r itself are kept apart from those of
// the decoder, and Consumed tells where the decoder stopped. A decoder that is an io.Closer, or has a Close method without
// result, is closed.
func Decode(r Reader, off, n int64, decode func(*Forward) (io.Reader, error), budget *Budget) *Stream {
	return &Stream{budget: budget, size: -1, open: func() (io.ReadCloser, *Forward, error) {
		from := NewForward(r, off, n)
		d, err := decode(from)
		if err != nil {
			return nil, from, err
		}
		return decoder{d}, from, nil
	}}
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
		l := s.pick(at)
		if at < l.end() {
			total += copy(p[total:], l.buf[at-l.start:])
			continue
		}
		if err := s.more(l); err != nil {
			return total, err
		}
	}
	return total, nil
}

// pick chooses the lane for an offset: one that has it, else the one that is nearest before it. For a jump ahead that is the
// lane that was not used last, so that the other stays where it is. If both are beyond, the one not used last starts anew.
func (s *Stream) pick(at int64) *lane {
	a, b := &s.lanes[0], &s.lanes[1]
	if a.used < b.used {
		a, b = b, a // a was used last
	}
	l := a
	switch {
	case at >= a.start && at < a.end():
	case at >= b.start && at < b.end():
		l = b
	case b.end() <= at && (a.end() > at || b.end() > a.end() || at-a.end() > streamWindow):
		l = b
	case a.end() > at:
		l = b
		l.rewind()
	}
	s.clock++
	l.used = s.clock
	return l
}

// Size implements Reader by reading to the end once.
func (s *Stream) Size() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lanes[0]
	if s.lanes[1].end() > l.end() {
		l = &s.lanes[1]
	}
	for s.size < 0 {
		if err := s.more(l); err != nil && s.size < 0 {
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

// Close releases the decoders and what came out of them last. A read after it begins anew.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.lanes[0].shut(), s.lanes[1].shut())
	for i := range s.lanes {
		giveBack(s.lanes[i].buf)
		s.lanes[i].buf, s.lanes[i].start = nil, 0
	}
	return err
}

func (l *lane) shut() error {
	if l.rc == nil {
		return nil
	}
	err := l.rc.Close()
	if l.from != nil {
		l.from.release()
	}
	l.rc = nil
	return err
}

// rewind makes the next piece the first. How an abandoned decoder closes says nothing of the bytes.
func (l *lane) rewind() {
	_ = l.shut()
	l.buf, l.start = l.buf[:0], 0
}

// more inflates the next piece of a lane. At the end it returns io.EOF, also if the stream broke off.
func (s *Stream) more(l *lane) error {
	if s.size >= 0 && l.end() >= s.size {
		return io.EOF
	}
	if l.rc == nil {
		l.rewind()
		if err := s.launch(l); err != nil {
			return s.end(l, err)
		}
	}
	if len(l.buf) >= streamWindow+streamWindow/2 {
		drop := len(l.buf) - streamWindow
		l.buf = l.buf[:copy(l.buf, l.buf[drop:])]
		l.start += int64(drop)
	}
	at, off := len(l.buf), l.end()
	piece := min(max(at, streamFirst), streamPiece)
	if cap(l.buf) < at+piece {
		larger := buffer(max(at+piece, 2*at))
		copy(larger[:at], l.buf)
		giveBack(l.buf)
		l.buf = larger
	}
	l.buf = l.buf[:at+piece]
	n, err := l.read(l.buf[at:])
	l.buf = l.buf[:at+n]
	if spent := s.spend(off, int64(n)); spent != nil {
		return spent
	}
	if err != nil {
		err = s.end(l, err)
	}
	if n > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// launch opens a decoder at the start of the stream.
func (s *Stream) launch(l *lane) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open: %v: %w", p, ErrPanic)
		}
	}()
	l.rc, l.from, err = s.open()
	if err != nil {
		l.rc = nil
	}
	return err
}

// read fills p, and returns an error only together with what came before it. A panic of the decoder is an error.
func (l *lane) read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read: %v: %w", r, ErrPanic)
		}
	}()
	for idle := 0; n < len(p); {
		k, err := l.rc.Read(p[n:])
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

// end notes that a lane came to the end of the stream. Errors of the Reader below and spent budgets are returned as they are;
// everything else is the end.
func (s *Stream) end(l *lane, err error) error {
	if l.from != nil {
		if fault := l.from.Fault(); fault != nil {
			return fmt.Errorf("read compressed bytes: %w", fault)
		}
	}
	if errors.Is(err, ErrBudget) || errors.Is(err, ErrBomb) {
		return err
	}
	if s.size < 0 {
		s.size = l.end()
		if l.from != nil {
			s.ended = l.from.Offset()
		}
		if !errors.Is(err, io.EOF) || errors.Is(err, ErrPanic) {
			s.failed = err
		}
	}
	return io.EOF
}
