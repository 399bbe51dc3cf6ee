package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/policy"
)

// mustAsk sends a request and wants a status.
func mustAsk(t *testing.T, a *API, status int, method, path string, body any) map[string]any {
	t.Helper()
	got, _, answer := ask(t, a, method, path, body)
	if got != status {
		t.Fatalf("%s %s: %d %v, want %d", method, path, got, answer, status)
	}
	return answer
}

// items is the list of an answer, with its total.
func items(t *testing.T, answer map[string]any, key string) ([]map[string]any, int) {
	t.Helper()
	var out []map[string]any
	for _, v := range answer[key].([]any) {
		out = append(out, v.(map[string]any))
	}
	return out, int(answer["pagination"].(map[string]any)["total_items"].(float64))
}

const mgmt = "/aims/mgmt/v1"

func TestGroupsAreMadeChangedAndBuried(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	license, err := policy.FindRule("Stored In Approved Location")
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{
		"name": "S3-Production", "source_type": "S3", "description": "goes live",
		"rule_configurations": map[string]any{license.UUID.String(): map[string]any{"state": "BLOCKING", "field_values": map[string]any{"approved_locations": []string{"s3://one"}}}},
	}
	g := mustAsk(t, a, http.StatusCreated, "POST", mgmt+"/security-groups", body)
	if g["state"] != "ACTIVE" || g["is_tombstone"] != false || g["tsg_id"] != "modelgate" || g["source_type"] != "S3" {
		t.Errorf("%v", g)
	}
	path := mgmt + "/security-groups/" + g["uuid"].(string)
	if again := mustAsk(t, a, http.StatusConflict, "POST", mgmt+"/security-groups", body); again["code"] != "NAME_TAKEN" {
		t.Errorf("%v", again)
	}
	list, total := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/rule-instances?limit=100", nil), "rule_instances")
	if total != len(list) || total < 7 {
		t.Fatalf("%d of %d instances", len(list), total)
	}
	one, total := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/rule-instances?security_rule_uuid="+license.UUID.String(), nil), "rule_instances")
	if total != 1 || one[0]["state"] != "BLOCKING" || one[0]["rule"].(map[string]any)["name"] != license.Name {
		t.Fatalf("%v", one)
	}
	instance := path + "/rule-instances/" + one[0]["uuid"].(string)
	changed := mustAsk(t, a, http.StatusOK, "PUT", instance, map[string]any{"security_group_uuid": g["uuid"], "field_values": map[string]any{"approved_locations": []string{"s3://two"}}})
	if changed["state"] != "BLOCKING" || changed["field_values"].(map[string]any)["approved_locations"].([]any)[0] != "s3://two" {
		t.Errorf("%v", changed)
	}
	if back := mustAsk(t, a, http.StatusOK, "GET", instance, nil); back["field_values"].(map[string]any)["approved_locations"].([]any)[0] != "s3://two" {
		t.Errorf("%v", back)
	}
	if g = mustAsk(t, a, http.StatusOK, "PUT", path, map[string]any{"name": nil, "description": "audited"}); g["description"] != "audited" || g["name"] != "S3-Production" {
		t.Errorf("%v", g)
	}
	history, total := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/history", nil), "history")
	if total != 3 || history[0]["action"] != "security_group.update" || history[2]["action"] != "security_group.create" ||
		!strings.Contains(history[1]["changes"].([]any)[0].(string), "added s3://two") {
		t.Errorf("%v", history)
	}
	for query, n := range map[string]int{"?search_query=s3-prod": 1, "?source_types=S3": 2, "?source_types=S3,GCS&source_types=LOCAL": 4, "?enabled_rules=" + license.UUID.String(): 1, "?search_query=" + g["uuid"].(string): 1, "?limit=1": total + 5} {
		if _, got := items(t, mustAsk(t, a, http.StatusOK, "GET", mgmt+"/security-groups"+query, nil), "security_groups"); got != n && !strings.HasPrefix(query, "?limit") {
			t.Errorf("%s: %d groups, want %d", query, got, n)
		}
	}
	if status, _, _ := ask(t, a, "DELETE", path, nil); status != http.StatusNoContent {
		t.Errorf("deleted with %d", status)
	}
	if g = mustAsk(t, a, http.StatusOK, "GET", path, nil); g["is_tombstone"] != true {
		t.Errorf("%v", g)
	}
	mustAsk(t, a, http.StatusNotFound, "PUT", path, map[string]any{"name": "again"})
	mustAsk(t, a, http.StatusNotFound, "DELETE", path, nil)
	mustAsk(t, a, http.StatusCreated, "POST", mgmt+"/security-groups", body) // the name is free again
}

func TestBadRequestsForGroupsChangeNothing(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	id := policy.DefaultGroupUUID(model.S3).String()
	path := mgmt + "/security-groups/" + id
	instances, _ := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/rule-instances", nil), "rule_instances")
	instance := path + "/rule-instances/" + instances[0]["uuid"].(string)
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"POST", mgmt + "/security-groups", "{", 400, "BAD_REQUEST"},
		{"POST", mgmt + "/security-groups", map[string]any{}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": "x", "source_type": "ALL"}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": strings.Repeat("x", 256), "source_type": "S3"}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": "x", "source_type": "S3", "description": strings.Repeat("x", 1001)}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": "x", "source_type": "S3", "more": 1}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": 7, "source_type": "S3"}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": "x", "source_type": "S3", "rule_configurations": map[string]any{"x": map[string]any{}}}, 422, "VALIDATION_ERROR"},
		{"POST", mgmt + "/security-groups", map[string]any{"name": "x", "source_type": "S3", "rule_configurations": map[string]any{uuid.NewString(): map[string]any{}}}, 422, "VALIDATION_ERROR"},
		{"GET", mgmt + "/security-groups/x", nil, 422, "VALIDATION_ERROR"},
		{"GET", mgmt + "/security-groups/" + uuid.NewString(), nil, 404, "NOT_FOUND"},
		{"GET", mgmt + "/security-groups?limit=101", nil, 422, "VALIDATION_ERROR"},
		{"GET", mgmt + "/security-groups?search_query=ab", nil, 422, "VALIDATION_ERROR"},
		{"GET", mgmt + "/security-groups?source_types=FLOPPY", nil, 422, "VALIDATION_ERROR"},
		{"GET", mgmt + "/security-groups?enabled_rules=x", nil, 422, "VALIDATION_ERROR"},
		{"PUT", path, map[string]any{"source_type": "GCS"}, 422, "VALIDATION_ERROR"},
		{"DELETE", path, nil, 409, "DEFAULT_GROUP"},
		{"PUT", instance, map[string]any{"state": "SOMETIMES"}, 422, "VALIDATION_ERROR"},
		{"PUT", instance, map[string]any{"field_values": map[string]any{"none": []string{"x"}}}, 422, "VALIDATION_ERROR"},
		{"PUT", instance, map[string]any{"security_group_uuid": uuid.NewString()}, 422, "VALIDATION_ERROR"},
		{"PUT", path + "/rule-instances/" + uuid.NewString(), map[string]any{"state": "DISABLED"}, 404, "NOT_FOUND"},
		{"GET", path + "/rule-instances?state=ODD", nil, 422, "VALIDATION_ERROR"},
		{"PUT", mgmt + "/security-rules/" + uuid.NewString(), map[string]any{"enabled": true}, 404, "NOT_FOUND"},
		{"PUT", mgmt + "/security-rules/" + instances[0]["security_rule_uuid"].(string), map[string]any{}, 422, "VALIDATION_ERROR"},
		{"PATCH", path, nil, 405, "METHOD_NOT_ALLOWED"},
		{"GET", mgmt + "/custom-rules", nil, 404, "NOT_FOUND"},
	} {
		if answer := mustAsk(t, a, c.status, c.method, c.path, c.body); answer["code"] != c.code || answer["detail"] != nil {
			t.Errorf("%s %s: %v", c.method, c.path, answer)
		}
	}
	g := mustAsk(t, a, http.StatusOK, "GET", path, nil)
	if g["created_at"] != g["updated_at"] {
		t.Errorf("the group was changed: %v", g)
	}
}

func TestDeclaredGroupsAreChangedInTheConfigurationAlone(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	g, err := policy.NewGroup(policy.Balanced, uuid.New(), "Declared", "", model.S3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Store.EnsureGroups(t.Context(), nil, []model.Group{g}); err != nil {
		t.Fatal(err)
	}
	path := mgmt + "/security-groups/" + g.UUID.String()
	if shown := mustAsk(t, a, http.StatusOK, "GET", path, nil); shown["is_declared"] != true {
		t.Errorf("%v", shown)
	}
	for _, c := range [][2]string{{"PUT", path}, {"DELETE", path}, {"PUT", path + "/rule-instances/" + g.Rules[0].UUID.String()}} {
		var body any
		if c[0] == "PUT" {
			body = map[string]any{}
		}
		if answer := mustAsk(t, a, http.StatusConflict, c[0], c[1], body); answer["code"] != "DECLARED_GROUP" {
			t.Errorf("%v: %v", c, answer)
		}
	}
}

func TestTheSecondOfTwoAdministratorsIsTold(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	path := mgmt + "/security-groups/" + policy.DefaultGroupUUID(model.S3).String()
	_, seen, _ := ask(t, a, "GET", path, nil)
	put := func(tag, text string) int {
		r := httptest.NewRequest("PUT", path, strings.NewReader(`{"description":"`+text+`"}`))
		r.Header.Set("If-Match", tag)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w.Code
	}
	if status := put(seen.Get("ETag"), "first"); status != http.StatusOK {
		t.Errorf("the first: %d", status)
	}
	if status := put(seen.Get("ETag"), "second"); status != http.StatusPreconditionFailed {
		t.Errorf("the second: %d", status)
	}
	if g := mustAsk(t, a, http.StatusOK, "GET", path, nil); g["description"] != "first" {
		t.Errorf("%v", g)
	}
}

func TestTheCatalogueIsListedAndRulesAreSwitched(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	a.StrictEnums = true
	for query, n := range map[string]int{"": 12, "?source_type=HUGGING_FACE": 11, "?source_type=S3": 7, "?search_query=license": 2, "?limit=5": 12, "?skip=50": 12} {
		list, total := items(t, mustAsk(t, a, http.StatusOK, "GET", mgmt+"/security-rules"+query, nil), "rules")
		if total != n {
			t.Errorf("%q: %d rules, want %d", query, total, n)
		}
		for _, rule := range list {
			remedy := rule["remediation"].(map[string]any)
			if rule["description"] == "" || remedy["url"] == nil || len(remedy["steps"].([]any)) == 0 || rule["default_values"] == nil {
				t.Errorf("%v", rule)
			}
		}
	}
	rule, err := policy.FindRule("License Exists")
	if err != nil {
		t.Fatal(err)
	}
	path := mgmt + "/security-rules/" + rule.UUID.String()
	if off := mustAsk(t, a, http.StatusOK, "PUT", path, map[string]any{"enabled": false}); off["enabled"] != false {
		t.Errorf("%v", off)
	}
	if on := mustAsk(t, a, http.StatusOK, "PUT", path, map[string]any{"enabled": true}); on["enabled"] != true || on["enabled_security_group_count"] == 0.0 {
		t.Errorf("%v", on)
	}
}

func TestLabelsModelsAndSingleResultsAreAnswered(t *testing.T) {
	const data = "/aims/data/v1"
	a := newAPI(t, "http://127.0.0.1:1")
	scan := mustAsk(t, a, http.StatusCreated, "POST", data+"/scans", localScan())
	path := data + "/scans/" + scan["uuid"].(string)
	labels := func(list ...string) map[string]any {
		var out []any
		for _, l := range list {
			key, value, _ := strings.Cut(l, "=")
			out = append(out, map[string]any{"key": key, "value": value})
		}
		return map[string]any{"labels": out}
	}
	mustAsk(t, a, http.StatusOK, "PUT", path+"/labels", labels("env=prod", "team=ml"))
	mustAsk(t, a, http.StatusOK, "POST", path+"/labels", labels("env=test", "stage=two"))
	if status, _, _ := ask(t, a, "DELETE", path+"/labels?keys=team,absent&keys=stage", nil); status != http.StatusNoContent {
		t.Errorf("deleted with %d", status)
	}
	if got := mustAsk(t, a, http.StatusOK, "GET", path, nil)["labels"].([]any); len(got) != 1 || got[0].(map[string]any)["value"] != "test" {
		t.Errorf("%v", got)
	}
	if keys := mustAsk(t, a, http.StatusOK, "GET", data+"/scans/label-keys?search=en", nil)["keys"].([]any); len(keys) != 1 || keys[0] != "env" {
		t.Errorf("%v", keys)
	}
	if values := mustAsk(t, a, http.StatusOK, "GET", data+"/scans/label-keys/env/values", nil)["values"].([]any); len(values) != 1 || values[0] != "test" {
		t.Errorf("%v", values)
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", path + "/labels", labels(), 422},
		{"POST", path + "/labels", labels("bad key=x"), 422},
		{"POST", path + "/labels", labels("k=" + strings.Repeat("x", 257)), 422},
		{"POST", path + "/labels", labels(strings.Split(strings.Repeat("k=v ", 51), " ")...), 400},
		{"POST", data + "/scans/" + uuid.NewString() + "/labels", labels("a=b"), 404},
		{"DELETE", path + "/labels", nil, 422},
		{"GET", data + "/scans/label-keys?search=%25", nil, 422},
		{"GET", data + "/models?latest_version_outcomes=GOOD", nil, 422},
		{"GET", data + "/models/" + uuid.NewString(), nil, 404},
		{"GET", data + "/model-versions/" + uuid.NewString(), nil, 404},
		{"GET", data + "/evaluations/" + uuid.NewString(), nil, 404},
		{"GET", data + "/violations/x", nil, 422},
	} {
		mustAsk(t, a, c.status, c.method, c.path, c.body)
	}
	evaluations, _ := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/evaluations?result=FAILED", nil), "evaluations")
	if one := mustAsk(t, a, http.StatusOK, "GET", data+"/evaluations/"+evaluations[0]["uuid"].(string), nil); one["rule_name"] != evaluations[0]["rule_name"] || one["scan_uuid"] != scan["uuid"] {
		t.Errorf("%v", one)
	}
	violations, _ := items(t, mustAsk(t, a, http.StatusOK, "GET", path+"/rule-violations", nil), "violations")
	if one := mustAsk(t, a, http.StatusOK, "GET", data+"/violations/"+violations[0]["uuid"].(string), nil); one["description"] != violations[0]["description"] {
		t.Errorf("%v", one)
	}
	models, total := items(t, mustAsk(t, a, http.StatusOK, "GET", data+"/models?latest_version_outcomes=BLOCKED&latest_version_source_types=LOCAL&latest_version_formats=pickle", nil), "models")
	if total != 1 {
		t.Fatalf("%v", models)
	}
	if _, none := items(t, mustAsk(t, a, http.StatusOK, "GET", data+"/models?latest_version_outcomes=ALLOWED", nil), "models"); none != 0 {
		t.Errorf("%d models whose latest version is allowed", none)
	}
	one := mustAsk(t, a, http.StatusOK, "GET", data+"/models/"+models[0]["uuid"].(string), nil)
	versions, total := items(t, mustAsk(t, a, http.StatusOK, "GET", data+"/models/"+one["uuid"].(string)+"/model-versions?sort_order=asc", nil), "model_versions")
	if total != 1 || versions[0]["uuid"] != one["latest_version_uuid"] || versions[0]["last_eval_outcome"] != "BLOCKED" {
		t.Errorf("%v", versions)
	}
	version := data + "/model-versions/" + versions[0]["uuid"].(string)
	mustAsk(t, a, http.StatusOK, "GET", version, nil)
	if _, total := items(t, mustAsk(t, a, http.StatusOK, "GET", version+"/files", nil), "files"); total == 0 {
		t.Error("the version has no files")
	}
}

func TestTheIndexIsGivenWithATokenInItsAddress(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	mustAsk(t, a, http.StatusNotFound, "GET", mgmt+"/pypi/authenticate", nil)
	a.PackageIndex = true
	a.PublicURL = "https://gate.test/"
	answer := mustAsk(t, a, http.StatusOK, "GET", mgmt+"/pypi/authenticate", nil)
	address, err := url.Parse(answer["url"].(string))
	if err != nil || address.Host != "gate.test" || address.Path != "/pypi/simple/" {
		t.Fatalf("%v, %v", answer, err)
	}
	token, _ := address.User.Password()
	if strings.Count(token, ".") != 2 {
		t.Errorf("%q is no token", token)
	}
	until, err := time.Parse(time.RFC3339, answer["expires_at"].(string))
	if life := time.Until(until); err != nil || life < 59*time.Minute || life > time.Hour {
		t.Errorf("it is good for %s, %v", life, err)
	}
}

func TestTheGuardianViewTellsTheSameScans(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	scan := mustAsk(t, a, http.StatusCreated, "POST", "/aims/data/v1/scans", localScan())
	for _, version := range []string{"v1", "v2"} {
		base := "/guardian/" + version
		got := mustAsk(t, a, http.StatusOK, "GET", base+"/scans/"+scan["uuid"].(string), nil)
		if _, ok := got["error_code"]; !ok || got["aggregate_eval_outcome"] != "FAIL" || got["aggregate_eval_summary"].(map[string]any)["critical_count"] == 0.0 {
			t.Errorf("%v", got)
		}
		v := got["violations"].([]any)[0].(map[string]any)
		if v["policy_name"] == "" || v["remediation"].(map[string]any)["steps"] == nil {
			t.Errorf("%v", v)
		}
		list, total := items(t, mustAsk(t, a, http.StatusOK, "GET", base+"/scans?count=true&severities=CRITICAL,LOW&outcome=FAIL&start_time=2020-01-01T00:00:00", nil), "scans")
		if total != 1 || list[0]["violations"] != nil || list[0]["aggregate_eval_summary"].(map[string]any)["critical_count"] == 0.0 {
			t.Errorf("%v", list)
		}
		if files := mustAsk(t, a, http.StatusOK, "GET", base+"/scans/"+scan["uuid"].(string)+"/files?skip=0", nil); len(files["files"].([]any)) == 0 {
			t.Errorf("%v", files)
		}
		mustAsk(t, a, http.StatusOK, "GET", base+"/models/versions/"+got["model_version_uuid"].(string), nil)
		for _, path := range []string{"/worker-pools", "/worker-pools/"} {
			if pools, total := items(t, mustAsk(t, a, http.StatusOK, "GET", base+path, nil), "worker_pools"); total != 1 || pools[0]["status"] != "ENABLED" {
				t.Errorf("%v", pools)
			}
		}
		if p := mustAsk(t, a, http.StatusOK, "PATCH", base+"/worker-pools/embedded", map[string]any{"name": version}); p["name"] != version {
			t.Errorf("%v", p)
		}
		if token := mustAsk(t, a, http.StatusOK, "POST", base+"/auth/client_auth/token", map[string]any{"client_id": "a", "client_secret": "b"}); strings.Count(token["access_token"].(string), ".") != 2 {
			t.Errorf("%v", token)
		}
		for path, status := range map[string]int{"/scans/" + uuid.NewString(): 404, "/scans/x": 422, "/scans?severities=ODD": 422, "/scans?outcome=ODD": 422, "/nothing": 404} {
			if p := mustAsk(t, a, status, "GET", base+path, nil); p["detail"] == nil || p["code"] != nil {
				t.Errorf("%s: %v", path, p)
			}
		}
		mustAsk(t, a, http.StatusConflict, "PATCH", base+"/worker-pools/embedded", map[string]any{"status": "DISABLED"})
	}
}

func TestEveryRouteRefusesWhoLacksItsPermission(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	a.Authenticate = func(*http.Request) (auth.Principal, error) {
		return auth.Principal{Name: "nobody", Permissions: map[auth.Permission]auth.Level{auth.Scans: auth.Read}}, nil
	}
	for _, table := range [][]route{a.tokenRoutes(), a.dataRoutes(), a.managementRoutes(), a.guardianRoutes()} {
		for _, r := range table {
			method, path, _ := strings.Cut(r.pattern, " ")
			path = strings.NewReplacer("{uuid}", uuid.NewString(), "{instance}", uuid.NewString(), "{key}", "k", "{id}", "embedded", "{$}", "").Replace(path)
			status, header, answer := ask(t, a, method, path, nil)
			refused := r.needs != "" && (r.needs != auth.Scans || r.level != auth.Read)
			if (status == http.StatusForbidden) != refused {
				t.Errorf("%s: %d %v", r.pattern, status, answer)
			}
			if refused && header.Get("X-Opa-Decision") != "false" {
				t.Errorf("%s lets clients log in again", r.pattern)
			}
			if method != http.MethodGet && r.needs != "" && r.level != auth.Write {
				t.Errorf("%s changes something and needs no right to write", r.pattern)
			}
		}
	}
}

func TestAClientsScanThatFailedIsNotCalledGood(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	failed := func(files ...any) map[string]any {
		return map[string]any{
			"model_uri": "/models/x", "security_group_uuid": policy.DefaultGroupUUID(model.Local), "scan_details": map[string]any{
				"scanner_version": "1", "time_started": "2026-01-01T00:00:00Z", "files": append([]any{}, files...), "total_files_scanned": 0, "total_files_skipped": 0,
				"model_formats": []string{}, "model_size_bytes": 0, "scan_duration_ms": 1, "error_code": "ACCESS_DENIED", "error_message": "no such right",
			},
		}
	}
	for _, body := range []map[string]any{failed(), failed(map[string]any{"file_path": "a.json", "modelscan_status": "SCANNED", "blob_id": "b", "formats": []string{"json"}})} {
		scan := mustAsk(t, a, http.StatusCreated, "POST", "/aims/data/v1/scans", body)
		if scan["eval_outcome"] != "ERROR" || scan["error_code"] != "ACCESS_DENIED" || scan["error_message"] != "no such right" || scan["model_version_uuid"] != uuid.Nil.String() {
			t.Errorf("%v", scan)
		}
	}
}
