package zipview

import (
	"bytes"
	"context"
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
