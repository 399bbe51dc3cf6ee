package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// shapeOfModel is a model in the API, with what is known of its latest version.
type shapeOfModel struct {
	UUID        uuid.UUID      `json:"uuid"`
	Tenant      string         `json:"tsg_id"`
	CreatedAt   report.Time    `json:"created_at"`
	UpdatedAt   report.Time    `json:"updated_at"`
	Name        string         `json:"name"`
	Latest      *uuid.UUID     `json:"latest_version_uuid"`
	Fingerprint *string        `json:"latest_version_fingerprint"`
	Revision    *string        `json:"latest_version_revision"`
	Commit      *string        `json:"latest_version_hf_commit_sha"`
	Outcome     *model.Outcome `json:"latest_version_outcome"`
	Formats     []string       `json:"latest_version_formats"`
	Sources     []model.Source `json:"latest_version_source_types"`
	ScanTime    report.Time    `json:"latest_version_scan_time"`
}

// shapeOfVersion is a version of a model in the API.
type shapeOfVersion struct {
	UUID         uuid.UUID       `json:"uuid"`
	Tenant       string          `json:"tsg_id"`
	CreatedAt    report.Time     `json:"created_at"`
	UpdatedAt    report.Time     `json:"updated_at"`
	Revision     string          `json:"revision"`
	Model        uuid.UUID       `json:"model_uuid"`
	Fingerprint  *string         `json:"fingerprint"`
	FileCount    *int            `json:"file_count"`
	License      *string         `json:"license"`
	ScanTime     report.Time     `json:"latest_scan_time"`
	Commit       *string         `json:"hf_commit_sha"`
	CommitTitle  *string         `json:"hf_commit_title"`
	Authors      []string        `json:"hf_commit_authors"`
	HubName      *string         `json:"hf_model_name"`
	Organization *string         `json:"hf_organization"`
	Formats      []string        `json:"model_formats"`
	Sources      []model.Source  `json:"source_types"`
	Outcome      *model.Outcome  `json:"last_eval_outcome"`
	Summary      *report.Summary `json:"last_eval_summary"`
	Scan         *uuid.UUID      `json:"last_scan_uuid"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func modelShape(tenant string, m store.Model, v store.ModelVersion, s model.Scan) shapeOfModel {
	out := shapeOfModel{
		UUID: m.UUID, Tenant: tenant, CreatedAt: report.Time(m.CreatedAt), UpdatedAt: report.Time(m.UpdatedAt), Name: m.Name,
		Sources: []model.Source{m.Source},
	}
	if v.UUID == uuid.Nil {
		return out
	}
	out.Latest, out.Fingerprint, out.Revision, out.Formats = &v.UUID, orNull(v.Fingerprint), orNull(v.Revision), v.Formats
	if m.Source == model.HuggingFace {
		out.Commit = orNull(v.Revision)
	}
	if s.UUID != uuid.Nil {
		out.Outcome, out.ScanTime = &s.Outcome, report.Time(s.CreatedAt)
	}
	return out
}

func versionShape(tenant string, m store.Model, v store.ModelVersion, s model.Scan) shapeOfVersion {
	out := shapeOfVersion{
		UUID: v.UUID, Tenant: tenant, CreatedAt: report.Time(v.CreatedAt), UpdatedAt: report.Time(v.UpdatedAt), Revision: v.Revision,
		Model: v.Model, Fingerprint: orNull(v.Fingerprint), FileCount: &v.FileCount, Formats: v.Formats, Sources: []model.Source{m.Source},
		Scan: &v.LatestScan,
	}
	if m.Source == model.HuggingFace {
		org, name, ok := strings.Cut(m.Name, "/")
		if !ok {
			org, name = "", m.Name
		}
		out.Commit, out.HubName, out.Organization = orNull(v.Revision), orNull(name), orNull(org)
	}
	if s.UUID != uuid.Nil {
		failed, passed, total := s.Summary()
		out.Outcome, out.ScanTime, out.Summary = &s.Outcome, report.Time(s.CreatedAt), &report.Summary{Failed: failed, Passed: passed, Total: total}
	}
	return out
}

func (a *API) listModels(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	var f store.ModelFilter
	f.Limit, f.Skip = p.page()
	f.Search = p.text("search_query", 256)
	f.ByCreation = p.choice("sort_field", "updated_at", "created_at", "updated_at") == "created_at"
	f.OldestFirst = p.choice("sort_order", "desc", "asc", "desc") == "asc"
	f.Outcomes = enums(p, "latest_version_outcomes", outcomes())
	f.Formats = p.list("latest_version_formats")
	if len(f.Formats) > 100 {
		p.bad("latest_version_formats", "too_long", "List should have at most 100 items")
	}
	f.Sources = enums(p, "latest_version_source_types", model.Sources())
	f.ScannedBefore = p.time("latest_version_scan_time_before")
	f.Start, f.End = p.time("start_time"), p.time("end_time")
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.ModelsWhere(r.Context(), f)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, m := range rows {
		ids[i] = m.LatestVersion
	}
	versions, scans, err := a.versions(r, ids)
	if err != nil {
		return err
	}
	list := struct {
		Models     []shapeOfModel    `json:"models"`
		Pagination report.Pagination `json:"pagination"`
	}{[]shapeOfModel{}, report.Pagination{TotalItems: total}}
	for _, m := range rows {
		list.Models = append(list.Models, modelShape(a.Tenant, m, versions[m.LatestVersion], scans[m.LatestVersion]))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func outcomes() []model.Outcome {
	return []model.Outcome{model.Pending, model.Allowed, model.Blocked, model.Errored}
}

// versions finds versions and the scans by which they were last judged.
func (a *API) versions(r *http.Request, ids []uuid.UUID) (map[uuid.UUID]store.ModelVersion, map[uuid.UUID]model.Scan, error) {
	versions := map[uuid.UUID]store.ModelVersion{}
	for _, id := range ids {
		v, err := a.Store.ModelVersion(r.Context(), id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, nil, err
		}
		versions[id] = v
	}
	scans, err := a.Store.LatestScans(r.Context(), ids)
	return versions, scans, err
}

// modelOf reads the model of the path.
func (a *API) modelOf(r *http.Request) (store.Model, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return store.Model{}, err
	}
	m, err := a.Store.Model(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return m, problem(http.StatusNotFound, "NOT_FOUND", "there is no model %s", id)
	}
	return m, err
}

func (a *API) getModel(w http.ResponseWriter, r *http.Request) error {
	m, err := a.modelOf(r)
	if err != nil {
		return err
	}
	versions, scans, err := a.versions(r, []uuid.UUID{m.LatestVersion})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, modelShape(a.Tenant, m, versions[m.LatestVersion], scans[m.LatestVersion]))
	return nil
}

func (a *API) listModelVersions(w http.ResponseWriter, r *http.Request) error {
	m, err := a.modelOf(r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	limit, skip := p.page()
	oldest := p.choice("sort_order", "desc", "asc", "desc") == "asc"
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.ModelVersionsOf(r.Context(), m.UUID, store.VersionFilter{OldestFirst: oldest, Limit: limit, Skip: skip})
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, v := range rows {
		ids[i] = v.UUID
	}
	scans, err := a.Store.LatestScans(r.Context(), ids)
	if err != nil {
		return err
	}
	list := struct {
		Versions   []shapeOfVersion  `json:"model_versions"`
		Pagination report.Pagination `json:"pagination"`
	}{[]shapeOfVersion{}, report.Pagination{TotalItems: total}}
	for _, v := range rows {
		list.Versions = append(list.Versions, versionShape(a.Tenant, m, v, scans[v.UUID]))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// versionOf reads the version of the path.
func (a *API) versionOf(r *http.Request) (store.ModelVersion, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return store.ModelVersion{}, err
	}
	v, err := a.Store.ModelVersion(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return v, problem(http.StatusNotFound, "NOT_FOUND", "there is no version %s", id)
	}
	return v, err
}

func (a *API) getModelVersion(w http.ResponseWriter, r *http.Request) error {
	v, err := a.versionOf(r)
	if err != nil {
		return err
	}
	m, err := a.Store.Model(r.Context(), v.Model)
	if err != nil {
		return err
	}
	scans, err := a.Store.LatestScans(r.Context(), []uuid.UUID{v.UUID})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, versionShape(a.Tenant, m, v, scans[v.UUID]))
	return nil
}

// listVersionFiles lists the files of a version as its latest scan has seen them.
func (a *API) listVersionFiles(w http.ResponseWriter, r *http.Request) error {
	v, err := a.versionOf(r)
	if err != nil {
		return err
	}
	scan, err := a.Store.ScanSummary(r.Context(), v.LatestScan)
	if err != nil {
		return fmt.Errorf("read the latest scan of version %s: %w", v.UUID, err)
	}
	return a.filesOfScan(w, r, scan)
}
