package skops_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/skops"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

func archive(schema string) []byte {
	return scantest.BuildZIP(scantest.ZIPEntry{Name: "schema.json", Content: []byte(schema)})
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		schema string
		want   bool
	}{
		"a node":                         {`{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}`, true},
		"a node whose loader comes last": {`{"content": {}, "__class__": "dict", "__module__": "builtins", "\u005f_loader__": "DictNode"}`, true},
		"a node that breaks off":         {`{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "cont`, true},
		"the schema of a table":          {`{"columns": [{"name": "a", "type": "int"}]}`, false},
		"a node inside something else":   {`{"model": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}}`, false},
		"a list":                         {`[1, 2]`, false},
		"text":                           {`hello`, false},
	} {
		got, err := skops.Probe(scantest.NewFile(archive(c.schema)))
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func scan(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	var r scantest.Recorder
	if err := skops.Scan(t.Context(), scantest.NewFile(content), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestNamesAreJudgedByWhatTheLoaderDoes(t *testing.T) {
	node := func(loader, module, class string) string {
		return `{"__loader__": "` + loader + `", "__module__": "` + module + `", "__class__": "` + class + `"}`
	}
	for name, c := range map[string]struct {
		schema string
		want   []string
	}{
		"an estimator": {node("ObjectNode", "sklearn.svm._classes", "SVC"), nil},
		"an estimator in a module of another release":    {node("ObjectNode", "sklearn.svm._moved", "SVC"), nil},
		"a class that only claims to be an estimator":    {node("ObjectNode", "evil.svm", "SVC"), []string{"MG-OBJ-101"}},
		"a class under a dunder":                         {node("TypeNode", "sklearn.svm", "__builtins__"), []string{"MG-OBJ-100"}},
		"a dangerous name in a slice is never looked at": {node("SliceNode", "os", "system"), nil},
		"a Booster that is given its state":              {node("ObjectNode", "lightgbm.basic", "Booster"), nil},
		"a Booster that is called, and may read a file":  {node("ConstructorFromReduceNode", "lightgbm.basic", "Booster"), []string{"MG-OBJ-101"}},
		"a function that is called as a class":           {node("ListNode", "numpy", "log1p"), []string{"MG-OBJ-101"}},
		"getattr":                                        {node("TypeNode", "builtins", "getattr"), []string{"MG-OBJ-101"}},
	} {
		got := scan(t, archive(c.schema)).Threats()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDeepAndLongSchemas(t *testing.T) {
	const open = `{"__loader__": "ObjectNode", "__module__": "sklearn.svm._classes", "__class__": "SVC", "content": `
	r := scan(t, archive(strings.Repeat(open, 5000)+"null"+strings.Repeat("}", 5000)))
	if diff := cmp.Diff([]string{string(threat.MGFMT400)}, r.Threats()); diff != "" {
		t.Error(diff)
	}
	item := `{"__loader__": "TypeNode", "__module__": "evil", "__class__": "x"}`
	r = scan(t, archive(`{"__loader__": "ListNode", "__module__": "builtins", "__class__": "list", "content": [`+item+strings.Repeat(","+item, 100_000)+"]}"))
	if len(r.Findings) != 1 {
		t.Errorf("one name makes %d findings", len(r.Findings))
	}
}

func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		if g.Name != "bundles" {
			continue
		}
		for _, c := range g.Cases {
			if strings.Contains(c.Name, "skops") {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		ok, err := skops.Probe(file)
		if err != nil || !ok {
			return
		}
		var malformed *source.Malformed
		err = skops.Scan(t.Context(), file, &scantest.Recorder{})
		if err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
}
