// Package store is the record: scans with everything that explains them, security groups, models, downloads, reports of
// files, and small facts remembered of upstream.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// ErrNotFound means that there is no row of that name or UUID.
var ErrNotFound = errors.New("not found")

var errTodo = errors.New("not written yet")

// Options say where the record is and who writes it.
type Options struct {
	// DSN is a path of a SQLite file, made if absent.
	DSN string
	// Instance names this process for [Store.Recover]; a restarted process has the name of its predecessor.
	Instance string
}

// Store is the record. All methods may be called at the same time.
type Store struct{}

// Open opens the record and brings its schema up to date.
func Open(ctx context.Context, o Options) (*Store, error) { return nil, errTodo }

// Close writes what is buffered and closes the record.
func (s *Store) Close() error { return errTodo }

// Recover settles the scans that a predecessor of this process left PENDING, and those of anybody that have been so for longer than
// stale, as ERROR: their UUIDs may have been told, so they are never deleted. It returns how many there were.
func (s *Store) Recover(ctx context.Context, stale time.Duration) (int, error) { return 0, errTodo }

// PutScan inserts a scan, or replaces the one of the same UUID, with its evaluations, violations, files and labels in one transaction.
// Evaluations, violations and files without a UUID are given one, in place.
func (s *Store) PutScan(ctx context.Context, scan *model.Scan) error { return errTodo }

// Grow adds to a scan of a version that is judged file by file: files and evaluations of the scan given are merged into the
// recorded one, in one transaction. What was recorded of the same files before is replaced. It returns the scan without files and
// evaluations, as recorded now. The outcome can go from ALLOWED to BLOCKED and never back.
func (s *Store) Grow(ctx context.Context, part *model.Scan) (model.Scan, error) {
	return model.Scan{}, errTodo
}

// Scan reads one scan whole.
func (s *Store) Scan(ctx context.Context, id uuid.UUID) (model.Scan, error) {
	return model.Scan{}, errTodo
}

// VerdictKey says which scans answer a question for a verdict.
type VerdictKey struct {
	Version        model.Version
	Group          uuid.UUID
	GroupRules     string // fingerprint
	ScannerVersion string
}

// ScanFor finds the newest ALLOWED or BLOCKED scan of a whole version, with evaluations and violations, without files.
func (s *Store) ScanFor(ctx context.Context, k VerdictKey) (model.Scan, bool, error) {
	return model.Scan{}, false, errTodo
}

// GrowingScanFor finds the scan of a version that is judged file by file, without files, evaluations and violations.
func (s *Store) GrowingScanFor(ctx context.Context, k VerdictKey) (model.Scan, bool, error) {
	return model.Scan{}, false, errTodo
}

// FileOf finds one file of a scan by its path.
func (s *Store) FileOf(ctx context.Context, scan uuid.UUID, path string) (model.ScanFile, bool, error) {
	return model.ScanFile{}, false, errTodo
}

// Report finds the report of a file. The key is whatever [Store.PutReport] was given.
func (s *Store) Report(ctx context.Context, key string) (finding.FileReport, bool, error) {
	return finding.FileReport{}, false, errTodo
}

// PutReport records the report of a file.
func (s *Store) PutReport(ctx context.Context, key string, r finding.FileReport) error {
	return errTodo
}

// EnsureGroups makes the record hold the default groups and the declared ones. A default group that exists stays as it is.
func (s *Store) EnsureGroups(ctx context.Context, defaults, declared []model.Group) error {
	return errTodo
}

// Group finds a group by UUID, also a deleted one.
func (s *Store) Group(ctx context.Context, id uuid.UUID) (model.Group, error) {
	return model.Group{}, errTodo
}

// GroupByName finds a live group by its exact name.
func (s *Store) GroupByName(ctx context.Context, name string) (model.Group, error) {
	return model.Group{}, errTodo
}

// PutGroup inserts or replaces a group with its rules.
func (s *Store) PutGroup(ctx context.Context, g *model.Group) error { return errTodo }

// RecordDownload notes a download. It never waits for the disk: it puts the row into a bounded buffer that is written every 200 ms
// or 500 rows, and at Close. A full buffer drops the row and counts it.
func (s *Store) RecordDownload(d model.Download) {}

// Fact is something remembered of upstream.
type Fact struct {
	Value []byte
	At    time.Time
}

// Remember records a fact under a key; the last one wins.
func (s *Store) Remember(ctx context.Context, key string, value []byte) error { return errTodo }

// Recall finds a fact.
func (s *Store) Recall(ctx context.Context, key string) (Fact, bool, error) {
	return Fact{}, false, errTodo
}
