// Package storetest holds every implementation of the record to the same behaviour.
package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

// Open gives a test an empty record whose process has the name "test". It is closed when the test ends.
type Open func(t *testing.T) *store.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *store.Store)
	}{
		{"a scan comes back as it was put", scanRoundTrip},
		{"a scan put again replaces itself and keeps labels and UUIDs", scanReplace},
		{"a scan that is not there is not found", notFound},
		{"the verdict path finds the newest settled scan of exactly this question", scanFor},
		{"a growing scan takes files one by one", growing},
		{"a growing scan tells names apart", growingNames},
		{"a growing scan keeps to its rules", growingRules},
		{"blocked revisions of a model are told", blockedRevisions},
		{"scans are listed by every filter", listScans},
		{"scans are found by labels", labelsQuery},
		{"labels are added, set, deleted and listed", labels},
		{"evaluations and violations are listed and looked up", evaluations},
		{"files are listed as a tree", files},
		{"pending scans of a predecessor are settled", recovery},
		{"groups are kept, changed and buried", groups},
		{"default and declared groups are ensured", ensureGroups},
		{"changes stand in the audit log with their author", auditLog},
		{"what the gate has done is summed up", overview},
		{"models and versions follow from scans", models},
		{"downloads are recorded behind the caller's back", downloads},
		{"reports and facts are kept", facts},
		{"many writers and readers get along", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// at is a time on the record's clock, minutes after a fixed one.
func at(minutes int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

// id is a UUID made of one number.
func id(n byte) uuid.UUID {
	u := uuid.MustParse("aaaaaaaa-0000-4000-8000-000000000000")
	u[15] = n
	return u
}

// Scan is a scan with something in every field.
func Scan(n byte) model.Scan {
	version := model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name", Revision: "7b40bb0f92c45fefa957d088000d8648e5c7fa33"}
	return model.Scan{
		UUID: id(n), CreatedAt: at(int(n)), UpdatedAt: at(int(n)), Version: version, ModelURI: version.URI(), ModelName: "org/name",
		ModelAuthor: "org", ModelVersion: version.Revision, RequestedRevision: "main", ModelVersionUUID: id(200), Owner: "anonymous",
		Origin: model.OriginGateway, GroupUUID: id(100), GroupName: "Default HUGGING_FACE", GroupRules: "rules", Outcome: model.Blocked,
		Labels: []model.Label{{Key: "env", Value: "prod"}, {Key: "team", Value: "ml"}}, Formats: []string{"pickle", "safetensors"},
		ScannerVersion: "s1", SDKVersion: "1.0", TimeStarted: at(int(n)), TimeFinished: at(int(n) + 1), FilesScanned: 2, FilesSkipped: 1,
		EnabledRules: 2,
		Evaluations: []model.Evaluation{
			{RuleInstance: id(110), Rule: id(111), RuleName: "License Exists", Description: "Models should have a license", State: model.Allowing, Result: model.Passed},
			{
				RuleInstance: id(112), Rule: id(113), RuleName: "Load Time Code Execution Check", Description: "…", State: model.Blocking, Result: model.Failed,
				Violations: []model.Violation{
					{
						Description: "runs system", File: "a.pkl", BlobID: "b10b", Module: "posix", Operator: "system", Threat: "PAIT-PKL-100",
						ThreatTitle: "Pickle …", Severity: "critical", Evidence: "cposix\nsystem", Offset: 12, Steps: []string{"do not"},
					},
					{Description: "in a member", File: "dir/b.zip!/data.pkl", Member: "data.pkl", Threat: "PAIT-PKL-100", Severity: "critical", Offset: -1},
				},
			},
		},
		Files: []model.ScanFile{
			{Path: "README.md", Size: 1, Formats: []string{"not_model"}, Result: model.FileSkipped},
			{Path: "a.pkl", Size: 20, Digest: "sha256:00", BlobID: "b10b", Formats: []string{"pickle"}, Result: model.FileFailed},
			{Path: "dir/b.zip", Size: 30, Formats: []string{"zip", "pickle"}, Result: model.FileFailed, Error: "odd"},
		},
	}
}

func put(t *testing.T, s *store.Store, scan model.Scan) model.Scan {
	t.Helper()
	if err := s.PutScan(t.Context(), &scan); err != nil {
		t.Fatal(err)
	}
	return scan
}

func read(t *testing.T, s *store.Store, id uuid.UUID) model.Scan {
	t.Helper()
	got, err := s.Scan(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// same compares scans, leaving out the counts that reading adds.
func same(t *testing.T, what string, want, got model.Scan) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(model.Scan{}, "Counts"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
