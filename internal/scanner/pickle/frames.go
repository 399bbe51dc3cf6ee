package pickle

import "bytes"

// Frames are transport, and Python's unpicklers take them differently where an instruction's argument begins inside a frame and
// ends behind it. The one written in Python refuses that. The one in C, which all loaders use, takes the bytes as they come if it
// has them all in memory (pickle.loads) or can look ahead (an ordinary file). From anything else — a BytesIO, as torch.load
// opens every member of an archive — it forgets what is left of the frame and reads the whole argument anew from behind it:
// measured with CPython 3.11, and in _Unpickler_ReadImpl and _Unpickler_Readline of Modules/_pickle.c. So "g1" at the end of a
// frame and "0\n" behind it is GET 10 for the former and GET 0 for the latter.
//
// No pickler writes such a thing. Where it is met, the file is read once more in the second way.

// border looks at the next instruction, whose fixed argument may reach beyond the end of the frame.
func (m *machine) border() {
	at := m.in.pos + 1
	if m.in.have() < 1 {
		return
	}
	fixed := int64(shapes[m.in.buf[m.in.pos]].fixed)
	rest := m.frameEnd - m.in.base - int64(at)
	if rest <= 0 || rest >= fixed {
		return
	}
	m.straddles()
	if !m.dropping {
		return
	}
	// The opcode goes where its argument is, so that the instruction is whole: what lies between is read by nobody.
	op := m.in.buf[m.in.pos]
	m.in.pos += int(rest)
	m.in.buf[m.in.pos] = op
	if m.in.have() < maxFixed {
		m.refill()
	}
}

// claim is called before n bytes are read at once as an argument.
func (m *machine) claim(n uint64) {
	rest := m.frameEnd - m.in.offset()
	if rest <= 0 || uint64(rest) >= n {
		return
	}
	m.straddles()
	m.drop(rest)
}

// claimLine is called before a line is read as an argument.
func (m *machine) claimLine() {
	rest := m.frameEnd - m.in.offset()
	if rest <= 0 {
		return
	}
	if _, err := m.in.fill(int(min(rest, firstRead))); err != nil {
		m.abort(err)
		return
	}
	head := m.in.buf[m.in.pos:]
	if bytes.IndexByte(head[:min(int64(len(head)), rest)], '\n') >= 0 || int64(len(head)) < rest && m.in.eof {
		return
	}
	m.straddles() // or the line is as long as no name is
	if int64(len(head)) >= rest {
		m.drop(rest)
	}
}

// straddles states that an argument reaches beyond the end of its frame.
func (m *machine) straddles() {
	m.split = true
	m.differ(m.at, "an argument begins inside a frame and ends behind it, of which some loaders take the latter part alone")
}

// drop forgets what is left of a frame.
func (m *machine) drop(rest int64) {
	if m.dropping {
		m.skip(uint64(rest))
		m.frameEnd = 0
	}
}

// dropFrames reads the file once more, as a loader does that forgets the rest of a frame.
func (s *scanner) dropFrames() error {
	s.in = newInput(s.in.ctx, s.f)
	s.texts, s.nodes, s.longs, s.frames, s.legacy = texts{}, nodes{}, nil, frames{}, legacy{}
	s.torchMagicSeen, s.collect, s.streams, s.expect = false, nil, 0, 0
	s.dropping = true
	return s.run()
}
