package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"modelgate/internal/gate"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/hub"
	"modelgate/internal/verdictcache"
)

// newAPI is an API over a record in a temporary folder and the Hub at an endpoint.
func newAPI(t *testing.T, endpoint string) *API {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(t.TempDir(), "modelgate.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureGroups(ctx, policy.DefaultGroups("balanced"), nil); err != nil {
		t.Fatal(err)
	}
	cache, err := verdictcache.Open(ctx, verdictcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := upstream.New(upstream.Config{UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := hub.New(hub.Config{Upstream: out, Endpoint: endpoint, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(gate.Config{Store: s, Cache: cache, Engine: scanner.New(source.DefaultLimits()), Timeout: time.Minute, MaxFiles: 2000})
	t.Cleanup(func() {
		g.Close()
		if err := errors.Join(cache.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return New(Config{Store: s, Gate: g, Hub: client, Log: zerolog.Nop(), Tenant: "modelgate"})
}

// ask sends a request and returns status, header and the decoded body.
func ask(t *testing.T, a *API, method, path string, body any) (int, http.Header, map[string]any) {
	t.Helper()
	var content bytes.Buffer
	switch b := body.(type) {
	case nil:
	case string:
		content.WriteString(b)
	default:
		if err := json.NewEncoder(&content).Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(method, "http://gate:8080"+path, &content))
	var out map[string]any
	if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, path, w.Body, err)
		}
	}
	return w.Code, w.Header(), out
}

// localScan is a client's report of a folder with an evil pickle.
func localScan() map[string]any {
	return map[string]any{
		"model_uri":           "/models/mine",
		"security_group_uuid": policy.DefaultGroupUUID(model.Local).String(),
		"model_version":       "v2.1",
		"labels":              []model.Label{{Key: "env", Value: "prod"}},
		"scan_details": map[string]any{
			"scanner_version": "1.2.3", "time_started": "2026-01-01T00:00:00Z", "total_files_scanned": 2, "total_files_skipped": 1,
			"model_formats": []string{"pickle"}, "model_size_bytes": 10, "scan_duration_ms": 5, "from_the_future": true,
			"files": []map[string]any{
				{"file_path": "README.md", "modelscan_status": "SKIPPED", "blob_id": "a"},
				{"file_path": "sub/evil.pkl", "modelscan_status": "SCANNED", "blob_id": "b", "formats": []string{"pickle"}, "issues_detected": []map[string]any{
					{"description": "os.system is called", "source": "sub/evil.pkl", "threat": "PAIT-PKL-100", "module": "os", "operator": "system"},
				}},
				{"file_path": "good.safetensors", "modelscan_status": "SCANNED", "blob_id": "c", "formats": []string{"safetensors"}},
			},
		},
	}
}

func TestClientReportIsJudgedAndShown(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	status, header, scan := ask(t, a, "POST", "/aims/data/v1/scans", localScan())
	if status != http.StatusCreated || scan["eval_outcome"] != "BLOCKED" || header.Get("X-Modelgate-Scan") != scan["uuid"] {
		t.Fatalf("%d %v", status, scan)
	}
	id := fmt.Sprint(scan["uuid"])
	tests := []struct {
		name, path string
		look       func(map[string]any) any
		want       any
	}{
		{"the scan itself", "", func(m map[string]any) any { return []any{m["model_version"], m["total_files_skipped"], m["tsg_id"]} }, []any{"v2.1", 1.0, "modelgate"}},
		{"its rules", "/evaluations?limit=100", func(m map[string]any) any { return len(m["evaluations"].([]any)) }, 6},
		{"only the rules that failed", "/evaluations?result=FAILED", func(m map[string]any) any { return len(m["evaluations"].([]any)) }, 2},
		{"its violations with place and remedy", "/rule-violations", func(m map[string]any) any {
			for _, v := range m["violations"].([]any) {
				if v := v.(map[string]any); v["threat"] == "PAIT-PKL-100" {
					return []any{v["file"], v["module"], v["operator"], v["severity"], v["remediation"] != nil}
				}
			}
			return nil
		}, []any{"sub/evil.pkl", "os", "system", "critical", true}},
		{"the top of its files", "/files", func(m map[string]any) any { return paths(m) }, []string{"README.md", "good.safetensors", "sub"}},
		{"a directory of its files", "/files?query_path=/sub", func(m map[string]any) any { return paths(m) }, []string{"sub/evil.pkl"}},
		{"all failed files", "/files?recursive=true&type=FILE&result=FAILED", func(m map[string]any) any { return paths(m) }, []string{"sub/evil.pkl"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := ask(t, a, "GET", "/aims/data/v1/scans/"+id+tt.path, nil)
			if status != http.StatusOK {
				t.Fatalf("%d %v", status, body)
			}
			if diff := cmp.Diff(tt.want, tt.look(body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func paths(m map[string]any) []string {
	var out []string
	for _, f := range m["files"].([]any) {
		out = append(out, fmt.Sprint(f.(map[string]any)["path"]))
	}
	return out
}

func TestReportsInEveryFormat(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	_, _, scan := ask(t, a, "POST", "/aims/data/v1/scans", localScan())
	for format, content := range map[string]string{
		"json": `"violations"`, "text": "BLOCKED", "sarif": `"version": "2.1.0"`, "cyclonedx": `"bomFormat"`, "csv": "PAIT-PKL-100",
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/aims/data/v1/scans/%s/report?format=%s", scan["uuid"], format), nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), content) {
			t.Errorf("%s: %d %s", format, w.Code, w.Body)
		}
	}
}

func TestListFilters(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	_, _, scan := ask(t, a, "POST", "/aims/data/v1/scans", localScan())
	tests := []struct {
		query string
		want  float64
	}{
		{"", 1},
		{"?eval_outcomes=BLOCKED&eval_outcomes=ERROR", 1},
		{"?eval_outcomes=ALLOWED%2CERROR", 0},
		{"?source_types=LOCAL,S3", 1},
		{"?start_time=2025-01-01T00:00:00", 1},
		{"?end_time=2025-01-01", 0},
		{"?start_time=2025-01-01T00:00:00%2B02:00", 1},
		{"?search_query=MINE", 1},
		{"?search_query=" + fmt.Sprint(scan["uuid"])[:8], 1},
		{"?labels_query=env:prod", 1},
		{"?labels_query=env:test%20OR%20env:*", 1},
		{"?skip=5", 1},
		{"?isBackgroundRefresh=1", 1},
	}
	for _, tt := range tests {
		status, _, body := ask(t, a, "GET", "/aims/data/v1/scans"+tt.query, nil)
		if total := body["pagination"].(map[string]any)["total_items"]; status != http.StatusOK || total != tt.want {
			t.Errorf("%s: %d, %v items, want %v", tt.query, status, total, tt.want)
		}
	}
}

func TestRefusalsSayWhatIsWrong(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	with := func(change func(map[string]any)) map[string]any {
		body := localScan()
		change(body)
		return body
	}
	tests := []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"no JSON", "POST", "/aims/data/v1/scans", "{", 400, "BAD_REQUEST"},
		{"two values", "POST", "/aims/data/v1/scans", "{} {}", 400, "BAD_REQUEST"},
		{"a missing field", "POST", "/aims/data/v1/scans", map[string]any{"model_uri": "x"}, 422, "VALIDATION_ERROR"},
		{"an unknown field", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { m["nonsense"] = 1 }), 422, "VALIDATION_ERROR"},
		{"a wrong type", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { m["model_name"] = 1 }), 422, "VALIDATION_ERROR"},
		{"a label with a blank", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { m["labels"] = []model.Label{{Key: "a b", Value: "c"}} }), 422, "VALIDATION_ERROR"},
		{"fifty-one labels", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { m["labels"] = make([]model.Label, 51) }), 400, "TOO_MANY_LABELS"},
		{"a group that is not there", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { m["security_group_uuid"] = "11111111-2222-3333-4444-555555555555" }), 404, "NOT_FOUND"},
		{"a group for another source", "POST", "/aims/data/v1/scans", with(func(m map[string]any) {
			m["security_group_uuid"] = policy.DefaultGroupUUID(model.S3).String()
		}), 400, "SOURCE_TYPE_MISMATCH"},
		{"local files without a report", "POST", "/aims/data/v1/scans", with(func(m map[string]any) { delete(m, "scan_details") }), 400, "NO_FILES"},
		{"a report without files", "POST", "/aims/data/v1/scans", with(func(m map[string]any) {
			m["scan_details"] = map[string]any{"scanner_version": "1"}
		}), 400, "NO_FILES"},
		{"a status that does not exist", "POST", "/aims/data/v1/scans", with(func(m map[string]any) {
			m["scan_details"].(map[string]any)["files"] = []map[string]any{{"file_path": "x", "modelscan_status": "MAYBE", "blob_id": "b"}}
		}), 422, "VALIDATION_ERROR"},
		{"a Hub that is away", "POST", "/aims/data/v1/scans", map[string]any{
			"model_uri": "https://huggingface.co/org/name", "security_group_uuid": policy.DefaultGroupUUID(model.HuggingFace),
		}, 503, "UNAVAILABLE"},
		{"the same pattern allowed and ignored", "POST", "/aims/data/v1/scans", map[string]any{
			"model_uri": "https://huggingface.co/org/name", "security_group_uuid": policy.DefaultGroupUUID(model.HuggingFace),
			"allow_patterns": []string{"*.bin"}, "ignore_patterns": []string{"*.bin"},
		}, 400, "BAD_REQUEST"},
		{"an address that names no repository", "POST", "/aims/data/v1/scans", map[string]any{
			"model_uri": "https://huggingface.co/a/b/c/d", "security_group_uuid": policy.DefaultGroupUUID(model.HuggingFace),
		}, 422, "VALIDATION_ERROR"},
		{"no UUID", "GET", "/aims/data/v1/scans/nonsense", nil, 422, "VALIDATION_ERROR"},
		{"an unknown scan", "GET", "/aims/data/v1/scans/11111111-2222-3333-4444-555555555555", nil, 404, "NOT_FOUND"},
		{"a limit out of range", "GET", "/aims/data/v1/scans?limit=101", nil, 422, "VALIDATION_ERROR"},
		{"a time that is none", "GET", "/aims/data/v1/scans?start_time=yesterday", nil, 422, "VALIDATION_ERROR"},
		{"a labels query that does not parse", "GET", "/aims/data/v1/scans?labels_query=((a:b))", nil, 400, "BAD_REQUEST"},
		{"a path that is not served", "GET", "/aims/nonsense", nil, 404, "NOT_FOUND"},
		{"a method that is not possible", "DELETE", "/aims/data/v1/scans", nil, 405, "METHOD_NOT_ALLOWED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, header, body := ask(t, a, tt.method, tt.path, tt.body)
			if status != tt.status || body["code"] != tt.code || body["message"] == "" {
				t.Errorf("%d %v, want %d %s", status, body, tt.status, tt.code)
			}
			if header.Get("X-Request-Id") == "" {
				t.Error("the answer has no X-Request-Id")
			}
			for _, key := range []string{"title", "detail", "errors"} {
				if _, ok := body[key]; ok {
					t.Errorf("the body has the key %q, which clients withhold", key)
				}
			}
		})
	}
}

func TestHubModelIsScannedByPatterns(t *testing.T) {
	h := hubtest.New(t)
	h.AddDemo()
	a := newAPI(t, h.URL)
	create := func(uri string, patterns ...string) string {
		t.Helper()
		status, _, scan := ask(t, a, "POST", "/aims/data/v1/scans", map[string]any{
			"model_uri": uri, "security_group_uuid": policy.DefaultGroupUUID(model.HuggingFace), "ignore_patterns": patterns,
		})
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, scan)
		}
		for range 500 {
			_, _, now := ask(t, a, "GET", "/aims/data/v1/scans/"+fmt.Sprint(scan["uuid"]), nil)
			if now["eval_outcome"] != "PENDING" {
				if now["model_uri"] != strings.Replace(uri, "hf://", "https://huggingface.co/", 1) {
					t.Errorf("recorded as %v", now["model_uri"])
				}
				return fmt.Sprint(now["eval_outcome"])
			}
			time.Sleep(20 * time.Millisecond)
		}
		return "never"
	}
	if got := create("https://huggingface.co/demo/good"); got != "ALLOWED" {
		t.Errorf("the good model: %s", got)
	}
	if got := create("hf://demo/evil"); got != "BLOCKED" {
		t.Errorf("the evil model: %s", got)
	}
	if got := create("https://huggingface.co/demo/evil", "*.bin", "*.pkl", "*.pt", "*.pickle"); got != "ALLOWED" {
		t.Errorf("the evil model without its evil file: %s", got)
	}
}

func TestTokenEndpoint(t *testing.T) {
	a := newAPI(t, "http://127.0.0.1:1")
	send := func(form, basic string) (int, map[string]any) {
		r := httptest.NewRequest("POST", "/oauth2/access_token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if basic != "" {
			r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return w.Code, out
	}
	status, body := send("grant_type=client_credentials&scope=tsg_id:123", "id:secret")
	if status != http.StatusOK || body["token_type"] != "Bearer" || body["expires_in"] != 900.0 || body["scope"] != "tsg_id:123" {
		t.Fatalf("%d %v", status, body)
	}
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(fmt.Sprint(body["access_token"]), &claims); err != nil || claims["exp"] == nil || claims["sub"] != "id" {
		t.Errorf("claims %v, %v", claims, err)
	}
	if status, _ := send("grant_type=client_credentials&client_id=a&client_secret=b", ""); status != http.StatusOK {
		t.Errorf("credentials in the form: %d", status)
	}
	for form, want := range map[string]string{
		"":                              "invalid_request",
		"grant_type=password":           "unsupported_grant_type",
		"grant_type=client_credentials": "invalid_client",
	} {
		if status, body := send(form, ""); status < 400 || body["error"] != want {
			t.Errorf("%q: %d %v", form, status, body)
		}
	}
}

func TestSelection(t *testing.T) {
	tests := []struct {
		name          string
		allow, ignore []string
		path          string
		want          bool
	}{
		{"a star crosses slashes", []string{"*.bin"}, nil, "sub/dir/model.bin", true},
		{"what no pattern allows is left out", []string{"*.bin"}, nil, "model.json", false},
		{"ignored wins over allowed", []string{"*"}, []string{"*.md"}, "README.md", false},
		{"a trailing slash means everything below", nil, []string{"onnx/"}, "onnx/a/b", false},
		{"a question mark is one character", []string{"?.txt"}, nil, "é.txt", true},
		{"a class", []string{"[ab].txt"}, nil, "b.txt", true},
		{"a negated class", []string{"[!ab].txt"}, nil, "b.txt", false},
		{"a bracket that is not closed stands for itself", []string{"[a.txt"}, nil, "[a.txt", true},
		{"a closing bracket may come first in a class", []string{"[]].txt"}, nil, "].txt", true},
		{"what looks like an expression is none", []string{"a+(b).txt"}, nil, "aa+b.txt", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := selection(tt.allow, tt.ignore)
			if err != nil {
				t.Fatal(err)
			}
			if got := f(tt.path); got != tt.want {
				t.Errorf("%q: %v", tt.path, got)
			}
		})
	}
	if f, err := selection(nil, nil); f != nil || err != nil {
		t.Error("no patterns should select by nothing")
	}
}

func FuzzGlob(f *testing.F) {
	for _, seed := range []string{"*", "[", "[]", "[!]", "[]]", "[!]]", "[a-", "[\\]", "[[", "[^]", "é*", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, glob string) {
		if _, err := globs([]string{glob}); err != nil && !strings.Contains(err.Error(), "is not a glob") {
			t.Error(err)
		}
	})
}
