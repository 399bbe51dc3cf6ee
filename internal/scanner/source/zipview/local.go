package zipview

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// resolve reads the local header of an entry of the directory, once, and compares the two.
func (v *View) resolve(e *Entry) error {
	if e.data >= 0 {
		return nil
	}
	h, err := v.local(e.start)
	if err != nil {
		return err
	}
	if h == nil {
		v.find(threat.MGFMT403, e.start, "The directory names an entry without a local header.", e.Central.Raw)
		// A reader that skips the header blindly would take what follows the fixed part and the name.
		e.data = e.start + lenLocal + int64(len(e.Central.Raw))
		e.taken = v.clamp(e.data, e.Central.Stored)
		return nil
	}
	if h.Raw == e.Central.Raw {
		h.Raw = e.Central.Raw // one copy is enough
	} else if v.kept += int64(len(h.Raw)); v.kept > maxDirectory {
		return fmt.Errorf("names of more than %d bytes: %w", maxDirectory, source.ErrBudget)
	}
	e.Local = h
	e.data = e.start + h.fixed
	v.compare(e)
	e.taken = v.clamp(e.data, e.Central.Stored)
	if e.taken < e.Central.Stored {
		v.find(threat.MGFMT400, e.start, fmt.Sprintf("An entry of %d bytes reaches beyond the file.", e.Central.Stored), e.Central.Raw)
	}
	return v.fault()
}

// late tells whether a size of a local header was not known when it was written, and follows the bytes.
func (h *Header) late(size int64) bool {
	return h.Flags&flagDescriptor != 0 && (size == 0 || size == 0xffffffff)
}

// local reads the local header at an offset; nil if there is none.
func (v *View) local(at int64) (*Header, error) {
	var fixed [lenLocal]byte
	if !v.read(fixed[:], at) || binary.LittleEndian.Uint32(fixed[:]) != sigLocal {
		return nil, v.fault()
	}
	h, name, extra := parseLocal(fixed[:], at)
	if h.fixed > v.size-at {
		v.find(threat.MGFMT400, at, "A local header reaches beyond the file.", "")
		return nil, nil
	}
	rest := make([]byte, name+extra)
	if !v.read(rest, at+lenLocal) {
		return nil, v.fault()
	}
	h.Raw = string(rest[:name])
	h.extra(rest[name:], false)
	return &h, nil
}

// compare reports where the two headers of an entry differ in a way that matters to a reader.
func (v *View) compare(e *Entry) {
	c, l := e.Central, e.Local
	differ := func(format string, args ...any) {
		v.find(threat.MGFMT403, l.At, fmt.Sprintf(format, args...), c.Raw)
	}
	if l.disagree != "" {
		v.find(threat.MGFMT400, l.At, "A local header contradicts itself: "+l.disagree+".", l.Raw)
	}
	if c.Raw != l.Raw {
		differ("The entry is called %s in its local header.", source.Evidence(l.Name()))
	} else if c.Name() != l.Name() {
		differ("The two headers of the entry disagree on the encoding of its name.")
	}
	for _, h := range []*Header{c, l} {
		if h.alias != "" && paths.Key(h.alias) != paths.Key(h.Name()) {
			differ("The entry is called %s in an extra field.", source.Evidence(h.alias))
		}
	}
	if c.Method != l.Method {
		differ("The entry is stored by method %d in the directory and by method %d in its local header.", c.Method, l.Method)
	}
	if (c.Flags^l.Flags)&flagsOfContent != 0 {
		differ("The flags of the entry are %#x in the directory and %#x in its local header.", c.Flags, l.Flags)
	}
	if c.Stored != l.Stored && !l.late(l.Stored) {
		differ("The entry has %d stored bytes in the directory and %d in its local header.", c.Stored, l.Stored)
	}
	if c.Size != l.Size && !l.late(l.Size) {
		differ("The entry has %d bytes in the directory and %d in its local header.", c.Size, l.Size)
	}
	if c.CRC != l.CRC && (l.CRC != 0 || l.Flags&flagDescriptor == 0) {
		differ("The checksum of the entry is %08x in the directory and %08x in its local header.", c.CRC, l.CRC)
	}
}

// descriptor tells the length of the data descriptor (APPNOTE 4.3.9) at an offset: signature, which may be missing, CRC-32
// and two sizes of 4 or 8 bytes. It is 0 if nothing there fits the header.
func (v *View) descriptor(at int64, h *Header) int64 {
	var b [24]byte
	n := v.clamp(at, int64(len(b)))
	if !v.read(b[:n], at) {
		return 0
	}
	le := binary.LittleEndian
	signed := n >= 4 && le.Uint32(b[:]) == sigDescriptor
	for _, skip := range []int64{4, 0} {
		if skip == 4 && !signed {
			continue
		}
		d := b[skip:]
		if n >= skip+20 && le.Uint64(d[4:]) == uint64(h.Stored) && le.Uint64(d[12:]) == uint64(h.Size) {
			return skip + 20
		}
		if n >= skip+12 && le.Uint32(d[4:]) == uint32(h.Stored&0xffffffff) && le.Uint32(d[8:]) == uint32(h.Size&0xffffffff) {
			return skip + 12
		}
	}
	if signed {
		v.find(threat.MGFMT403, at, "The descriptor behind an entry disagrees with the directory.", h.Raw)
		return min(n, 16)
	}
	return 0
}

// anyDescriptor is descriptor for an entry whose uncompressed size is not known either.
func (v *View) anyDescriptor(at int64, h Header) int64 {
	var b [24]byte
	if n := v.clamp(at, int64(len(b))); n < 16 || !v.read(b[:n], at) || binary.LittleEndian.Uint32(b[:]) != sigDescriptor {
		return 0
	}
	if binary.LittleEndian.Uint64(b[8:]) == uint64(h.Stored) {
		return 24
	}
	return 16
}

// endOfUnknown finds where an entry ends whose header does not say: a deflated one by inflating it, any other by looking
// for a descriptor that states the distance.
func (v *View) endOfUnknown(e *Entry) (int64, error) {
	if e.Local.Method == 8 {
		s := source.Decode(v.r, e.data, v.size-e.data, inflate.Deflate, v.budget)
		defer func() { _ = s.Close() }()
		if _, err := s.Size(); err != nil {
			return 0, err
		}
		return max(e.data, s.Consumed()), nil
	}
	at, err := v.index(e.data, v.size, binary.LittleEndian.AppendUint32(nil, sigDescriptor), func(at int64) bool {
		var b [16]byte
		return v.read(b[:], at) && int64(binary.LittleEndian.Uint32(b[8:])) == (at-e.data)&0xffffffff
	})
	if err != nil || at < 0 {
		return v.size, err
	}
	return at, v.fault()
}
