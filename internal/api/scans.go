package api

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// options are what the shapes of answers need besides a scan.
func (a *API) options(r *http.Request) report.Options {
	return report.Options{PublicURL: a.publicURL(r), Tenant: a.Tenant, StrictEnums: a.StrictEnums}
}

// scanOf reads the scan of the path, and names it in the answer.
func (a *API) scanOf(w http.ResponseWriter, r *http.Request) (model.Scan, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return model.Scan{}, err
	}
	scan, err := a.Store.Scan(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return model.Scan{}, problem(http.StatusNotFound, "NOT_FOUND", "there is no scan %s", id)
	}
	if err != nil {
		return model.Scan{}, err
	}
	w.Header().Set("X-Modelgate-Scan", id.String())
	return scan, nil
}

func (a *API) getScan(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, report.NewScan(scan, a.options(r)))
	return nil
}

// listScans lists scans, newest first unless asked otherwise.
func (a *API) listScans(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	filter := scanFilter(p)
	if err := p.err(); err != nil {
		return err
	}
	scans, total, err := a.scans(r, filter)
	if err != nil {
		return err
	}
	list := report.List{Scans: []report.Scan{}, Pagination: report.Pagination{TotalItems: total}}
	for _, s := range scans {
		list.Scans = append(list.Scans, report.NewScan(s, a.options(r)))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// scans reads a list of scans, of the sources that answers may show.
func (a *API) scans(r *http.Request, f store.ScanFilter) ([]model.Scan, int, error) {
	if a.StrictEnums && len(f.Sources) == 0 {
		f.Sources = slices.DeleteFunc(model.Sources(), a.hidden)
	}
	scans, total, err := a.Store.Scans(r.Context(), f)
	var query *store.QueryError
	if errors.As(err, &query) {
		err = problem(http.StatusBadRequest, "BAD_REQUEST", "%s", query)
	}
	return scans, total, err
}

// listEvaluations lists the rules of a scan with their results.
func (a *API) listEvaluations(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	var f store.EvaluationFilter
	f.Limit, f.Skip = p.page()
	f.Result = model.RuleResult(p.choice("result", "", string(model.Passed), string(model.Failed), string(model.RuleError)))
	f.RuleInstance = p.id("rule_instance_uuid")
	f.Reverse = p.choice("sort_order", "asc", "asc", "desc") == "desc"
	p.choice("sort_field", "created_at", "created_at", "updated_at")
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.Evaluations(r.Context(), scan.UUID, f)
	if err != nil {
		return err
	}
	list := struct {
		Evaluations []report.Evaluation `json:"evaluations"`
		Pagination  report.Pagination   `json:"pagination"`
	}{[]report.Evaluation{}, report.Pagination{TotalItems: total}}
	for _, row := range rows {
		list.Evaluations = append(list.Evaluations, report.NewEvaluation(scan, row.Evaluation, row.Violations, a.options(r)))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// listViolations lists what rules object to, ordered by rule, file and place.
func (a *API) listViolations(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	limit, skip := p.page()
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.Violations(r.Context(), scan.UUID, limit, skip)
	if err != nil {
		return err
	}
	list := struct {
		Violations []report.Violation `json:"violations"`
		Pagination report.Pagination  `json:"pagination"`
	}{[]report.Violation{}, report.Pagination{TotalItems: total}}
	for _, row := range rows {
		list.Violations = append(list.Violations, report.NewViolation(scan, row.Rule, row.Violation, a.options(r)))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// listFiles lists a directory of a scan's files, or the tree below it.
func (a *API) listFiles(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	return a.filesOfScan(w, r, scan)
}

func (a *API) filesOfScan(w http.ResponseWriter, r *http.Request, scan model.Scan) error {
	p := paramsOf(r)
	var f store.FileFilter
	f.Limit, f.Skip = p.page()
	f.Under = p.text("query_path", 1024)
	f.Recursive = p.flag("recursive")
	f.Result = model.FileResult(p.choice("result", "", string(model.FileSkipped), string(model.FileSuccess), string(model.FileError), string(model.FileFailed)))
	kind := p.choice("type", "", "FILE", "DIRECTORY")
	f.OnlyFiles, f.OnlyDirs = kind == "FILE", kind == "DIRECTORY"
	f.ByType = p.choice("sort_field", "path", "path", "type") == "type"
	f.Reverse = p.choice("sort_dir", "asc", "asc", "desc") == "desc"
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.Files(r.Context(), scan.UUID, f)
	if err != nil {
		return err
	}
	list := struct {
		Files      []report.File     `json:"files"`
		Pagination report.Pagination `json:"pagination"`
	}{[]report.File{}, report.Pagination{TotalItems: total}}
	for _, row := range rows {
		list.Files = append(list.Files, report.NewFile(scan, row.ScanFile, row.Directory, a.options(r)))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// getReport writes a scan with everything that explains it, in one of the formats of package report.
func (a *API) getReport(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	format, err := report.ParseFormat(p.choice("format", string(report.JSON),
		string(report.JSON), string(report.Text), string(report.SARIF), string(report.CycloneDX), string(report.CSV)))
	if err != nil {
		return p.err()
	}
	o := a.options(r)
	o.Color, o.Explain = p.flag("color"), p.flag("explain")
	if err := p.err(); err != nil {
		return err
	}
	return a.writeReport(w, r, format, o)
}

func (a *API) writeReport(w http.ResponseWriter, r *http.Request, format report.Format, o report.Options) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := report.Write(&text, format, scan, o); err != nil {
		return err
	}
	w.Header().Set("Content-Type", format.ContentType())
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text.Bytes()) // a client that left needs no answer
	return nil
}
