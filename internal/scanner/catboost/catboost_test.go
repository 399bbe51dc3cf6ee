package catboost

import (
	"context"
	"errors"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	for name, row := range map[string]struct {
		content string
		want    bool
	}{
		"a model":                     {string(scantest.CatBoost(nil, nil)), true},
		"a core that is not there":    {"CBM1\xff\xff\xff\x00\x00\x00\x00\x00", false},
		"the magic alone":             {"CBM1", false},
		"the magic of an older model": {"CBM0\x04\x00\x00\x00\x00\x00\x00\x00", false},
	} {
		if ok, err := Probe(scantest.NewFile([]byte(row.content))); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	for text, want := range map[string]bool{
		`{"features_info": {}, "oblivious_trees": []}`: true,
		`{"features_info": {}, "trees": []}`:           true,
		`{"features_info": {}}`:                        false,
		`{"oblivious_trees": []}`:                      false,
	} {
		if ok, err := ProbeJSON(scantest.NewFile([]byte(text))); ok != want || err != nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.FlatBufferCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := Probe(file); !ok || err != nil {
			return
		}
		err := Scan(context.Background(), file, &scantest.Recorder{})
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
	})
}
