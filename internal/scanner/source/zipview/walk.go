package zipview

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// slack is how many bytes may lie between the end of an entry whose local header was not read and the next one: padding to
// a border of 64 bytes in an extra field, a ZIP64 field and a descriptor. Nothing that any reader opens fits in there
// unnoticed, as every local header that matters is read.
const slack = 128

// maxStray is how many entries outside the directory are read. No writer leaves any.
const maxStray = 10_000

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

// clamp returns how many of n bytes from off lie in the file.
func (v *View) clamp(off, n int64) int64 { return max(0, min(n, v.size-off)) }

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
	w.v.kept += int64(len(h.Raw))
	if int64(len(w.extra)) >= min(maxStray, w.v.budget.Limits.EntriesInOne) || w.v.kept > maxDirectory {
		w.spent = fmt.Errorf("more than %d entries or %d bytes of names outside the directory: %w", len(w.extra), maxDirectory, source.ErrBudget)
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

// search returns the offset of the next local header in a part of the file, or the part's end.
func (v *View) search(from, to int64) (int64, error) {
	at, err := v.index(from+1, to, binary.LittleEndian.AppendUint32(nil, sigLocal), nil)
	if err != nil || at < 0 {
		return to, err
	}
	return at, nil
}

// index returns the offset of the first occurrence of a short sequence in a part of the file that accept takes, or -1. Nil
// takes any.
func (v *View) index(from, to int64, what []byte, accept func(at int64) bool) (int64, error) {
	fw := source.NewForward(v.r, from, to-from)
	buf := make([]byte, 64<<10)
	keep := 0
	for {
		at := fw.Offset() - int64(keep)
		n, err := fw.Read(buf[keep:])
		for i := 0; i < keep+n; i++ {
			k := bytes.Index(buf[i:keep+n], what)
			if k < 0 {
				break
			}
			if i += k; accept == nil || accept(at+int64(i)) {
				return at + int64(i), nil
			}
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
