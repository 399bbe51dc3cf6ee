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
	"bytes"
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
	maxDirectory = 64 << 20 // bytes of central directories
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
	ends   []end
	dirs   []dir
	found  []finding.Finding
	spent  error // why the directory was not read to its end, if it was not
	broken error // of the reader, kept by read for fault
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
	v := &View{r: f, budget: f.Budget, size: size}
	v.findEnds(tail)
	local := len(head) >= lenLocal && binary.LittleEndian.Uint32(head) == sigLocal
	if !local && !v.plausible(head) {
		return (*View)(nil), nil
	}
	for i := range v.ends {
		if err := v.directory(&v.ends[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(v.Entries, func(a, b *Entry) int { return int(min(1, max(-1, a.Central.At-b.Central.At))) })
	if !local && len(v.Entries) == 0 && !v.emptyArchive(head) {
		return (*View)(nil), nil
	}
	return v, nil
}

// emptyArchive tells whether the file begins with the end record of an archive without entries.
func (v *View) emptyArchive(head []byte) bool {
	return len(head) >= lenEnd && binary.LittleEndian.Uint32(head) == sigEnd
}

// plausible tells whether a file that does not begin with a local header is to be read as an archive all the same. Readers
// that look for the end record alone open anything; a tar or a pickle with an archive near its end is an ordinary thing,
// and their own scanners find it.
func (v *View) plausible(head []byte) bool {
	if len(v.ends) == 0 {
		return false
	}
	last := v.ends[0]
	if last.to == v.size {
		return true
	}
	tar := len(head) >= 262 && bytes.Equal(head[257:262], []byte("ustar"))
	pickle := len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
	return last.to < v.size && !tar && !pickle
}

// findEnds collects the end records in the tail, last one first. The last one is what readers use. One that lies within
// the comment of another, or before it, makes a second archive.
func (v *View) findEnds(tail []byte) {
	base := v.size - int64(len(tail))
	sig := binary.LittleEndian.AppendUint32(nil, sigEnd)
	for to := len(tail); len(v.ends) < maxEnds; {
		i := bytes.LastIndex(tail[:to], sig)
		if i < 0 {
			return
		}
		to = i + len(sig) - 1
		if len(tail)-i >= lenEnd {
			v.ends = append(v.ends, parseEnd(tail[i:], base+int64(i)))
		}
	}
}

// directory reads the central directory of an end record, at each place where some reader looks for it: where the record
// says that it is, and right before the record.
func (v *View) directory(e *end) error {
	if err := v.zip64(e); err != nil {
		return err
	}
	first := e == &v.ends[0]
	if !first {
		if v.within(e.at) {
			e.at = -1 // of an archive that is stored in this one
			return nil
		}
		e.to = e.at + lenEnd // its comment is somebody else's archive
	}
	before := e.from - e.size
	at := []int64{before}
	if e.offset != before {
		at = append(at, e.offset)
	}
	read, known := 0, len(v.dirs)
	for i, off := range at {
		if off < 0 || off > e.from {
			continue
		}
		shift := int64(0)
		if i == 0 {
			shift = before - e.offset // data was put in front of the archive
		}
		n, err := v.headers(off, e, shift)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if read > 0 && len(v.dirs) > known+1 {
			v.find(threat.MGFMT403, e.at, "The end record leads to two central directories.", "")
		}
		read = max(read, n)
	}
	if read > 0 && int64(read) != e.count && (e.wide || int64(read)&0xffff != e.count) {
		v.find(threat.MGFMT403, e.at, fmt.Sprintf("The end record counts %d entries, the central directory holds %d.", e.count, read), "")
	}
	v.judgeEnd(e, first, read)
	return nil
}

// within tells whether an offset lies in the bytes of an entry that is known already.
func (v *View) within(at int64) bool {
	return slices.ContainsFunc(v.Entries, func(e *Entry) bool {
		data := e.start + lenLocal + int64(len(e.Central.Raw))
		return at >= data && at < data+e.Central.Stored
	})
}

// judgeEnd reports what is wrong with an end record; read is how many entries its directory holds.
func (v *View) judgeEnd(e *end, first bool, read int) {
	if e.quarrel != "" {
		v.find(threat.MGFMT400, e.at, "ZIP64 record: "+e.quarrel+".", "")
	}
	if first && e.disk {
		v.find(threat.MGFMT404, e.at, "The archive is spread over several disks.", "")
	}
	if first && read == 0 && (e.count > 0 || e.size > 0) {
		v.find(threat.MGFMT400, e.at, fmt.Sprintf("There is no central directory where the end record says, at %d.", e.offset), "")
	}
	if !first && read > 0 {
		v.find(threat.MGFMT403, e.at, "The file has a second end record with a directory of its own, so readers see different archives.", "")
	}
	if first && e.to > v.size {
		v.find(threat.MGFMT400, e.at, fmt.Sprintf("The archive's comment of %d bytes reaches beyond the file.", e.comment), "")
		e.to = v.size
	}
}

// zip64 looks for the ZIP64 locator right before an end record.
func (v *View) zip64(e *end) error {
	var loc [lenLocator64]byte
	if !v.read(loc[:], e.at-lenLocator64) || binary.LittleEndian.Uint32(loc[:]) != sigLocator64 {
		return v.fault()
	}
	stated := binary.LittleEndian.Uint64(loc[8:])
	// Right before the locator first: that is where it is also if something was put in front of the archive.
	for _, at := range []int64{e.at - lenLocator64 - lenEnd64, int64(min(stated, 1<<62))} {
		var rec [lenEnd64]byte
		if at < e.at && v.read(rec[:], at) && binary.LittleEndian.Uint32(rec[:]) == sigEnd64 {
			e.merge64(rec[:], at)
			return nil
		}
	}
	v.find(threat.MGFMT400, e.at, fmt.Sprintf("There is no ZIP64 end record where its locator says, at %d.", stated), "")
	return v.fault()
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
		if int64(len(v.Entries)) >= v.budget.Limits.EntriesInOne || c.Offset()-off > maxDirectory {
			v.spent = fmt.Errorf("central directory of more than %d entries or %d bytes: %w", v.budget.Limits.EntriesInOne, maxDirectory, source.ErrBudget)
			break
		}
		at := c.Offset()
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
