//go:build real

package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// TestPopularDistributions scans distribution files that many people install (`make test-real`). None may break a rule that blocks in
// the balanced preset. It prints how many of them each threat is raised on, which is what a warning costs.
func TestPopularDistributions(t *testing.T) {
	files, err := popular(t)
	if err != nil {
		t.Fatal(err)
	}
	counts, distributions := map[string]map[string]bool{}, 0
	for _, file := range files {
		report := scanDistribution(t, file)
		distributions++
		base := filepath.Base(file)
		judged := policy.Evaluate(policy.DefaultGroup(policy.Balanced, model.PyPI), report, model.Metadata{})
		if judged.Outcome == model.Blocked {
			t.Errorf("%s is blocked", base)
		}
		for _, f := range report.Files {
			for _, x := range f.Findings() {
				if x.Level <= threat.Clean {
					continue
				}
				key := fmt.Sprintf("%s %s", x.Threat, threat.Get(x.Threat).Rule)
				if counts[key] == nil {
					counts[key] = map[string]bool{}
				}
				if counts[key][base] = true; testing.Verbose() {
					t.Logf("%s: %s %q", base, told(x), x.Excerpt)
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("%4d of %d  %s: %v\n", len(counts[key]), distributions, key, slices.Sorted(maps.Keys(counts[key])))
	}
	if distributions < 150 {
		t.Errorf("%d distributions, want 150 at least", distributions)
	}
}

// popular are the files to scan: those of a folder that MODELGATE_PACKAGES names, or those that are fetched.
func popular(t *testing.T) ([]string, error) {
	if dir := os.Getenv("MODELGATE_PACKAGES"); dir != "" {
		return filepath.Glob(filepath.Join(dir, "*"))
	}
	return scantest.PopularDistributions(t.Context())
}

// scanDistribution scans a file as it comes from an index.
func scanDistribution(t *testing.T, file string) finding.Report {
	t.Helper()
	opened, err := source.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	size, err := opened.Size()
	if err := errors.Join(err, opened.Close()); err != nil {
		t.Fatal(err)
	}
	project, ok := dist.GuessProject(filepath.Base(file))
	if !ok {
		t.Fatalf("%s is no distribution file", file)
	}
	in := scanner.Input{
		Version: model.Version{Source: model.PyPI, Name: project, Revision: "1"},
		Files:   []model.File{{Path: filepath.Base(file), Size: size}},
		Open:    func(context.Context, model.File) (source.Content, error) { return source.Open(file) },
	}
	report, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return report
}
