package openvino_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/openvino"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scan runs the scanner; ok is false if it does not accept the bytes.
func scan(t *testing.T, content []byte) (rec *scantest.Recorder, ok bool, err error) {
	t.Helper()
	f := scantest.NewFile(content)
	f.Path = "dir/model.xml"
	rec = &scantest.Recorder{}
	if ok, err = openvino.Probe(f); err != nil || !ok {
		return rec, ok, err
	}
	return rec, true, openvino.Scan(t.Context(), f, rec)
}

func TestModelsAreRecognised(t *testing.T) {
	for why, row := range map[string]struct {
		content string
		want    bool
	}{
		"a model":                     {string(scantest.IRModel()), true},
		"a comment in front":          {"<!-- made by hand -->\n<net name='a' version='11'><layers/></net>", true},
		"UTF-16":                      {string(scantest.UTF16("<net name='a' version='11'><layers/></net>", true)), true},
		"a document type in front":    {`<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x "y">]><net version="11"><layers/></net>`, true},
		"a net of something else":     {"<net><fish/></net>", false},
		"another root":                {"<network version='11'><layers/></network>", false},
		"a model in another document": {"<a><net version='11'><layers/></net></a>", false},
		"text":                        {"net version=11 layers", false},
	} {
		if _, ok, err := scan(t, []byte(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: recognised %v, want %v; error %v", why, ok, row.want, err)
		}
	}
}

func TestEveryTypeOfTheTableIsKnown(t *testing.T) {
	for line := range strings.Lines(openvino.OperatorsText()) {
		name, sets, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		set, _, _ := strings.Cut(sets, " ")
		switch set {
		case "legacy", "internal":
			set = "extension"
		}
		rec, ok, err := scan(t, scantest.IRModel(scantest.IRLayer(1, `type="`+name+`" version="`+set+`"`)))
		if !ok || err != nil || len(rec.Findings) > 0 {
			t.Errorf("%s of %s: %v, %v", name, set, rec.Findings, err)
		}
	}
}

func TestLibrariesAreMalicious(t *testing.T) {
	rec, _, err := scan(t, scantest.IRModel(scantest.IRLayer(1, `type="ReLU" version="opset1" library="libevil.so"`)))
	if err != nil || len(rec.Findings) != 1 {
		t.Fatalf("%+v, %v", rec.Findings, err)
	}
	if f := rec.Findings[0]; f.Threat != threat.MGOP301 || f.Module != "libevil.so" || f.Operator != "ReLU" || f.Evidence != "library=libevil.so" || f.Offset <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestTheWeightsAreReferred(t *testing.T) {
	constant := `<data element_type="f32" shape="4" offset="16" size="48"/>`
	rec, _, err := scan(t, scantest.IRModel(scantest.IRLayer(1, `type="Const" version="opset1"`, constant)))
	if err != nil || len(rec.Refs) != 1 {
		t.Fatalf("%+v, %v", rec.Refs, err)
	}
	if r := rec.Refs[0]; r.Target != "model.bin" || r.Need != 64 || r.Kind != finding.RefFile {
		t.Errorf("%+v", r)
	}
}

func TestUnknownTypesAreToldOnce(t *testing.T) {
	evil := `type="Evil" version="opset1"`
	rec, _, err := scan(t, scantest.IRModel(scantest.IRLayer(1, evil), scantest.IRLayer(2, evil)))
	if err != nil || len(rec.Findings) != 1 || !strings.Contains(rec.Findings[0].Description, "2 times") {
		t.Errorf("%+v, %v", rec.Findings, err)
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.ONNXCases() {
		if strings.HasSuffix(c.Path, ".xml") {
			f.Add(c.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		rec, _, err := scan(t, content)
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
		if len(rec.Findings) > 4*finding.MaxFindings {
			t.Errorf("%d findings", len(rec.Findings))
		}
	})
}

// TestModelsThatTheLibraryWrote holds the fixtures of tools/fixtures/onnx.py to being taken for models, without a word against them.
func TestModelsThatTheLibraryWrote(t *testing.T) {
	names, err := filepath.Glob("../testdata/real/onnx/openvino_*/*.xml")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d models, error %v", len(names), err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		weights, err := os.Stat(strings.TrimSuffix(name, ".xml") + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		rec, ok, err := scan(t, content)
		if !ok || err != nil || len(rec.Findings) > 0 || len(rec.Refs) != 1 || rec.Refs[0].Need != weights.Size() {
			t.Errorf("%s: recognised %v, error %v, findings %+v, references %+v to %d bytes", name, ok, err, rec.Findings, rec.Refs, weights.Size())
		}
	}
}
