package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// DayCount says how many scans of a day (UTC) ended so.
type DayCount struct {
	Day     time.Time
	Outcome model.Outcome
	Scans   int
}

const dayMicroseconds = 24 * 60 * 60 * 1_000_000

// ScansByDay counts the scans since a time by day and outcome, the first day first. Days without scans are left out.
func (s *Store) ScansByDay(ctx context.Context, since time.Time) ([]DayCount, error) {
	days, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (d DayCount, err error) {
		var day int64
		err = r.Scan(&day, &d.Outcome, &d.Scans)
		d.Day = unstamp(day * dayMicroseconds)
		return d, err
	}, fmt.Sprintf(`SELECT created_at / %d AS day, outcome, count(*) FROM scans WHERE created_at >= ?
		GROUP BY created_at / %d, outcome ORDER BY 1, 2`, dayMicroseconds, dayMicroseconds), stamp(since))
	if err != nil {
		return nil, fmt.Errorf("count scans by day: %w", err)
	}
	return days, nil
}

// Tally is something with how often it was met.
type Tally struct {
	Source model.Source
	Kind   model.Kind
	Name   string
	Count  int
}

// BlockedModels are the models whose versions were blocked most often since a time, at most limit of them.
func (s *Store) BlockedModels(ctx context.Context, since time.Time, limit int) ([]Tally, error) {
	return s.tally(ctx, "count blocked models", `SELECT source, kind, name, count(*) FROM scans
		WHERE outcome = 'BLOCKED' AND created_at >= ? GROUP BY source, kind, name ORDER BY 4 DESC, 3`+page(limit, 0), stamp(since))
}

// ThreatsFound are the threats that were found in most scans since a time, at most limit of them; their ids are the names.
func (s *Store) ThreatsFound(ctx context.Context, since time.Time, limit int) ([]Tally, error) {
	return s.tally(ctx, "count threats", `SELECT '', '', threat, count(DISTINCT scan_id) FROM violations
		WHERE threat <> '' AND created_at >= ? GROUP BY threat ORDER BY 4 DESC, 3`+page(limit, 0), stamp(since))
}

func (s *Store) tally(ctx context.Context, what, query string, args ...any) ([]Tally, error) {
	list, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (t Tally, err error) {
		return t, r.Scan(&t.Source, &t.Kind, &t.Name, &t.Count)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

// ScanDurations are the times that the latest scans since a time have taken, at most limit of them, the newest first.
func (s *Store) ScanDurations(ctx context.Context, since time.Time, limit int) ([]time.Duration, error) {
	list, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (time.Duration, error) {
		var us int64
		err := r.Scan(&us)
		return time.Duration(us) * time.Microsecond, err
	}, `SELECT time_finished - time_started FROM scans WHERE created_at >= ? AND time_finished >= time_started AND time_started > 0
		ORDER BY created_at DESC, id DESC`+page(limit, 0), stamp(since))
	if err != nil {
		return nil, fmt.Errorf("list durations of scans: %w", err)
	}
	return list, nil
}

// Served counts the requests for bytes since a time: those that were answered and those that were refused.
func (s *Store) Served(ctx context.Context, since time.Time) (answered, refused int, err error) {
	err = explain(s.reader.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN outcome = 'BLOCKED' THEN 0 ELSE requests END), 0),
		coalesce(sum(CASE WHEN outcome = 'BLOCKED' THEN requests ELSE 0 END), 0) FROM downloads WHERE at >= ?`, stamp(since)).Scan(&answered, &refused))
	if err != nil {
		return 0, 0, fmt.Errorf("count downloads: %w", err)
	}
	return answered, refused, nil
}

// ThreatsOf tells which threats the violations of scans name, each once, by the UUID of the scan.
func (s *Store) ThreatsOf(ctx context.Context, scans []uuid.UUID) (map[uuid.UUID][]string, error) {
	found := map[uuid.UUID][]string{}
	if len(scans) == 0 {
		return found, nil
	}
	_, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (struct{}, error) {
		var scan uuid.UUID
		var threat string
		err := r.Scan(&scan, &threat)
		found[scan] = append(found[scan], threat)
		return struct{}{}, err
	}, "SELECT DISTINCT s.uuid, v.threat FROM violations v JOIN scans s ON s.id = v.scan_id WHERE v.threat <> '' AND s.uuid IN ("+
		placeholders(len(scans))+") ORDER BY 1, 2", anys(scans)...)
	if err != nil {
		return nil, fmt.Errorf("list threats of scans: %w", err)
	}
	return found, nil
}

// ViolationsOfRule lists the violations of one rule in a scan, ordered by file and position. A limit of 0 is all.
func (s *Store) ViolationsOfRule(ctx context.Context, evaluation uuid.UUID, limit, skip int) ([]ViolationRow, error) {
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (ViolationRow, error) { return readViolation(r.Scan) },
		selectViolation+" WHERE e.uuid = ? ORDER BY v.file, v.pos"+page(limit, skip), evaluation)
	if err != nil {
		return nil, fmt.Errorf("list violations of evaluation %s: %w", evaluation, err)
	}
	return rows, nil
}

// LatestScans finds the scans that the versions of models were last judged by, by the UUID of the version.
func (s *Store) LatestScans(ctx context.Context, versions []uuid.UUID) (map[uuid.UUID]model.Scan, error) {
	found := map[uuid.UUID]model.Scan{}
	if len(versions) == 0 {
		return found, nil
	}
	_, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (struct{}, error) {
		scan, err := readScan(r.Scan)
		found[scan.ModelVersionUUID] = scan
		return struct{}{}, err
	}, "SELECT "+scanColumns+" FROM scans WHERE uuid IN (SELECT latest_scan FROM model_versions WHERE uuid IN ("+placeholders(len(versions))+"))",
		anys(versions)...)
	if err != nil {
		return nil, fmt.Errorf("find the latest scans of versions: %w", err)
	}
	return found, nil
}

// SeveritiesOf counts the violations of scans by severity, by the UUID of the scan.
func (s *Store) SeveritiesOf(ctx context.Context, scans []uuid.UUID) (map[uuid.UUID]map[string]int, error) {
	found := map[uuid.UUID]map[string]int{}
	if len(scans) == 0 {
		return found, nil
	}
	_, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (struct{}, error) {
		var scan uuid.UUID
		var severity string
		var n int
		err := r.Scan(&scan, &severity, &n)
		if found[scan] == nil {
			found[scan] = map[string]int{}
		}
		found[scan][severity] = n
		return struct{}{}, err
	}, "SELECT s.uuid, v.severity, count(*) FROM violations v JOIN scans s ON s.id = v.scan_id WHERE s.uuid IN ("+
		placeholders(len(scans))+") GROUP BY s.uuid, v.severity", anys(scans)...)
	if err != nil {
		return nil, fmt.Errorf("count violations of scans: %w", err)
	}
	return found, nil
}
