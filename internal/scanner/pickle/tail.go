package pickle

import (
	"bytes"
	"fmt"

	"modelgate/internal/scanner/source"
)

// frames remembers the FRAME that reaches furthest, to compare it with the end of the stream.
type frames struct {
	at, end int64
}

func (f *frames) note(at, end int64) {
	if end > f.end {
		f.at, f.end = at, end
	}
}

// checkFrames looks whether a frame is longer than the file: C stops there before it executes anything of the frame,
// Python's own unpickler goes on.
func (s *scanner) checkFrames() error {
	far := s.frames
	s.frames = frames{}
	if far.end <= s.in.offset() {
		return nil
	}
	last, err := s.in.peekAt(far.end-1, 1)
	if err == nil && len(last) == 0 {
		s.differ(far.at, "a frame is longer than the file, which some loaders mind and others don't")
	}
	return err
}

// afterStop passes over padding and tells whether another stream begins there. Anything else is handed to the engine and
// searched.
func (s *scanner) afterStop(frameEnd int64) (again bool, err error) {
	ends := s.in.offset()
	if frameEnd > ends {
		last, err := s.in.peekAt(frameEnd-1, 1)
		if err != nil {
			return false, err
		}
		if len(last) > 0 {
			s.differ(ends, "a stream stops inside its frame, so loaders go on behind the frame")
			s.expect = frameEnd
		}
	}
	more, err := s.padding()
	if err != nil || !more {
		return false, err
	}
	at := s.in.offset()
	if ok, err := s.candidate(); ok || err != nil {
		return ok, err
	}
	s.second(at, fmt.Sprintf("the pickle ends at %d, and what follows is neither padding nor a pickle", ends))
	out, err := s.sink.Member(s.in.ctx, source.Member{
		Name: fmt.Sprintf("#tail@%d", at), Bytes: tail{s.f, at}, Prose: true,
	})
	if err != nil || len(out.Formats) > 0 && out.Formats[0] != "not_model" {
		return false, err
	}
	if _, err := s.in.seek(at); err != nil {
		return false, err
	}
	return s.resync()
}

// padding passes over NULs and blanks, and tells whether anything follows.
func (s *scanner) padding() (more bool, err error) {
	for {
		ok, err := s.in.fill(1)
		if err != nil || !ok {
			return false, err
		}
		rest := s.in.buf[s.in.pos:]
		kept := bytes.TrimLeft(rest, "\x00 \t\r\n")
		s.in.pos += len(rest) - len(kept)
		if len(kept) > 0 {
			return true, nil
		}
	}
}

// candidate tells whether the probe accepts what begins at the position.
func (s *scanner) candidate() (bool, error) {
	if _, err := s.in.fill(probeSize); err != nil {
		return false, err
	}
	head := s.in.buf[s.in.pos:]
	return probe(head[:min(len(head), probeSize)], len(head) <= probeSize && s.in.eof), nil
}

// resyncSize is how much of each place is looked at in search of a stream: the search is linear with this factor.
const resyncSize = 128

// resync searches for the next stream from the position on, or for the rest of one: behind raw bytes and broken streams. What
// matters begins with PROTO or with a name, so only such places are looked at.
func (s *scanner) resync() (again bool, err error) {
	for {
		if s.expect > 0 && s.in.offset() >= s.expect { // a loader goes on here, so the probe will do
			s.expect = 0
			if ok, err := s.candidate(); ok || err != nil {
				return ok, err
			}
		}
		more, err := s.in.fill(2)
		if err != nil || s.in.have() == 0 {
			return false, err
		}
		rest := s.in.buf[s.in.pos:]
		if s.expect > 0 && s.expect-s.in.offset() < int64(len(rest)) {
			rest, more = rest[:s.expect-s.in.offset()+1], true
		}
		i, ok := nextStart(rest)
		s.in.pos += i
		if !ok {
			if !more {
				return false, nil
			}
			continue
		}
		if ok, err := s.restart(); ok || err != nil {
			return ok, err
		}
		s.in.pos++
	}
}

// nextStart returns the first place at which a stream might begin: PROTO, a name, or a mark in front of one. If there is none,
// it returns the last place, which the byte behind it would decide.
func nextStart(b []byte) (at int, ok bool) {
	for i := range len(b) - 1 {
		switch next := b[i+1]; b[i] {
		case opProto:
			if next <= maxProtocol {
				return i, true
			}
		case opGlobal, opMark:
			if isLetter(next) {
				return i, true
			}
		case opShortBinUnicode: // the module of STACK_GLOBAL
			if next > 0 && next <= 64 {
				return i, true
			}
		}
	}
	return max(1, len(b)-1), false
}

// restart tells whether a stream begins at the position of a search. It asks for more than the probe does, since raw bytes
// have everything somewhere.
func (s *scanner) restart() (bool, error) {
	if _, err := s.in.fill(resyncSize); err != nil {
		return false, err
	}
	head := s.in.buf[s.in.pos:]
	w := walk{head: head[:min(len(head), resyncSize)], whole: len(head) <= resyncSize && s.in.eof}
	w.run()
	switch {
	case w.acted:
		return true, nil
	case w.broken:
		return false, nil
	default:
		return w.named || w.stopped && w.rich || head[0] == opProto && w.steps >= 3, nil
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// tail is what follows an offset of a file, whose size is asked for only if somebody wants it.
type tail struct {
	f  *source.File
	at int64
}

func (t tail) ReadAt(p []byte, off int64) (int, error) { return t.f.ReadAt(p, t.at+off) }

func (t tail) Size() (int64, error) {
	size, err := t.f.Size()
	return max(0, size-t.at), err
}
