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
	Limit   int // 0 is all
	Skip    int
}

// Models lists models whose name contains a text, last scanned first, and says how many there are. A limit of 0 is all.
func (s *Store) Models(ctx context.Context, search string, limit, skip int) ([]Model, int, error) {
	return s.ModelsWhere(ctx, ModelFilter{Search: search, Limit: limit, Skip: skip})
}

// ModelsWhere lists models, and says how many there are without limit and skip.
func (s *Store) ModelsWhere(ctx context.Context, f ModelFilter) ([]Model, int, error) {
	where, args := ` WHERE name LIKE ? ESCAPE '\'`, []any{"%" + likePrefix(strings.TrimSpace(f.Search))}
	if len(f.Sources) > 0 {
		where, args = where+" AND source IN ("+placeholders(len(f.Sources))+")", append(args, anys(f.Sources)...)
	}
	total, err := count(ctx, s.reader, "SELECT count(*) FROM models"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count models: %w", err)
	}
	models, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (Model, error) { return readModel(r.Scan) },
		"SELECT "+modelColumns+" FROM models"+where+" ORDER BY updated_at DESC, uuid"+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list models: %w", err)
	}
	return models, total, nil
}

// ModelVersions lists the versions of a model, last scanned first, and says how many there are. A limit of 0 is all.
func (s *Store) ModelVersions(ctx context.Context, id uuid.UUID, limit, skip int) ([]ModelVersion, int, error) {
	total, err := count(ctx, s.reader, "SELECT count(*) FROM model_versions WHERE model_uuid = ?", id)
	if err != nil {
		return nil, 0, fmt.Errorf("count versions of model %s: %w", id, err)
	}
	versions, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (ModelVersion, error) { return readVersion(r.Scan) },
		"SELECT "+versionColumns+" FROM model_versions WHERE model_uuid = ? ORDER BY updated_at DESC, uuid"+page(limit, skip), id)
	if err != nil {
		return nil, 0, fmt.Errorf("list versions of model %s: %w", id, err)
	}
	return versions, total, nil
}
