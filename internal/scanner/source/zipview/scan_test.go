package zipview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// scanned runs Scan over bytes.
func scanned(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(content), rec, Plan{}); err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

const evil = "payload that must be seen" // of every archive below

func plain(name string) scantest.ZIPEntry {
	return scantest.ZIPEntry{Name: name, Content: []byte("honest content of " + name)}
}

func TestHostileArchives(t *testing.T) {
	for why, row := range scantest.ZIPTricks(evil) {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.Bytes)
			if diff := cmp.Diff(row.Want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s", diff)
				for _, f := range rec.Findings {
					t.Logf("%s at %d: %s %q", f.Threat, f.Offset, f.Description, f.Evidence)
				}
			}
			if !rec.Saw(evil) {
				t.Errorf("the payload was not seen; members %q", rec.Names())
			}
		})
	}
}

func TestHonestArchives(t *testing.T) {
	for why, row := range scantest.ZIPTwins() {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.Bytes)
			if len(rec.Findings) > 0 {
				t.Errorf("findings: %+v", rec.Findings)
			}
			if diff := cmp.Diff(row.Names, rec.Names()); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReallyEncryptedEntriesCannotBeRead(t *testing.T) {
	flags := func(r *scantest.ZIPRecord) { r.Flags |= 1 }
	zip := scantest.BuildZIP(scantest.ZIPEntry{
		Name: "a", Content: []byte("secret"), Raw: bytes.Repeat([]byte{0xa7, 0x13, 0x99}, 20), Local: flags, Central: flags,
	})
	rec := scanned(t, zip)
	if diff := cmp.Diff([]string{"MG-FMT-404"}, rec.Threats()); diff != "" {
		t.Errorf("threats (-want +got):\n%s", diff)
	}
	rec = &scantest.Recorder{Reply: func(context.Context, source.Member) (source.Outcome, error) {
		return source.Outcome{Formats: []string{"pickle"}}, nil
	}}
	if err := Scan(context.Background(), scantest.NewFile(zip), rec, Plan{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"MG-FMT-403"}, rec.Threats()); diff != "" {
		t.Errorf("threats of bytes that are recognised (-want +got):\n%s", diff)
	}
}

func TestTooManyEntries(t *testing.T) {
	var entries []scantest.ZIPEntry
	for i := range 20 {
		entries = append(entries, plain(fmt.Sprint(i)))
	}
	f := scantest.NewFile(scantest.BuildZIP(entries...))
	f.Budget.Limits.EntriesInOne = 10
	rec := &scantest.Recorder{}
	err := Scan(context.Background(), f, rec, Plan{})
	if err == nil || !strings.Contains(err.Error(), source.ErrBudget.Error()) {
		t.Errorf("Scan: %v", err)
	}
	if len(rec.Members) < 10 {
		t.Errorf("%d members were scanned before", len(rec.Members))
	}
}

func TestBombsStop(t *testing.T) {
	zip := scantest.BuildZIP(scantest.ZIPEntry{Name: "z", Content: make([]byte, 1<<20), Deflate: true})
	f := scantest.NewFile(zip)
	f.Budget.Limits.BombThreshold, f.Budget.Limits.BombRatio = 1<<18, 50
	err := Scan(context.Background(), f, &scantest.Recorder{}, Plan{})
	if err == nil || !strings.Contains(err.Error(), source.ErrBomb.Error()) {
		t.Errorf("Scan: %v", err)
	}
}

func TestWhatIsNoArchive(t *testing.T) {
	z := scantest.BuildZIP(plain("a"))
	tar := append(make([]byte, 257), append([]byte("ustar\x0000"), make([]byte, 248)...)...)
	for why, content := range map[string][]byte{
		"nothing":                         {},
		"text":                            []byte("PK is not enough"),
		"a tar with an archive in it":     append(append(tar, z...), make([]byte, 1024)...),
		"a pickle with an archive in it":  append(append([]byte("\x80\x04B"), z...), '.'),
		"an end record cut short":         z[len(z)-22 : len(z)-2],
		"an end record without directory": append([]byte("text before"), scantest.BuildZIP()...),
	} {
		v, err := Of(scantest.NewFile(content))
		if v != nil || err != nil {
			t.Errorf("%s is taken for an archive: %+v, %v", why, v, err)
		}
	}
}

func TestKinds(t *testing.T) {
	array := scantest.ZIPEntry{Name: "x.npy", Content: []byte("\x93NUMPY\x01\x00")}
	for why, row := range map[string]struct {
		zip  []byte
		want Kind
	}{
		"a checkpoint":                 {scantest.BuildZIP(plain("archive/data.pkl"), plain("archive/version")), Checkpoint},
		"TorchScript":                  {scantest.BuildZIP(plain("m/data.pkl"), plain("m/constants.pkl"), plain("m/code/x.py")), TorchScript},
		"a package":                    {scantest.BuildZIP(plain("m/.data/extern_modules"), plain("m/a.py")), Package},
		"an exported program":          {scantest.BuildZIP(plain("serialized_exported_program.json")), Package},
		"a TorchServe archive":         {scantest.BuildZIP(plain("MAR-INF/MANIFEST.json")), Package},
		"arrays":                       {scantest.BuildZIP(array), NumPy},
		"arrays that are none":         {scantest.BuildZIP(plain("x.npy")), Plain},
		"one array among other things": {scantest.BuildZIP(array, plain("a"), plain("b")), Plain},
		"anything":                     {scantest.BuildZIP(plain("data.pkl")), Plain},
		"a local name alone":           {scantest.BuildZIP(scantest.ZIPEntry{Name: "x", Content: []byte("x"), Local: func(r *scantest.ZIPRecord) { r.Name = "a/data.pkl" }}), Plain},
		"no archive":                   {[]byte("text"), None},
	} {
		if got, err := KindOf(scantest.NewFile(row.zip)); got != row.want || err != nil {
			t.Errorf("%s is of kind %d, %v; want %d", why, got, err, row.want)
		}
	}
}

// tally counts the bytes that are read.
type tally struct {
	source.Bytes
	n int64
}

func (r *tally) ReadAt(p []byte, off int64) (int, error) {
	r.n += int64(len(p))
	return r.Bytes.ReadAt(p, off)
}

// TestReadsStayLinear scans what makes a careless reader begin anew at every byte.
func TestReadsStayLinear(t *testing.T) {
	const size = 1 << 20
	late := "PK\x03\x04\x00\x00\x08\x00" + strings.Repeat("\x00", 22) // a stored entry of unknown size without a name
	archive := string(scantest.BuildZIP(plain("a")))
	for why, content := range map[string]string{
		"local headers":                         strings.Repeat("PK\x03\x04", size/4),
		"descriptors behind an entry":           late + strings.Repeat("PK\x07\x08", size/4),
		"entries of unknown size":               strings.Repeat(late, size/len(late)),
		"central headers behind an entry":       late + strings.Repeat("PK\x01\x02", size/4),
		"end records behind an archive":         archive + strings.Repeat("PK\x05\x06", size/4),
		"local headers between two archives":    archive + strings.Repeat("PK\x03\x04", size/4) + archive,
		"archives behind each other":            strings.Repeat(archive, size/len(archive)),
		"headers that reach beyond the file":    archive + strings.Repeat("PK\x03\x04"+strings.Repeat("\xff", 26), size/30),
		"local headers with descriptors so far": late + strings.Repeat("PK\x07\x08PK\x03\x04", size/8),
	} {
		r := &tally{Bytes: source.Bytes(content)}
		f := &source.File{Reader: r, Budget: source.NewBudget(source.DefaultLimits(), size)}
		if err := Scan(context.Background(), f, &scantest.Recorder{}, Plan{}); err != nil && !errors.Is(err, source.ErrBudget) {
			t.Errorf("%s: %v", why, err)
		}
		if r.n > 100*size {
			t.Errorf("%s: %d bytes read of %d", why, r.n, len(content))
		}
	}
}
