package hubfiles

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

func scanned(t *testing.T, text string) (*scantest.Recorder, error) {
	t.Helper()
	f := scantest.NewFile([]byte(text))
	var r scantest.Recorder
	return &r, Scan(t.Context(), f, &r)
}

func TestConfigurationsAreJudged(t *testing.T) {
	for _, c := range scantest.Configs() {
		if ok, err := Probe(scantest.NewFile([]byte(c.Text))); !ok || err != nil {
			t.Errorf("%s: Probe = %v, %v", c.Name, ok, err)
		}
		r, err := scanned(t, c.Text)
		if broken := strings.HasSuffix(c.Text, "]") && c.Text[0] == '{'; (err != nil) != broken {
			t.Errorf("%s: %v", c.Name, err)
		}
		if r.Level() != c.Level || c.Want == "" && len(r.Findings) > 0 || c.Want != "" && !slices.Contains(r.Threats(), string(c.Want)) {
			t.Errorf("%s: %v, want %s %s: %+v", c.Name, r.Threats(), c.Want, c.Level, r.Findings)
		}
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string][]string{
		`{"auto_map": {"AutoConfig": "configuration_x.C", "AutoTokenizer": ["a/b--tok.T", null], "AutoModel": null}}`: {"python configuration_x.py", "repo a/b"},
		`{"auto_map": "feature_x.F"}`:                                      {"python feature_x.py"},
		`{"auto_map": {"A": "sub.mod.C"}}`:                                 {"python sub/mod.py"},
		`{"custom_pipelines": {"x": {"impl": "pipe.P"}}}`:                  {"python pipe.py"},
		`{"base_model_name_or_path": "a/b"}`:                               {"base a/b"},
		`{"_class_name": ["pipe", "P"], "_diffusers_version": "1"}`:        {"python pipe.py"},
		`{"_class_name": "P", "_diffusers_version": "1", "v": ["m", "V"]}`: {"python v/m.py"},
		`{"_class_name": "P", "v": ["m", "V"]}`:                            nil,
	} {
		r, err := scanned(t, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, ref := range r.Refs {
			got = append(got, string(ref.Kind)+" "+ref.Target)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestTemplatesAreHandedOn(t *testing.T) {
	for text, want := range map[string][]string{
		`{"chat_template": "{{ a }}"}`: {"chat_template {{ a }}"},
		`{"chat_template": [{"name": "x", "template": "{{ a }}"}, {"name": "y", "template": "b"}]}`: {"chat_template[x] {{ a }}", "chat_template[y] b"},
		`{"chat_template": {"x": "{{ a }}"}}`:                                                       {"chat_template[x] {{ a }}"},
		`{"chat_template": "a", "chat_template": "b"}`:                                              {"chat_template a", "chat_template b"},
		`{"a": [{"chat_template": "\u007b{ a }}"}]}`:                                                {"chat_template {{ a }}"},
		`{"chat_template": null, "template": "{{ a }}"}`:                                            nil,
	} {
		r, err := scanned(t, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range r.Members {
			if m.Family != source.FamilyTemplate {
				t.Errorf("%s: family %q", text, m.Family)
			}
			got = append(got, m.Name+" "+string(m.Content))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestProbe(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: true, ` [1, 2] `: true, "\ufeff{\"a\": 1}": true, `{"a": 1} `: true, `{"a": [` + strings.Repeat("1,", 60_000) + `2]}`: true,
		``: false, `{`: false, `[section]`: false, `{{ x }}`: false, `{"a": 1}{"b": 2}`: false, `1`: false, `{"a": 1,}`: false, `{a: 1}`: false,
		"{'a': 1}": false, "[1 2]": false, "{\"a\": 01x}": false,
	} {
		if got, err := Probe(scantest.NewFile([]byte(text))); got != want || err != nil {
			t.Errorf("%.40q: %v, %v", text, got, err)
		}
	}
}

func TestStringsAreDecoded(t *testing.T) {
	r, err := scanned(t, `{"chat_template": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x"}`)
	if err != nil || len(r.Members) != 1 || string(r.Members[0].Content) != "\"\\/\b\f\n\r\té😀\uFFFDx" {
		t.Errorf("%+v, %v", r.Members, err)
	}
}

func TestBrokenDocumentsAreMalformed(t *testing.T) {
	for _, text := range []string{
		`{"a": "` + strings.Repeat("x", 10), `{"a": "\q"}`, `{"a": "\u12"}`, `[1,,2]`, `{"a" 1}`, "{\"a\": \"\n\"}", `{"a": 1} x`,
		strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 10_000),
	} {
		_, err := scanned(t, text)
		var bad *source.Malformed
		if !errors.As(err, &bad) && (err == nil || err.Error() != "unexpected EOF") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestFindingsSayWhatAndWhere(t *testing.T) {
	r, err := scanned(t, `{"a": {"_target_": "os.system"}}`)
	if err != nil || len(r.Findings) != 1 {
		t.Fatalf("%v, %v", r.Findings, err)
	}
	if f := r.Findings[0]; f.Module != "os" || f.Operator != "system" || f.Offset != 19 || f.Severity != threat.Critical {
		t.Errorf("%+v", f)
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.Configs() {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err1 := scanned(t, text)
		again, err2 := scanned(t, text)
		if diff := cmp.Diff(first.Threats(), again.Threats()); diff != "" || (err1 == nil) != (err2 == nil) {
			t.Errorf("two scans differ: %s, %v, %v", diff, err1, err2)
		}
	})
}
