package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// ScanFilter chooses scans. Its zero value is all of them, newest first.
type ScanFilter struct {
	// Search is a part of the model's URI, whatever the case, or the beginning of a UUID.
	Search       string
	Groups       []uuid.UUID
	Model        model.Version // all revisions of it, if it has a name
	Sources      []model.Source
	Outcomes     []model.Outcome
	Start        time.Time // created at this time or later
	End          time.Time // created at this time or earlier
	LabelsQuery  string    // "team:ml AND (env:prod OR env:test)", "team:*"
	Origin       model.ScanOrigin
	ModelVersion uuid.UUID
	Severities   []string // a violation of one of them
	// ByUpdate sorts by the time of the last change instead of creation.
	ByUpdate bool
	// OldestFirst turns the order around.
	OldestFirst bool
	Limit       int // 0 is all
	Skip        int
}

// Scans lists scans without evaluations and files but with their counts, and says how many there are without limit and skip. A labels
// query that cannot be read is a [*QueryError].
func (s *Store) Scans(ctx context.Context, f ScanFilter) ([]model.Scan, int, error) {
	where, args, err := f.where()
	if err != nil {
		return nil, 0, err
	}
	column, direction := "created_at", " DESC"
	if f.ByUpdate {
		column = "updated_at"
	}
	if f.OldestFirst {
		direction = ""
	}
	var scans []model.Scan
	var total int
	err = s.snapshot(ctx, func(q queryer) error {
		if total, err = count(ctx, q, "SELECT count(*) FROM scans"+where, args...); err != nil {
			return fmt.Errorf("count scans: %w", err)
		}
		if f.Skip >= total {
			return nil
		}
		// Few rows are sorted; of many, the first are found in order. The sign keeps the database from looking through all rows in
		// order for the few.
		order := column
		if where != "" && total <= sortedAtOnce {
			order = "+" + column
		}
		scans, err = rowsOf(ctx, q, func(r *sql.Rows) (model.Scan, error) { return readScan(r.Scan) },
			"SELECT "+scanColumns+" FROM scans"+where+" ORDER BY "+order+direction+", id"+direction+page(f.Limit, f.Skip), args...)
		if err != nil {
			return fmt.Errorf("list scans: %w", err)
		}
		return nil
	})
	return scans, total, err
}

// sortedAtOnce is how many rows are sorted for one page.
const sortedAtOnce = 5000

// uuidPart is what a UUID can begin with.
var uuidPart = regexp.MustCompile(`^[0-9a-f]{1,8}$|^[0-9a-f]{8}-[0-9a-f-]{0,27}$`)

// where is the condition of the filter with its arguments.
func (f ScanFilter) where() (string, []any, error) {
	var conditions []string
	var args []any
	add := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	if text := strings.ToLower(strings.TrimSpace(f.Search)); text != "" {
		pattern := "%" + likePrefix(text)
		switch _, err := uuid.Parse(text); {
		case err == nil && len(text) == 36:
			add("uuid = ?", text)
		case uuidPart.MatchString(text):
			const lowest, highest = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
			add(`(uuid >= ? AND uuid <= ? OR uri_id IN (SELECT id FROM uris WHERE search LIKE ? ESCAPE '\'))`, text+lowest[len(text):], text+highest[len(text):], pattern)
		default:
			add(`uri_id IN (SELECT id FROM uris WHERE search LIKE ? ESCAPE '\')`, pattern)
		}
	}
	if len(f.Groups) > 0 {
		add("group_uuid IN ("+placeholders(len(f.Groups))+")", anys(f.Groups)...)
	}
	if f.Model.Name != "" {
		f.Model.Revision = ""
		add("version_key >= ? AND version_key < ?", f.Model.Key(), f.Model.Key()+"\x7f")
	}
	if len(f.Sources) > 0 {
		add("source IN ("+placeholders(len(f.Sources))+")", anys(f.Sources)...)
	}
	if len(f.Outcomes) > 0 {
		add("outcome IN ("+placeholders(len(f.Outcomes))+")", anys(f.Outcomes)...)
	}
	if !f.Start.IsZero() {
		add("created_at >= ?", stamp(f.Start))
	}
	if !f.End.IsZero() {
		add("created_at <= ?", stamp(f.End))
	}
	if f.Origin != "" {
		add("origin = ?", f.Origin)
	}
	if len(f.Severities) > 0 {
		add("EXISTS (SELECT 1 FROM violations v WHERE v.scan_id = scans.id AND v.severity IN ("+placeholders(len(f.Severities))+"))", anys(f.Severities)...)
	}
	if f.ModelVersion != uuid.Nil {
		add("model_version_uuid = ?", f.ModelVersion)
	}
	if strings.TrimSpace(f.LabelsQuery) != "" {
		condition, values, err := parseLabelsQuery(f.LabelsQuery)
		if err != nil {
			return "", nil, err
		}
		add(condition, values...)
	}
	if len(conditions) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), args, nil
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
