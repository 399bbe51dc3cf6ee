package scantest

import (
	"fmt"
	"io"
	"slices"
	"sort"

	"modelgate/internal/scanner/source"
)

// Checkpoint writes a ZIP checkpoint as torch.save does: data.pkl, byteorder, one stored and aligned member for each
// storage with keys 0, 1, …, version and serialization id, and further entries behind.
func Checkpoint(pickle []byte, storages [][]byte, more ...ZIPEntry) []byte {
	entries := []ZIPEntry{
		{Name: "archive/data.pkl", Content: pickle},
		{Name: "archive/.format_version", Content: []byte("1")},
		{Name: "archive/.storage_alignment", Content: []byte("64")},
		{Name: "archive/byteorder", Content: []byte("little")},
	}
	for i, b := range storages {
		entries = append(entries, ZIPEntry{Name: fmt.Sprintf("archive/data/%d", i), Content: b})
	}
	entries = append(
		entries,
		ZIPEntry{Name: "archive/version", Content: []byte("3\n")},
		ZIPEntry{Name: "archive/.data/serialization_id", Content: []byte("0123456789012345678901234567890123456789")},
	)
	for i := range entries {
		entries[i].Align, entries[i].Late = 64, true
	}
	return BuildZIP(append(entries, more...)...)
}

// TorchScript writes an archive as torch.jit.save does.
func TorchScript(data, constants []byte, code map[string]string, more ...ZIPEntry) []byte {
	entries := []ZIPEntry{{Name: "m/data.pkl", Content: data}, {Name: "m/constants.pkl", Content: constants}}
	names := make([]string, 0, len(code))
	for name := range code {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		entries = append(entries, ZIPEntry{Name: "m/code/" + name, Content: []byte(code[name]), Deflate: true})
	}
	return BuildZIP(append(append(entries, ZIPEntry{Name: "m/version", Content: []byte("3\n")}), more...)...)
}

// Sparse is a Reader over a large file of zeros with a few parts in it, for tests of what a scan reads.
type Sparse struct {
	Length int64
	Parts  map[int64][]byte // by offset; they don't overlap
}

// Size implements source.Reader.
func (s *Sparse) Size() (int64, error) { return s.Length, nil }

// ReadAt implements io.ReaderAt.
func (s *Sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.Length {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.Length-off))
	clear(p[:n])
	for at, part := range s.Parts {
		from, to := max(at, off), min(at+int64(len(part)), off+int64(n))
		if from < to {
			copy(p[from-off:to-off], part[from-at:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Counted counts what a scan costs over ranges: whole blocks of 64 KiB are fetched and kept, neighbours that are missing in
// one request.
type Counted struct {
	source.Reader
	Requests int
	Bytes    int64
	blocks   map[int64]bool
}

// ReadAt implements io.ReaderAt.
func (c *Counted) ReadAt(p []byte, off int64) (int, error) {
	const block = 64 << 10
	if c.blocks == nil {
		c.blocks = map[int64]bool{}
	}
	fetching := false
	for b := off / block; b <= (off+int64(len(p))-1)/block && len(p) > 0; b++ {
		if c.blocks[b] {
			fetching = false
			continue
		}
		if !fetching {
			c.Requests++
		}
		fetching, c.blocks[b] = true, true
		c.Bytes += block
	}
	return c.Reader.ReadAt(p, off)
}

// LegacyTar writes a checkpoint as torch.save did before version 0.1.2, from the members' bytes.
func LegacyTar(members map[string][]byte) []byte {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	var entries []TarEntry
	for _, name := range names {
		entries = append(entries, TarEntry{Name: name, Content: members[name]})
	}
	return BuildTar(entries...)
}
