package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/threat"
)

// group is a group of two rules.
func group(n byte, name string) model.Group {
	return model.Group{
		UUID: id(n), Name: name, Source: model.S3, Description: "d",
		Rules: []model.RuleInstance{
			{UUID: id(n + 1), Rule: id(111), State: model.Blocking, Values: map[string][]string{"approved_locations": {"s3", "gs"}}},
			{UUID: id(n + 2), Rule: id(113), State: model.Disabled, Values: map[string][]string{}},
		},
	}
}

// Checklist 3, 12, 135 to 138.
func groups(t *testing.T, s *store.Store) {
	ctx := t.Context()
	want := group(10, "S3-Production")
	if err := s.PutGroup(ctx, &want); err != nil {
		t.Fatal(err)
	}
	got := must[model.Group](t)(s.Group(ctx, want.UUID))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
	got.Rules[1].State = model.Allowing
	time.Sleep(time.Millisecond) // for the clock to move
	if err := s.PutGroup(ctx, &got); err != nil {
		t.Fatal(err)
	}
	if !got.UpdatedAt.After(want.UpdatedAt) || !got.Rules[0].UpdatedAt.Equal(want.Rules[0].UpdatedAt) || !got.Rules[1].UpdatedAt.After(want.Rules[1].UpdatedAt) {
		t.Error("times do not follow the change of one rule")
	}
	again := got
	if err := s.PutGroup(ctx, &again); err != nil || !again.UpdatedAt.Equal(got.UpdatedAt) {
		t.Errorf("a group that is put unchanged moves its time: %v", err)
	}
	twin := group(20, "S3-Production")
	if err := s.PutGroup(ctx, &twin); !errors.Is(err, store.ErrNameTaken) {
		t.Errorf("a second group of the name: %v", err)
	}
	if err := s.DeleteGroup(ctx, want.UUID); err != nil {
		t.Fatal(err)
	}
	if buried := must[model.Group](t)(s.Group(ctx, want.UUID)); !buried.Tombstone || len(buried.Rules) != 2 {
		t.Errorf("a deleted group: %+v", buried)
	}
	if _, err := s.GroupByName(ctx, "S3-Production"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted group by its name: %v", err)
	}
	if err := s.PutGroup(ctx, &twin); err != nil {
		t.Errorf("the name of a deleted group: %v", err)
	}
	if named := must[model.Group](t)(s.GroupByName(ctx, "S3-Production")); named.UUID != twin.UUID {
		t.Errorf("by name: %s", named.UUID)
	}
	for _, f := range []struct {
		name string
		f    store.GroupFilter
		want int
	}{
		{"all", store.GroupFilter{}, 1},
		{"a part of the name", store.GroupFilter{Search: "s3-PROD"}, 1},
		{"another name", store.GroupFilter{Search: "gcs"}, 0},
		{"its source", store.GroupFilter{Sources: []model.Source{model.S3}}, 1},
		{"another source", store.GroupFilter{Sources: []model.Source{model.GCS}}, 0},
		{"an enabled rule", store.GroupFilter{EnabledRules: ids(113, 111)}, 1},
		{"a disabled rule", store.GroupFilter{EnabledRules: ids(113)}, 0},
		{"past the end", store.GroupFilter{Skip: 5, Limit: 5}, 0},
	} {
		if list, _, err := s.Groups(ctx, f.f); err != nil || len(list) != f.want {
			t.Errorf("%s: %d groups, %v; want %d", f.name, len(list), err, f.want)
		}
	}
	for _, on := range []bool{false, false, true} {
		if err := s.SwitchRule(ctx, id(113), on); err != nil {
			t.Fatal(err)
		}
		if off := must[[]uuid.UUID](t)(s.DisabledRules(ctx)); (len(off) == 0) != on {
			t.Errorf("switched to %v: %v", on, off)
		}
	}
}

// Checklist 73 to 78.
func ensureGroups(t *testing.T, s *store.Store) {
	ctx := t.Context()
	base := group(10, "Default S3")
	base.Default = true
	declared := group(20, "Partner-S3-Audit")
	ensure := func(declared ...model.Group) {
		t.Helper()
		if err := s.EnsureGroups(ctx, []model.Group{base}, declared); err != nil {
			t.Fatal(err)
		}
	}
	ensure(declared)
	edited := must[model.Group](t)(s.Group(ctx, base.UUID))
	edited.Rules[0].State = model.Allowing
	if err := s.PutGroup(ctx, &edited); err != nil {
		t.Fatal(err)
	}
	first := must[model.Group](t)(s.Group(ctx, declared.UUID))
	if !first.Declared {
		t.Error("a declared group is not marked so")
	}
	renumbered := group(30, "Partner-S3-Audit")
	renumbered.Rules[0].State = model.Allowing
	ensure(renumbered)
	if kept := must[model.Group](t)(s.Group(ctx, base.UUID)); kept.Rules[0].State != model.Allowing {
		t.Error("a default group lost what people have edited")
	}
	second := must[model.Group](t)(s.GroupByName(ctx, "Partner-S3-Audit"))
	if second.UUID != first.UUID || second.Rules[0].UUID != first.Rules[0].UUID || second.Rules[0].State != model.Allowing {
		t.Errorf("a declared group changed its identity: %+v", second)
	}
	ensure()
	if third := must[model.Group](t)(s.Group(ctx, first.UUID)); third.Declared || third.Tombstone {
		t.Errorf("a group that is no longer declared: %+v", third)
	}
	renumbered.Source = model.GCS
	if err := s.EnsureGroups(ctx, nil, []model.Group{renumbered}); err == nil {
		t.Error("a declared group changed its source")
	}
}

func models(t *testing.T, s *store.Store) {
	ctx := t.Context()
	one, two, other, pending := Scan(1), Scan(2), Scan(3), Scan(4)
	two.ModelVersionUUID, two.Version.Revision = id(201), "second"
	other.Version.Name, other.ModelVersionUUID = "other/model", id(202)
	pending.Version.Name, pending.ModelVersionUUID = "not/yet", uuid.Nil
	for _, scan := range []model.Scan{one, two, other, pending} {
		put(t, s, scan)
	}
	list, total, err := s.Models(ctx, "", 10, 0)
	if err != nil || total != 2 || list[0].Name != "other/model" || list[1].Name != "org/name" || list[1].LatestVersion != id(201) {
		t.Fatalf("models %+v, %d, %v", list, total, err)
	}
	if found, total, err := s.Models(ctx, "ORG/", 10, 0); err != nil || total != 1 || found[0].UUID != list[1].UUID {
		t.Errorf("search: %+v, %d, %v", found, total, err)
	}
	if got := must[store.Model](t)(s.Model(ctx, list[1].UUID)); got != list[1] {
		t.Errorf("model %+v", got)
	}
	versions, total, err := s.ModelVersions(ctx, list[1].UUID, 10, 0)
	if err != nil || total != 2 || versions[0].Revision != "second" || versions[0].LatestScan != two.UUID || versions[0].FileCount != 3 {
		t.Errorf("versions %+v, %d, %v", versions, total, err)
	}
	if got := must[store.ModelVersion](t)(s.ModelVersion(ctx, id(200))); got.Model != list[1].UUID || len(got.Fingerprint) != 64 {
		t.Errorf("version %+v", got)
	}
}

func downloads(t *testing.T, s *store.Store) {
	want := model.Download{
		Time: at(1), Version: Scan(1).Version, Path: "model.safetensors", Digest: "sha256:00", Scan: id(1), Outcome: model.Allowed,
		Client: "hf/1", Who: "127.0.0.1", Bytes: 5, Door: "hub",
	}
	s.RecordDownload(want)
	for i := range 1200 {
		s.RecordDownload(model.Download{Time: at(0), Scan: id(2), Version: model.Version{Name: fmt.Sprintf("m%d", i)}})
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, total, err := s.Downloads(t.Context(), store.DownloadFilter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if total == 1201 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d downloads were recorded, want 1201", total)
		}
		time.Sleep(10 * time.Millisecond)
	}
	got, total, err := s.Downloads(t.Context(), store.DownloadFilter{Scan: id(1)})
	if err != nil || total != 1 {
		t.Fatalf("%d downloads of the scan, %v", total, err)
	}
	want.Requests = 1
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("download (-want +got):\n%s", diff)
	}
	if _, total, _ = s.Downloads(t.Context(), store.DownloadFilter{Name: "m7"}); total != 1 {
		t.Errorf("%d downloads of the model", total)
	}
	if _, total, _ = s.Downloads(t.Context(), store.DownloadFilter{Since: at(1)}); total != 1 {
		t.Errorf("%d downloads since", total)
	}
	if n := s.DroppedDownloads(); n != 0 {
		t.Errorf("%d downloads were dropped", n)
	}
}

// manyReports records more reports than one query finds, one of them anew, and looks for them among others.
func manyReports(t *testing.T, s *store.Store, like finding.FileReport) {
	ctx := t.Context()
	want, keys := map[string]finding.FileReport{}, []string{"nobody", "k"}
	for i := range 1234 {
		like.Size = int64(i)
		key := fmt.Sprintf("many-%d", i)
		want[key], keys = like, append(keys, key)
	}
	if err := s.PutReport(ctx, "many-7", finding.FileReport{Scanner: "old"}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutReports(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Reports(ctx, keys)
	if _, ok := got["k"]; err != nil || !ok {
		t.Errorf("a report that was put alone: %v, %v", ok, err)
	}
	delete(got, "k")
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if got, err := s.Reports(ctx, nil); err != nil || len(got) != 0 {
		t.Errorf("reports of nothing: %v, %v", got, err)
	}
}

func facts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if _, ok, err := s.Report(ctx, "k"); ok || err != nil {
		t.Errorf("a report that nobody put: %v, %v", ok, err)
	}
	report := finding.FileReport{Digest: "sha256:00", Size: 3, Formats: []string{"pickle"}, Coverage: finding.Analysed, Scanner: "s1"}
	report.Add(finding.New(threat.PKL100, 3, "bad"))
	for range 2 {
		if err := s.PutReport(ctx, "k", report); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := s.Report(ctx, "k")
	if diff := cmp.Diff(report, got, cmpopts.EquateEmpty()); err != nil || !ok || diff != "" {
		t.Errorf("report %v, %v\n%s", ok, err, diff)
	}
	manyReports(t, s, report)
	if _, ok, err := s.Recall(ctx, "main"); ok || err != nil {
		t.Errorf("a fact that nobody knows: %v, %v", ok, err)
	}
	for _, value := range [][]byte{nil, []byte("old"), []byte("new")} {
		if err := s.Remember(ctx, "main", value); err != nil {
			t.Fatal(err)
		}
	}
	fact, ok, err := s.Recall(ctx, "main")
	if err != nil || !ok || string(fact.Value) != "new" || fact.At.IsZero() {
		t.Errorf("fact %+v, %v, %v", fact, ok, err)
	}
	if err := s.Forget(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.Recall(ctx, "main"); ok {
		t.Error("a fact that was forgotten is still known")
	}
}

// ids are UUIDs of numbers.
func ids(numbers ...byte) []uuid.UUID {
	var out []uuid.UUID
	for _, n := range numbers {
		out = append(out, id(n))
	}
	return out
}
