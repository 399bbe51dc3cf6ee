package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// readScan reads the columns of scanColumns.
func readScan(scan func(...any) error) (model.Scan, error) {
	var s model.Scan
	var created, updated, started, finished int64
	var formats, labels string
	err := scan(
		&s.UUID, &created, &updated, &s.Version.Source, &s.Version.Kind, &s.Version.Name, &s.Version.Revision,
		&s.ModelURI, &s.ModelName, &s.ModelAuthor, &s.ModelVersion, &s.RequestedRevision, &s.ModelVersionUUID, &s.Owner, &s.Origin,
		&s.GroupUUID, &s.GroupName, &s.GroupRules, &s.Outcome, &s.ErrorCode, &s.ErrorMessage, &formats, &labels,
		&s.ScannerVersion, &s.SDKVersion, &started, &finished, &s.FilesScanned, &s.FilesSkipped, &s.EnabledRules,
		&s.Counts.Failed, &s.Counts.Passed, &s.Counts.Total, &s.Partial)
	if err != nil {
		return s, err
	}
	s.CreatedAt, s.UpdatedAt, s.TimeStarted, s.TimeFinished = unstamp(created), unstamp(updated), unstamp(started), unstamp(finished)
	return s, errors.Join(unlist(formats, &s.Formats), unlist(labels, &s.Labels))
}

func readOneScan(ctx context.Context, q queryer, id int64) (model.Scan, error) {
	s, err := readScan(q.QueryRowContext(ctx, "SELECT "+scanColumns+" FROM scans WHERE id = ?", id).Scan)
	return s, explain(err)
}

// snapshot runs f on one state of the record, however many queries it takes.
func (s *Store) snapshot(ctx context.Context, f func(q queryer) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return explain(err)
	}
	err = f(tx)
	if end := tx.Rollback(); end != nil && err == nil && !errors.Is(end, sql.ErrTxDone) {
		err = end
	}
	return err
}

// Scan reads one scan with evaluations, violations and files, or [ErrNotFound].
func (s *Store) Scan(ctx context.Context, id uuid.UUID) (model.Scan, error) {
	return s.read(ctx, id, true)
}

// ScanSummary reads one scan without evaluations and files, or [ErrNotFound].
func (s *Store) ScanSummary(ctx context.Context, id uuid.UUID) (model.Scan, error) {
	return s.read(ctx, id, false)
}

func (s *Store) read(ctx context.Context, id uuid.UUID, whole bool) (model.Scan, error) {
	var out model.Scan
	err := s.snapshot(ctx, func(q queryer) error {
		row, err := scanID(ctx, q, id)
		if err != nil {
			return err
		}
		if out, err = readOneScan(ctx, q, row); err != nil || !whole {
			return err
		}
		if out.Evaluations, err = withViolations(ctx, q, row); err != nil {
			return err
		}
		out.Files, err = rowsOf(ctx, q, func(r *sql.Rows) (model.ScanFile, error) {
			f, err := readFile(r.Scan, id)
			return f.ScanFile, err
		}, "SELECT "+fileColumns+" FROM files WHERE scan_id = ? AND directory = 0 ORDER BY path", row)
		return err
	})
	if err != nil {
		return model.Scan{}, fmt.Errorf("read scan %s: %w", id, err)
	}
	return out, nil
}

// VerdictKey says which scans answer a question for a verdict.
type VerdictKey struct {
	Version        model.Version
	Group          uuid.UUID
	GroupRules     string // fingerprint of the group's rules
	ScannerVersion string
}

// ScanFor finds the newest ALLOWED or BLOCKED scan of a whole version, with evaluations and violations, without files. Scans
// that somebody else's scanner made must be recorded as Partial, so that they are never found here.
func (s *Store) ScanFor(ctx context.Context, k VerdictKey) (model.Scan, bool, error) {
	return s.newest(ctx, k, "partial = 0 AND outcome IN ('ALLOWED', 'BLOCKED')", true)
}

// GrowingScanFor finds the newest scan of a version that is judged file by file, without files, and with evaluations but without their
// violations. Only scans that a door started grow: one that a client asked for with patterns stays as it is.
func (s *Store) GrowingScanFor(ctx context.Context, k VerdictKey) (model.Scan, bool, error) {
	return s.newest(ctx, k, "partial = 1 AND origin = 'GATEWAY' AND outcome IN ('PENDING', 'ALLOWED', 'BLOCKED')", false)
}

func (s *Store) newest(ctx context.Context, k VerdictKey, condition string, violations bool) (model.Scan, bool, error) {
	var out model.Scan
	err := s.snapshot(ctx, func(q queryer) error {
		var id int64
		err := q.QueryRowContext(ctx, `SELECT id FROM scans WHERE version_key = ? AND group_uuid = ? AND group_rules = ? AND scanner_version = ?
			AND `+condition+" ORDER BY id DESC LIMIT 1", k.Version.Key(), k.Group, k.GroupRules, k.ScannerVersion).Scan(&id)
		if err != nil {
			return explain(err)
		}
		if out, err = readOneScan(ctx, q, id); err != nil {
			return err
		}
		if violations {
			out.Evaluations, err = withViolations(ctx, q, id)
		} else {
			out.Evaluations, err = evaluationsOf(ctx, q, id)
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return model.Scan{}, false, nil
	}
	if err != nil {
		return model.Scan{}, false, fmt.Errorf("find scan of %s: %w", k.Version, err)
	}
	return out, true, nil
}

// ViolationsOf reads what a growing scan holds of one file and of the version as a whole: its evaluations, each with those
// violations alone.
func (s *Store) ViolationsOf(ctx context.Context, scan uuid.UUID, path string) ([]model.Evaluation, error) {
	var out []model.Evaluation
	err := s.snapshot(ctx, func(q queryer) error {
		id, err := scanID(ctx, q, scan)
		if err != nil {
			return err
		}
		if out, err = evaluationsOf(ctx, q, id); err != nil {
			return err
		}
		for i := range out {
			out[i].Violations, err = rowsOf(ctx, q, func(r *sql.Rows) (v model.Violation, err error) {
				var file, path string
				var body []byte
				if err := r.Scan(&file, &path, &body); err != nil {
					return v, err
				}
				return v, decodeViolation(file, path, body, &v)
			}, `SELECT file, path, body FROM violations WHERE evaluation_id = (SELECT id FROM evaluations WHERE uuid = ?)
				AND (path = '' OR path = ?) ORDER BY file, pos`, out[i].UUID, path)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read violations of scan %s: %w", scan, err)
	}
	return out, nil
}
