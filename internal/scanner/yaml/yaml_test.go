package yaml_test

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/yaml"
)

func TestConfigurationsAreJudged(t *testing.T) {
	for _, c := range scantest.YAMLCases() {
		if c.Path != "config.yaml" {
			continue // the engine's
		}
		f := scantest.NewFile(c.Bytes)
		f.Path = c.Path
		if ok, err := yaml.Probe(f); !ok || err != nil {
			t.Errorf("%s: not taken for YAML: %v", c.Name, err)
		}
		var sink scantest.Recorder
		if err := yaml.Scan(t.Context(), f, &sink); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if sink.Level() != c.Level {
			t.Errorf("%s: %v, level %s, want %s", c.Name, sink.Findings, sink.Level(), c.Level)
		}
		for _, x := range sink.Findings {
			if x.Offset < 0 || x.Offset > int64(len(c.Bytes)) {
				t.Errorf("%s: offset %d in %d bytes", c.Name, x.Offset, len(c.Bytes))
			}
		}
	}
}

func TestNamesDecideWhatIsYAML(t *testing.T) {
	for path, want := range map[string]bool{
		"config.yaml": true, "a/b.YML": true, "config.json": false, "README.md": false, "__metadata__.config": true, "notes": false,
	} {
		f := scantest.NewFile([]byte("_target_: os.system\n"))
		f.Path = path
		if ok, err := yaml.Probe(f); ok != want || err != nil {
			t.Errorf("%s: %v, %v", path, ok, err)
		}
	}
}

func TestHostileConfigurationsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		want    error
	}{
		"brackets without end":       {strings.Repeat("[", 600_000), source.ErrBudget},
		"a long configuration":       {strings.Repeat("key: value of some length that is not short\n", 200_000), source.ErrBudget},
		"laughter":                   {"a: &a x\n" + strings.Repeat("b: &b [*a, *a]\n", 10_000), nil},
		"keys beside nothing":        {strings.Repeat("target: a.b\n", 20_000), nil},
		"a sequence of deep entries": {strings.Repeat("- ", 100_000), nil},
	} {
		f := scantest.NewFile([]byte(tt.content))
		f.Path = "a.yaml"
		if err := yaml.Scan(t.Context(), f, &scantest.Recorder{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.YAMLCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		file.Path = "a.yaml"
		if err := yaml.Scan(t.Context(), file, &scantest.Recorder{}); err != nil && !errors.Is(err, source.ErrBudget) {
			t.Errorf("error %v", err)
		}
	})
}
