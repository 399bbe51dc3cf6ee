package archive

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// fuzzScan runs every format over bytes: no error but those that bytes can cause.
func fuzzScan(t *testing.T, content []byte) {
	t.Helper()
	for name, r := range rows() {
		f := scantest.NewFile(content)
		f.Budget.Limits.Inflated, f.Budget.Limits.EntriesInOne = 4<<20, 1000
		ok, err := r.probe(f)
		if err == nil && ok {
			err = r.scan(context.Background(), f, &scantest.Recorder{})
		}
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, source.ErrBomb) && !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func FuzzArchives(f *testing.F) {
	f.Add(scantest.BuildTar(scantest.TarEntry{Name: "a", Content: []byte("x")}))
	for _, pack := range packers() {
		f.Add(pack([]byte(inner)))
	}
	f.Add([]byte("Rar!\x1a\x07\x01\x00"))
	f.Fuzz(fuzzScan)
}

func Fuzz7z(f *testing.F) {
	for _, z := range []scantest.SevenZip{{Files: files()}, {Files: files(), Encoded: true}, {Files: files(), Codec: "\x00", Packed: []byte(inner + "second")}} {
		f.Add(scantest.Build7z(z))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzzScan(t, content)
		if len(content) > 33 {
			if _, err := parse7z(content[32:], 1000); err != nil && !errors.Is(err, source.ErrBudget) {
				var bad *source.Malformed
				if !errors.As(err, &bad) {
					t.Fatal(err)
				}
			}
		}
	})
}
