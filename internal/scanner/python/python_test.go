package python

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanned scans a source under a name.
func scanned(t *testing.T, text, name string, family source.Family) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile([]byte(text))
	f.Path, f.Family = name, family
	if ok, err := Probe(f); !ok || err != nil {
		t.Fatalf("Probe = %v, %v", ok, err)
	}
	var r scantest.Recorder
	if err := Scan(t.Context(), f, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestSourcesAreJudged(t *testing.T) {
	level := map[threat.ID]threat.Level{threat.MGPY100: threat.Malicious, threat.MGPY101: threat.Suspicious, threat.MGPY500: threat.Clean}
	for _, row := range scantest.Sources() {
		r := scanned(t, row.Text, "modeling_x.py", "")
		if r.Level() != level[row.Want] || !strings.Contains(strings.Join(r.Threats(), " "), string(row.Want)) {
			t.Errorf("%s: %v, want %s: %v", row.Name, r.Threats(), row.Want, r.Findings)
		}
	}
}

func TestFindingsSayWhatAndWhere(t *testing.T) {
	r := scanned(t, "import os as o\n\no.system('true')\n", "x.py", "")
	if len(r.Findings) != 1 {
		t.Fatalf("%v", r.Findings)
	}
	f := r.Findings[0]
	if f.Module != "os" || f.Operator != "system" || f.Offset != 18 || f.Evidence != `os.system('true')` || f.Role != finding.RoleCall {
		t.Errorf("%+v", f)
	}
}

func TestRelativeImportsAreReferences(t *testing.T) {
	r := scanned(t, "from .configuration_x import C\nfrom . import a, b\nfrom ..up import d\nfrom .pkg.mod import e\nimport os\n", "modeling_x.py", "")
	var got []string
	for _, ref := range r.Refs {
		got = append(got, string(ref.Kind)+" "+ref.Target)
	}
	want := []string{"python configuration_x.py", "python a.py", "python b.py", "python pkg.py"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPicklesInSourceAreHandedOn(t *testing.T) {
	r := scanned(t, "import pickle, base64\npickle.loads(base64.b64decode('gASVAA=='))\n", "x.py", "")
	if !r.Saw("\x80\x04") {
		t.Errorf("%v", r.Members)
	}
}

func TestNamesDecideWhatIsPython(t *testing.T) {
	for name, want := range map[string]bool{"a/b.py": true, "X.PY": true, "x.pyi": true, "x.txt": false, "py": false, "x.py.bin": false} {
		f := scantest.NewFile([]byte("import os\n"))
		f.Path = name
		if got, err := Probe(f); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestTorchScriptIsJudgedByItsOperators(t *testing.T) {
	const head = "class M(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    _0 = (self).conv\n"
	for _, row := range []struct{ why, code, want string }{
		{"operators of PyTorch", "    y = torch.add(x, CONSTANTS.c0, alpha=1)\n    return ops.quantized.linear(y, ops.prim.NumToTensor(1), 0.1, 1)\n", ""},
		{"operators of torchvision", "    return ops.torchvision.nms(x, x, 0.5)\n", ""},
		{"words in strings", "    ops.prim.RaiseException(\"torch.save /etc/passwd\")\n    return x\n", ""},
		{"a custom operator", "    return ops.mylib.run(x)\n", "PAIT-TCHST-301"},
		{"a custom operator with a command", "    return ops.mylib.run(\"sh -c true\")\n", "PAIT-TCHST-300"},
		{"a file that is written", "    torch.save(x, \"out\")\n    return x\n", "PAIT-TCHST-300"},
		{"a file that is written by aten", "    ops.aten.save(x, \"out\")\n    return x\n", "PAIT-TCHST-300"},
		{"a file that is read", "    return torch.from_file(\"x\", False, 1)\n", "PAIT-TCHST-301"},
		{"a file outside that is read", "    return torch.from_file(\"/etc/passwd\", False, 1)\n", "PAIT-TCHST-300"},
		{"code that breaks", "    return ((\n", "PAIT-TCHST-301"},
	} {
		r := scanned(t, head+row.code, "archive/code/__torch__.py", source.FamilyTorchScript)
		if got := strings.Join(r.Threats(), " "); got != row.want {
			t.Errorf("%s: %q, want %q: %v", row.why, got, row.want, r.Findings)
		}
	}
}

func TestSourceBeyondMeasureIsNotRead(t *testing.T) {
	f := scantest.NewFile(make([]byte, maxSize+1))
	f.Path = "x.py"
	var r scantest.Recorder
	if err := Scan(t.Context(), f, &r); !errors.Is(err, source.ErrBudget) {
		t.Errorf("%v", err)
	}
}

// TestHostileSourcesEnd holds sources that are made to cost much.
func TestHostileSourcesEnd(t *testing.T) {
	for name, text := range map[string]string{
		"deep brackets":          strings.Repeat("(", 200_000),
		"deep blocks":            blocks(400),
		"a chain of calls":       "x" + strings.Repeat("()", 100_000) + "\n",
		"a chain of sums":        "x" + strings.Repeat(" + 'a'", 100_000) + "\n",
		"many nots":              "x = " + strings.Repeat("not ", 100_000) + "x\n",
		"deep f-strings":         strings.Repeat("f'{", 1000),
		"a string too long":      "x = 'a' * 999999999\nexec(x)\n",
		"a subscript of a comma": "x[,]\n",
		"exec in exec":           strings.Repeat("exec(", 140) + "x" + strings.Repeat(")", 140) + "\nexec(y.decode())\n)",
		"doubling":               "x = 'aaaa'\n" + strings.Repeat("x = x + x\n", 3000) + "exec(x)\n)",
		"many decoders":          "import base64\nx = 'YWFhYWFhYWE='\n" + strings.Repeat("x = base64.b64decode(x * 9999)\n", 3000) + ")",
		"comprehension bombs":    "x = [[[a * 100 for a in range(9)] for b in 'aaaaaaaaaa'] for c in 'aaaaaaaaaa']\n" + "y = [c for c in 'a' * 60000]\n" + strings.Repeat("z = [[d for d in y] for e in y]\n", 3) + ")",
	} {
		if r := scanned(t, text, "x.py", ""); r.Level() < threat.Suspicious {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

func blocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "if x:\n")
	}
	return b.String()
}

// TestStandardLibraryIsRead reads the standard library of the Python that tests run with: it is valid by definition.
func TestStandardLibraryIsRead(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import os; print(os.path.dirname(os.__file__))").Output()
	if err != nil {
		t.Fatalf("find Python's library: %v", err)
	}
	files := library(t, strings.TrimSpace(string(out)))
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	for name, text := range files {
		if _, err := parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range scantest.Sources() {
		f.Add(row.Text, false)
		f.Add(row.Text, true)
	}
	f.Fuzz(func(t *testing.T, text string, script bool) {
		if len(text) > 64<<10 {
			return
		}
		family := source.FamilyNone
		if script {
			family = source.FamilyTorchScript
		}
		first, again := scanned(t, text, "x.py", family), scanned(t, text, "x.py", family)
		if diff := cmp.Diff(first.Threats(), again.Threats()); diff != "" {
			t.Errorf("two scans differ: %s", diff)
		}
		if _, err := parse(text); err != nil && first.Level() < threat.Suspicious {
			t.Errorf("a source that cannot be read is clean: %v", err)
		}
	})
}
