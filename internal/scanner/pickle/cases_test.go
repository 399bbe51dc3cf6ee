package pickle

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

var update = flag.Bool("update", false, "write the golden findings anew")

// nest stands in for the engine: it scans members that are pickles, or that inflate to one, into the same recorder.
type nest struct {
	*scantest.Recorder
}

func (n nest) Member(ctx context.Context, m source.Member) (source.Outcome, error) {
	size, err := m.Bytes.Size()
	if err != nil {
		return source.Outcome{}, err
	}
	content := make([]byte, size)
	if got, err := m.Bytes.ReadAt(content, 0); int64(got) < size {
		return source.Outcome{}, err
	}
	f := scantest.NewFile(gunzip(content))
	f.Family = m.Family
	if ok, err := Probe(f); err != nil || !ok {
		return source.Outcome{}, err
	}
	inner := &scantest.Recorder{}
	if err := Scan(ctx, f, nest{inner}); err != nil {
		return source.Outcome{}, err
	}
	for _, x := range inner.Findings {
		x.Member = m.Name + strings.Repeat("!/"+x.Member, min(1, len(x.Member)))
		n.Find(x)
	}
	return source.Outcome{Level: inner.Level(), Formats: inner.Formats, Storages: inner.Storages}, nil
}

// gunzip returns what gzip data inflates to, and anything else as it is.
func gunzip(content []byte) []byte {
	if z, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
		if out, err := io.ReadAll(z); err == nil {
			return out
		}
	}
	return content
}

// Refer judges paths, as the engine does.
func (n nest) Refer(r finding.Reference) {
	if f, bad := paths.Reference(r.Target, r.Offset); bad {
		n.Find(f)
	}
	n.Recorder.Refer(r)
}

// scanCase scans one content as the engine would.
func scanCase(t *testing.T, content []byte, family source.Family) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile(content)
	f.Family = family
	r := &scantest.Recorder{}
	if err := Scan(t.Context(), f, nest{r}); err != nil {
		t.Fatalf("scan: %v", err)
	}
	return r
}

// TestCases scans every builder: the probe accepts it, its threat is found, and its level is exact.
func TestCases(t *testing.T) {
	for _, c := range scantest.PickleCases() {
		t.Run(c.Name, func(t *testing.T) {
			ok, err := Probe(scantest.NewFile(c.Bytes))
			if err != nil || !ok {
				t.Errorf("Probe = %v, %v", ok, err)
			}
			r := scanCase(t, c.Bytes, source.FamilyNone)
			if got := r.Level(); got != c.Level {
				t.Errorf("level %v, want %v: %s", got, c.Level, list(r.Findings))
			}
			if c.Want != "" && !slices.Contains(r.Threats(), string(c.Want)) {
				t.Errorf("%s not found: %s", c.Want, list(r.Findings))
			}
		})
	}
}

// TestGolden holds every builder to its full findings.
func TestGolden(t *testing.T) {
	const path = "testdata/findings.golden"
	var out strings.Builder
	for _, c := range scantest.PickleCases() {
		fmt.Fprintf(&out, "== %s\n%s", c.Name, list(scanCase(t, c.Bytes, source.FamilyNone).Findings))
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

// list writes findings one a line.
func list(all []finding.Finding) string {
	var out strings.Builder
	for _, f := range all {
		name := strings.Trim(f.Module+" "+f.Operator, " ")
		fmt.Fprintf(&out, "%s %s %s %s at %d", f.Threat, f.Level, f.Severity, f.Role, f.Offset)
		if f.Member != "" {
			fmt.Fprintf(&out, " in %s", f.Member)
		}
		if name != "" {
			fmt.Fprintf(&out, " [%s]", name)
		}
		fmt.Fprintf(&out, " %s | %s\n", f.Evidence, f.Description)
	}
	return out.String()
}

// TestTwinsAreTold guards against twins that nothing tells from anything: each group has evil ones beside them.
func TestTwinsAreTold(t *testing.T) {
	var evil, twins int
	for _, c := range scantest.PickleCases() {
		if c.Twin {
			twins++
		}
		if c.Level == threat.Malicious {
			evil++
		}
	}
	if evil < 200 || twins < 15 {
		t.Errorf("%d evil cases and %d twins: builders got lost", evil, twins)
	}
}
