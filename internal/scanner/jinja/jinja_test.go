package jinja

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nikolalohinski/gonja/v2"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanned scans a template as one that a configuration holds.
func scanned(t *testing.T, text string, family source.Family) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile([]byte(text))
	f.Family, f.Path = family, "tokenizer.chat_template"
	ok, err := Probe(f)
	if !ok || err != nil {
		t.Fatalf("Probe = %v, %v", ok, err)
	}
	var r scantest.Recorder
	if err := Scan(t.Context(), f, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestTemplatesAreJudged(t *testing.T) {
	for _, row := range scantest.Templates() {
		r := scanned(t, row.Text, source.FamilyTemplate)
		if r.Level() != row.Level {
			t.Errorf("%s: level %s, want %s: %v", row.Name, r.Level(), row.Level, r.Findings)
		}
		want := map[threat.Level]threat.ID{threat.Malicious: threat.MGTPL100, threat.Suspicious: threat.MGTPL101}[row.Level]
		inGGUF := map[threat.Level]threat.ID{threat.Malicious: threat.GGUF101, threat.Suspicious: threat.GGUF100}[row.Level]
		if want == "" {
			continue
		}
		if !strings.Contains(strings.Join(r.Threats(), " "), string(want)) {
			t.Errorf("%s: %v without %s", row.Name, r.Threats(), want)
		}
		if got := scanned(t, row.Text, source.FamilyGGUF).Threats(); !strings.Contains(strings.Join(got, " "), string(inGGUF)) {
			t.Errorf("%s in GGUF: %v without %s", row.Name, got, inGGUF)
		}
	}
}

func TestFindingsSayWhatAndWhere(t *testing.T) {
	r := scanned(t, `{% set a = 1 %}{{ ''['__cla' ~ 'ss__'] }}`, source.FamilyGGUF)
	if len(r.Findings) != 1 {
		t.Fatalf("%v", r.Findings)
	}
	f := r.Findings[0]
	if f.Operator != "__class__" || f.Offset != 20 || f.Threat != threat.GGUF101 || f.Severity != threat.Critical ||
		f.Description != "The model will execute remote code since it contains operator `__class__` in Jinja template." {
		t.Errorf("%+v", f)
	}
}

func TestProbeGoesByRole(t *testing.T) {
	for _, row := range []struct {
		why    string
		path   string
		family source.Family
		text   string
		want   bool
	}{
		{"a file called .jinja", "chat_template.jinja", "", "x", true},
		{"a file among additional templates", "additional_chat_templates/tool", "", "x", true},
		{"a model card with braces", "README.md", "", "{{ x.__class__ }}", false},
		{"a text with braces", "notes.txt", "", "{% if x %}{% endif %}", false},
		{"a member that a configuration calls a template", "chat_template", source.FamilyTemplate, "x", true},
		{"a chat template of GGUF", "tokenizer.chat_template", source.FamilyGGUF, "x", true},
		{"another string of GGUF that is a template", "tokenizer.other", source.FamilyGGUF, "{{ x }}", true},
		{"another string of GGUF with braces", "tokenizer.other", source.FamilyGGUF, "{{ {% {{", false},
		{"another string of GGUF", "tokenizer.other", source.FamilyGGUF, "x", false},
	} {
		f := scantest.NewFile([]byte(row.text))
		f.Path, f.Family = row.path, row.family
		if got, err := Probe(f); got != row.want || err != nil {
			t.Errorf("%s: %v, %v", row.why, got, err)
		}
	}
}

// honest are the templates of real models in testdata, see testdata/honest/SOURCE.md.
func honest(t testing.TB) map[string]string {
	t.Helper()
	names, err := filepath.Glob("testdata/honest/*.jinja")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d honest templates, %v", len(names), err)
	}
	out := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}

func TestHonestTemplatesAreSilent(t *testing.T) {
	for name, text := range honest(t) {
		if r := scanned(t, text, source.FamilyTemplate); len(r.Findings) > 0 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
}

// TestHonestTemplatesWithAnEscapeAreNot plants an escape behind, before and inside of honest templates.
func TestHonestTemplatesWithAnEscapeAreNot(t *testing.T) {
	const evil = `{{ x['__cla' ~ 'ss__'] }}`
	for name, text := range honest(t) {
		planted := []string{evil + text, text + evil}
		if at := strings.LastIndex(text, "%}"); at >= 0 {
			planted = append(planted, text[:at+2]+evil+text[at+2:])
		}
		for i, p := range planted {
			if r := scanned(t, p, source.FamilyTemplate); r.Level() != threat.Malicious {
				t.Errorf("%s, %d: %v", name, i, r.Findings)
			}
		}
	}
}

// TestWhatGonjaParsesWeParse compares with another parser of the language: a template that it takes must not be one that we
// cannot read.
func TestWhatGonjaParsesWeParse(t *testing.T) {
	compared := 0
	texts := honest(t)
	for _, row := range scantest.Templates() {
		texts[row.Name] = row.Text
	}
	for name, text := range texts {
		if !gonjaParses(text) {
			continue
		}
		compared++
		if _, err := parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if compared < 60 {
		t.Errorf("only %d templates were compared", compared)
	}
}

func gonjaParses(text string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_, err := gonja.FromString(text)
	return err == nil
}

func TestSlicesAreThoseOfPython(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	for _, row := range []struct {
		bounds [3]*int64
		want   []int
	}{
		{[3]*int64{}, []int{0, 1, 2, 3}},
		{[3]*int64{nil, nil, n(-1)}, []int{3, 2, 1, 0}},
		{[3]*int64{n(1), n(-1), nil}, []int{1, 2}},
		{[3]*int64{n(-2), nil, nil}, []int{2, 3}},
		{[3]*int64{n(9), n(-9), n(-2)}, []int{3, 1}},
		{[3]*int64{n(3), n(1), nil}, nil},
	} {
		if diff := cmp.Diff(row.want, sliced(4, row.bounds)); diff != "" {
			t.Errorf("%v: %s", row.bounds, diff)
		}
	}
}

func TestTemplatesBeyondMeasureAreNotRead(t *testing.T) {
	f := scantest.NewFile(make([]byte, maxSize+1))
	f.Family = source.FamilyTemplate
	var r scantest.Recorder
	if err := Scan(t.Context(), f, &r); !errors.Is(err, source.ErrBudget) {
		t.Errorf("%v", err)
	}
}

// TestHostileTemplatesEnd holds templates that are made to cost much: all of them must come back with a finding.
func TestHostileTemplatesEnd(t *testing.T) {
	for name, text := range map[string]string{
		"a chain of attributes":    "{{ x" + strings.Repeat(".a", 200_000) + " }}",
		"a chain of additions":     "{{ x" + strings.Repeat(" ~ 'a'", 100_000) + " }}",
		"a chain of filters":       "{{ x" + strings.Repeat("|a", 200_000) + " }}",
		"deep parentheses":         "{{ " + strings.Repeat("(", 500_000) + " }}",
		"deep ifs":                 strings.Repeat("{% if x %}", 100_000),
		"a long elif":              "{% if x %}" + strings.Repeat("{% elif x %}", 50_000) + "{% endif %}",
		"doubling":                 "{% set a = '____' %}" + strings.Repeat("{% set a = a ~ a %}", 2000) + "{{ x|attr(a) }}",
		"many alternatives":        strings.Repeat("{% set a = (a ~ 'x') if x else (a ~ 'y') %}", 500) + "{{ x[a] }}",
		"a subscript of a comma":   "{{ x[,] }}",
		"conditions in conditions": "{{ 1" + strings.Repeat(" if x else 1", 150) + "|attr(y) }}",
	} {
		if r := scanned(t, text, source.FamilyTemplate); r.Level() < threat.Suspicious {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range scantest.Templates() {
		f.Add(row.Text)
	}
	for _, text := range honest(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		first, again := scanned(t, text, source.FamilyTemplate), scanned(t, text, source.FamilyTemplate)
		if diff := cmp.Diff(first.Threats(), again.Threats()); diff != "" {
			t.Errorf("two scans differ: %s", diff)
		}
		if _, err := parse(text); err != nil && first.Level() < threat.Suspicious {
			t.Errorf("a template that cannot be parsed is clean: %v", err)
		}
	})
}
