package scanner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// referring is a format whose files are lines "ref <kind> <target>".
func referring() Format {
	return saying("ref", func(_ context.Context, f *source.File, s source.Sink) error {
		head, err := f.Head()
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(head), "\n") {
			var kind, target string
			if n, _ := fmt.Sscanf(line, "ref %s %s", &kind, &target); n == 2 {
				s.Refer(finding.Reference{Kind: finding.ReferenceKind(kind), Target: target, Offset: 1})
			}
		}
		return nil
	})
}

func sourceCode() Format {
	row := saying("python", func(ctx context.Context, f *source.File, s source.Sink) error {
		s.Find(finding.New(threat.MGPY100, 3, "It runs a command when imported."))
		return referring().Scan(ctx, f, s)
	})
	row.Text = true
	return row
}

func TestFilesOfAVersionSpeakOfEachOther(t *testing.T) {
	tests := []struct {
		name    string
		files   map[string]string
		file    string
		kind    model.Kind
		partial bool
		judge   threat.Level
		want    []string
		level   threat.Level
	}{
		{
			name:  "a shard that is there is no finding",
			files: map[string]string{"w/index": "ref file shard-1", "w/shard-1": "text"}, file: "w/index",
		},
		{
			name:  "a shard that is missing is a finding",
			files: map[string]string{"w/index": "ref file shard-1", "shard-1": "text"}, file: "w/index",
			want: []string{"MG-FMT-400"}, level: threat.Suspicious,
		},
		{
			name:  "nothing is missing of a part",
			files: map[string]string{"w/index": "ref file shard-1"}, file: "w/index", partial: true,
		},
		{
			name:  "a path out of the model is a finding of the bytes",
			files: map[string]string{"index": "ref file ../../etc/passwd"}, file: "index",
			want: []string{"MG-PATH-100"}, level: threat.Malicious,
		},
		{
			name:  "code of a repository that was not judged",
			files: map[string]string{"config": "ref repo other/name"}, file: "config",
			want: []string{"PAIT-TMT-300"}, level: threat.Suspicious,
		},
		{
			name:  "code of a repository that is unsafe",
			files: map[string]string{"config": "ref repo other/name"}, file: "config", judge: threat.Malicious,
			want: []string{"PAIT-TMT-301"}, level: threat.Malicious,
		},
		{
			name:  "a base model is information",
			files: map[string]string{"card": "ref base other/name"}, file: "card",
		},
		{
			name:  "Python that a configuration imports keeps its grade",
			files: map[string]string{"config": "ref python code.py", "code.py": "python"}, file: "code.py",
			want: []string{"MG-PY-100"}, level: threat.Malicious,
		},
		{
			name:  "Python that imported Python imports keeps its grade",
			files: map[string]string{"config": "ref python code.py", "code.py": "python\nref python more.py", "more/__init__.py": "python"}, file: "more/__init__.py",
			want: []string{"MG-PY-100"}, level: threat.Malicious,
		},
		{
			name:  "Python that only such Python imports which nobody imports is suspicious at most",
			files: map[string]string{"train.py": "python\nref python code.py", "code.py": "python"}, file: "code.py",
			want: []string{"MG-PY-101"}, level: threat.Suspicious,
		},
		{
			name:  "a module that only Python names may be missing",
			files: map[string]string{"code.py": "python\nref python optional.py"}, file: "code.py",
			want: []string{"MG-PY-101"}, level: threat.Suspicious,
		},
		{
			name:  "a module that a configuration names must be there",
			files: map[string]string{"config": "ref python code.py"}, file: "config",
			want: []string{"MG-FMT-400"}, level: threat.Suspicious,
		},
		{
			name:  "Python that nobody imports is suspicious at most",
			files: map[string]string{"config": "text", "code.py": "python"}, file: "code.py",
			want: []string{"MG-PY-101"}, level: threat.Suspicious,
		},
		{
			name:  "Python of a part may be imported by what was not seen",
			files: map[string]string{"code.py": "python"}, file: "code.py", partial: true,
			want: []string{"MG-PY-100"}, level: threat.Malicious,
		},
		{
			name:  "Python of a space runs",
			files: map[string]string{"app.py": "python"}, file: "app.py", kind: model.Spaces,
			want: []string{"MG-PY-100"}, level: threat.Malicious,
		},
		{
			name:  "raw weights that their model accounts for are cleared",
			files: map[string]string{"m.xml": `<net version="11"><layers/></net>`, "m.bin": "\x00\x01\x02\x03"}, file: "m.bin",
		},
		{
			name:  "raw bytes beside another XML are not",
			files: map[string]string{"m.xml": `<other/>`, "m.bin": "\x00\x01\x02\x03"}, file: "m.bin",
			want: []string{"MG-FMT-404"}, level: threat.Unscannable,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := folder(tt.files)
			in.Partial = tt.partial
			if tt.kind != "" {
				in.Version.Kind = tt.kind
			}
			if tt.judge != 0 {
				in.Judge = func(context.Context, string) (threat.Level, bool) { return tt.judge, true }
			}
			known := &memory{}
			in.Known = known
			r, err := newEngine(source.DefaultLimits(), append(onnxRows(), referring(), sourceCode())).Scan(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(r.Files, func(f finding.NamedReport) bool { return f.Path == tt.file })
			f := r.Files[i]
			if got := ids(f.Findings()); !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("findings %v, want %v", got, tt.want)
			}
			if f.Level() != tt.level {
				t.Errorf("level %s, want %s", f.Level(), tt.level)
			}
			for _, kept := range known.reports {
				for _, x := range kept.Findings {
					if x.Threat == threat.MGPY101 || x.Threat == threat.TMT300 {
						t.Error("what neighbours say got into the report of a digest")
					}
				}
			}
		})
	}
}

func TestNamesThatPromiseAnotherFormat(t *testing.T) {
	carrier := func(name string) Format {
		return saying(name, func(context.Context, *source.File, source.Sink) error { return nil })
	}
	rows := []Format{carrier("pickle"), carrier("safetensors"), carrier("json"), carrier("7_zip")}
	tests := []struct {
		path, content string
		want          threat.Level
		silent        bool
	}{
		{"model.safetensors", "safetensors", 0, true},
		{"model.safetensors", "pickle", threat.Suspicious, false},
		{"model.SafeTensors", "pickle", threat.Suspicious, false},
		{"model.pkl", "pickle", 0, true},
		{"model.pkl", "safetensors", threat.Clean, false},
		{"model.pt", "7_zip", threat.Suspicious, false},
		{"model.bin", "pickle", 0, true},
		{"model.bin", "7_zip", 0, true},
		{"config.json", "json", 0, true},
		{"config.json", "pickle", threat.Suspicious, false},
		{"README.md", "plain words", 0, true},
		{"README.md", "pickle", threat.Suspicious, false},
		{"picture.png", "\x89PNG\r\n\x1a\n", 0, true},
		{"picture.png", "pickle", threat.Suspicious, false},
		{"model.safetensors.index.json", "json", 0, true},
		{"model.gguf", "", 0, true},
	}
	for _, tt := range tests {
		in := folder(map[string]string{tt.path: tt.content})
		r, err := newEngine(source.DefaultLimits(), rows).Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Files[0].Context
		if tt.silent != (len(got) == 0) || len(got) == 1 && (got[0].Threat != threat.MGFMT401 || got[0].Level != tt.want) {
			t.Errorf("%s that holds %q: %v", tt.path, tt.content, got)
		}
	}
}

func TestPathConfigurationOfPackagesIsNoDisguise(t *testing.T) {
	python := finding.FileReport{Size: 1, Formats: []string{"python"}}
	for what, tt := range map[string]struct {
		version model.Version
		name    string
		silent  bool
	}{
		"in a package":       {model.Version{Source: model.PyPI}, "start.pth", true},
		"in a model":         {model.Version{Source: model.HuggingFace}, "start.pth", false},
		"a picture":          {model.Version{Source: model.PyPI}, "start.png", false},
		"weights, of course": {model.Version{Source: model.PyPI}, "start.safetensors", false},
	} {
		if got := nameFindings(tt.version, tt.name, python); tt.silent != (len(got) == 0) {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestSecretsAreRemoved(t *testing.T) {
	for secret, text := range map[string]string{
		"hf_" + strings.Repeat("a", 34): "token hf_" + strings.Repeat("a", 34) + " in a config",
		"AKIAABCDEFGHIJKLMNOP":          "id AKIAABCDEFGHIJKLMNOP",
		"user:pw":                       "https://user:pw@host/path",
		"hunter2222":                    `password = "hunter2222"`,
	} {
		if got := redact(text); strings.Contains(got, secret) {
			t.Errorf("%q still holds the secret: %q", text, got)
		}
	}
	for _, text := range []string{"{{ messages[0].content }}", "bos_token = '<s>'", "https://host/path@v1", "posix.system"} {
		if got := redact(text); got != text {
			t.Errorf("%q became %q: there is no secret in it", text, got)
		}
	}
}
