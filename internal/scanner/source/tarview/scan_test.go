package tarview

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

func scanned(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(content), rec, nil); err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

const evil = "payload that must be seen"

func TestHostileArchives(t *testing.T) {
	for why, row := range scantest.TarTricks(evil) {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.Bytes)
			if diff := cmp.Diff(row.Want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s\n%+v", diff, rec.Findings)
			}
			if !rec.Saw(evil) {
				t.Errorf("the payload was not seen; members %q", rec.Names())
			}
		})
	}
}

func TestHonestArchives(t *testing.T) {
	for why, row := range scantest.TarTwins(evil) {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.Bytes)
			if len(rec.Findings) > 0 {
				t.Errorf("findings %+v", rec.Findings)
			}
			if diff := cmp.Diff(row.Names, rec.Names()); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if strings.Contains(why, "sparse") {
				want := append(append(make([]byte, 512), evil...), make([]byte, 1000-512-len(evil))...)
				if diff := cmp.Diff(want, rec.Members[0].Content); diff != "" {
					t.Errorf("expanded (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestDevicesAreOfHighSeverity(t *testing.T) {
	rec := scanned(t, scantest.BuildTar(scantest.TarEntry{Name: "dev", Type: '4'}))
	if len(rec.Findings) != 1 || rec.Findings[0].Severity != threat.High {
		t.Errorf("%+v", rec.Findings)
	}
}

func TestTooManyEntries(t *testing.T) {
	var entries []scantest.TarEntry
	for i := range 20 {
		entries = append(entries, scantest.TarFile(evil, fmt.Sprint(i)))
	}
	f := scantest.NewFile(scantest.BuildTar(entries...))
	f.Budget.Limits.EntriesInOne = 10
	if err := Scan(context.Background(), f, &scantest.Recorder{}, nil); !errors.Is(err, source.ErrBudget) {
		t.Errorf("Scan: %v", err)
	}
}

func TestProbe(t *testing.T) {
	honest := scantest.BuildTar(scantest.TarFile(evil, "a"))
	if !Probe(honest) || !Probe(scantest.BuildTar(scantest.TarEntry{Name: "a", NoMagic: true})) || !Probe(scantest.BuildTar(scantest.TarEntry{Name: "a", BadSum: true})) {
		t.Error("an archive is refused")
	}
	for why, content := range map[string][]byte{
		"nothing": nil, "zeros": make([]byte, 1024), "text": bytes.Repeat([]byte("text "), 200), "half a header": honest[:300],
	} {
		if Probe(content) {
			t.Errorf("%s is accepted", why)
		}
	}
}

// opened compares with archive/tar: the bytes of every entry that it reads must be among those seen.
func opened(t *testing.T, content []byte, rec *scantest.Recorder) int {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(content))
	for n := 0; ; n++ {
		h, err := r.Next()
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return n
		}
		data, err := io.ReadAll(io.LimitReader(r, scantest.SeenBytes))
		if err != nil {
			return n
		}
		seen := len(data) == 0
		for _, m := range rec.Members {
			seen = seen || bytes.Equal(m.Content, data)
		}
		if !seen {
			t.Fatalf("archive/tar reads %q with %d bytes that were not seen", h.Name, len(data))
		}
	}
}

func TestWhatTheStandardLibraryReadsIsSeen(t *testing.T) {
	total := 0
	for why, row := range scantest.TarTricks(evil) {
		if why == "a sparse file that is a bomb" {
			continue // which is scanned as it is stored
		}
		t.Run(why, func(t *testing.T) { total += opened(t, row.Bytes, scanned(t, row.Bytes)) })
	}
	if total < 20 {
		t.Errorf("archive/tar reads only %d entries: the comparison says little", total)
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range scantest.TarTricks(evil) {
		f.Add(row.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if !Probe(content) {
			return
		}
		file := scantest.NewFile(content)
		file.Budget.Limits.EntriesInOne = 1000
		rec := &scantest.Recorder{}
		if err := Scan(context.Background(), file, rec, nil); err != nil {
			if !errors.Is(err, source.ErrBudget) {
				t.Fatal(err)
			}
			return
		}
		if rec.Level() == threat.Clean {
			opened(t, content, rec)
		}
	})
}
