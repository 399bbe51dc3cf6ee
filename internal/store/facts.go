package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"modelgate/internal/finding"
)

// Report finds the report of a file. The key is whatever [Store.PutReport] was given; it names bytes and scanner.
func (s *Store) Report(ctx context.Context, key string) (finding.FileReport, bool, error) {
	var body []byte
	err := explain(s.reader.QueryRowContext(ctx, "SELECT body FROM file_reports WHERE key = ?", key).Scan(&body))
	if errors.Is(err, ErrNotFound) {
		return finding.FileReport{}, false, nil
	}
	var r finding.FileReport
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return finding.FileReport{}, false, fmt.Errorf("read report of a file: %w", err)
	}
	return r, true, nil
}

// reportsAtOnce is how many reports one query asks for.
const reportsAtOnce = 500

// Reports finds the reports of many files, by their keys. Keys of which nothing is known are left out.
func (s *Store) Reports(ctx context.Context, keys []string) (map[string]finding.FileReport, error) {
	found := map[string]finding.FileReport{}
	for some := range slices.Chunk(keys, reportsAtOnce) {
		args := make([]any, len(some))
		for i, key := range some {
			args[i] = key
		}
		_, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (struct{}, error) {
			var key string
			var body []byte
			var report finding.FileReport
			err := r.Scan(&key, &body)
			if err == nil {
				err = json.Unmarshal(body, &report)
			}
			found[key] = report
			return struct{}{}, err
		}, "SELECT key, body FROM file_reports WHERE key IN ("+placeholders(len(some))+")", args...)
		if err != nil {
			return nil, fmt.Errorf("read reports of files: %w", err)
		}
	}
	return found, nil
}

// PutReport records the report of a file.
func (s *Store) PutReport(ctx context.Context, key string, r finding.FileReport) error {
	return s.PutReports(ctx, map[string]finding.FileReport{key: r})
}

// PutReports records the reports of files by their keys, in one transaction.
func (s *Store) PutReports(ctx context.Context, reports map[string]finding.FileReport) error {
	return s.change(ctx, "record reports of files", func(tx *sql.Tx) error {
		at := stamp(now())
		return forEach(ctx, tx, slices.Sorted(maps.Keys(reports)), `INSERT INTO file_reports (key, at, body) VALUES (?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET at = excluded.at, body = excluded.body`, func(_ int, key string) ([]any, error) {
			body, err := json.Marshal(reports[key])
			if err != nil {
				return nil, fmt.Errorf("encode report of a file: %w", err)
			}
			return []any{key, at, body}, nil
		})
	})
}

// Fact is something remembered of upstream: the last commit of a branch, the metadata of a version.
type Fact struct {
	Value []byte
	At    time.Time
}

// Remember records a fact under a key; the last one wins.
func (s *Store) Remember(ctx context.Context, key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := s.writer.ExecContext(ctx, `INSERT INTO facts (key, at, value) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET at = excluded.at, value = excluded.value`, key, stamp(now()), value)
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, explain(err))
	}
	return nil
}

// Recall finds a fact.
func (s *Store) Recall(ctx context.Context, key string) (Fact, bool, error) {
	var f Fact
	var at int64
	err := explain(s.reader.QueryRowContext(ctx, "SELECT at, value FROM facts WHERE key = ?", key).Scan(&at, &f.Value))
	if errors.Is(err, ErrNotFound) {
		return Fact{}, false, nil
	}
	if err != nil {
		return Fact{}, false, fmt.Errorf("recall %s: %w", key, err)
	}
	f.At = unstamp(at)
	return f, true, nil
}

// Forget removes a fact; one that is not there is no error.
func (s *Store) Forget(ctx context.Context, key string) error {
	if _, err := s.writer.ExecContext(ctx, "DELETE FROM facts WHERE key = ?", key); err != nil {
		return fmt.Errorf("forget %s: %w", key, explain(err))
	}
	return nil
}
