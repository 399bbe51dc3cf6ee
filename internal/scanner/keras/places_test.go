package keras

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"modelgate/internal/threat"
)

// hide returns copies of a document with a value put in each of its places: under a new key of every object, at the end of every list,
// and instead of every value that is neither.
func hide(doc, evil any) []any {
	var out []any
	switch v := doc.(type) {
	case map[string]any:
		for key := range v {
			for _, inner := range hide(v[key], evil) {
				out = append(out, with(v, key, inner))
			}
		}
		out = append(out, with(v, "extra", evil))
	case []any:
		for i := range v {
			for _, inner := range hide(v[i], evil) {
				copied := append([]any(nil), v...)
				copied[i] = inner
				out = append(out, copied)
			}
		}
		out = append(out, append(append([]any(nil), v...), evil))
	default:
		out = append(out, evil)
	}
	return out
}

func with(m map[string]any, key string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	out[key] = value
	return out
}

// TestNothingHides puts a reference, a lambda and a pickled module in every place of real configurations: each must be found, whatever
// stands around it. What stands under class_name, module, config or registered_name of a reference is no place for another one.
func TestNothingHides(t *testing.T) {
	files, err := filepath.Glob("../testdata/real/keras/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	evils := []any{
		map[string]any{"module": "os", "class_name": "function", "config": "system"},
		map[string]any{"class_name": "Lambda", "config": map[string]any{"function": []any{"AAAA", nil, nil}, "function_type": "lambda"}},
		map[string]any{"class_name": "TorchModuleWrapper", "config": map[string]any{"module": "gARdlC4="}},
	}
	places := 0
	for i, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		evil := evils[i%len(evils)]
		for n, hidden := range hide(doc, evil) {
			if n%7 != i%7 { // a part of them will do
				continue
			}
			places++
			text, err := json.Marshal(hidden)
			if err != nil {
				t.Fatal(err)
			}
			if r := scanText(t, string(text)); r.Level() < threat.Suspicious {
				t.Fatalf("%s: not found in %s", name, text)
			}
		}
	}
	if places < 300 {
		t.Errorf("%d places", places)
	}
}
