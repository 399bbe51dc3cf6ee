package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/store"
)

func auditLog(t *testing.T, s *store.Store) {
	author := store.Author{Name: "ada", Address: "192.0.2.7:4711", Request: "r1"}
	ctx := store.WithAuthor(t.Context(), author)
	g := group(10, "S3-Production")
	put := func() {
		t.Helper()
		if err := s.PutGroup(ctx, &g); err != nil {
			t.Fatal(err)
		}
	}
	put()
	put() // changes nothing
	g.Description = "what goes live"
	put()
	for _, on := range []bool{false, false, true} {
		if err := s.SwitchRule(t.Context(), id(113), on); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteGroup(ctx, g.UUID); err != nil {
		t.Fatal(err)
	}
	actions := func(f store.AuditFilter) []string {
		t.Helper()
		entries, total, err := s.AuditLog(t.Context(), f)
		if err != nil || f.Limit == 0 && total != len(entries) {
			t.Fatalf("%d of %d entries, %v", len(entries), total, err)
		}
		var out []string
		for _, e := range entries {
			out = append(out, e.Action)
		}
		return out
	}
	for _, c := range []struct {
		name string
		f    store.AuditFilter
		want []string
	}{
		{"all, newest first", store.AuditFilter{}, []string{
			"security_group.delete", "rule.enable", "rule.disable", "security_group.update", "security_group.create",
		}},
		{"an author", store.AuditFilter{Who: store.Program}, []string{"rule.enable", "rule.disable"}},
		{"an action", store.AuditFilter{Action: "rule.enable"}, []string{"rule.enable"}},
		{"a noun", store.AuditFilter{Action: "security_group"}, []string{"security_group.delete", "security_group.update", "security_group.create"}},
		{"an object, a page of it", store.AuditFilter{Object: g.UUID.String(), Limit: 1, Skip: 1}, []string{"security_group.update"}},
		{"before anything happened", store.AuditFilter{End: at(0)}, nil},
	} {
		if diff := cmp.Diff(c.want, actions(c.f)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	entries, _, err := s.AuditLog(t.Context(), store.AuditFilter{Action: "security_group.update"})
	if err != nil || len(entries) != 1 || entries[0].Author != author || entries[0].Title != g.Name || entries[0].Old == nil || entries[0].New == nil {
		t.Errorf("%+v, %v", entries, err)
	}
}
