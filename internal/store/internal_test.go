package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

func openHere(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "record.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAFullDiskIsSaidClearlyAndPasses(t *testing.T) {
	s := openHere(t)
	ctx := t.Context()
	var pages int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		if _, err := s.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 1)
	report := finding.FileReport{Formats: []string{string(make([]byte, 100_000))}}
	scan := model.Scan{UUID: uuid.New(), Outcome: model.Blocked, Owner: string(make([]byte, 100_000))}
	for what, err := range map[string]error{"report": s.PutReport(ctx, "k", report), "scan": s.PutScan(ctx, &scan)} {
		if !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want ErrFull", what, err)
		}
	}
	if _, err := s.Scan(ctx, scan.UUID); !errors.Is(err, ErrNotFound) {
		t.Errorf("half of a scan was recorded: %v", err)
	}
	limit(1 << 20)
	if err := s.PutScan(ctx, &scan); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// Whatever a query for labels says, it is refused or becomes SQL that the database takes, with its words as arguments alone.
func FuzzLabelsQuery(f *testing.F) {
	for _, q := range []string{"a:b", "a:* AND (b:c OR d:e)", "((a:b))", "a:b' OR 1=1 --", ") OR (", "AND OR", "a:b OR c:d AND e:f"} {
		f.Add(q)
	}
	s := openHere(f)
	f.Fuzz(func(t *testing.T, q string) {
		_, _, err := s.Scans(t.Context(), ScanFilter{LabelsQuery: q, Limit: 1})
		var wrong *QueryError
		if err != nil && !errors.As(err, &wrong) {
			t.Errorf("%q: %v", q, err)
		}
	})
}

// fill records n scans of many models, in one transaction.
func fill(b *testing.B, s *Store, n int) {
	b.Helper()
	tx, err := s.writer.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	outcomes := []model.Outcome{model.Allowed, model.Allowed, model.Allowed, model.Blocked, model.Errored}
	for i := range n {
		at = at.Add(time.Second)
		scan := model.Scan{
			UUID: uuid.New(), CreatedAt: at, UpdatedAt: at, Outcome: outcomes[i%5], GroupUUID: model.Namespace(), GroupRules: "r", ScannerVersion: "s",
			Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: fmt.Sprintf("org%d/model%d", i/10%1000, i/10), Revision: fmt.Sprintf("%040d", i)},
		}
		scan.ModelURI = scan.Version.URI()
		if _, err := s.upsertScan(b.Context(), tx, &scan); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLists(b *testing.B) {
	s := openHere(b)
	const scans = 200_000
	fill(b, s, scans)
	for name, f := range map[string]ScanFilter{
		"newest":   {Limit: 10},
		"deep":     {Limit: 10, Skip: scans / 2},
		"outcomes": {Limit: 10, Outcomes: []model.Outcome{model.Blocked, model.Errored}},
		"search":   {Limit: 10, Search: "org77/"},
		"uuid":     {Limit: 10, Search: "1234abcd"},
		"all":      {Limit: 10, Search: "huggingface"},
		"month":    {Limit: 10, Start: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Scans(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPutScan(b *testing.B) {
	s := openHere(b)
	scan := model.Scan{Outcome: model.Allowed, ModelVersionUUID: model.Namespace()}
	for i := range 11 {
		scan.Evaluations = append(scan.Evaluations, model.Evaluation{Rule: uuid.NewSHA1(uuid.Nil, []byte{byte(i)}), RuleName: fmt.Sprint("rule ", i), Result: model.Passed})
	}
	for i := range 20 {
		scan.Files = append(scan.Files, model.ScanFile{Path: fmt.Sprintf("dir/file%d", i), Result: model.FileSuccess, Formats: []string{"safetensors"}})
	}
	for b.Loop() {
		one := scan
		one.UUID = uuid.New()
		one.Evaluations = append([]model.Evaluation(nil), scan.Evaluations...)
		for i := range one.Evaluations {
			one.Evaluations[i].UUID = uuid.Nil
		}
		if err := s.PutScan(b.Context(), &one); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanFor(b *testing.B) {
	s := openHere(b)
	fill(b, s, 50_000)
	k := VerdictKey{
		Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org0/model0", Revision: fmt.Sprintf("%040d", 0)},
		Group:   model.Namespace(), GroupRules: "r", ScannerVersion: "s",
	}
	for b.Loop() {
		if _, ok, err := s.ScanFor(b.Context(), k); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkGrow(b *testing.B) {
	s := openHere(b)
	scan := model.Scan{UUID: uuid.New(), Outcome: model.Allowed, Partial: true}
	for i := range 50_000 {
		scan.Files = append(scan.Files, model.ScanFile{Path: fmt.Sprintf("data/train/%d.parquet", i), Result: model.FileSuccess, Formats: []string{"parquet"}})
	}
	if err := s.PutScan(b.Context(), &scan); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		part := model.Scan{UUID: scan.UUID, Files: []model.ScanFile{{Path: fmt.Sprintf("data/train/new-%d", n), Result: model.FileSuccess}}}
		for i := range 11 {
			part.Evaluations = append(part.Evaluations, model.Evaluation{Rule: uuid.NewSHA1(uuid.Nil, []byte{byte(i)}), RuleName: fmt.Sprint("rule ", i), Result: model.Passed})
		}
		if _, err := s.Grow(b.Context(), &part); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLabelsQueryBoundsKeysAndValues(t *testing.T) {
	for query, good := range map[string]bool{
		strings.Repeat("k", 128) + ":" + strings.Repeat("v", 256): true,
		strings.Repeat("k", 129) + ":v":                           false,
		"k:" + strings.Repeat("v", 257):                           false,
		"k:*":                                                     true,
		"k:v*":                                                    false,
		":v":                                                      false,
	} {
		_, _, err := parseLabelsQuery(query)
		if (err == nil) != good {
			t.Errorf("%.10q of %d characters: %v", query, len(query), err)
		}
	}
}
