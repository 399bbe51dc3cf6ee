package zipview

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// slack is how many bytes may lie between the end of an entry whose local header was not read and the next one: padding to
// a border of 64 bytes in an extra field, a ZIP64 field and a descriptor. Nothing that any reader opens fits in there
// unnoticed, as every local header that matters is read.
const slack = 128

// maxGapZeros is how many zero bytes count as alignment.
const maxGapZeros = 1 << 20

// Region is a part of the file that belongs to no record of the archive.
type Region struct{ From, To int64 }

// walker goes through the file from front to back and builds the local view.
type walker struct {
	v       *View
	pos     int64 // everything before it is accounted for
	regions []Region
	extra   []*Entry // entries of the local view alone
	claimed map[int64]int
	spent   error // why the walk ended early, if it did
}

// stop is a place that the walk must come to: a central entry's local header, or records at the end.
type stop struct {
	at, to int64
	entry  *Entry // nil for records
}

// walk reads the local headers of all entries that skip does not refuse, compares them with the directory's, finds entries
// that only the local view has, and returns the regions that belong to nobody.
func (v *View) walk(skip func(*Entry) bool) ([]Region, error) {
	w := &walker{v: v, claimed: map[int64]int{}}
	stops := v.stops()
	for i, s := range stops {
		next := v.size
		if i+1 < len(stops) {
			next = stops[i+1].at
		}
		if s.at > w.pos {
			if err := w.gap(s.at); err != nil {
				return nil, err
			}
		}
		if s.entry == nil {
			w.pos = max(w.pos, s.to)
			continue
		}
		if err := w.central(s.entry, next, skip(s.entry)); err != nil {
			return nil, err
		}
	}
	if err := w.gap(v.size); err != nil {
		return nil, err
	}
	v.spent = errors.Join(v.spent, w.spent)
	v.Entries = append(v.Entries, w.extra...)
	return w.regions, nil
}

// stops lists what the central view knows of the file's layout, in the file's order.
func (v *View) stops() []stop {
	var stops []stop
	for _, e := range v.Entries {
		if e.start >= 0 && e.start < v.size {
			stops = append(stops, stop{e.start, e.start, e})
		} else {
			v.find(threat.MGFMT400, e.Central.At, fmt.Sprintf("An entry's local header would be at %d, outside the file.", e.start), e.Central.Raw)
		}
	}
	for _, d := range v.dirs {
		stops = append(stops, stop{d.from, d.to, nil})
	}
	for _, e := range v.ends {
		if e.at >= 0 {
			stops = append(stops, stop{e.from, min(e.to, v.size), nil})
		}
	}
	slices.SortStableFunc(stops, func(a, b stop) int { return int(min(1, max(-1, a.at-b.at))) })
	return stops
}

// central reads the local header of an entry of the directory, unless it is accounted for and what follows leaves no room
// for anything else.
func (w *walker) central(e *Entry, next int64, skipped bool) error {
	if w.claimed[e.start]++; w.claimed[e.start] == 2 {
		w.v.find(threat.MGFMT405, e.start, "Several entries of the directory share the same bytes.", e.Central.Raw)
	}
	if e.start < w.pos && w.claimed[e.start] == 1 {
		w.v.find(threat.MGFMT405, e.start, "An entry begins within another.", e.Central.Raw)
	}
	if skipped && w.claimed[e.start] == 1 && e.start >= w.pos {
		end := e.start + lenLocal + int64(len(e.Central.Raw)) + e.Central.Stored
		if end <= next && next-end <= slack {
			w.pos = next
			return nil
		}
	}
	if err := w.v.resolve(e); err != nil {
		return err
	}
	end := e.data + e.taken
	if e.Local != nil && e.Local.Flags&flagDescriptor != 0 {
		end += w.v.descriptor(end, e.Central)
	}
	w.pos = max(w.pos, end)
	return w.v.fault()
}

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

// clamp returns how many of n bytes from off lie in the file.
func (v *View) clamp(off, n int64) int64 { return max(0, min(n, v.size-off)) }

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

// gap accounts for the bytes from the current position to the next stop: records that the central view does not know, and
// regions.
func (w *walker) gap(to int64) error {
	for w.pos < to && w.spent == nil {
		var sig [4]byte
		known := false
		if to-w.pos >= 4 && w.v.read(sig[:], w.pos) {
			var err error
			if known, err = w.record(binary.LittleEndian.Uint32(sig[:]), to); err != nil {
				return err
			}
		}
		if err := w.v.fault(); err != nil {
			return err
		}
		if known {
			continue
		}
		next, err := w.v.search(w.pos, to)
		if err != nil {
			return err
		}
		if n := len(w.regions); n > 0 && w.regions[n-1].To == w.pos {
			w.regions[n-1].To = next
		} else {
			w.regions = append(w.regions, Region{w.pos, next})
		}
		w.pos = next
	}
	return nil
}

// record takes a record at the current position that the central view does not know, and tells whether there was one.
func (w *walker) record(sig uint32, to int64) (bool, error) {
	at := w.pos
	fixed := map[uint32]int64{sigCentral: lenCentral, sigEnd: lenEnd, sigEnd64: lenEnd64, sigLocator64: lenLocator64}[sig]
	switch sig {
	case sigLocal:
		return w.localOnly()
	case sigCentral, sigEnd, sigEnd64, sigLocator64:
		b := make([]byte, fixed)
		if !w.v.read(b, at) {
			return false, w.v.fault()
		}
		switch sig {
		case sigCentral:
			h, _, _, _ := parseCentral(b, at)
			fixed = h.fixed
		case sigEnd:
			fixed = lenEnd + parseEnd(b, at).comment
		}
		if at+fixed > to {
			return false, nil
		}
		w.v.find(threat.MGFMT403, at, "The file holds records of a second archive.", "")
		w.pos = at + fixed
		return true, nil
	}
	return false, nil
}

// localOnly takes an entry that no directory names.
func (w *walker) localOnly() (bool, error) {
	h, err := w.v.local(w.pos)
	if err != nil || h == nil {
		return false, err
	}
	if int64(len(w.v.Entries)+len(w.extra)) >= w.v.budget.Limits.EntriesInOne {
		w.spent = fmt.Errorf("more than %d entries: %w", w.v.budget.Limits.EntriesInOne, source.ErrBudget)
		return true, nil
	}
	e := &Entry{Local: h, start: h.At, data: h.At + h.fixed}
	end := e.data + w.v.clamp(e.data, h.Stored)
	if h.late(h.Stored) {
		if end, err = w.v.endOfUnknown(e); err != nil {
			return false, err
		}
	} else if h.Stored > end-e.data {
		w.v.find(threat.MGFMT400, h.At, fmt.Sprintf("An entry of %d bytes reaches beyond the file.", h.Stored), h.Raw)
	}
	e.taken = end - e.data
	if h.Flags&flagDescriptor != 0 {
		known := *h
		known.Stored = e.taken
		end += w.v.anyDescriptor(end, known)
	}
	w.v.find(threat.MGFMT403, h.At, "An entry is missing from the central directory.", h.Raw)
	w.extra = append(w.extra, e)
	w.pos = max(w.pos+1, end)
	return true, w.v.fault()
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
	sig := binary.LittleEndian.AppendUint32(nil, sigDescriptor)
	for from := e.data; ; {
		at, err := v.index(from, v.size, sig)
		if err != nil || at < 0 {
			return v.size, err
		}
		var b [16]byte
		if v.read(b[:], at) && int64(binary.LittleEndian.Uint32(b[8:])) == (at-e.data)&0xffffffff {
			return at, nil
		}
		from = at + 1
	}
}

// search returns the offset of the next local header in a part of the file, or the part's end.
func (v *View) search(from, to int64) (int64, error) {
	at, err := v.index(from+1, to, binary.LittleEndian.AppendUint32(nil, sigLocal))
	if err != nil || at < 0 {
		return to, err
	}
	return at, nil
}

// index returns the offset of the first occurrence of a short sequence in a part of the file, or -1.
func (v *View) index(from, to int64, what []byte) (int64, error) {
	fw := source.NewForward(v.r, from, to-from)
	buf := make([]byte, 64<<10)
	keep := 0
	for {
		at := fw.Offset() - int64(keep)
		n, err := fw.Read(buf[keep:])
		if i := bytes.Index(buf[:keep+n], what); i >= 0 {
			return at + int64(i), nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return -1, nil
			}
			return -1, err
		}
		rest := min(keep+n, len(what)-1)
		copy(buf, buf[keep+n-rest:keep+n])
		keep = rest
	}
}
