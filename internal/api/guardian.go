package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// The Guardian view is an older contract over the same scans: other paths, other words for outcomes, severities counted, and errors as
// {"detail": …}. Version 1 knows no groups.

// guardianRoutes are those of both versions of the Guardian view.
func (a *API) guardianRoutes() []route {
	routes := []route{
		{"POST /guardian/v1/scans", auth.Scans, auth.Write, a.guardianCreateV1},
		{"POST /guardian/v2/scans", auth.Scans, auth.Write, a.guardianCreate},
	}
	for _, version := range []string{"v1", "v2"} {
		base := "/guardian/" + version
		routes = append(routes,
			route{"POST " + base + "/auth/client_auth/token", "", auth.None, a.guardianToken},
			route{"GET " + base + "/scans", auth.Scans, auth.Read, a.guardianList},
			route{"GET " + base + "/scans/{uuid}", auth.Scans, auth.Read, a.guardianGet},
			route{"GET " + base + "/scans/{uuid}/files", auth.Scans, auth.Read, a.guardianFiles},
			route{"GET " + base + "/models/versions/{uuid}", auth.Scans, auth.Read, a.getModelVersion},
			route{"GET " + base + "/worker-pools", auth.Scans, auth.Read, a.listPools},
			route{"GET " + base + "/worker-pools/{$}", auth.Scans, auth.Read, a.listPools},
			route{"GET " + base + "/worker-pools/{id}", auth.Scans, auth.Read, a.getPool},
			route{"PATCH " + base + "/worker-pools/{id}", auth.Settings, auth.Write, a.changePool},
		)
	}
	return routes
}

// isGuardian tells whether a request speaks the Guardian contract.
func isGuardian(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/guardian/") }

// guardianDetail is a problem as that contract has it: a sentence, or what is wrong with the request part by part.
func guardianDetail(p *Problem) any {
	if len(p.Details) > 0 {
		return map[string]any{"detail": p.Details}
	}
	return map[string]any{"detail": p.Message}
}

// guardianToken gives a token for client credentials. Clients wait for it two seconds.
func (a *API) guardianToken(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err != nil {
		return problem(http.StatusBadRequest, "BAD_REQUEST", "the body is not JSON")
	}
	if body.ID == "" || body.Secret == "" {
		return problem(http.StatusUnauthorized, "UNAUTHORIZED", "client_id and client_secret are missing")
	}
	token, err := a.issue(r, body.ID, body.Secret)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]string{"access_token": token})
	return nil
}

// guardianScan is a scan in the Guardian view.
type guardianScan struct {
	UUID         uuid.UUID           `json:"uuid"`
	Outcome      string              `json:"aggregate_eval_outcome"` // PENDING, PASS, FAIL, ERROR
	Summary      guardianSummary     `json:"aggregate_eval_summary"`
	Violations   []guardianViolation `json:"violations,omitzero"` // absent in lists
	ModelURI     string              `json:"model_uri"`
	ModelVersion uuid.UUID           `json:"model_version_uuid"`
	Group        uuid.UUID           `json:"security_group_uuid"`
	ErrorCode    *string             `json:"error_code"`
	ErrorMessage *string             `json:"error_message"`
	CreatedAt    report.Time         `json:"created_at"`
	UpdatedAt    report.Time         `json:"updated_at"`
	Revision     string              `json:"revision,omitempty"`
	FilesScanned []guardianFile      `json:"files_scanned,omitempty"`
}

// guardianFile is a file that was scanned, as version 1 has it.
type guardianFile struct {
	Path string `json:"absolute_path"`
}

// guardianSummary counts violations by severity.
type guardianSummary struct {
	Critical int `json:"critical_count"`
	High     int `json:"high_count"`
	Medium   int `json:"medium_count"`
	Low      int `json:"low_count"`
}

// guardianViolation is a violation in the Guardian view.
type guardianViolation struct {
	Issue       string           `json:"issue"`
	Threat      *string          `json:"threat"`
	Operator    *string          `json:"operator"`
	Module      *string          `json:"module"`
	File        *string          `json:"file"` // <org>_<model>/<path> for models of the Hub
	Hash        *string          `json:"hash"` // 40 hexadecimal digits
	Description *string          `json:"threat_description"`
	Policy      string           `json:"policy_name"`
	Instance    uuid.UUID        `json:"policy_instance_uuid"`
	Remediation guardianRemedies `json:"remediation"`
}

type guardianRemedies struct {
	Steps []string `json:"steps"`
}

// guardianOutcome is an outcome in the words of the Guardian view.
func guardianOutcome(o model.Outcome) string {
	switch o {
	case model.Allowed:
		return "PASS"
	case model.Blocked:
		return "FAIL"
	default:
		return string(o)
	}
}

func guardianShape(s model.Scan) guardianScan {
	return guardianScan{
		UUID: s.UUID, Outcome: guardianOutcome(s.Outcome), ModelURI: s.ModelURI, ModelVersion: s.ModelVersionUUID, Group: s.GroupUUID,
		ErrorCode: orNull(s.ErrorCode), ErrorMessage: orNull(s.ErrorMessage), CreatedAt: report.Time(s.CreatedAt), UpdatedAt: report.Time(s.UpdatedAt),
		Revision: s.ModelVersion,
	}
}

// count adds violations of a severity; those of metadata count as medium.
func (s *guardianSummary) count(severity string, n int) {
	switch severity {
	case "critical":
		s.Critical += n
	case "high":
		s.High += n
	case "low", "info":
		s.Low += n
	default:
		s.Medium += n
	}
}

// guardianWhole is a scan in the Guardian view with its violations.
func guardianWhole(s model.Scan) guardianScan {
	out := guardianShape(s)
	out.Violations = []guardianViolation{}
	folder := ""
	if s.Version.Source == model.HuggingFace {
		folder = strings.ReplaceAll(s.Version.Name, "/", "_") + "/"
	}
	for _, e := range s.Evaluations {
		for _, v := range e.Violations {
			shape := guardianViolation{
				Issue: v.Description, Threat: orNull(v.Threat), Operator: orNull(v.Operator), Module: orNull(v.Module),
				Hash: orNull(v.BlobID[:min(len(v.BlobID), 40)]), Description: orNull(v.ThreatTitle), Policy: e.RuleName, Instance: e.RuleInstance,
				Remediation: guardianRemedies{append([]string{}, v.Steps...)},
			}
			if v.File != "" {
				shape.File = orNull(folder + v.File)
			}
			out.Violations = append(out.Violations, shape)
			out.Summary.count(v.Severity, 1)
		}
	}
	for _, f := range s.Files {
		if f.Result != model.FileSkipped {
			out.FilesScanned = append(out.FilesScanned, guardianFile{f.Path})
		}
	}
	return out
}

// guardianCreate makes a scan as version 2 asks for it.
func (a *API) guardianCreate(w http.ResponseWriter, r *http.Request) error {
	var body ScanCreate
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	if body.ScanOrigin == "" {
		body.ScanOrigin = model.OriginHuggingFace
	}
	return a.guardianAnswer(w, r, body, http.StatusCreated)
}

// guardianCreateV1 makes a scan as version 1 asks for it, under the default group of the model's source.
func (a *API) guardianCreateV1(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		ModelURI       string   `json:"model_uri"`
		Scope          string   `json:"scope"` // PRIVATE, PUBLIC: it makes no difference here
		Revision       string   `json:"revision"`
		ModelName      string   `json:"model_name"`
		ModelVersion   string   `json:"model_version"`
		AllowPatterns  []string `json:"allow_patterns"`
		IgnorePatterns []string `json:"ignore_patterns"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	if err := d.Decode(&body); err != nil {
		return problem(http.StatusBadRequest, "BAD_REQUEST", "the body is not the JSON of a scan")
	}
	if body.Revision == "" {
		body.Revision = body.ModelVersion
	}
	return a.guardianAnswer(w, r, ScanCreate{
		ModelURI: body.ModelURI, SecurityGroupUUID: DefaultGroup(body.ModelURI).String(), ScanOrigin: model.OriginHuggingFace,
		ModelName: body.ModelName, ModelVersion: body.Revision, AllowPatterns: body.AllowPatterns, IgnorePatterns: body.IgnorePatterns,
	}, http.StatusAccepted)
}

func (a *API) guardianAnswer(w http.ResponseWriter, r *http.Request, body ScanCreate, status int) error {
	scan, err := a.create(r, body)
	if err != nil {
		return err
	}
	w.Header().Set("X-Modelgate-Scan", scan.UUID.String())
	writeJSON(w, status, guardianWhole(scan))
	return nil
}

func (a *API) guardianGet(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, guardianWhole(scan))
	return nil
}

// guardianFilter reads the filters of the list.
func guardianFilter(p *params) (f store.ScanFilter, count bool) {
	f.Limit, f.Skip = p.page()
	f.ByUpdate = p.choice("sort_field", "created_at", "created_at", "updated_at") == "updated_at"
	f.OldestFirst = strings.ToLower(p.query.Get("sort_order")) == "asc"
	for _, severity := range p.list("severities") {
		severity = strings.ToLower(severity)
		if !slices.Contains([]string{"critical", "high", "medium", "low"}, severity) {
			p.bad("severities", "enum", "Input should be CRITICAL, HIGH, MEDIUM or LOW")
		}
		f.Severities = append(f.Severities, severity)
	}
	for _, o := range append(p.list("outcome"), p.list("outcomes")...) {
		words := map[string]model.Outcome{"PASS": model.Allowed, "FAIL": model.Blocked, "ERROR": model.Errored, "PENDING": model.Pending}
		outcome, ok := words[strings.ToUpper(o)]
		if !ok {
			p.bad("outcome", "enum", "Input should be PASS, FAIL, ERROR or PENDING")
		}
		f.Outcomes = append(f.Outcomes, outcome)
	}
	f.Start, f.End = p.time("start_time"), p.time("end_time")
	return f, p.flag("count")
}

func (a *API) guardianList(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	filter, counted := guardianFilter(p)
	if err := p.err(); err != nil {
		return err
	}
	scans, total, err := a.scans(r, filter)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(scans))
	for i, s := range scans {
		ids[i] = s.UUID
	}
	severities, err := a.Store.SeveritiesOf(r.Context(), ids)
	if err != nil {
		return err
	}
	list := []guardianScan{}
	for _, s := range scans {
		shape := guardianShape(s)
		for severity, n := range severities[s.UUID] {
			shape.Summary.count(severity, n)
		}
		list = append(list, shape)
	}
	pagination := map[string]any{}
	if counted {
		pagination["total_items"] = total
	}
	writeJSON(w, http.StatusOK, map[string]any{"scans": list, "pagination": pagination})
	return nil
}

// guardianFiles lists the files of a scan, without directories.
func (a *API) guardianFiles(w http.ResponseWriter, r *http.Request) error {
	scan, err := a.scanOf(w, r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	f := store.FileFilter{Recursive: true, OnlyFiles: true, Limit: p.number("limit", 100, 1, 100), Skip: p.number("skip", 0, 0, 1<<31-1)}
	if err := p.err(); err != nil {
		return err
	}
	rows, total, err := a.Store.Files(r.Context(), scan.UUID, f)
	if err != nil {
		return err
	}
	files := []map[string]string{}
	for _, row := range rows {
		files = append(files, map[string]string{"path": row.Path})
	}
	writeJSON(w, http.StatusOK, map[string]any{"files": files, "pagination": report.Pagination{TotalItems: total}})
	return nil
}

// pool is a worker pool. Scans run in the gate itself, so there is exactly one, which is always on.
type pool struct {
	ID            string      `json:"uuid"`
	Client        string      `json:"keycloak_client_id"`
	Name          *string     `json:"name"`
	Description   *string     `json:"description"`
	Status        string      `json:"status"` // ENABLED, DISABLED
	Health        string      `json:"health"` // HEALTHY, UNHEALTHY, UNKNOWN
	LastHeartbeat report.Time `json:"last_heartbeat_at"`
	LastSync      report.Time `json:"last_sync"`
	CreatedAt     report.Time `json:"created_at"`
	UpdatedAt     report.Time `json:"updated_at"`
}

const (
	poolID  = "embedded"
	poolKey = "pool|embedded" // of the fact that keeps name and description
)

// poolNames is what people call the pool.
type poolNames struct {
	Name        *string   `json:"name"`
	Description *string   `json:"description"`
	Changed     time.Time `json:"changed"`
}

func (a *API) pool(r *http.Request) (pool, error) {
	fact, _, err := a.Store.Recall(r.Context(), poolKey)
	if err != nil {
		return pool{}, err
	}
	var names poolNames
	if fact.Value != nil && json.Unmarshal(fact.Value, &names) != nil {
		names = poolNames{}
	}
	if names.Name == nil {
		names.Name = orNull(poolID)
	}
	if names.Changed.IsZero() {
		names.Changed = a.started
	}
	now := report.Time(time.Now())
	return pool{
		ID: poolID, Client: poolID, Name: names.Name, Description: names.Description, Status: "ENABLED", Health: "HEALTHY", LastHeartbeat: now,
		LastSync: now, CreatedAt: report.Time(a.started), UpdatedAt: report.Time(names.Changed),
	}, nil
}

func (a *API) listPools(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pool(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"worker_pools": []pool{p}, "pagination": report.Pagination{TotalItems: 1}})
	return nil
}

func (a *API) getPool(w http.ResponseWriter, r *http.Request) error {
	if id := r.PathValue("id"); id != poolID {
		return problem(http.StatusNotFound, "NOT_FOUND", "there is no worker pool of this id")
	}
	p, err := a.pool(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, p)
	return nil
}

// changePool changes what people call the pool; it cannot be switched off.
func (a *API) changePool(w http.ResponseWriter, r *http.Request) error {
	if id := r.PathValue("id"); id != poolID {
		return problem(http.StatusNotFound, "NOT_FOUND", "there is no worker pool of this id")
	}
	var body struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
		Status      *string `json:"status"`
	}
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	if body.Status != nil && *body.Status == "DISABLED" {
		return problem(http.StatusConflict, "CONFLICT", "scans run in the gate itself: its pool cannot be switched off")
	}
	if body.Status != nil && *body.Status != "ENABLED" {
		return invalid(detail("enum", "Input should be ENABLED or DISABLED", "body", "status"))
	}
	for name, text := range map[string]*string{"name": body.Name, "description": body.Description} {
		if text != nil && len(*text) > 1000 {
			return invalid(detail("string_too_long", "String should have at most 1000 characters", "body", name))
		}
	}
	was, err := a.pool(r)
	if err != nil {
		return err
	}
	names := poolNames{Name: was.Name, Description: was.Description, Changed: time.Now()}
	if body.Name != nil {
		names.Name = body.Name
	}
	if body.Description != nil {
		names.Description = body.Description
	}
	text, err := json.Marshal(names)
	if err != nil {
		return errors.New("encode the names of the pool")
	}
	if err := a.Store.Remember(r.Context(), poolKey, text); err != nil {
		return err
	}
	return a.getPool(w, r)
}
