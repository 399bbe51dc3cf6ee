// Package tarview reads tar archives as hostile input, for every format that is one. Like zipview it is a library beside
// source.
//
// An archive (POSIX pax, GNU tar) is a row of entries, each a header block of 512 bytes and the file's bytes padded to a
// multiple of 512, and ends with two blocks of zeros. Names longer than the header has room for come as entries of their
// own before the one that they belong to: types L and K of GNU, x and g of PAX, whose records override the header.
//
// Readers differ in what they do about a bad checksum, bytes behind the end, a size that is given twice, and links. All of
// it is read on and scanned, and what differs is a finding.
package tarview

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// maxMeta is the largest long name or PAX header that is read, in bytes, as in other readers.
const maxMeta = 1 << 20

// Entry is a member, with the overrides of the entries before it merged in.
type Entry struct {
	Name   string
	Header string // the name in the header itself
	Link   string // target of a link
	Type   byte
	At     int64 // offset of the header
	Data   int64 // offset of the bytes
	Size   int64 // of the bytes in the archive, never more than there are

	other  int64 // size of the bytes to readers that take the header's word, 0 if they are the same
	sparse *sparse
}

// Regular tells whether the entry is a file with bytes of its own. Types that nobody knows count as such, as in all readers.
func (e *Entry) Regular() bool {
	switch e.Type {
	case '1', '2', '3', '4', '5', '6':
		return false
	}
	return true
}

// Reader goes through an archive from front to back.
type Reader struct {
	// Find takes findings of the archive's structure; nil drops them.
	Find func(finding.Finding)

	r      source.Reader
	size   int64
	pos    int64
	global map[string]string
	junk   []Region
	ended  bool
}

// Region is a part of the file that belongs to no entry.
type Region struct{ From, To int64 }

// Probe tells whether bytes begin with a tar header.
func Probe(head []byte) bool { return isHeader(head) }

// NewReader returns a Reader over an archive.
func NewReader(r source.Reader) (*Reader, error) {
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	return &Reader{r: r, size: size}, nil
}

// Regions are the parts found so far that belong to no entry.
func (t *Reader) Regions() []Region { return t.junk }

func (t *Reader) find(id threat.ID, at int64, name, format string, args ...any) {
	if t.Find == nil {
		return
	}
	f := finding.New(id, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	t.Find(f)
}

// Next returns the next entry, or io.EOF at the end of the file.
func (t *Reader) Next() (*Entry, error) {
	own := map[string]string{}
	for {
		head, err := t.header()
		if err != nil {
			return nil, err
		}
		e := t.parse(head, t.pos-block)
		if e.Type == 'L' || e.Type == 'K' || e.Type == 'x' || e.Type == 'g' || e.Type == 'X' {
			if err := t.meta(e, own); err != nil {
				return nil, err
			}
			continue
		}
		if err := t.merge(e, own, head); err != nil {
			return nil, err
		}
		return e, nil
	}
}

// header reads blocks up to the next header. What lies in between is the end of an archive, or junk.
func (t *Reader) header() ([]byte, error) {
	var b [block]byte
	for {
		n, err := t.r.ReadAt(b[:min(block, max(0, t.size-t.pos))], t.pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		if n == block && isHeader(b[:]) {
			if t.ended {
				t.ended = false
				t.find(threat.MGFMT402, t.pos, "", "A second archive follows the end of the first.")
			}
			if !sumFits(b[:]) {
				t.find(threat.MGFMT400, t.pos, headerName(b[:]), "The checksum of a header is wrong.")
			}
			t.pos += block
			return b[:], nil
		}
		if isZero(b[:n]) {
			t.ended = true
		} else {
			t.toss(int64(n))
		}
		t.pos += int64(n)
	}
}

// toss notes the next n bytes as junk.
func (t *Reader) toss(n int64) {
	if i := len(t.junk) - 1; i >= 0 && t.junk[i].To == t.pos {
		t.junk[i].To += n
		return
	}
	t.junk = append(t.junk, Region{t.pos, t.pos + n})
}

// parse reads a header block; the entry's bytes begin behind it.
func (t *Reader) parse(b []byte, at int64) *Entry {
	e := &Entry{Name: headerName(b), Link: text(field(b, 157, 100)), Type: b[156], At: at, Data: t.pos}
	e.Header = e.Name
	size, ok := number(field(b, 124, 12))
	if !ok {
		t.find(threat.MGFMT400, at, e.Name, "The size of an entry is no number.")
	}
	e.Size = size
	return e
}

// meta takes an entry that belongs to the one after it.
func (t *Reader) meta(e *Entry, own map[string]string) error {
	t.take(e)
	if e.Size > maxMeta {
		t.find(threat.MGFMT400, e.At, e.Name, "A header extension has %d bytes.", e.Size)
		return nil
	}
	b := make([]byte, e.Size)
	if n, err := t.r.ReadAt(b, e.Data); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if n < len(b) {
		b = b[:n]
	}
	switch e.Type {
	case 'L':
		own["path"] = text(b)
	case 'K':
		own["linkpath"] = text(b)
	default:
		kv, ok := records(b)
		if !ok {
			t.find(threat.MGFMT400, e.At, e.Name, "The records of a PAX header break off.")
		}
		if e.Type == 'g' {
			t.global = kv
			return nil
		}
		for k, v := range kv {
			own[k] = v
		}
	}
	return nil
}

// take clamps an entry to the file and moves behind it.
func (t *Reader) take(e *Entry) {
	if have := max(0, t.size-e.Data); e.Size > have {
		t.find(threat.MGFMT400, e.At, e.Name, "An entry of %d bytes reaches beyond the file.", e.Size)
		e.Size = have
	}
	t.pos = min(t.size, e.Data+(e.Size+block-1)/block*block)
}

// merge puts the overrides of PAX and GNU headers in their place and moves behind the entry.
func (t *Reader) merge(e *Entry, own map[string]string, head []byte) error {
	get := func(key string) string {
		if v, ok := own[key]; ok {
			return v
		}
		return t.global[key]
	}
	if v := get("path"); v != "" {
		e.Name = v
	}
	if v := get("GNU.sparse.name"); v != "" {
		e.Name = v
	}
	if v := get("linkpath"); v != "" {
		e.Link = v
	}
	if v := get("size"); v != "" {
		t.resize(e, v)
	}
	if !e.Regular() {
		return t.bodiless(e)
	}
	if e.Type == 'S' {
		if err := t.oldSparse(e, head); err != nil {
			return err
		}
		t.take(e)
		return nil
	}
	t.take(e)
	return t.paxSparse(e, get)
}

// resize takes the size of a PAX record. The header can hold sizes up to 8 GiB, so a smaller one that differs makes readers
// disagree on where the next entry is.
func (t *Reader) resize(e *Entry, value string) {
	size, err := strconv.ParseInt(value, 10, 64)
	if err != nil || size < 0 {
		t.find(threat.MGFMT400, e.At, e.Name, "The size of a PAX record is no number.")
		return
	}
	const most = 1 << 33
	if size != e.Size && (size < most || e.Size != 0) {
		t.find(threat.MGFMT403, e.At, e.Name, "The entry has %d bytes in its header and %d in its PAX record.", e.Size, size)
		e.other = min(e.Size, max(0, t.size-e.Data))
	}
	e.Size = size
}

// bodiless moves behind an entry that has no bytes, whatever size it states: links, directories and devices. Some readers
// skip as many bytes as it states; they are right if what stands there is no header.
func (t *Reader) bodiless(e *Entry) error {
	if e.Size == 0 {
		return nil
	}
	var b [block]byte
	n, err := t.r.ReadAt(b[:min(block, max(0, t.size-e.Data))], e.Data)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	t.find(threat.MGFMT403, e.At, e.Name, "An entry of type %q states a size of %d bytes, which readers skip or not.", e.Type, e.Size)
	if isHeader(b[:n]) || isZero(b[:n]) {
		e.Size = 0
		return nil
	}
	t.take(e)
	return nil
}
