package scanner_test

import (
	"slices"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/threat"
)

// laterThreats are raised by formats that are recognised and not yet analysed.
func laterThreats() []threat.ID {
	return nil
}

// otherThreats are raised by something else than a case: the policy, the engine's own tests, or the judge of other repositories.
func otherThreats() []threat.ID {
	return []threat.ID{threat.UnapprovedFormats, threat.TMT301, threat.MGFMT407, threat.MGFMT408}
}

// TestEveryThreatIsRaised scans all cases: a threat that none of them raises is one that nobody tests.
func TestEveryThreatIsRaised(t *testing.T) {
	raised := map[threat.ID]bool{}
	for _, c := range scantest.All() {
		for _, f := range scanCase(t, c).Files {
			for _, x := range f.Findings() {
				raised[x.Threat] = true
				if _, ok := threat.Lookup(x.Threat); !ok {
					t.Errorf("%s raises %s, which is not in the catalogue", c.Name, x.Threat)
				}
			}
		}
	}
	for _, row := range threat.All() {
		later := slices.Contains(laterThreats(), row.ID)
		if raised[row.ID] == (later || slices.Contains(otherThreats(), row.ID)) {
			t.Errorf("%s is raised: %v; is it in the list of those to come: %v", row.ID, raised[row.ID], later)
		}
	}
}
