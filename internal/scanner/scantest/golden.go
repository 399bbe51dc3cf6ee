package scantest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// Describe writes a report as text, one line a file and one a finding, for golden files that people review.
func Describe(r finding.Report) string {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "%s: %s, %s [%s]\n", f.Path, f.Level(), f.Report.Coverage, strings.Join(f.Report.Formats, " "))
		for _, x := range f.Report.Findings {
			b.WriteString("  " + line(x) + "\n")
		}
		for _, x := range f.Context {
			b.WriteString("  context " + line(x) + "\n")
		}
		for _, ref := range f.Report.References {
			fmt.Fprintf(&b, "  refers to %s %q @%d\n", ref.Kind, ref.Target, ref.Offset)
		}
		if f.Report.Dropped > 0 {
			fmt.Fprintf(&b, "  dropped %d\n", f.Report.Dropped)
		}
	}
	return b.String()
}

// line is one finding: threat, level, severity, format, place, name and role, evidence.
func line(f finding.Finding) string {
	s := fmt.Sprintf("%s %s %s %s", f.Threat, f.Level, f.Severity, f.Format)
	if f.Offset >= 0 {
		s += fmt.Sprintf(" @%d", f.Offset)
	}
	if f.Member != "" {
		s += " in " + f.Member
	}
	if f.Module != "" || f.Operator != "" {
		s += fmt.Sprintf(" %s.%s", f.Module, f.Operator)
	}
	if f.Role != "" {
		s += " " + string(f.Role)
	}
	if f.Evidence != "" {
		s += fmt.Sprintf(" %q", f.Evidence)
	}
	return s
}

// LevelOf is the worst level of all files.
func LevelOf(r finding.Report) threat.Level {
	level := threat.Clean
	for _, f := range r.Files {
		level = max(level, f.Level())
	}
	return level
}

// Golden scans every case and holds it to what it wants, and each group to the golden file of its name in dir. With update it
// writes the files instead of comparing; what it writes is to be read before it is committed.
func Golden(t *testing.T, dir string, update bool, scan func(t *testing.T, c Case) finding.Report) {
	t.Helper()
	for _, g := range Groups() {
		t.Run(g.Name, func(t *testing.T) {
			var b strings.Builder
			seen := map[string]bool{}
			cases := slices.SortedStableFunc(slices.Values(g.Cases), func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
			for _, c := range cases {
				if seen[c.Name] {
					t.Errorf("two cases have the name %q", c.Name)
				}
				seen[c.Name] = true
				r := scan(t, c)
				Check(t, c, r)
				fmt.Fprintf(&b, "== %s\n%s\n", c.Name, Describe(r))
			}
			compare(t, filepath.Join(dir, g.Name+".txt"), b.String(), update)
		})
	}
}

// Check holds a report to what its case wants.
func Check(t *testing.T, c Case, r finding.Report) {
	t.Helper()
	if got := LevelOf(r); got != c.Level {
		t.Errorf("%s: level %s, want %s\n%s", c.Name, got, c.Level, Describe(r))
		return
	}
	if c.Want == "" {
		return
	}
	for _, f := range r.Files {
		for _, x := range f.Findings() {
			if x.Threat == c.Want {
				return
			}
		}
	}
	t.Errorf("%s: no %s\n%s", c.Name, c.Want, Describe(r))
}

// compare holds text to a golden file.
func compare(t *testing.T, name, text string, update bool) {
	t.Helper()
	if update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read golden findings: %v (write them with -update, and read them)", err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("findings differ from %s (-golden +got):\n%s", name, diff)
	}
}
