package zipview

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func crcOf(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

// FuzzScan checks that no archive makes the scan fail in another way than by its budget, that two scans see the same, and
// that whatever the standard library's reader opens was seen.
func FuzzScan(f *testing.F) {
	for _, row := range scantest.ZIPTricks(evil) {
		f.Add(row.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		seen := map[string]bool{}
		var first []string
		for round := range 2 {
			rec := &scantest.Recorder{}
			file := scantest.NewFile(content)
			file.Budget.Limits.Inflated, file.Budget.Limits.BombThreshold = 8<<20, 1<<20
			err := Scan(context.Background(), file, rec, Plan{})
			if errors.Is(err, source.ErrBudget) || errors.Is(err, source.ErrBomb) {
				return
			}
			if err != nil {
				t.Fatalf("Scan: %v", err)
			}
			if round == 0 {
				first = append(rec.Threats(), rec.Names()...)
				for _, m := range rec.Members {
					seen[string(m.Content)] = true
				}
			} else if got := append(rec.Threats(), rec.Names()...); len(got) != len(first) {
				t.Fatalf("two scans differ: %q, %q", first, got)
			}
		}
		opened(t, content, seen)
	})
}

// opened compares with archive/zip: what it opens without an error, or with a bad checksum only, must be among the seen.
func opened(t *testing.T, content []byte, seen map[string]bool) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return
	}
	for _, e := range r.File {
		rc, err := e.Open()
		if err != nil {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(rc, scantest.SeenBytes))
		_ = rc.Close()
		if err != nil && !errors.Is(err, zip.ErrChecksum) || len(data) == 0 {
			continue
		}
		if !seen[string(data)] {
			t.Fatalf("archive/zip opens %q with %d bytes that were not seen", e.Name, len(data))
		}
	}
}

func TestWhatTheStandardLibraryOpensIsSeen(t *testing.T) {
	opens := 0
	for why, row := range scantest.ZIPTricks(evil) {
		rec := scanned(t, row.Bytes)
		seen := map[string]bool{}
		for _, m := range rec.Members {
			seen[string(m.Content)] = true
		}
		t.Run(why, func(t *testing.T) { opened(t, row.Bytes, seen) })
		if _, err := zip.NewReader(bytes.NewReader(row.Bytes), int64(len(row.Bytes))); err == nil {
			opens++
		}
	}
	if opens < 20 {
		t.Errorf("archive/zip opens only %d of the archives: the comparison says little", opens)
	}
}
