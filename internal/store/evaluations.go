package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// EvaluationRow is an evaluation without its violations, at its place.
type EvaluationRow struct {
	model.Evaluation
	Scan       uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Violations int
}

// EvaluationFilter chooses evaluations of a scan.
type EvaluationFilter struct {
	Result       model.RuleResult
	RuleInstance uuid.UUID
	Reverse      bool // last rule of the catalogue first
	Limit        int  // 0 is all
	Skip         int
}

const selectEvaluation = `SELECT e.uuid, s.uuid, e.created_at, e.updated_at, e.rule_uuid, e.rule_instance, t.name, t.description, e.state,
	e.result, e.reason, e.violation_count
	FROM evaluations e JOIN rule_texts t ON t.id = e.text_id JOIN scans s ON s.id = e.scan_id`

func readEvaluation(scan func(...any) error) (EvaluationRow, error) {
	var e EvaluationRow
	var created, updated int64
	err := scan(&e.UUID, &e.Scan, &created, &updated, &e.Rule, &e.RuleInstance, &e.RuleName, &e.Description, &e.State,
		&e.Result, &e.Reason, &e.Violations)
	e.CreatedAt, e.UpdatedAt = unstamp(created), unstamp(updated)
	return e, explain(err)
}

// Evaluations lists evaluations of a scan in the order of the catalogue, and says how many there are without limit and skip.
func (s *Store) Evaluations(ctx context.Context, scan uuid.UUID, f EvaluationFilter) ([]EvaluationRow, int, error) {
	id, err := scanID(ctx, s.reader, scan)
	if err != nil {
		return nil, 0, fmt.Errorf("list evaluations of scan %s: %w", scan, err)
	}
	where, args := " WHERE e.scan_id = ?", []any{id}
	if f.Result != "" {
		where, args = where+" AND e.result = ?", append(args, f.Result)
	}
	if f.RuleInstance != uuid.Nil {
		where, args = where+" AND e.rule_instance = ?", append(args, f.RuleInstance)
	}
	total, err := count(ctx, s.reader, "SELECT count(*) FROM evaluations e"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count evaluations of scan %s: %w", scan, err)
	}
	order := " ORDER BY e.pos"
	if f.Reverse {
		order += " DESC"
	}
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (EvaluationRow, error) { return readEvaluation(r.Scan) },
		selectEvaluation+where+order+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list evaluations of scan %s: %w", scan, err)
	}
	return rows, total, nil
}

// Evaluation finds one evaluation, or [ErrNotFound].
func (s *Store) Evaluation(ctx context.Context, id uuid.UUID) (EvaluationRow, error) {
	e, err := readEvaluation(s.reader.QueryRowContext(ctx, selectEvaluation+" WHERE e.uuid = ?", id).Scan)
	if err != nil {
		return e, fmt.Errorf("read evaluation %s: %w", id, err)
	}
	return e, nil
}

// ViolationRow is a violation with the rule that found it.
type ViolationRow struct {
	model.Violation
	Scan      uuid.UUID
	CreatedAt time.Time
	// Rule is the evaluation that the violation belongs to, without violations.
	Rule model.Evaluation
}

const selectViolation = `SELECT v.created_at, v.file, v.path, v.body, s.uuid, e.uuid, e.rule_uuid, e.rule_instance, t.name, t.description, e.state, e.result
	FROM violations v JOIN evaluations e ON e.id = v.evaluation_id JOIN rule_texts t ON t.id = e.text_id JOIN scans s ON s.id = v.scan_id`

func readViolation(scan func(...any) error) (ViolationRow, error) {
	var v ViolationRow
	var created int64
	var file, path string
	var body []byte
	err := scan(&created, &file, &path, &body, &v.Scan, &v.Rule.UUID, &v.Rule.Rule, &v.Rule.RuleInstance, &v.Rule.RuleName, &v.Rule.Description,
		&v.Rule.State, &v.Rule.Result)
	if err != nil {
		return v, explain(err)
	}
	v.CreatedAt = unstamp(created)
	return v, decodeViolation(file, path, body, &v.Violation)
}

// Violations lists violations of a scan, ordered by rule, file and position, and says how many there are. A limit of 0 is all.
func (s *Store) Violations(ctx context.Context, scan uuid.UUID, limit, skip int) ([]ViolationRow, int, error) {
	id, err := scanID(ctx, s.reader, scan)
	if err != nil {
		return nil, 0, fmt.Errorf("list violations of scan %s: %w", scan, err)
	}
	total, err := count(ctx, s.reader, "SELECT coalesce(sum(violation_count), 0) FROM evaluations WHERE scan_id = ?", id)
	if err != nil {
		return nil, 0, fmt.Errorf("count violations of scan %s: %w", scan, err)
	}
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (ViolationRow, error) { return readViolation(r.Scan) },
		selectViolation+" WHERE v.scan_id = ? ORDER BY e.pos, v.file, v.pos"+page(limit, skip), id)
	if err != nil {
		return nil, 0, fmt.Errorf("list violations of scan %s: %w", scan, err)
	}
	return rows, total, nil
}

// Violation finds one violation, or [ErrNotFound].
func (s *Store) Violation(ctx context.Context, id uuid.UUID) (ViolationRow, error) {
	v, err := readViolation(s.reader.QueryRowContext(ctx, selectViolation+" WHERE v.uuid = ?", id).Scan)
	if err != nil {
		return v, fmt.Errorf("read violation %s: %w", id, err)
	}
	return v, nil
}
