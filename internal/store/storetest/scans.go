package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

// Checklist 1, 2, 6, 107.
func scanRoundTrip(t *testing.T, s *store.Store) {
	want := put(t, s, Scan(1))
	got := read(t, s, want.UUID)
	same(t, "scan", want, got)
	if got.Counts != (model.RuleCounts{Failed: 1, Passed: 1, Total: 2}) {
		t.Errorf("counts %+v", got.Counts)
	}
	summary := must[model.Scan](t)(s.ScanSummary(t.Context(), want.UUID))
	if failed, passed, total := summary.Summary(); failed != 1 || passed != 1 || total != 2 || summary.Evaluations != nil || summary.Files != nil {
		t.Errorf("summary %+v", summary)
	}
	for i := range want.Evaluations {
		if want.Evaluations[i].UUID == uuid.Nil {
			t.Error("an evaluation has no UUID")
		}
	}
	odd := Scan(2)
	odd.Version.Name, odd.ModelURI = "it's; DROP TABLE scans;--", "model™\x00…元氣%_\\"
	odd.Files = []model.ScanFile{{Path: "a"}, {Path: "a/b", Result: model.FileSuccess}, {Path: "'\"/\u202e…"}}
	odd.Labels, odd.Evaluations = nil, nil
	odd = put(t, s, odd)
	got = read(t, s, odd.UUID)
	if got.Version != odd.Version || got.ModelURI != odd.ModelURI || len(got.Files) != 3 {
		t.Errorf("odd names: %+v", got)
	}
	bytes := Scan(3)
	bytes.Files[1].Path, bytes.Evaluations[1].Violations[0].File = "bad\xff.pkl", "bad\xff.pkl"
	bytes.Evaluations[1].Violations[1].File, bytes.Evaluations[1].Violations[1].Member = "bad\xff.zip!/a!/\xff", "a!/\xff"
	put(t, s, bytes)
	if got = read(t, s, bytes.UUID); got.Files[1].Path != "bad\xff.pkl" || got.Evaluations[1].Violations[0].File != "bad\xff.pkl" {
		t.Errorf("a name that is not UTF-8 became %q and %q", got.Files[1].Path, got.Evaluations[1].Violations[0].File)
	}
	if v := got.Evaluations[1].Violations[1]; v.Member != "a!/\xff" || v.Path() != "bad\xff.zip" {
		t.Errorf("a member that is not UTF-8 became %q in %q", v.Member, v.Path())
	}
	if err := s.PutScan(t.Context(), &model.Scan{}); err == nil {
		t.Error("a scan without UUID was recorded")
	}
}

// Checklist 7: a scan is replaced by what became of it and never deleted.
func scanReplace(t *testing.T, s *store.Store) {
	pending := Scan(1)
	pending.Outcome, pending.Evaluations, pending.Files, pending.ModelVersionUUID = model.Pending, nil, nil, uuid.Nil
	pending.Labels = []model.Label{{Key: "env", Value: "test"}}
	put(t, s, pending)
	if err := s.AddLabels(t.Context(), pending.UUID, []model.Label{{Key: "added", Value: "meanwhile"}}); err != nil {
		t.Fatal(err)
	}
	settled := Scan(1)
	settled.Labels = nil
	settled = put(t, s, settled)
	want := settled
	want.Labels = []model.Label{{Key: "added", Value: "meanwhile"}, {Key: "env", Value: "test"}}
	same(t, "settled scan", want, read(t, s, settled.UUID))
	again := read(t, s, settled.UUID)
	again.UpdatedAt = at(50)
	put(t, s, again)
	same(t, "scan put again", again, read(t, s, settled.UUID))
}

func notFound(t *testing.T, s *store.Store) {
	ctx := t.Context()
	_, scan := s.Scan(ctx, id(9))
	_, evaluation := s.Evaluation(ctx, id(9))
	_, violation := s.Violation(ctx, id(9))
	_, group := s.Group(ctx, id(9))
	_, named := s.GroupByName(ctx, "nobody")
	_, mod := s.Model(ctx, id(9))
	_, version := s.ModelVersion(ctx, id(9))
	_, _, list := s.Evaluations(ctx, id(9), store.EvaluationFilter{})
	_, _, violations := s.Violations(ctx, id(9), 10, 0)
	_, _, tree := s.Files(ctx, id(9), store.FileFilter{})
	_, grow := s.Grow(ctx, &model.Scan{UUID: id(9)})
	label := s.AddLabels(ctx, id(9), []model.Label{{Key: "a", Value: "b"}})
	for i, err := range []error{scan, evaluation, violation, group, named, mod, version, list, violations, tree, grow, label} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d: %v, want ErrNotFound", i, err)
		}
	}
	if _, ok, err := s.ScanFor(ctx, store.VerdictKey{}); ok || err != nil {
		t.Errorf("ScanFor: %v, %v", ok, err)
	}
	if _, ok, err := s.FileOf(ctx, id(9), "a"); ok || err != nil {
		t.Errorf("FileOf: %v, %v", ok, err)
	}
}

func scanFor(t *testing.T, s *store.Store) {
	old, newer, pending, failed, partial, other := Scan(1), Scan(2), Scan(3), Scan(4), Scan(5), Scan(6)
	pending.Outcome, failed.Outcome, partial.Partial, other.GroupRules = model.Pending, model.Errored, true, "others"
	for _, scan := range []model.Scan{old, newer, pending, failed, partial, other} {
		put(t, s, scan)
	}
	key := store.VerdictKey{Version: old.Version, Group: old.GroupUUID, GroupRules: "rules", ScannerVersion: "s1"}
	got, ok, err := s.ScanFor(t.Context(), key)
	if err != nil || !ok || got.UUID != newer.UUID {
		t.Fatalf("found %v, %v, %v; want %v", got.UUID, ok, err, newer.UUID)
	}
	if len(got.Evaluations) != 2 || len(got.Evaluations[1].Violations) != 2 || got.Files != nil {
		t.Errorf("it brings %+v", got)
	}
	grown, ok, err := s.GrowingScanFor(t.Context(), key)
	if err != nil || !ok || grown.UUID != partial.UUID {
		t.Errorf("growing scan %v, %v, %v; want %v", grown.UUID, ok, err, partial.UUID)
	}
	for name, change := range map[string]func(*store.VerdictKey){
		"another commit": func(k *store.VerdictKey) { k.Version.Revision = "0" }, "another group": func(k *store.VerdictKey) { k.Group = id(9) },
		"other rules": func(k *store.VerdictKey) { k.GroupRules = "0" }, "another scanner": func(k *store.VerdictKey) { k.ScannerVersion = "s2" },
		"another kind": func(k *store.VerdictKey) { k.Version.Kind = model.Datasets },
	} {
		k := key
		change(&k)
		if _, ok, err := s.ScanFor(t.Context(), k); ok || err != nil {
			t.Errorf("%s: found %v, %v", name, ok, err)
		}
	}
	asked := Scan(7)
	asked.Partial, asked.Origin, asked.GroupRules = true, model.OriginAPI, "patterns"
	put(t, s, asked)
	key.GroupRules = "patterns"
	if _, ok, _ := s.GrowingScanFor(t.Context(), key); ok {
		t.Error("a scan that a client asked for with patterns would grow")
	}
}

// start is a growing scan without files.
func start(n byte) model.Scan {
	scan := Scan(n)
	scan.Partial, scan.Outcome, scan.Evaluations, scan.Files, scan.ModelVersionUUID = true, model.Pending, nil, nil, uuid.Nil
	scan.FilesScanned, scan.FilesSkipped, scan.Formats, scan.Labels = 0, 0, nil, nil
	return scan
}

// part is what one file adds: a load-time rule, and a licence rule that fails for the version as a whole.
func part(n byte, path string, result model.FileResult, violations ...string) *model.Scan {
	p := &model.Scan{
		UUID: id(n), Formats: []string{"pickle"}, FilesScanned: 1,
		Files: []model.ScanFile{{Path: path, Formats: []string{"pickle"}, Result: result}},
		Evaluations: []model.Evaluation{
			{Rule: id(111), RuleName: "License Exists", State: model.Allowing, Result: model.Failed, Violations: []model.Violation{{Description: "none", Offset: -1}}},
			{Rule: id(113), RuleName: "Load Time", State: model.Blocking, Result: model.Passed},
		},
	}
	for _, file := range violations {
		p.Evaluations[1].Result = model.Failed
		p.Evaluations[1].Violations = append(p.Evaluations[1].Violations, model.Violation{File: file, Member: strings.TrimPrefix(strings.TrimPrefix(file, path), "!/"), Description: "bad " + file, Offset: -1})
	}
	return p
}

func growing(t *testing.T, s *store.Store) {
	put(t, s, start(1))
	grow := func(p *model.Scan, outcome model.Outcome) model.Scan {
		t.Helper()
		got, err := s.Grow(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome != outcome {
			t.Errorf("outcome %s, want %s", got.Outcome, outcome)
		}
		return got
	}
	grow(part(1, "a/good.pkl", model.FileSuccess), model.Allowed)
	grow(part(1, "a/odd.pkl", model.FileError), model.Allowed)
	grow(part(1, "a/odd.pkl", model.FileSuccess), model.Allowed)
	grow(part(1, "b/bad.zip", model.FileFailed, "b/bad.zip!/x.pkl", "b/bad.zip"), model.Blocked)
	last := grow(part(1, "c.pkl", model.FileSuccess), model.Blocked)
	if last.FilesScanned != 4 || last.EnabledRules != 2 {
		t.Errorf("scanned %d, rules %d", last.FilesScanned, last.EnabledRules)
	}
	got := read(t, s, id(1))
	var found []string
	for _, e := range got.Evaluations {
		for _, v := range e.Violations {
			found = append(found, fmt.Sprintf("%s %s %q", e.RuleName, e.Result, v.File))
		}
	}
	want := []string{`License Exists FAILED ""`, `Load Time FAILED "b/bad.zip"`, `Load Time FAILED "b/bad.zip!/x.pkl"`}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if got.Outcome != model.Blocked || len(got.Files) != 4 || got.Counts != (model.RuleCounts{Failed: 2, Total: 2}) {
		t.Errorf("scan %s, %d files, %+v", got.Outcome, len(got.Files), got.Counts)
	}
	if list, total, err := s.Violations(t.Context(), id(1), 0, 0); err != nil || total != 3 || len(list) != 3 {
		t.Errorf("%d violations of %d, %v; want 3", len(list), total, err)
	}
	rows, _, err := s.Files(t.Context(), id(1), store.FileFilter{OnlyDirs: true})
	if err != nil || len(rows) != 2 || rows[0].Result != model.FileSuccess || rows[1].Result != model.FileFailed {
		t.Errorf("directories %+v, %v", rows, err)
	}
	evaluations := must[[]model.Evaluation](t)(s.ViolationsOf(t.Context(), id(1), "c.pkl"))
	if len(evaluations) != 2 || len(evaluations[0].Violations) != 1 || len(evaluations[1].Violations) != 0 {
		t.Errorf("violations of an innocent file: %+v", evaluations)
	}
	evaluations = must[[]model.Evaluation](t)(s.ViolationsOf(t.Context(), id(1), "b/bad.zip"))
	if len(evaluations[1].Violations) != 2 {
		t.Errorf("violations of the bad file: %+v", evaluations)
	}
	file, ok, err := s.FileOf(t.Context(), id(1), "b/bad.zip")
	if err != nil || !ok || file.Result != model.FileFailed {
		t.Errorf("FileOf: %+v, %v, %v", file, ok, err)
	}
	// The bad file turns out well: its violations go, the outcome stays.
	grow(part(1, "b/bad.zip", model.FileSuccess), model.Blocked)
	if e := read(t, s, id(1)).Evaluations[1]; e.Result != model.Passed || len(e.Violations) != 0 {
		t.Errorf("evaluation %+v", e)
	}
}

// A file must not pass for the container of another whose name holds what separates members.
func growingNames(t *testing.T, s *store.Store) {
	put(t, s, start(1))
	for _, p := range []*model.Scan{part(1, "x!/evil.pkl", model.FileFailed, "x!/evil.pkl"), part(1, "x", model.FileSuccess)} {
		if _, err := s.Grow(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int{"x!/evil.pkl": 1, "x": 0} {
		if e := must[[]model.Evaluation](t)(s.ViolationsOf(t.Context(), id(1), path)); len(e[1].Violations) != want {
			t.Errorf("%s has %d violations, want %d", path, len(e[1].Violations), want)
		}
	}
}

func growingRules(t *testing.T, s *store.Store) {
	put(t, s, Scan(1))
	if _, err := s.Grow(t.Context(), part(1, "a", model.FileSuccess)); err == nil {
		t.Error("the scan of a whole version grew")
	}
	put(t, s, start(2))
	doubt := part(2, "a", model.FileSuccess)
	doubt.Evaluations[1].Result, doubt.Evaluations[1].Reason = model.RuleError, "unknown"
	got := must[model.Scan](t)(s.Grow(t.Context(), doubt))
	if got.Outcome != model.Errored || !strings.Contains(got.ErrorMessage, "unknown") {
		t.Errorf("a doubt: %s %q", got.Outcome, got.ErrorMessage)
	}
	got = must[model.Scan](t)(s.Grow(t.Context(), part(2, "b", model.FileSuccess)))
	if got.Outcome != model.Allowed || got.ErrorCode != "" {
		t.Errorf("the doubt is gone: %s %q", got.Outcome, got.ErrorCode)
	}
}

func recovery(t *testing.T, s *store.Store) {
	pending, settled := Scan(1), Scan(2)
	pending.Outcome = model.Pending
	put(t, s, pending)
	put(t, s, settled)
	n, err := s.Recover(t.Context(), 24*365*100*time.Hour)
	if err != nil || n != 1 {
		t.Errorf("recovered %d, %v; want 1", n, err)
	}
	if got := read(t, s, pending.UUID); got.Outcome != model.Errored || got.ErrorCode != "SCAN_ERROR" || got.TimeFinished.IsZero() {
		t.Errorf("pending scan: %s %s", got.Outcome, got.ErrorCode)
	}
	if got := read(t, s, settled.UUID); got.Outcome != model.Blocked {
		t.Errorf("settled scan: %s", got.Outcome)
	}
}

// Checklist 6, 8, 128.
func evaluations(t *testing.T, s *store.Store) {
	scan := put(t, s, Scan(1))
	put(t, s, Scan(2))
	ctx := t.Context()
	rows, total, err := s.Evaluations(ctx, scan.UUID, store.EvaluationFilter{})
	if err != nil || total != 2 || rows[0].RuleName != "License Exists" || rows[1].Violations != 2 || rows[1].Scan != scan.UUID || !rows[0].CreatedAt.Equal(at(1)) {
		t.Fatalf("evaluations %+v, %d, %v", rows, total, err)
	}
	rows, total, err = s.Evaluations(ctx, scan.UUID, store.EvaluationFilter{Result: model.Failed, Limit: 1})
	if err != nil || total != 1 || len(rows) != 1 || rows[0].Rule != id(113) {
		t.Errorf("failed ones: %+v, %d, %v", rows, total, err)
	}
	rows, total, err = s.Evaluations(ctx, scan.UUID, store.EvaluationFilter{RuleInstance: id(110), Reverse: true})
	if err != nil || total != 1 || rows[0].Rule != id(111) {
		t.Errorf("by instance: %+v, %d, %v", rows, total, err)
	}
	one := must[store.EvaluationRow](t)(s.Evaluation(ctx, scan.Evaluations[1].UUID))
	if one.State != model.Blocking || one.Violations != 2 {
		t.Errorf("evaluation %+v", one)
	}
	violations, total, err := s.Violations(ctx, scan.UUID, 1, 1)
	if err != nil || total != 2 || len(violations) != 1 || violations[0].File != "dir/b.zip!/data.pkl" || violations[0].Rule.RuleInstance != id(112) {
		t.Errorf("violations %+v, %d, %v", violations, total, err)
	}
	v := must[store.ViolationRow](t)(s.Violation(ctx, scan.Evaluations[1].Violations[0].UUID))
	if diff := cmp.Diff(scan.Evaluations[1].Violations[0], v.Violation); diff != "" || v.Scan != scan.UUID || v.Rule.RuleName != "Load Time Code Execution Check" {
		t.Errorf("violation %+v\n%s", v, diff)
	}
	past, total, err := s.Violations(ctx, scan.UUID, 10, 5)
	if err != nil || total != 2 || len(past) != 0 {
		t.Errorf("past the end: %v, %d, %v", past, total, err)
	}
}

// Checklist 8, 12.
func files(t *testing.T, s *store.Store) {
	scan := Scan(1)
	deep := strings.Repeat("d/", 100) + "deep.bin"
	scan.Files = []model.ScanFile{
		{Path: "z.md", Result: model.FileSkipped},
		{Path: "a/x.pkl", Result: model.FileFailed, Formats: []string{"pickle"}},
		{Path: "a/b/y.bin", Result: model.FileError},
		{Path: "a/b/w.md", Result: model.FileSkipped},
		{Path: "c/ok", Result: model.FileSuccess},
		{Path: "a0", Result: model.FileSuccess},
		{Path: "c", Result: model.FileSuccess},
		{Path: deep, Result: model.FileSuccess},
	}
	put(t, s, scan)
	list := func(f store.FileFilter) string {
		t.Helper()
		rows, _, err := s.Files(t.Context(), scan.UUID, f)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range rows {
			name := r.Path
			if r.Directory {
				name += "/"
			}
			out = append(out, name+" "+string(r.Result))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct {
		name string
		f    store.FileFilter
		want string
	}{
		{"the top level", store.FileFilter{Under: "/"}, "a/ ERROR, a0 SUCCESS, c SUCCESS, c/ SUCCESS, d/ SUCCESS, z.md SKIPPED"},
		{"a directory", store.FileFilter{Under: "/a/"}, "a/b/ ERROR, a/x.pkl FAILED"},
		{"everything below it", store.FileFilter{Under: "a", Recursive: true}, "a/b/ ERROR, a/b/w.md SKIPPED, a/b/y.bin ERROR, a/x.pkl FAILED"},
		{"by type", store.FileFilter{ByType: true, Limit: 4}, "a/ ERROR, c/ SUCCESS, d/ SUCCESS, a0 SUCCESS"},
		{"backwards, one page", store.FileFilter{Reverse: true, Limit: 2, Skip: 1}, "d/ SUCCESS, c/ SUCCESS"},
		{"one result", store.FileFilter{Recursive: true, Result: model.FileFailed}, "a/x.pkl FAILED"},
		{"files alone", store.FileFilter{OnlyFiles: true}, "a0 SUCCESS, c SUCCESS, z.md SKIPPED"},
		{"a directory that is not there", store.FileFilter{Under: "x%"}, ""},
		{"the last directory that is kept holds what is deeper", store.FileFilter{Under: strings.Repeat("d/", 64)}, deep + " SUCCESS"},
	} {
		if got := list(c.f); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	_, total, err := s.Files(t.Context(), scan.UUID, store.FileFilter{Limit: 1})
	if err != nil || total != 6 {
		t.Errorf("total %d, %v; want 6", total, err)
	}
}

func concurrent(t *testing.T, s *store.Store) {
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 10 {
				scan := Scan(byte(n*10 + i))
				if err := s.PutScan(t.Context(), &scan); err != nil {
					t.Error(err)
				}
				got, err := s.Scan(t.Context(), scan.UUID)
				if err != nil || len(got.Files) != 3 {
					t.Errorf("read back: %d files, %v", len(got.Files), err)
				}
				s.RecordDownload(model.Download{Scan: scan.UUID})
			}
		})
	}
	wg.Wait()
	_, total, err := s.Scans(t.Context(), store.ScanFilter{Limit: 1})
	if err != nil || total != 80 {
		t.Errorf("%d scans, %v; want 80", total, err)
	}
}
