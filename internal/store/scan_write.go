package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// scanColumns are the columns of a scan in the order of scanValues and readScan, without id and instance.
const scanColumns = `uuid, created_at, updated_at, source, kind, name, revision, model_uri, model_name, model_author, model_version,
	requested_revision, model_version_uuid, owner, origin, group_uuid, group_name, group_rules, outcome, error_code, error_message,
	formats, labels, scanner_version, sdk_version, time_started, time_finished, files_scanned, files_skipped, enabled_rules,
	rules_failed, rules_passed, rules_total, partial`

func scanValues(s *model.Scan) []any {
	failed, passed, total := s.Summary()
	return []any{
		s.UUID, stamp(s.CreatedAt), stamp(s.UpdatedAt), s.Version.Source, s.Version.Kind, s.Version.Name, s.Version.Revision,
		s.ModelURI, s.ModelName, s.ModelAuthor, s.ModelVersion, s.RequestedRevision, s.ModelVersionUUID, s.Owner, s.Origin,
		s.GroupUUID, s.GroupName, s.GroupRules, s.Outcome, s.ErrorCode, s.ErrorMessage, list(s.Formats), list(s.Labels),
		s.ScannerVersion, s.SDKVersion, stamp(s.TimeStarted), stamp(s.TimeFinished), s.FilesScanned, s.FilesSkipped, s.EnabledRules,
		failed, passed, total, s.Partial,
	}
}

// list is a list as the record keeps it.
func list[T any](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	text, err := json.Marshal(values)
	if err != nil { // strings and structs of strings always encode
		return "[]"
	}
	return string(text)
}

// PutScan inserts a scan, or replaces the one of the same UUID, with its evaluations, violations and files in one transaction.
// What has no UUID or time is given one, in place. Labels of the scan are added to those that people have
// attached to it meanwhile.
func (s *Store) PutScan(ctx context.Context, scan *model.Scan) error {
	if scan.UUID == uuid.Nil {
		return errors.New("record scan: it has no UUID")
	}
	complete(scan)
	return s.change(ctx, "record scan "+scan.UUID.String(), func(tx *sql.Tx) error {
		id, err := s.upsertScan(ctx, tx, scan)
		if err != nil {
			return err
		}
		for _, query := range []string{
			"DELETE FROM violations WHERE scan_id = ?", "DELETE FROM evaluations WHERE scan_id = ?", "DELETE FROM files WHERE scan_id = ?",
		} {
			if _, err := tx.ExecContext(ctx, query, id); err != nil {
				return err
			}
		}
		if err := insertEvaluations(ctx, tx, id, scan); err != nil {
			return err
		}
		if err := insertFiles(ctx, tx, id, tree(scan.Files)); err != nil {
			return err
		}
		if err := addLabels(ctx, tx, id, scan.Labels); err != nil {
			return err
		}
		return putModel(ctx, tx, scan)
	})
}

// complete gives times and UUIDs to what has none.
func complete(scan *model.Scan) {
	if scan.CreatedAt.IsZero() {
		scan.CreatedAt = now()
	}
	if scan.UpdatedAt.IsZero() {
		scan.UpdatedAt = now()
	}
	for i := range scan.Evaluations {
		e := &scan.Evaluations[i]
		if e.UUID == uuid.Nil {
			e.UUID = evaluationUUID(scan.UUID, e.Rule)
		}
		for j := range e.Violations {
			if e.Violations[j].UUID == uuid.Nil {
				e.Violations[j].UUID = newID()
			}
		}
	}
	for i := range scan.Files {
		scan.Files[i].UUID = fileUUID(scan.UUID, scan.Files[i].Path, false)
	}
}

// evaluationUUID is stable, so that an evaluation that grows keeps its name.
func evaluationUUID(scan, rule uuid.UUID) uuid.UUID {
	return uuid.NewSHA1(scan, []byte("evaluation:"+rule.String()))
}

// fileUUID is stable, so it need not be kept.
func fileUUID(scan uuid.UUID, path string, directory bool) uuid.UUID {
	if directory {
		path += "/"
	}
	return uuid.NewSHA1(scan, []byte("file:"+path))
}

// upsertScan writes the row of a scan and returns its id.
func (s *Store) upsertScan(ctx context.Context, tx *sql.Tx, scan *model.Scan) (id int64, err error) {
	_, err = tx.ExecContext(ctx, "INSERT INTO uris (uri, search) VALUES (?, ?) ON CONFLICT (uri) DO NOTHING", scan.ModelURI, strings.ToLower(scan.ModelURI))
	if err != nil {
		return 0, err
	}
	values := append(scanValues(scan), s.instance, scan.Version.Key(), scan.ModelURI)
	err = tx.QueryRowContext(ctx, upsertScanQuery(), values...).Scan(&id)
	return id, err
}

// upsertScanQuery inserts or updates all columns of a scan, but updates neither its UUID nor its labels, which are changed by
// [addLabels] and its like alone.
func upsertScanQuery() string {
	columns := strings.Split(strings.Join(strings.Fields(scanColumns), ""), ",")
	var updates []string
	for _, c := range columns {
		if c != "labels" && c != "uuid" {
			updates = append(updates, c+" = excluded."+c)
		}
	}
	return fmt.Sprintf(`INSERT INTO scans (%s, instance, version_key, uri_id) VALUES (%s, (SELECT id FROM uris WHERE uri = ?))
		ON CONFLICT (uuid) DO UPDATE SET %s, instance = excluded.instance, version_key = excluded.version_key, uri_id = excluded.uri_id
		RETURNING id`, scanColumns, placeholders(len(columns)+2), strings.Join(updates, ", "))
}

// insertEvaluations writes the evaluations of a scan with their violations.
func insertEvaluations(ctx context.Context, tx *sql.Tx, scanID int64, scan *model.Scan) error {
	for pos := range scan.Evaluations {
		e := &scan.Evaluations[pos]
		id, err := upsertEvaluation(ctx, tx, scanID, pos, scan.UpdatedAt, e, len(e.Violations))
		if err != nil {
			return err
		}
		if err := insertViolations(ctx, tx, scanID, id, scan.UpdatedAt, e.Violations); err != nil {
			return err
		}
	}
	return nil
}

// upsertEvaluation writes the row of an evaluation and returns its id.
func upsertEvaluation(ctx context.Context, tx *sql.Tx, scanID int64, pos int, at time.Time, e *model.Evaluation, violations int) (id int64, err error) {
	_, err = tx.ExecContext(ctx, `INSERT INTO rule_texts (name, description) VALUES (?, ?) ON CONFLICT (name, description) DO NOTHING`,
		e.RuleName, e.Description)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `INSERT INTO evaluations (uuid, scan_id, pos, created_at, updated_at, rule_uuid, rule_instance, text_id, state,
		result, reason, violation_count)
		VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT id FROM rule_texts WHERE name = ? AND description = ?), ?, ?, ?, ?)
		ON CONFLICT (scan_id, rule_uuid) DO UPDATE SET updated_at = excluded.updated_at, state = excluded.state, result = excluded.result,
			reason = excluded.reason, violation_count = excluded.violation_count
		RETURNING id`,
		e.UUID, scanID, pos, stamp(at), stamp(at), e.Rule, e.RuleInstance, e.RuleName, e.Description, e.State,
		e.Result, e.Reason, violations).Scan(&id)
	return id, err
}

func insertViolations(ctx context.Context, tx *sql.Tx, scanID, evaluationID int64, at time.Time, violations []model.Violation) error {
	return forEach(ctx, tx, violations, `INSERT INTO violations (uuid, scan_id, evaluation_id, pos, created_at, file, path, threat, severity, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, func(pos int, v model.Violation) ([]any, error) {
		body, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode violation: %w", err)
		}
		return []any{v.UUID, scanID, evaluationID, pos, stamp(at), v.File, v.Path(), v.Threat, v.Severity, string(body)}, nil
	})
}

// Recover settles the scans that a predecessor of this process left PENDING, and those of anybody that nobody has touched for longer
// than stale, as ERROR. Their UUIDs may have been told, so they are never deleted. It returns how many there were.
func (s *Store) Recover(ctx context.Context, stale time.Duration) (int, error) {
	at := now()
	result, err := s.writer.ExecContext(ctx, `UPDATE scans SET outcome = ?, error_code = 'SCAN_ERROR',
		error_message = 'the gateway stopped while this scan ran', updated_at = ?, time_finished = ?
		WHERE outcome = 'PENDING' AND (instance = ? OR updated_at < ?)`,
		model.Errored, stamp(at), stamp(at), s.instance, stamp(at.Add(-stale)))
	if err != nil {
		return 0, fmt.Errorf("recover pending scans: %w", explain(err))
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("recover pending scans: %w", err)
	}
	return int(n), nil
}

// merge joins two lists of names, sorted, without repetition.
func merge(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
