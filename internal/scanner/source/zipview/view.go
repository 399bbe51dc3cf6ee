// Package zipview reads ZIP archives as hostile input, for every format that is one. It is a library beside source and no
// format of its own: formats decide what the members mean.
//
// An archive (PKWARE APPNOTE 6.3.10) is a row of entries, each a local header, a name and stored bytes, followed by a
// central directory that repeats the headers and says where the local ones are, followed by an end record that says where
// the directory is:
//
//	local header, name, extra, bytes [, descriptor]  …  central header, name, extra, comment  …  end record, comment
//
// Everything is written twice, and readers differ in whom they believe. So there are two views, the central and the local
// one, and what is scanned is their union: entries that only one of them has, both names, both methods, both sizes. Each
// difference is a finding of its own (MG-FMT-403).
//
// [Of] reads the end of the file and the directory: a few reads however large the archive is. [Scan] walks the local
// headers, reads the members and scans what lies before, between and behind them. Members that a format accounts for by
// other means need no read at all.
package zipview

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of one archive. They bound memory: what lies beyond is reported as not scanned.
const (
	maxDirectory = 64 << 20 // bytes of central directories, and of names that only local headers have
	maxEnds      = 16       // end records
)

// View is an archive, as its end records and central directories describe it.
type View struct {
	// Entries are those of the central directories, in the order in which they stand there. Scan adds those that
	// only the local view has.
	Entries []*Entry

	r      source.Reader
	budget *source.Budget
	size   int64
	ends   []*end
	dirs   []dir
	listed map[int64]bool // offsets of the central headers
	kept   int64          // bytes that count for maxDirectory
	found  []finding.Finding
	// digests are those that are kept, nil if none are.
	digests map[*Entry][]byte
	spent   error // why the directory was not read to its end, if it was not
	broken  error // of the reader, kept by read for fault
}

// Entry is a member: what the directory and what the local header says of it.
type Entry struct {
	Central *Header // nil if only the local view has the entry
	Local   *Header // nil until Scan has read it, or if there is none

	start int64 // of the local header
	data  int64 // of the stored bytes
	taken int64 // how many stored bytes there are in the file
}

// Name is the entry's name, that of the directory if there is one.
func (e *Entry) Name() string { return e.header().Name() }

// Size is the uncompressed size that the directory states.
func (e *Entry) Size() int64 { return e.header().Size }

// IsDir tells whether the entry is a directory: its name ends in a slash and it has no bytes.
func (e *Entry) IsDir() bool {
	h := e.header()
	return h.Stored == 0 && (len(h.Raw) > 0 && (h.Raw[len(h.Raw)-1] == '/' || h.Raw[len(h.Raw)-1] == '\\'))
}

func (e *Entry) header() *Header {
	if e.Central != nil {
		return e.Central
	}
	return e.Local
}

// dir is a central directory that was read.
type dir struct {
	from, to int64
	entries  int
}

type viewKey struct{}

// Of returns the archive in a file, or nil if there is none. It is built once per file.
func Of(f *source.File) (*View, error) {
	v, err := f.View(viewKey{}, func() (any, error) { return open(f) })
	if err != nil {
		return nil, fmt.Errorf("read ZIP directory of %s: %w", f.Path, err)
	}
	view, _ := v.(*View)
	return view, nil
}

// open looks for end records in the tail and for a local header at 0, independently of each other.
func open(f *source.File) (*View, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	tail, err := f.Tail()
	if err != nil {
		return nil, err
	}
	v := &View{r: f, listed: map[int64]bool{}, budget: f.Budget, size: size}
	v.findEnds(tail)
	local := len(head) >= lenLocal && binary.LittleEndian.Uint32(head) == sigLocal
	if !local && !v.plausible(head) {
		return (*View)(nil), nil
	}
	for i := 0; i < len(v.ends); i++ { // reading one may add another
		if err := v.directory(v.ends[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(v.Entries, func(a, b *Entry) int { return int(min(1, max(-1, a.Central.At-b.Central.At))) })
	if !local && len(v.Entries) == 0 && !v.emptyArchive(head) {
		return (*View)(nil), nil
	}
	return v, nil
}

// read fills p from at and tells whether there was enough. Errors of the reader are kept for fault.
func (v *View) read(p []byte, at int64) bool {
	if at < 0 || at > v.size-int64(len(p)) {
		return false
	}
	n, err := v.r.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		v.broken = err
		return false
	}
	return n == len(p)
}

// fault returns the error that read kept, once.
func (v *View) fault() error {
	err := v.broken
	v.broken = nil
	return err
}

// headers reads central headers from off as long as there are any, and tells how many. An entry's local header is at its
// offset plus shift, or at its offset if only there is one.
func (v *View) headers(off int64, e *end, shift int64) (int, error) {
	c, err := source.NewCursor(source.Section(v.r, 0, e.from), off, binary.LittleEndian)
	if err != nil {
		return 0, err
	}
	n := 0
	for c.Remaining() >= lenCentral {
		if i := slices.IndexFunc(v.dirs, func(d dir) bool { return d.from == c.Offset() }); i >= 0 {
			n += v.dirs[i].entries // read before
			if err := c.Skip(v.dirs[i].to - c.Offset()); err != nil {
				break
			}
			continue
		}
		at := c.Offset()
		if int64(len(v.Entries)) >= v.budget.Limits.EntriesInOne || v.kept > maxDirectory {
			v.spent = fmt.Errorf("central directory of more than %d entries or %d bytes: %w", v.budget.Limits.EntriesInOne, maxDirectory, source.ErrBudget)
			break
		}
		h, err := readCentral(c)
		if err != nil {
			var bad *source.Malformed
			if !errors.As(err, &bad) {
				return n, err
			}
			if h == nil {
				break // something else begins here
			}
			v.find(threat.MGFMT400, at, "The central directory ends within an entry.", "")
			break
		}
		n++
		v.kept += h.fixed
		if v.listed[at] {
			continue // as part of another directory
		}
		v.listed[at] = true
		v.Entries = append(v.Entries, v.entry(h, shift))
		if err := v.fault(); err != nil {
			return n, err
		}
	}
	if n > 0 {
		v.dirs = append(v.dirs, dir{off, c.Offset(), n})
	}
	return n, nil
}

// entry makes an entry of a central header.
func (v *View) entry(h *Header, shift int64) *Entry {
	e := &Entry{Central: h, start: h.Local + shift, data: -1}
	if h.disagree != "" {
		v.find(threat.MGFMT400, h.At, "A central header contradicts itself: "+h.disagree+".", h.Raw)
	}
	if shift != 0 && h.Local >= 0 {
		// Some writers prepend data and leave the directory's own offset wrong, but not those of the entries.
		var sig [4]byte
		moved := v.read(sig[:], e.start) && binary.LittleEndian.Uint32(sig[:]) == sigLocal
		if !moved && v.read(sig[:], h.Local) && binary.LittleEndian.Uint32(sig[:]) == sigLocal {
			e.start = h.Local
		}
	}
	return e
}

// readCentral reads one central header. If the signature is another, header and error are nil and Malformed.
func readCentral(c *source.Cursor) (*Header, error) {
	at := c.Offset()
	sig, err := c.U32()
	if err != nil {
		return nil, err
	}
	if sig != sigCentral {
		return nil, source.Malformedf(at, "no central header")
	}
	h := &Header{}
	rest, err := c.Bytes(lenCentral-4, lenCentral)
	if err != nil {
		return h, err
	}
	var name, extra, comment int
	*h, name, extra, comment = parseCentral(append(make([]byte, 4, lenCentral), rest...), at)
	raw, err := c.Bytes(uint64(name), 1<<16)
	if err != nil {
		return h, err
	}
	field, err := c.Bytes(uint64(extra), 1<<16)
	if err != nil {
		return h, err
	}
	h.Raw = string(raw)
	h.extra(field, true)
	return h, c.Skip(int64(comment))
}

// find adds a finding about the archive's structure.
func (v *View) find(id threat.ID, at int64, description, name string) {
	f := finding.New(id, at, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	v.add(f)
}

// add keeps a finding, within measure: no report holds more than finding.MaxFindings.
func (v *View) add(f finding.Finding) {
	if len(v.found) < 2*finding.MaxFindings {
		v.found = append(v.found, f)
	}
}
