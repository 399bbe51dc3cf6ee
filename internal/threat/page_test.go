package threat

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the page instead of comparing it")

const pageHead = `# Threats

What a finding means, how bad it is, which rule it fails and what to do about it. ` + "`modelgate scan --explain`" + ` and
` + "`modelgate get-scan UUID --explain`" + ` say the same beside each finding, with the place and the evidence. This page is written from the
catalogue by a test.

Ids that begin with PAIT are published ones; ids that begin with MG are modelgate's own. The first digit of the number says when a
threat strikes: 1 when the file is loaded, 2 as a backdoor in the architecture, 3 at inference, 4 never (the file could not be judged), 5 not
at all (a remark).

| level | means | by default |
|---|---|---|
| malicious | a loader or runtime would execute, write, read outside the model, call out or load foreign code, and the finding says what | blocked |
| suspicious | a loader would do something that cannot be proved harmless, or the file contradicts itself | blocked |
| unscannable | something that a loader might act on could not be read | blocked |
| clean | a remark, which fails no rule | allowed |

`

// page is docs/threats.md, made of the catalogue.
func page() string {
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString("| id | title | level | severity | rule |\n|---|---|---|---|---|\n")
	for _, t := range All() {
		rule := string(t.Rule)
		if rule == "" {
			rule = "none"
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", t.ID, anchor(t.ID), t.Title, t.Level, t.Severity, rule)
	}
	for _, t := range All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s. ", t.ID, strings.TrimSuffix(t.Title, "."))
		if t.Format != "" {
			fmt.Fprintf(&b, "Raised for: %s.", t.Format)
		}
		fmt.Fprintf(&b, "\n\n%s.\n", strings.TrimSuffix(t.Summary, "."))
		if t.Class == Remark {
			continue
		}
		b.WriteString("\nWhat to do:\n\n")
		for _, step := range t.Steps() {
			fmt.Fprintf(&b, "- %s\n", step)
		}
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// anchor is the address of a heading within the page.
func anchor(id ID) string { return strings.ToLower(string(id)) }

func TestPageOfThreats(t *testing.T) {
	const name = "../../docs/threats.md"
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
		t.Errorf("%s is not what the catalogue says; write it with -update:\n%s", name, diff)
	}
}

func TestEveryThreatTellsWhatToDo(t *testing.T) {
	for _, row := range All() {
		if row.Title == "" || row.Summary == "" || len(row.Steps()) == 0 && row.Class != Remark || row.Severity == "" {
			t.Errorf("%s lacks something: %+v", row.ID, row)
		}
		if got, ok := Lookup(row.ID); !ok || got.Title != row.Title {
			t.Errorf("%s is not found", row.ID)
		}
	}
	if row := Get("NO-SUCH-THREAT"); row.Level != Suspicious {
		t.Errorf("a threat that is not in the catalogue is %s", row.Level)
	}
}
