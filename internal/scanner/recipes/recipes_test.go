package recipes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
)

func scanned(t *testing.T, name, text string) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile([]byte(text))
	f.Path = name
	if ok, err := Probe(f); !ok || err != nil {
		t.Fatalf("Probe of %s = %v, %v", name, ok, err)
	}
	var r scantest.Recorder
	if err := Scan(t.Context(), f, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestCardsNameBaseModels(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"one name", "---\nbase_model: a/b # x\n---\n", "a/b"},
		{"a list", "---\nbase_model:\n  - a/b\n  - 'c/d'\ntags:\n- e/f\n---\nbase_model: g/h", "a/b c/d"},
		{"a list in brackets", "\ufeff---\r\nbase_model: [a/b, \"c/d\"]\r\n---\r\n", "a/b c/d"},
		{"no front matter", "# base_model: a/b\n", ""},
		{"a key of another key", "---\nx:\n  base_model: a/b\n---\n", ""},
		{"nothing", "---\nbase_model: null\n---\n", ""},
		{"more than anybody has", "---\nbase_model:\n" + strings.Repeat("- a/b\n", 1000), strings.TrimSpace(strings.Repeat("a/b ", maxNames))},
	} {
		r := scanned(t, "README.md", row.text)
		var got []string
		for _, ref := range r.Refs {
			got = append(got, ref.Target)
		}
		if diff := cmp.Diff(row.want, strings.Join(got, " ")); diff != "" || len(r.Findings) > 0 {
			t.Errorf("%s: %v %s", row.why, r.Findings, diff)
		}
	}
}

func TestRequirementsAreJudged(t *testing.T) {
	const odd, remark = "MG-PY-101", "MG-INFO-500"
	for text, want := range map[string]string{
		"torch": "", "torch[x]>=2,<3 ; python_version < '3.9'": "", "-r more.txt": "", "# http://127.0.0.1/": "", "--no-binary :all:": "",
		"git+https://example.com/x.git": remark, "x @ https://example.com/x.whl": remark, "./x": remark, "x.whl": remark,
		"--extra-index-url https://example.com/": remark, "-f=https://example.com/": remark, "--trusted-host example.com": remark,
		"git+http://example.com/x": odd, "https://127.0.0.1/x.whl": odd, "x@ file:///tmp/x": odd, "/tmp/x": odd, "-e ../x": odd, "-r ../../x": odd,
		"--index-url \\\n http://example.com/": odd, "C:\\x.whl": odd, "-i ftp://example.com/": odd,
	} {
		if got := strings.Join(scanned(t, "requirements-dev.txt", text).Threats(), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNamesDecideWhatIsARecipe(t *testing.T) {
	for name, want := range map[string]bool{
		"README.md": true, "a/readme.MD": true, "requirements.txt": true, "requirements_gpu.txt": true, "dev-requirements.txt": true, "Dockerfile": true,
		"Dockerfile.cpu": true, "x.dockerfile": true, "Modelfile": true, "x.modelfile": true, "README.txt": false, "x.md": false, "requirements.py": false,
	} {
		f := scantest.NewFile([]byte("x\n"))
		f.Path = name
		if got, err := Probe(f); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, content := range []string{"x\x00y", "\xff\xfe", strings.Repeat("x", maxSize+1)} {
		f := scantest.NewFile([]byte(content))
		f.Path = "README.md"
		if got, err := Probe(f); got || err != nil {
			t.Errorf("%.10q is taken for text: %v", content, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, name := range []string{"README.md", "requirements.txt", "Dockerfile", "Modelfile"} {
		f.Add(name, "---\nbase_model: [a/b]\n---\n-e ../x\\\n#\nRUN nc -e x\nFROM /x\n\"\"\"")
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		file := scantest.NewFile([]byte(text))
		file.Path = name
		if ok, err := Probe(file); err != nil || !ok {
			return
		}
		var first, again scantest.Recorder
		if err := Scan(t.Context(), file, &first); err != nil {
			t.Fatal(err)
		}
		if err := Scan(t.Context(), file, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.Findings, again.Findings); diff != "" {
			t.Error(diff)
		}
	})
}
