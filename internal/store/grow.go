package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// Grow adds to a scan of a version that is judged file by file: the files and evaluations given are merged into the
// recorded scan of the same UUID, in one transaction. Whatever was recorded of the same files before is replaced. It returns the
// scan as it is now, without files, and with evaluations but without their violations. The outcome can go from ALLOWED
// to BLOCKED and never back.
func (s *Store) Grow(ctx context.Context, part *model.Scan) (model.Scan, error) {
	complete(part)
	var grown model.Scan
	err := s.change(ctx, "grow scan "+part.UUID.String(), func(tx *sql.Tx) error {
		id, err := scanID(ctx, tx, part.UUID)
		if err != nil {
			return err
		}
		if grown, err = readOneScan(ctx, tx, id); err != nil {
			return err
		}
		if !grown.Partial {
			return errors.New("it is of a whole version")
		}
		if err := growFiles(ctx, tx, id, part, &grown); err != nil {
			return err
		}
		for pos := range part.Evaluations {
			if err := growEvaluation(ctx, tx, id, pos, part); err != nil {
				return err
			}
		}
		if grown.Evaluations, err = evaluationsOf(ctx, tx, id); err != nil {
			return err
		}
		settle(&grown, part)
		_, err = s.upsertScan(ctx, tx, &grown)
		return err
	})
	return grown, err
}

// settle brings outcome, counts and times of a scan in line with its evaluations.
func settle(grown, part *model.Scan) {
	outcome, reason := model.Decide(grown.Evaluations)
	if grown.Outcome != model.Blocked {
		grown.Outcome, grown.ErrorCode, grown.ErrorMessage = outcome, "", reason
		if outcome == model.Errored {
			grown.ErrorCode = "POLICY_EVAL_ERROR"
		}
	}
	grown.Formats = merge(grown.Formats, part.Formats)
	grown.EnabledRules = len(grown.Evaluations)
	grown.UpdatedAt = now()
	grown.TimeFinished = grown.UpdatedAt
}

// growFiles merges the files of part and counts them in grown. What it costs depends on part alone, as long as no file
// turns out better than before.
func growFiles(ctx context.Context, tx *sql.Tx, id int64, part, grown *model.Scan) error {
	better := false
	for _, f := range part.Files {
		before, known, err := recordedFile(ctx, tx, id, f.Path)
		if err != nil {
			return err
		}
		if known {
			better = better || before.rank > rankOf(f.Result)
			countFile(grown, before.formats == list([]string{notModel}), -1)
		}
		countFile(grown, slices.Equal(f.Formats, []string{notModel}), 1)
	}
	rows := tree(part.Files)
	if err := insertFiles(ctx, tx, id, rows); err != nil || !better {
		return err
	}
	for _, row := range rows {
		if !row.Directory {
			continue
		}
		_, err := tx.ExecContext(ctx, `UPDATE files SET rank =
			(SELECT max(f.rank) FROM files f WHERE f.scan_id = ? AND f.path >= ? AND f.path < ? AND f.directory = 0)
			WHERE scan_id = ? AND path = ? AND directory = 1`, id, row.Path+"/", row.Path+"0", id, row.Path)
		if err != nil {
			return err
		}
	}
	return nil
}

// fileBefore is what was recorded of a file.
type fileBefore struct {
	rank    int
	formats string
}

func recordedFile(ctx context.Context, tx *sql.Tx, id int64, path string) (f fileBefore, known bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT rank, formats FROM files WHERE scan_id = ? AND path = ? AND directory = 0", id, path).Scan(&f.rank, &f.formats)
	if errors.Is(err, sql.ErrNoRows) {
		return f, false, nil
	}
	return f, err == nil, err
}

// countFile adds n files to what a scan counts.
func countFile(s *model.Scan, skipped bool, n int) {
	if skipped {
		s.FilesSkipped += n
	} else {
		s.FilesScanned += n
	}
}

// notModel is the format of files that are no model material.
const notModel = "not_model"

// growEvaluation replaces what an evaluation holds of the files of part, and of the version as a whole.
func growEvaluation(ctx context.Context, tx *sql.Tx, id int64, pos int, part *model.Scan) error {
	e := &part.Evaluations[pos]
	before, err := count(ctx, tx, "SELECT coalesce(sum(violation_count), 0) FROM evaluations WHERE scan_id = ? AND rule_uuid = ?", id, e.Rule)
	if err != nil {
		return err
	}
	evaluation, err := upsertEvaluation(ctx, tx, id, pos, part.UpdatedAt, e, 0)
	if err != nil {
		return err
	}
	gone, err := tx.ExecContext(ctx, "DELETE FROM violations WHERE evaluation_id = ? AND path = ''", evaluation)
	if err != nil {
		return err
	}
	n, err := gone.RowsAffected()
	if err != nil {
		return err
	}
	total := before + len(e.Violations) - int(n)
	for _, f := range part.Files {
		gone, err := tx.ExecContext(ctx, "DELETE FROM violations WHERE evaluation_id = ? AND path = ?", evaluation, f.Path)
		if err != nil {
			return err
		}
		if n, err = gone.RowsAffected(); err != nil {
			return err
		}
		total -= int(n)
	}
	if err := insertViolations(ctx, tx, id, evaluation, part.UpdatedAt, e.Violations); err != nil {
		return err
	}
	result := e.Result
	if total > 0 {
		result = model.Failed
	}
	_, err = tx.ExecContext(ctx, "UPDATE evaluations SET violation_count = ?, result = ? WHERE id = ?", total, result, evaluation)
	return err
}

// scanID finds the row of a scan.
func scanID(ctx context.Context, q queryer, id uuid.UUID) (row int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT id FROM scans WHERE uuid = ?", id).Scan(&row)
	return row, explain(err)
}

// evaluationsOf reads the evaluations of a scan without their violations.
func evaluationsOf(ctx context.Context, q queryer, id int64) ([]model.Evaluation, error) {
	return rowsOf(ctx, q, func(r *sql.Rows) (model.Evaluation, error) {
		row, err := readEvaluation(r.Scan)
		return row.Evaluation, err
	}, selectEvaluation+" WHERE e.scan_id = ? ORDER BY e.pos", id)
}

// withViolations reads the evaluations of a scan with everything in them.
func withViolations(ctx context.Context, q queryer, id int64) ([]model.Evaluation, error) {
	evaluations, err := evaluationsOf(ctx, q, id)
	if err != nil {
		return nil, err
	}
	place := map[uuid.UUID]int{}
	for i, e := range evaluations {
		place[e.UUID] = i
	}
	type violation struct {
		evaluation uuid.UUID
		model.Violation
	}
	violations, err := rowsOf(ctx, q, func(r *sql.Rows) (violation, error) {
		var v violation
		var body []byte
		var file, path string
		if err := r.Scan(&v.evaluation, &file, &path, &body); err != nil {
			return v, err
		}
		return v, decodeViolation(file, path, body, &v.Violation)
	}, `SELECT e.uuid, v.file, v.path, v.body FROM evaluations e JOIN violations v ON v.evaluation_id = e.id
		WHERE e.scan_id = ? ORDER BY e.pos, v.file, v.pos`, id)
	if err != nil {
		return nil, err
	}
	for _, v := range violations {
		i := place[v.evaluation]
		evaluations[i].Violations = append(evaluations[i].Violations, v.Violation)
	}
	return evaluations, nil
}

// decodeViolation reads a violation. File and member come from columns of their own, where they stand byte for byte even if
// they are not UTF-8.
func decodeViolation(file, path string, body []byte, v *model.Violation) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("decode violation: %w", err)
	}
	v.File, v.Member = file, ""
	if file != path {
		v.Member = strings.TrimPrefix(file, path+"!/")
	}
	return nil
}
