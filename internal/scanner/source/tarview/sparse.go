package tarview

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"strconv"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of sparse files: fragments, and how much larger than its bytes in the archive a file may be.
const (
	maxFragments = 100_000
	maxExpansion = 64 << 20 // bytes, in addition to 16 times those in the archive
)

// sparse is a file whose zeros are not stored.
type sparse struct {
	size      int64 // of the whole file
	fragments []fragment
}

// fragment says that n bytes of the file from off are stored at the given place of the archive.
type fragment struct{ off, n, at int64 }

// Bytes are the entry's bytes as a reader of the archive would write them to a file.
func (e *Entry) Bytes(r source.Reader) source.Reader {
	packed := source.Section(r, e.Data, e.Size)
	if e.sparse == nil {
		return packed
	}
	return &expanded{packed, e.sparse}
}

// expanded is a Reader over a sparse file.
type expanded struct {
	packed source.Reader
	sparse *sparse
}

func (x *expanded) Size() (int64, error) { return x.sparse.size, nil }

func (x *expanded) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= x.sparse.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), x.sparse.size-off))
	clear(p[:n])
	all := x.sparse.fragments
	first := sort.Search(len(all), func(i int) bool { return all[i].off+all[i].n > off })
	for _, f := range all[first:] {
		from, to := max(f.off, off), min(f.off+f.n, off+int64(n))
		if from >= to {
			break
		}
		if _, err := x.packed.ReadAt(p[from-off:to-off], f.at+from-f.off); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// oldSparse reads the map of GNU's type S: four fragments in the header, then blocks of 21.
func (t *Reader) oldSparse(e *Entry, head []byte) error {
	size, ok := number(field(head, 483, 12))
	s := &sparse{size: size}
	b, from, count, more := head, 386, 4, head[482] != 0
	for {
		for i := range count {
			off, ok1 := number(field(b, from+24*i, 12))
			n, ok2 := number(field(b, from+24*i+12, 12))
			ok = ok && ok1 && ok2
			if n > 0 {
				s.fragments = append(s.fragments, fragment{off: off, n: n})
			}
		}
		if !more || len(s.fragments) > maxFragments {
			break
		}
		next := make([]byte, block)
		n, err := t.r.ReadAt(next[:min(block, max(0, t.size-t.pos))], t.pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n < block {
			ok = false
			break
		}
		t.pos += block
		b, from, count, more = next, 0, 21, next[504] != 0
	}
	e.Data = t.pos
	t.expand(e, s, ok && !more)
	return nil
}

// paxSparse reads the map of a PAX sparse file: a record of format 0.0 or 0.1, or decimal lines in front of the bytes as in
// format 1.0.
func (t *Reader) paxSparse(e *Entry, get func(string) string) error {
	list, real := get("GNU.sparse.map"), get("GNU.sparse.size")
	if get("GNU.sparse.major") == "1" {
		real = get("GNU.sparse.realsize")
		b := make([]byte, min(e.Size, maxMeta))
		n, err := t.r.ReadAt(b, e.Data)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		lines, used := decimalLines(b[:n])
		list = strings.Join(lines, ",")
		skip := min(e.Size, int64(used+block-1)/block*block)
		e.Data += skip
		e.Size -= skip
	}
	if real == "" {
		return nil
	}
	size, err := strconv.ParseInt(real, 10, 64)
	s, ok := &sparse{size: size}, err == nil && size >= 0
	for parts := list; parts != ""; {
		var a, b string
		a, parts, _ = strings.Cut(parts, ",")
		b, parts, _ = strings.Cut(parts, ",")
		off, err1 := strconv.ParseInt(a, 10, 64)
		n, err2 := strconv.ParseInt(b, 10, 64)
		if err1 != nil || err2 != nil || off < 0 || n < 0 || len(s.fragments) > maxFragments {
			ok = false
			break
		}
		if n > 0 {
			s.fragments = append(s.fragments, fragment{off: off, n: n})
		}
	}
	t.expand(e, s, ok)
	return nil
}

// decimalLines reads a count and twice as many numbers, one a line, and tells how many bytes they take.
func decimalLines(b []byte) (lines []string, used int) {
	want := 1
	for i := 0; i < want; i++ {
		line, rest, found := bytes.Cut(b[used:], []byte("\n"))
		if !found {
			return lines, len(b)
		}
		used = len(b) - len(rest)
		if i == 0 {
			n, err := strconv.Atoi(string(line))
			if err != nil || n < 0 || n > maxFragments {
				return nil, used
			}
			want = 1 + 2*n
			continue
		}
		lines = append(lines, string(line))
	}
	return lines, used
}

// expand checks a map and gives it to the entry. An entry whose map is wrong is scanned as it is stored.
func (t *Reader) expand(e *Entry, s *sparse, ok bool) {
	at, end := int64(0), int64(0)
	for i := range s.fragments {
		f := &s.fragments[i]
		if f.off < end || f.off > s.size || f.n > s.size-f.off {
			ok = false
			break
		}
		f.at = at
		at += f.n
		end = f.off + f.n
	}
	if !ok {
		t.find(threat.MGFMT400, e.At, e.Name, "The map of a sparse file is wrong.")
		return
	}
	if s.size/16 > e.Size && s.size > maxExpansion {
		t.find(threat.MGFMT405, e.At, e.Name, "A sparse file of %d bytes expands to %d.", e.Size, s.size)
		return
	}
	e.sparse = s
}
