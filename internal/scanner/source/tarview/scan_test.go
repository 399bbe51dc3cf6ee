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

type entry = scantest.TarEntry

const evil = "payload that must be seen"

func hidden(name string) entry { return entry{Name: name, Content: []byte(evil)} }

// octal writes a number into a header.
func octal(at, n int, v int64) func([]byte) {
	return func(h []byte) { copy(h[at:], fmt.Sprintf("%0*o\x00", n-1, v)) }
}

// base256 writes a size as GNU does for large ones.
func base256(v int64) func([]byte) {
	return func(h []byte) {
		h[124] = 0x80
		for i := range 11 {
			h[135-i] = byte(v)
			v >>= 8
		}
	}
}

// sparseOld is an entry of GNU's type S: 1,000 bytes, of which the payload stands at 512.
func sparseOld() entry {
	e := hidden("sparse")
	e.Type = 'S'
	e.Change = func(h []byte) {
		copy(h[257:], "ustar  \x00")
		octal(386, 12, 512)(h)
		octal(398, 12, int64(len(evil)))(h)
		octal(483, 12, 1000)(h)
	}
	return e
}

func hostile() map[string]struct {
	tar  []byte
	want []string
} {
	type row = struct {
		tar  []byte
		want []string
	}
	b := scantest.BuildTar
	link := func(kind byte, name, target string) entry { return entry{Name: name, Type: kind, Link: target} }
	with := func(e entry, change func(*entry)) entry {
		change(&e)
		return e
	}
	return map[string]row{
		"a name that leads out":            {b(hidden("../../etc/x")), []string{"PAIT-ARV-100"}},
		"an absolute name":                 {b(hidden("/etc/x")), []string{"PAIT-ARV-100"}},
		"a long name that leads out":       {b(entry{Name: strings.Repeat("a/", 80) + strings.Repeat("../", 90) + "x", Long: true, Content: []byte(evil)}), []string{"PAIT-ARV-100"}},
		"a PAX name that leads out":        {b(with(hidden("x"), func(e *entry) { e.PAX = map[string]string{"path": "../x"} })), []string{"PAIT-ARV-100"}},
		"a name that only PAX hides":       {b(with(hidden("../x"), func(e *entry) { e.PAX = map[string]string{"path": "x"} })), []string{"PAIT-ARV-100"}},
		"a symbolic link that leads out":   {b(link('2', "a/l", "../../x"), hidden("b")), []string{"PAIT-ARV-100"}},
		"an absolute symbolic link":        {b(link('2', "l", "/etc"), hidden("b")), []string{"PAIT-ARV-100"}},
		"a hard link that leads out":       {b(link('1', "l", "../../etc/passwd"), hidden("b")), []string{"PAIT-ARV-100"}},
		"an absolute hard link":            {b(link('1', "l", "/etc/passwd"), hidden("b")), []string{"PAIT-ARV-100"}},
		"a PAX link that leads out":        {b(with(link('2', "l", "x"), func(e *entry) { e.PAX = map[string]string{"linkpath": "/etc"} }), hidden("b")), []string{"PAIT-ARV-100"}},
		"an entry through an earlier link": {b(link('2', "d", "inside"), hidden("d/x")), []string{"PAIT-ARV-100"}},
		"a device":                         {b(link('3', "dev", ""), hidden("b")), []string{"MG-FMT-400"}},
		"a pipe":                           {b(link('6', "pipe", ""), hidden("b")), []string{"MG-FMT-400"}},
		"a bad checksum":                   {b(entry{Name: "a", Content: []byte("x")}, with(hidden("b"), func(e *entry) { e.BadSum = true })), []string{"MG-FMT-400"}},
		"a bad checksum of the first":      {b(with(hidden("b"), func(e *entry) { e.BadSum = true })), []string{"MG-FMT-400"}},
		"data behind the end":              {append(b(entry{Name: "a", Content: []byte("x")}), evil...), []string{"MG-FMT-402"}},
		"a second archive behind the end":  {append(b(entry{Name: "a", Content: []byte("x")}), b(hidden("b"))...), []string{"MG-FMT-402"}},
		"data between entries":             {b(entry{Name: "a", Content: []byte("x"), After: append([]byte(evil), make([]byte, 512-len(evil))...)}, entry{Name: "c"}), []string{"MG-FMT-402"}},
		"a size that only PAX has":         {b(with(hidden("a"), func(e *entry) { e.Change = octal(124, 12, 0); e.PAX = map[string]string{"size": fmt.Sprint(len(evil))} })), []string{"MG-FMT-403"}},
		"two sizes":                        {b(with(hidden("a"), func(e *entry) { e.PAX = map[string]string{"size": "3"} })), []string{"MG-FMT-403"}},
		"a link with a size":               {b(with(link('2', "l", "x"), func(e *entry) { e.Content = []byte(evil) })), []string{"MG-FMT-403"}},
		"a size beyond the file":           {b(with(hidden("a"), func(e *entry) { e.Size = 1 << 30 })), []string{"MG-FMT-400"}},
		"a size that is no number":         {b(hidden("b"), with(hidden("a"), func(e *entry) { e.Change = func(h []byte) { copy(h[124:], "hello") } })), []string{"MG-FMT-400", "MG-FMT-402"}},
		"a negative size":                  {b(hidden("b"), with(hidden("a"), func(e *entry) { e.Change = func(h []byte) { h[124] = 0xff } })), []string{"MG-FMT-400", "MG-FMT-402"}},
		"PAX records that break off":       {b(entry{Name: "p", Type: 'x', Content: []byte("99 path=x\n")}, hidden("a")), []string{"MG-FMT-400"}},
		"a PAX size that is no number":     {b(with(hidden("a"), func(e *entry) { e.PAX = map[string]string{"size": "-1"} })), []string{"MG-FMT-400"}},
		"an archive without an end":        {b(hidden("a"))[:540], nil},
		"a sparse map out of order":        {b(with(sparseOld(), func(e *entry) { old := e.Change; e.Change = func(h []byte) { old(h); octal(483, 12, 10)(h) } })), []string{"MG-FMT-400"}},
		"a sparse file that is a bomb":     {b(with(sparseOld(), func(e *entry) { old := e.Change; e.Change = func(h []byte) { old(h); octal(483, 12, 1<<32)(h) } })), []string{"MG-FMT-405"}},
	}
}

func TestHostileArchives(t *testing.T) {
	for why, row := range hostile() {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.tar)
			if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s\n%+v", diff, rec.Findings)
			}
			if why == "two sizes" {
				return // what the smaller size leaves is padding to both readers
			}
			if !rec.Saw(evil) {
				t.Errorf("the payload was not seen; members %q", rec.Names())
			}
		})
	}
}

func TestHonestArchives(t *testing.T) {
	long := strings.Repeat("directory/", 30) + "file"
	for why, row := range map[string]struct {
		tar   []byte
		names []string
	}{
		"files and directories":  {scantest.BuildTar(entry{Name: "d/", Type: '5'}, hidden("d/a"), hidden("b")), []string{"d/a", "b"}},
		"a header of version 7":  {scantest.BuildTar(entry{Name: "a", Content: []byte(evil), NoMagic: true}), []string{"a"}},
		"a GNU long name":        {scantest.BuildTar(entry{Name: long, Long: true, Content: []byte(evil)}), []string{long}},
		"a PAX name":             {scantest.BuildTar(entry{Name: "x", PAX: map[string]string{"path": long, "mtime": "1.5"}, Content: []byte(evil)}), []string{long}},
		"a PAX header for all":   {scantest.BuildTar(entry{Name: "g", Type: 'g', Content: scantest.PAXRecords(map[string]string{"comment": "x"})}, hidden("a")), []string{"a"}},
		"a size in base 256":     {scantest.BuildTar(entry{Name: "a", Content: []byte(evil), Change: base256(int64(len(evil)))}), []string{"a"}},
		"links inside the root":  {scantest.BuildTar(hidden("d/a"), entry{Name: "d/l", Type: '2', Link: "a"}, entry{Name: "d/m", Type: '2', Link: "../b"}, entry{Name: "h", Type: '1', Link: "d/a"}), []string{"d/a"}},
		"many blocks at the end": {append(scantest.BuildTar(hidden("a")), make([]byte, 8192)...), []string{"a"}},
		"an empty file":          {scantest.BuildTar(entry{Name: "a"}, hidden("b")), []string{"b"}},
		"a sparse file":          {scantest.BuildTar(sparseOld()), []string{"sparse"}},
		"a sparse file of format 0.1": {scantest.BuildTar(entry{
			Name: "x", Content: []byte(evil),
			PAX: map[string]string{"GNU.sparse.map": fmt.Sprintf("512,%d", len(evil)), "GNU.sparse.size": "1000", "GNU.sparse.name": "sparse"},
		}), []string{"sparse"}},
		"a sparse file of format 1.0": {scantest.BuildTar(entry{
			Name:    "x",
			Content: append(append([]byte(fmt.Sprintf("1\n512\n%d\n", len(evil))), make([]byte, 512-len(fmt.Sprintf("1\n512\n%d\n", len(evil))))...), evil...),
			PAX:     map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000", "GNU.sparse.name": "sparse"},
		}), []string{"sparse"}},
	} {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.tar)
			if len(rec.Findings) > 0 {
				t.Errorf("findings %+v", rec.Findings)
			}
			if diff := cmp.Diff(row.names, rec.Names()); diff != "" {
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
	rec := scanned(t, scantest.BuildTar(entry{Name: "dev", Type: '4'}))
	if len(rec.Findings) != 1 || rec.Findings[0].Severity != threat.High {
		t.Errorf("%+v", rec.Findings)
	}
}

func TestTooManyEntries(t *testing.T) {
	var entries []entry
	for i := range 20 {
		entries = append(entries, hidden(fmt.Sprint(i)))
	}
	f := scantest.NewFile(scantest.BuildTar(entries...))
	f.Budget.Limits.EntriesInOne = 10
	if err := Scan(context.Background(), f, &scantest.Recorder{}, nil); !errors.Is(err, source.ErrBudget) {
		t.Errorf("Scan: %v", err)
	}
}

func TestProbe(t *testing.T) {
	honest := scantest.BuildTar(hidden("a"))
	if !Probe(honest) || !Probe(scantest.BuildTar(entry{Name: "a", NoMagic: true})) || !Probe(scantest.BuildTar(entry{Name: "a", BadSum: true})) {
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
	for why, row := range hostile() {
		if why == "a sparse file that is a bomb" {
			continue // which is scanned as it is stored
		}
		t.Run(why, func(t *testing.T) { total += opened(t, row.tar, scanned(t, row.tar)) })
	}
	if total < 20 {
		t.Errorf("archive/tar reads only %d entries: the comparison says little", total)
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range hostile() {
		f.Add(row.tar)
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
