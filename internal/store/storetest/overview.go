package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

func overview(t *testing.T, s *store.Store) {
	ctx := t.Context()
	put := func(n byte, change func(*model.Scan)) {
		t.Helper()
		scan := Scan(n)
		scan.ModelVersionUUID = id(200 + n)
		if change != nil {
			change(&scan)
		}
		if err := s.PutScan(ctx, &scan); err != nil {
			t.Fatal(err)
		}
	}
	put(1, nil)
	put(2, nil)
	put(3, func(s *model.Scan) {
		s.Outcome, s.Version.Name, s.Evaluations = model.Allowed, "org/other", nil
		s.CreatedAt = at(24 * 60)
	})
	since := at(0)
	day := func(n int) time.Time { return at(0).Truncate(24*time.Hour).AddDate(0, 0, n) }
	days := must[[]store.DayCount](t)(s.ScansByDay(ctx, since))
	if diff := cmp.Diff([]store.DayCount{{Day: day(0), Outcome: model.Blocked, Scans: 2}, {Day: day(1), Outcome: model.Allowed, Scans: 1}}, days); diff != "" {
		t.Error(diff)
	}
	blocked := must[[]store.Tally](t)(s.BlockedModels(ctx, since, 5))
	if diff := cmp.Diff([]store.Tally{{Source: model.HuggingFace, Kind: model.Models, Name: "org/name", Count: 2}}, blocked); diff != "" {
		t.Error(diff)
	}
	threat := Scan(1).Evaluations[1].Violations[0].Threat
	found := must[[]store.Tally](t)(s.ThreatsFound(ctx, since, 5))
	if len(found) == 0 || found[0].Name != threat || found[0].Count != 2 {
		t.Errorf("%+v", found)
	}
	of := must[map[uuid.UUID][]string](t)(s.ThreatsOf(ctx, ids(1, 3)))
	if len(of) != 1 || len(of[id(1)]) == 0 {
		t.Errorf("%+v", of)
	}
	if took := must[[]time.Duration](t)(s.ScanDurations(ctx, since, 2)); len(took) != 2 {
		t.Errorf("%v", took)
	}
	latest := must[map[uuid.UUID]model.Scan](t)(s.LatestScans(ctx, ids(202, 203, 99)))
	if len(latest) != 2 || latest[id(202)].UUID != id(2) || latest[id(203)].UUID != id(3) {
		t.Errorf("%+v", latest)
	}
	evaluations, _, err := s.Evaluations(ctx, id(1), store.EvaluationFilter{Result: model.Failed})
	if err != nil || len(evaluations) != 1 {
		t.Fatalf("%+v, %v", evaluations, err)
	}
	all := must[[]store.ViolationRow](t)(s.ViolationsOfRule(ctx, evaluations[0].UUID, 0, 0))
	second := must[[]store.ViolationRow](t)(s.ViolationsOfRule(ctx, evaluations[0].UUID, 1, 1))
	if len(all) != 2 || len(second) != 1 || second[0].UUID != all[1].UUID {
		t.Errorf("%d and %d violations", len(all), len(second))
	}
	byModel, total, err := s.Scans(ctx, store.ScanFilter{Model: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name"}})
	if err != nil || total != 2 || len(byModel) != 2 {
		t.Errorf("%d of %d scans of the model, %v", len(byModel), total, err)
	}
	packages, total, err := s.ModelsWhere(ctx, store.ModelFilter{Sources: []model.Source{model.PyPI}})
	if err != nil || total != 0 || len(packages) != 0 {
		t.Errorf("%+v, %v", packages, err)
	}
	s.RecordDownload(model.Download{Time: at(1), Outcome: model.Allowed, Requests: 3})
	s.RecordDownload(model.Download{Time: at(1), Outcome: model.Blocked, Requests: 2})
	for range 100 {
		answered, refused, err := s.Served(ctx, since)
		if err != nil {
			t.Fatal(err)
		}
		if answered == 3 && refused == 2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the downloads are not counted")
}
