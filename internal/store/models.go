package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// Model is what all versions of one name have in common.
type Model struct {
	UUID          uuid.UUID
	Source        model.Source
	Kind          model.Kind
	Name          string
	CreatedAt     time.Time
	UpdatedAt     time.Time // when a version of it was last scanned
	LatestVersion uuid.UUID
}

// ModelVersion is one content under the name of a model.
type ModelVersion struct {
	UUID        uuid.UUID
	Model       uuid.UUID
	Revision    string // the last one under which it was seen
	Fingerprint string // of the files that were scanned
	FileCount   int
	Formats     []string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LatestScan  uuid.UUID
}

// modelUUID is stable for a model.
func modelUUID(v model.Version) uuid.UUID {
	return uuid.NewSHA1(model.Namespace(), []byte("model:"+string(v.Source)+"|"+string(v.Kind)+"|"+v.Name))
}

// putModel notes model and version of a scan that has settled on a content.
func putModel(ctx context.Context, tx *sql.Tx, scan *model.Scan) error {
	if scan.ModelVersionUUID == uuid.Nil {
		return nil
	}
	files := make([]model.File, len(scan.Files))
	for i, f := range scan.Files {
		files[i] = model.File{Path: f.Path, Size: f.Size, Digest: f.Digest, BlobID: f.BlobID}
	}
	id, at := modelUUID(scan.Version), stamp(scan.UpdatedAt)
	_, err := tx.ExecContext(ctx, `INSERT INTO models (uuid, source, kind, name, created_at, updated_at, latest_version) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uuid) DO UPDATE SET updated_at = excluded.updated_at, latest_version = excluded.latest_version`,
		id, scan.Version.Source, scan.Version.Kind, scan.Version.Name, at, at, scan.ModelVersionUUID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO model_versions (`+versionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uuid) DO UPDATE SET revision = excluded.revision, formats = excluded.formats, updated_at = excluded.updated_at,
			latest_scan = excluded.latest_scan`,
		scan.ModelVersionUUID, id, scan.Version.Revision, model.Fingerprint(files), len(files), list(scan.Formats), at, at, scan.UUID)
	return err
}

const (
	modelColumns   = "uuid, source, kind, name, created_at, updated_at, latest_version"
	versionColumns = "uuid, model_uuid, revision, fingerprint, file_count, formats, created_at, updated_at, latest_scan"
)

func readModel(scan func(...any) error) (m Model, err error) {
	var created, updated int64
	err = scan(&m.UUID, &m.Source, &m.Kind, &m.Name, &created, &updated, &m.LatestVersion)
	m.CreatedAt, m.UpdatedAt = unstamp(created), unstamp(updated)
	return m, explain(err)
}

func readVersion(scan func(...any) error) (v ModelVersion, err error) {
	var created, updated int64
	var formats string
	err = scan(&v.UUID, &v.Model, &v.Revision, &v.Fingerprint, &v.FileCount, &formats, &created, &updated, &v.LatestScan)
	if err != nil {
		return v, explain(err)
	}
	v.CreatedAt, v.UpdatedAt = unstamp(created), unstamp(updated)
	return v, unlist(formats, &v.Formats)
}

// Model finds a model, or [ErrNotFound].
func (s *Store) Model(ctx context.Context, id uuid.UUID) (Model, error) {
	m, err := readModel(s.reader.QueryRowContext(ctx, "SELECT "+modelColumns+" FROM models WHERE uuid = ?", id).Scan)
	if err != nil {
		return m, fmt.Errorf("read model %s: %w", id, err)
	}
	return m, nil
}

// ModelVersion finds a version of a model, or [ErrNotFound].
func (s *Store) ModelVersion(ctx context.Context, id uuid.UUID) (ModelVersion, error) {
	v, err := readVersion(s.reader.QueryRowContext(ctx, "SELECT "+versionColumns+" FROM model_versions WHERE uuid = ?", id).Scan)
	if err != nil {
		return v, fmt.Errorf("read model version %s: %w", id, err)
	}
	return v, nil
}

// ModelFilter chooses models. Its zero value is all of them, last scanned first.
type ModelFilter struct {
	Search  string // a part of the name
	Sources []model.Source
	// Outcomes and Formats are those of the latest version; it has one of each.
	Outcomes      []model.Outcome
	Formats       []string
	Start, End    time.Time // last scanned in between
	ScannedBefore time.Time
	ByCreation    bool
	OldestFirst   bool
	Limit         int // 0 is all
	Skip          int
}

// Models lists models whose name contains a text, last scanned first, and says how many there are. A limit of 0 is all.
func (s *Store) Models(ctx context.Context, search string, limit, skip int) ([]Model, int, error) {
	return s.ModelsWhere(ctx, ModelFilter{Search: search, Limit: limit, Skip: skip})
}

// ModelsWhere lists models, and says how many there are without limit and skip.
func (s *Store) ModelsWhere(ctx context.Context, f ModelFilter) ([]Model, int, error) {
	where, args := f.where()
	total, err := count(ctx, s.reader, "SELECT count(*) FROM models m"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count models: %w", err)
	}
	column, direction := "updated_at", " DESC"
	if f.ByCreation {
		column = "created_at"
	}
	if f.OldestFirst {
		direction = ""
	}
	models, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (Model, error) { return readModel(r.Scan) },
		"SELECT "+modelColumns+" FROM models m"+where+" ORDER BY "+column+direction+", uuid"+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list models: %w", err)
	}
	return models, total, nil
}

// where is the condition of the filter on models m, with its arguments.
func (f ModelFilter) where() (string, []any) {
	where, args := ` WHERE m.name LIKE ? ESCAPE '\'`, []any{"%" + likePrefix(strings.TrimSpace(f.Search))}
	add := func(condition string, values ...any) {
		where, args = where+" AND "+condition, append(args, values...)
	}
	if len(f.Sources) > 0 {
		add("m.source IN ("+placeholders(len(f.Sources))+")", anys(f.Sources)...)
	}
	if len(f.Outcomes) > 0 {
		add(`m.latest_version IN (SELECT v.uuid FROM model_versions v JOIN scans s ON s.uuid = v.latest_scan WHERE s.outcome IN (`+
			placeholders(len(f.Outcomes))+`) AND v.model_uuid = m.uuid)`, anys(f.Outcomes)...)
	}
	if len(f.Formats) > 0 {
		var patterns []any
		for _, format := range f.Formats {
			patterns = append(patterns, `%"`+likePrefix(format+`"`))
		}
		add(`EXISTS (SELECT 1 FROM model_versions v WHERE v.uuid = m.latest_version AND (v.formats LIKE ? ESCAPE '\'`+
			strings.Repeat(` OR v.formats LIKE ? ESCAPE '\'`, len(patterns)-1)+`))`, patterns...)
	}
	if !f.Start.IsZero() {
		add("m.updated_at >= ?", stamp(f.Start))
	}
	if !f.End.IsZero() {
		add("m.updated_at <= ?", stamp(f.End))
	}
	if !f.ScannedBefore.IsZero() {
		add("m.updated_at < ?", stamp(f.ScannedBefore))
	}
	return where, args
}

// VersionFilter chooses versions of a model. Its zero value is all of them, last scanned first.
type VersionFilter struct {
	OldestFirst bool
	Limit       int // 0 is all
	Skip        int
}

// ModelVersions lists the versions of a model, last scanned first, and says how many there are. A limit of 0 is all.
func (s *Store) ModelVersions(ctx context.Context, id uuid.UUID, limit, skip int) ([]ModelVersion, int, error) {
	return s.ModelVersionsOf(ctx, id, VersionFilter{Limit: limit, Skip: skip})
}

// ModelVersionsOf lists versions of a model, and says how many there are without limit and skip.
func (s *Store) ModelVersionsOf(ctx context.Context, id uuid.UUID, f VersionFilter) ([]ModelVersion, int, error) {
	total, err := count(ctx, s.reader, "SELECT count(*) FROM model_versions WHERE model_uuid = ?", id)
	if err != nil {
		return nil, 0, fmt.Errorf("count versions of model %s: %w", id, err)
	}
	direction := " DESC"
	if f.OldestFirst {
		direction = ""
	}
	versions, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (ModelVersion, error) { return readVersion(r.Scan) },
		"SELECT "+versionColumns+" FROM model_versions WHERE model_uuid = ? ORDER BY updated_at"+direction+", uuid"+page(f.Limit, f.Skip), id)
	if err != nil {
		return nil, 0, fmt.Errorf("list versions of model %s: %w", id, err)
	}
	return versions, total, nil
}
