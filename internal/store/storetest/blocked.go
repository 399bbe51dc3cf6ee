package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

// blockedRevisions puts scans of several revisions, models, groups and outcomes, of which one query finds what is blocked now.
func blockedRevisions(t *testing.T, s *store.Store) {
	n := byte(0)
	scan := func(name, revision, rules string, outcome model.Outcome) model.Scan {
		n++
		v := Scan(n)
		v.Version = model.Version{Source: model.PyPI, Name: name, Revision: revision}
		v.GroupRules, v.Outcome = rules, outcome
		for i := range v.Evaluations {
			v.Evaluations[i].RuleInstance[0], v.Evaluations[i].Rule[0] = n, n
		}
		return put(t, s, v)
	}
	scan("demo", "aa", "rules", model.Blocked)
	newer := scan("demo", "aa", "rules", model.Blocked)
	scan("demo", "bb", "rules", model.Blocked)
	scan("demo", "bb", "rules", model.Allowed) // judged anew: no longer
	scan("demo", "cc", "other rules", model.Blocked)
	scan("demo-more", "dd", "rules", model.Blocked)
	last := scan("demo", "ee", "rules", model.Blocked)
	key := store.VerdictKey{Version: model.Version{Source: model.PyPI, Name: "demo"}, Group: newer.GroupUUID, GroupRules: "rules", ScannerVersion: "s1"}
	got := must[[]store.BlockedScan](t)(s.BlockedRevisions(t.Context(), key))
	want := []store.BlockedScan{
		{Revision: "aa", Scan: newer.UUID, Rule: "Load Time Code Execution Check"},
		{Revision: "ee", Scan: last.UUID, Rule: "Load Time Code Execution Check"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
