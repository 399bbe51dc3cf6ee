package pickle

import "encoding/binary"

// Torch's legacy files are five pickles that follow each other — the magic number, the protocol 1001, facts of the system,
// the object, the list of storage keys — and then, for each key, the number of elements (u64, little-endian) and the
// elements themselves. (torch/serialization.py, _legacy_save.)

// torchMagic is the magic number 0x1950a86a20f9469cfc6c as LONG1 writes it.
const torchMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// legacy is what is known of a legacy file.
type legacy struct {
	on       bool
	stage    int // streams that were read
	keys     []string
	elements map[string]int64 // bytes per element by key
}

// Stages of a legacy file: the streams that were read.
const (
	legacyObject = 4
	legacyKeys   = 5
	mostKeys     = 1 << 20
)

// note remembers the element size of a storage.
func (l *legacy) note(key string, element int64) {
	if !l.on || len(l.elements) >= mostKeys {
		return
	}
	if l.elements == nil {
		l.elements = map[string]int64{}
	}
	l.elements[key] = element
}

// legacyNext goes on after a stream of a legacy file. It tells whether the next stream of it follows.
func (s *scanner) legacyNext(m *machine) (more bool, err error) {
	l := &s.legacy
	if !l.on {
		if s.streams != 1 || !s.torchMagicSeen || m.result.kind() != kBigInt {
			return false, nil
		}
		l.on = true
	}
	if l.stage >= legacyKeys {
		return false, nil
	}
	l.stage++
	switch l.stage {
	case legacyObject:
		s.collect = &l.keys
	case legacyKeys:
		s.collect = nil
		return false, s.legacyStorages()
	}
	ok, err := s.candidate()
	if err == nil && !ok && s.in.have() > 0 {
		s.malformed(s.in.offset(), "a stream of torch's legacy format is missing")
	}
	return ok, err
}

// collectKeys takes the items of a list for storage keys.
func (m *machine) collectKeys(items []value) {
	for _, v := range items {
		key, ok := m.content(v)
		if ok && len(*m.collect) < mostKeys {
			*m.collect = append(*m.collect, key)
		}
	}
}

// legacyStorages passes over the raw storages. What follows them is no concern of a loader.
func (s *scanner) legacyStorages() error {
	for _, key := range s.legacy.keys {
		element, known := s.legacy.elements[key]
		if ok, err := s.in.fill(8); err != nil {
			return err
		} else if !ok || !known {
			s.malformed(s.in.offset(), "a storage of torch's legacy format is missing")
			return nil
		}
		at := s.in.offset()
		n := binary.LittleEndian.Uint64(s.in.buf[s.in.pos:])
		s.in.pos += 8
		if n > 1<<60/uint64(element) {
			s.malformed(at, "a storage of torch's legacy format has an impossible size")
			return nil
		}
		ok, err := s.in.skip(n * uint64(element))
		if err != nil {
			return err
		}
		if !ok {
			s.malformed(at, "a storage of torch's legacy format exceeds the file")
			return nil
		}
	}
	return nil
}
