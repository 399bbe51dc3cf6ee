package pickle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// honest reads the pickles that real libraries wrote, in every protocol (tools/fixtures/pickles.py).
func honest(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../testdata/real/pickles/*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		name := filepath.Base(p)
		if ext := filepath.Ext(name); ext != ".pkl" && ext != ".joblib" || strings.HasPrefix(name, "compressed.") {
			continue
		}
		if files[name], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 600 {
		t.Fatalf("%d honest files: they got lost", len(files))
	}
	return files
}

func TestHonestPicklesAreSilent(t *testing.T) {
	for name, content := range honest(t) {
		if ok, err := Probe(scantest.NewFile(content)); err != nil || !ok {
			t.Errorf("%s: Probe = %v, %v", name, ok, err)
		}
		r := scanCase(t, content, source.FamilyNone)
		if len(r.Findings) > 0 {
			t.Errorf("%s: %s", name, list(r.Findings))
		}
		want := "pickle"
		if strings.HasSuffix(name, ".joblib") && r.Formats[0] == "joblib" {
			want = "joblib" // dumps without arrays are plain pickles
		}
		if r.Formats[0] != want {
			t.Errorf("%s: formats %v, want %s first", name, r.Formats, want)
		}
		if strings.HasPrefix(name, "sk_") && len(r.Formats) < 2 {
			t.Errorf("%s: formats %v, want sklearn among them", name, r.Formats)
		}
	}
}

// TestTextIsNoPickle holds the probe to text and to other formats that begin with opcodes by chance.
func TestTextIsNoPickle(t *testing.T) {
	for _, text := range []string{
		"", "c", "config\nvalue\nmore\n", "I have a dream\nthat one day\n", "class Foo\nbar baz\n", "(a list)\n", "# README\n\nwords\n", "[1, 2]",
		`{"a": 1}`, "0.5 0.25\n", "Some text\nSecond line\n", "Vocabulary\nof words\n", "NNNNNNNNNNNNNNNNNNNN", strings.Repeat("N", 8192),
		strings.Repeat("(", 5000), "the quick brown fox\n", "import os\nos.system('id')\n", "cat\ndog\nemu\n", "Fruit\nSalad\n", "BM6\x00\x0c\x00\x00\x00\x00\x00",
		"\x89PNG\r\n\x1a\n", "GIF89a", "PK\x03\x04", "\x7fELF", "RIFF", "\xff\xd8\xff\xe0", "GGUF\x03\x00\x00\x00", "MZ\x90\x00", "X", "\x80", "\x80\x02",
		"]\n", "}\n", "Very\n. dots\n", "g1\n", strings.Repeat("ATGCN", 2000),
	} {
		if ok, err := Probe(scantest.NewFile([]byte(text))); ok || err != nil {
			t.Errorf("Probe(%.40q) = %v, %v", text, ok, err)
		}
	}
}

// TestTorchStorages follows persistent ids: each storage is told with its size.
func TestTorchStorages(t *testing.T) {
	stream := "\x80\x02}q\x00(X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03ctorch\nFloatStorage\nq\x04" +
		"X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x06tq\x07QK\x00K\x02K\x03\x86q\x08K\x03K\x01\x86q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0d" +
		"X\x01\x00\x00\x00bq\x0eh\x02((h\x03ctorch\nBFloat16Storage\nq\x0fX\x01\x00\x00\x001q\x10h\x06K\x03tq\x11QK\x00K\x03\x85q\x12K\x01\x85q\x13\x89h\x0a)Rq\x14tq\x15Rq\x16u."
	r := scanCase(t, []byte(stream), source.FamilyTorch)
	if len(r.Findings) > 0 {
		t.Error(list(r.Findings))
	}
	want := []source.Storage{{Key: "0", Size: 24}, {Key: "1", Size: 6}}
	if len(r.Storages) != 2 || r.Storages[0] != want[0] || r.Storages[1] != want[1] {
		t.Errorf("storages %v, want %v", r.Storages, want)
	}
	if plain := scanCase(t, []byte(stream), source.FamilyNone); plain.Level() == 0 {
		t.Error("a plain loader refuses persistent ids, and nothing was said")
	}
}

func TestPersistentIDsOfTorch(t *testing.T) {
	for id, silent := range map[string]bool{
		"K\x05Q":   true, // the tar format counts objects
		"P12\n":    true,
		"P../12\n": false,
		"(X\x06\x00\x00\x00modulectorch.nn.modules.linear\nLinear\nX\x01\x00\x00\x00fX\x01\x00\x00\x00stQ":         true,
		"(X\x06\x00\x00\x00modulecsomewhere\nNet\nX\x01\x00\x00\x00fX\x01\x00\x00\x00stQ":                          false,
		"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\xff\xff\xff\xfftQ": false,
		"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x04\x00\x00\x00../0X\x03\x00\x00\x00cpuK\x01tQ":          false,
		"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01NtQ":            true, // with a view
		"NQ": false,
	} {
		r := scanCase(t, []byte("\x80\x02"+id+"."), source.FamilyTorch)
		if (len(r.Findings) == 0) != silent {
			t.Errorf("%q: silent is %v, want %v: %s", id, !silent, silent, list(r.Findings))
		}
	}
}

func TestTorchScriptNamesAreHarmlessInTorchScriptAlone(t *testing.T) {
	stream := []byte("\x80\x02c__torch__.net\nModel\n)\x81}X\x01\x00\x00\x00aK\x01sb.")
	if r := scanCase(t, stream, source.FamilyTorchScript); len(r.Findings) > 0 {
		t.Errorf("in TorchScript: %s", list(r.Findings))
	}
	if r := scanCase(t, stream, source.FamilyTorch); len(r.Findings) != 1 || r.Findings[0].Threat != "PAIT-PYTCH-101" {
		t.Errorf("in a checkpoint: %s", list(r.Findings))
	}
}

func TestFamilyDecidesTheThreat(t *testing.T) {
	for family, want := range map[source.Family]string{
		source.FamilyNone: "PAIT-PKL-100", source.FamilyNumPy: "PAIT-PKL-100", source.FamilyTorch: "PAIT-PYTCH-100",
		source.FamilyTorchScript: "PAIT-PYTCH-100", source.FamilyJoblib: "PAIT-JOBLIB-100",
	} {
		r := scanCase(t, []byte("cposix\nsystem\n(S'id'\ntR."), family)
		if len(r.Findings) != 1 || string(r.Findings[0].Threat) != want {
			t.Errorf("family %q: %swant %s", family, list(r.Findings), want)
		}
	}
}
