package scanner_test

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner"
)

const pageHead = `# Formats

What the scanner recognises, by content and never by name. The machine name is what scans record and what the rule Stored In
Approved File Format compares. This page is written from the table of formats by a test.

Text, pictures, sound, films, fonts, documents and tables of data are ` + "`not_model`" + `: no loader takes them for a model. Bytes that
nothing recognises are reported as such (MG-FMT-404), and are not clean.

`

// page is docs/formats.md, made of the table.
func page() string {
	var rows strings.Builder
	for _, f := range scanner.Formats() {
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Title, f.Recognised, f.Threats, f.Limits)
	}
	return strings.ReplaceAll(pageHead+"| machine name | format | recognised by | looked for | limits |\n|---|---|---|---|---|\n"+rows.String(), "  ", " ") + fuzzing()
}

// fuzzFigures are those of the longest run of tools/fuzz.sh that is on record.
//
//go:embed testdata/fuzz.tsv
var fuzzFigures string

// fuzzing is the part of the page about fuzzing.
func fuzzing() string {
	var b strings.Builder
	b.WriteString("\n## Fuzzing\n\nEvery parser has a fuzz target, seeded with the evil files of the tests. `make fuzz` runs all of them; `make test` runs their seeds. The longest\n" +
		"run on record, on two shared cores:\n\n| target | seconds | executions | inputs kept |\n|---|---|---|---|\n")
	for line := range strings.Lines(fuzzFigures) {
		if columns := strings.Split(strings.TrimSpace(line), "\t"); len(columns) == 4 {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(columns, " | "))
		}
	}
	return b.String()
}

func TestPageOfFormats(t *testing.T) {
	const name = "../../docs/formats.md"
	if *update {
		if err := os.WriteFile(name, []byte(page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), page()); diff != "" {
		t.Errorf("%s is not what the table says; write it with -update:\n%s", name, diff)
	}
}

func TestEveryFormatIsDocumented(t *testing.T) {
	for _, f := range scanner.Formats() {
		if f.Name == "" || f.Title == "" || f.Version < 1 || f.Recognised == "" || f.Threats == "" && f.Limits == "" || f.Probe == nil || f.Scan == nil {
			t.Errorf("row %q lacks something: %+v", f.Name, f)
		}
	}
}
