package torch

import (
	"context"
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// A distributed checkpoint (torch.distributed.checkpoint) is a directory: .metadata is a pickle that says where each tensor
// lies, and each file __<rank>_<n>.distcp is what torch.save wrote of one tensor after the other, archive behind archive. A
// loader opens each archive by its place; other readers of ZIP see the last one only. All of them are scanned.

// Records of a ZIP archive (APPNOTE 4.3.14 to 4.3.16) as torch.save leaves them: the central directory, the ZIP64 end record and
// its locator, the end record without a comment.
const (
	sigLocal      = 0x04034b50
	sigCentral    = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50
	lenEnd        = 22
	lenLocator64  = 20
	lenEnd64      = 56
	lenEnds       = lenEnd64 + lenLocator64 + lenEnd
	mostArchives  = 100_000
	shortestParts = 2 // a single archive is an ordinary checkpoint
)

// part is one archive of a file of several, with the places of its directory and its ZIP64 end record as it states them:
// relative to itself.
type part struct{ from, to, directory, record int64 }

// parts returns the archives that a file consists of, last one first, or nil if it isn't a row of complete archives. Each is
// found from its end: the directory's size and offset say where it begins, and there the one before it must end.
func parts(r source.Reader, size int64) ([]part, error) {
	var found []part
	for to := size; to > 0; {
		p, ok, err := begin(r, to)
		if err != nil || !ok || len(found) >= mostArchives {
			return nil, err
		}
		found = append(found, p)
		to = p.from
	}
	if len(found) < shortestParts {
		return nil, nil
	}
	for _, p := range found {
		if ok, err := plain(r, p, found[len(found)-1]); err != nil || !ok {
			return nil, err
		}
	}
	return found, nil
}

// begin returns the archive that ends at an offset.
func begin(r source.Reader, to int64) (part, bool, error) {
	var b [lenEnds]byte
	if to < lenEnds {
		return part{}, false, nil
	}
	if _, err := r.ReadAt(b[:], to-lenEnds); err != nil {
		return part{}, false, err
	}
	le := binary.LittleEndian
	locator, end := b[lenEnd64:], b[lenEnd64+lenLocator64:]
	if le.Uint32(b[:]) != sigEnd64 || le.Uint32(locator) != sigLocator64 || le.Uint32(end) != sigEnd || le.Uint16(end[20:]) != 0 {
		return part{}, false, nil
	}
	length, offset, record := le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint64(locator[8:])
	if length > uint64(to) || offset > uint64(to) || record != offset+length {
		return part{}, false, nil
	}
	// Records that readers may take in two ways are for the archive's own scan, which compares all of them.
	if n := le.Uint32(end[12:]); n != ^uint32(0) && uint64(n) != length {
		return part{}, false, nil
	}
	if n := le.Uint32(end[16:]); n != ^uint32(0) && uint64(n) != offset {
		return part{}, false, nil
	}
	p := part{from: to - lenEnds - int64(record), to: to, directory: int64(offset), record: int64(record)}
	if p.from < 0 {
		return part{}, false, nil
	}
	ok, err := starts(r, p.from, sigLocal)
	return p, ok, err
}

// plain tells whether a reader that takes the places of an archive for places in the file finds nothing there, or the first
// archive, of which they are true.
func plain(r source.Reader, p, first part) (bool, error) {
	if p.directory != first.directory {
		if other, err := starts(r, p.directory, sigCentral); err != nil || other {
			return false, err
		}
	}
	if p.record != first.record {
		if other, err := starts(r, p.record, sigEnd64); err != nil || other {
			return false, err
		}
	}
	return true, nil
}

// starts tells whether a record of a kind begins at an offset.
func starts(r source.Reader, at int64, want uint32) (bool, error) {
	var sig [4]byte
	if _, err := r.ReadAt(sig[:], at); err != nil {
		return false, err
	}
	return binary.LittleEndian.Uint32(sig[:]) == want, nil
}

// scanParts hands each archive of a distributed checkpoint to the engine.
func scanParts(ctx context.Context, f *source.File, s source.Sink, all []part) error {
	s.Format("pytorch_distributed")
	for i := len(all) - 1; i >= 0; i-- {
		p := all[i]
		_, err := s.Member(ctx, source.Member{
			Name: fmt.Sprintf("#archive@%d", p.from), Bytes: source.Section(f.Reader, p.from, p.to-p.from), Family: source.FamilyTorch,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
