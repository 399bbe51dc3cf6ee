package scanner_test

import (
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
	return strings.ReplaceAll(pageHead+"| machine name | format | recognised by | looked for | limits |\n|---|---|---|---|---|\n"+rows.String(), "  ", " ")
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
