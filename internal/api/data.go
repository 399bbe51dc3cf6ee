package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// dataRoutes are those of the data plane: scans and what explains them, labels, models and their versions.
func (a *API) dataRoutes() []route {
	return []route{
		{"POST /aims/data/v1/scans", auth.Scans, auth.Write, a.createScan},
		{"GET /aims/data/v1/scans", auth.Scans, auth.Read, a.listScans},
		{"GET /aims/data/v1/scans/export", auth.Scans, auth.Read, a.exportScans},
		{"GET /aims/data/v1/scans/label-keys", auth.Scans, auth.Read, a.listLabelKeys},
		{"GET /aims/data/v1/scans/label-keys/{key}/values", auth.Scans, auth.Read, a.listLabelValues},
		{"GET /aims/data/v1/scans/{uuid}", auth.Scans, auth.Read, a.getScan},
		{"GET /aims/data/v1/scans/{uuid}/evaluations", auth.Scans, auth.Read, a.listEvaluations},
		{"GET /aims/data/v1/scans/{uuid}/rule-violations", auth.Scans, auth.Read, a.listViolations},
		{"GET /aims/data/v1/scans/{uuid}/files", auth.Scans, auth.Read, a.listFiles},
		{"GET /aims/data/v1/scans/{uuid}/report", auth.Scans, auth.Read, a.getReport},
		{"POST /aims/data/v1/scans/{uuid}/labels", auth.Scans, auth.Write, a.changeLabels(false)},
		{"PUT /aims/data/v1/scans/{uuid}/labels", auth.Scans, auth.Write, a.changeLabels(true)},
		{"DELETE /aims/data/v1/scans/{uuid}/labels", auth.Scans, auth.Write, a.deleteLabels},
		{"GET /aims/data/v1/evaluations/{uuid}", auth.Scans, auth.Read, a.getEvaluation},
		{"GET /aims/data/v1/violations/{uuid}", auth.Scans, auth.Read, a.getViolation},
		{"GET /aims/data/v1/models", auth.Scans, auth.Read, a.listModels},
		{"GET /aims/data/v1/models/{uuid}", auth.Scans, auth.Read, a.getModel},
		{"GET /aims/data/v1/models/{uuid}/model-versions", auth.Scans, auth.Read, a.listModelVersions},
		{"GET /aims/data/v1/model-versions/{uuid}", auth.Scans, auth.Read, a.getModelVersion},
		{"GET /aims/data/v1/model-versions/{uuid}/files", auth.Scans, auth.Read, a.listVersionFiles},
	}
}

// mostExported bounds an export of scans; what is beyond is had page by page.
const mostExported = 100_000

// exportScans writes the scans that the filters of the list choose, as CSV or as JSON.
func (a *API) exportScans(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	filter := scanFilter(p)
	format := p.choice("format", "csv", "csv", "json")
	if err := p.err(); err != nil {
		return err
	}
	filter.Limit = mostExported
	scans, total, err := a.scans(r, filter)
	if err != nil {
		return err
	}
	w.Header().Set("X-Total-Items", strconv.Itoa(total))
	w.Header().Set("Content-Type", report.Format(format).ContentType())
	w.Header().Set("Content-Disposition", `attachment; filename="scans.`+format+`"`)
	w.Header().Set("Cache-Control", "no-store")
	return report.WriteList(w, report.Format(format), scans, total, a.options(r))
}

// labelsBody is the body that labels a scan.
type labelsBody struct {
	Labels []model.Label `json:"labels"`
}

// labelFaults are what is wrong with labels.
func labelFaults(labels []model.Label) []ErrorDetail {
	var wrong []ErrorDetail
	for i, l := range labels {
		if !l.Valid() {
			wrong = append(wrong, detail("string_pattern_mismatch", "keys of labels are 1 to 128, values 1 to 256 of a-z, A-Z, 0-9, _ and -", "body", "labels", strconv.Itoa(i)))
		}
	}
	return wrong
}

// changeLabels adds labels to a scan, or replaces all that it has.
func (a *API) changeLabels(replace bool) handler {
	change := a.Store.AddLabels
	if replace {
		change = a.Store.SetLabels
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r, "uuid")
		if err != nil {
			return err
		}
		var body labelsBody
		if err := decodeBody(w, r, &body); err != nil {
			return err
		}
		if len(body.Labels) == 0 {
			return invalid(detail("too_short", "List should have at least 1 item", "body", "labels"))
		}
		if len(body.Labels) > store.MaxLabels {
			return tooManyLabels()
		}
		if wrong := labelFaults(body.Labels); len(wrong) > 0 {
			return invalid(wrong...)
		}
		if err := change(r.Context(), id, body.Labels); err != nil {
			return labelProblem(err, id)
		}
		w.Header().Set("X-Modelgate-Scan", id.String())
		writeJSON(w, http.StatusOK, struct{}{})
		return nil
	}
}

func tooManyLabels() error {
	return problem(http.StatusBadRequest, "TOO_MANY_LABELS", "a scan has at most %d labels", store.MaxLabels)
}

func labelProblem(err error, scan uuid.UUID) error {
	switch {
	case errors.Is(err, store.ErrTooManyLabels):
		return tooManyLabels()
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "NOT_FOUND", "there is no scan %s", scan)
	default:
		return err
	}
}

// deleteLabels takes labels from a scan; keys that it does not have are no error.
func (a *API) deleteLabels(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "uuid")
	if err != nil {
		return err
	}
	p := paramsOf(r)
	keys := p.list("keys")
	if len(keys) == 0 || len(keys) > store.MaxLabels {
		p.bad("keys", "length", "there should be 1 to %d keys", store.MaxLabels)
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := a.Store.DeleteLabels(r.Context(), id, keys); err != nil {
		return labelProblem(err, id)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// labelSearch reads what the names of a list should begin with.
func (p *params) labelSearch(most int) string {
	text := p.text("search", most)
	if text != "" && !labelPattern.MatchString(text) {
		p.bad("search", "string_pattern_mismatch", "Input should be of a-z, A-Z, 0-9, _ and -")
	}
	return text
}

func (a *API) listLabelKeys(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	limit, skip := p.page()
	search := p.labelSearch(128)
	if err := p.err(); err != nil {
		return err
	}
	keys, total, err := a.Store.LabelKeys(r.Context(), search, limit, skip)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": append([]string{}, keys...), "pagination": report.Pagination{TotalItems: total}})
	return nil
}

func (a *API) listLabelValues(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	limit, skip := p.page()
	search := p.labelSearch(256)
	if err := p.err(); err != nil {
		return err
	}
	values, total, err := a.Store.LabelValues(r.Context(), r.PathValue("key"), search, limit, skip)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"values": append([]string{}, values...), "pagination": report.Pagination{TotalItems: total}})
	return nil
}

func (a *API) getEvaluation(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "uuid")
	if err != nil {
		return err
	}
	row, err := a.Store.Evaluation(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, "NOT_FOUND", "there is no evaluation %s", id)
	}
	if err != nil {
		return err
	}
	s := model.Scan{UUID: row.Scan, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt}
	w.Header().Set("X-Modelgate-Scan", row.Scan.String())
	writeJSON(w, http.StatusOK, report.NewEvaluation(s, row.Evaluation, row.Violations, a.options(r)))
	return nil
}

func (a *API) getViolation(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "uuid")
	if err != nil {
		return err
	}
	row, err := a.Store.Violation(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, "NOT_FOUND", "there is no violation %s", id)
	}
	if err != nil {
		return err
	}
	s := model.Scan{UUID: row.Scan, CreatedAt: row.CreatedAt, UpdatedAt: row.CreatedAt}
	w.Header().Set("X-Modelgate-Scan", row.Scan.String())
	writeJSON(w, http.StatusOK, report.NewViolation(s, row.Rule, row.Violation, a.options(r)))
	return nil
}

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
