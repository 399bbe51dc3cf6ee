package api

import (
	"errors"
	"net/http"
	"strconv"

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
