package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

// numbers are the scans of a list, as the numbers that Scan was given.
func numbers(t *testing.T, s *store.Store, f store.ScanFilter) string {
	t.Helper()
	scans, total, err := s.Scans(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, scan := range scans {
		out = append(out, fmt.Sprint(scan.UUID[15]))
	}
	return fmt.Sprintf("%s of %d", strings.Join(out, " "), total)
}

// Checklist 108 to 113, 116 to 121, 125.
func listScans(t *testing.T, s *store.Store) {
	two, three, four := Scan(2), Scan(3), Scan(4)
	two.Version.Source, two.ModelURI, two.Outcome = model.S3, "s3://Bucket/100%_model", model.Allowed
	three.GroupUUID, three.Outcome, three.UpdatedAt = id(101), model.Pending, at(100)
	four.UUID = uuid.MustParse("bbbbbbbb-1234-4000-8000-000000000004")
	four.Origin, four.ModelVersionUUID, four.Outcome = model.OriginSDK, id(201), model.Errored
	for _, scan := range []model.Scan{Scan(1), two, three, four} {
		put(t, s, scan)
	}
	for _, c := range []struct {
		name string
		f    store.ScanFilter
		want string
	}{
		{"all, newest first", store.ScanFilter{}, "4 3 2 1 of 4"},
		{"oldest first", store.ScanFilter{OldestFirst: true}, "1 2 3 4 of 4"},
		{"by update", store.ScanFilter{ByUpdate: true}, "3 4 2 1 of 4"},
		{"a page", store.ScanFilter{Limit: 2, Skip: 1}, "3 2 of 4"},
		{"past the end", store.ScanFilter{Limit: 2, Skip: 10}, " of 4"},
		{"a part of the address, whatever the case", store.ScanFilter{Search: "BUCKET"}, "2 of 1"},
		{"wildcards are letters", store.ScanFilter{Search: "100%_m"}, "2 of 1"},
		{"a wildcard alone", store.ScanFilter{Search: "%"}, "2 of 1"},
		{"the beginning of a UUID", store.ScanFilter{Search: "BBBBBBBB-12"}, "4 of 1"},
		{"the beginning of a UUID, odd", store.ScanFilter{Search: "aaa"}, "3 2 1 of 3"},
		{"a full UUID", store.ScanFilter{Search: id(2).String()}, "2 of 1"},
		{"hexadecimal letters are searched in addresses too", store.ScanFilter{Search: "face"}, "4 3 1 of 3"},
		{"a group", store.ScanFilter{Groups: []uuid.UUID{id(101)}}, "3 of 1"},
		{"sources", store.ScanFilter{Sources: []model.Source{model.S3, model.GCS}}, "2 of 1"},
		{"outcomes", store.ScanFilter{Outcomes: []model.Outcome{model.Blocked, model.Pending}}, "3 1 of 2"},
		{"from a time on", store.ScanFilter{Start: at(3)}, "4 3 of 2"},
		{"up to a time", store.ScanFilter{End: at(2)}, "2 1 of 2"},
		{"between times", store.ScanFilter{Start: at(2), End: at(3)}, "3 2 of 2"},
		{"an origin", store.ScanFilter{Origin: model.OriginSDK}, "4 of 1"},
		{"a model version", store.ScanFilter{ModelVersion: id(201)}, "4 of 1"},
		{"all at once", store.ScanFilter{Search: "hugging", Sources: []model.Source{model.HuggingFace}, Outcomes: []model.Outcome{model.Blocked}, Start: at(1), LabelsQuery: "team:ml"}, "1 of 1"},
	} {
		if got := numbers(t, s, c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	scans, _, err := s.Scans(t.Context(), store.ScanFilter{OldestFirst: true, Limit: 1})
	want := Scan(1)
	want.Evaluations, want.Files, want.Counts = nil, nil, model.RuleCounts{Failed: 1, Passed: 1, Total: 2}
	if diff := cmp.Diff([]model.Scan{want}, scans); err != nil || diff != "" {
		t.Errorf("a row of a list: %v\n%s", err, diff)
	}
}

func labelsQuery(t *testing.T, s *store.Store) {
	for n, labels := range []string{"env=prod team=ml", "env=prod team=web", "env=test team=ml", "env=dev", ""} {
		scan := Scan(byte(n + 1))
		scan.Labels = nil
		for _, l := range strings.Fields(labels) {
			key, value, _ := strings.Cut(l, "=")
			scan.Labels = append(scan.Labels, model.Label{Key: key, Value: value})
		}
		put(t, s, scan)
	}
	for _, c := range []struct{ query, want string }{
		{"env:prod", "2 1 of 2"},
		{"env:*", "4 3 2 1 of 4"},
		{"env:prod AND team:ml", "1 of 1"},
		{"env:dev OR env:prod AND team:ml", "4 1 of 2"},
		{"(env:dev OR env:prod) AND team:ml", "1 of 1"},
		{"team:ml AND (env:dev OR env:test)", "3 of 1"},
		{"team:ml and env:test", "3 of 1"},
		{"env:production", " of 0"},
		{"  ", "5 4 3 2 1 of 5"},
	} {
		if got := numbers(t, s, store.ScanFilter{LabelsQuery: c.query}); got != c.want {
			t.Errorf("%q: %q, want %q", c.query, got, c.want)
		}
	}
	for _, query := range []string{
		"env", "env:", ":prod", "env:prod AND", "AND env:prod", "env:prod team:ml", "(env:prod", "env:prod)", "((env:prod))",
		"(env:prod AND (team:ml))", "()", "env:pr*", "env:a'b", "env:prod OR OR team:ml", strings.Repeat("a:b OR ", 200) + "a:b", strings.Repeat("x", 5000),
	} {
		var wrong *store.QueryError
		if _, _, err := s.Scans(t.Context(), store.ScanFilter{LabelsQuery: query}); !errors.As(err, &wrong) {
			t.Errorf("%.40q: %v, want a QueryError", query, err)
		}
	}
}

func labels(t *testing.T, s *store.Store) {
	put(t, s, Scan(1))
	ctx := t.Context()
	check := func(what string, err error, want ...model.Label) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		scans, _, err := s.Scans(ctx, store.ScanFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, scans[0].Labels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	env, team := model.Label{Key: "env", Value: "test"}, model.Label{Key: "team", Value: "ml"}
	check("added", s.AddLabels(ctx, id(1), []model.Label{env}), env, team)
	check("deleted", s.DeleteLabels(ctx, id(1), []string{"env", "unknown"}), team)
	check("set", s.SetLabels(ctx, id(1), []model.Label{env}), env)
	var many []model.Label
	for i := range 51 {
		many = append(many, model.Label{Key: fmt.Sprintf("key%02d", i), Value: "v"})
	}
	if err := s.AddLabels(ctx, id(1), many[:50]); !errors.Is(err, store.ErrTooManyLabels) {
		t.Errorf("51 labels: %v", err)
	}
	check("after too many", nil, env)
	if err := s.SetLabels(ctx, id(1), many[:50]); err != nil {
		t.Errorf("50 labels: %v", err)
	}
	put(t, s, Scan(2))
	keys, total, err := s.LabelKeys(ctx, "key0", 3, 1)
	if err != nil || total != 10 || !cmp.Equal(keys, []string{"key01", "key02", "key03"}) {
		t.Errorf("keys %v of %d, %v", keys, total, err)
	}
	if keys, total, err = s.LabelKeys(ctx, "key_", 10, 0); err != nil || total != 0 {
		t.Errorf("an underscore is a letter: %v of %d, %v", keys, total, err)
	}
	values, total, err := s.LabelValues(ctx, "env", "p", 10, 0)
	if err != nil || total != 1 || !cmp.Equal(values, []string{"prod"}) {
		t.Errorf("values %v of %d, %v", values, total, err)
	}
}
