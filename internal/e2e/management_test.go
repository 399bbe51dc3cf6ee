package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/testenv"
)

// Default groups that clients name by UUID.
const (
	defaultHub = "54545ad8-5d15-5dde-954a-c138aa5a7bbc"
	defaultS3  = "956cc51a-8f37-546b-b8f0-cfb807561804"
)

// write puts a file into the user's home and returns its path.
func (c *client) write(t *testing.T, name string, content any) string {
	t.Helper()
	text, ok := content.(string)
	if !ok {
		b, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	path := filepath.Join(c.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// field is a field of the JSON object that a program printed among other things.
func field(t *testing.T, r result, name string) string {
	t.Helper()
	from := strings.Index(r.stdout, "{")
	if from < 0 {
		t.Fatalf("no JSON in %s", r.all())
	}
	var object map[string]any
	if err := json.NewDecoder(strings.NewReader(r.stdout[from:])).Decode(&object); err != nil {
		t.Fatalf("%v in %s", err, r.all())
	}
	text, _ := object[name].(string)
	return text
}

func TestGuardianClientsWorkUnchanged(t *testing.T) {
	w := newWorld(t)
	g := startGateway(t, w.URL)
	const good, evil = "https://huggingface.co/" + modelID, "https://huggingface.co/" + evilID
	for _, version := range []string{testenv.Guardian21, testenv.Guardian17} {
		t.Run(version, func(t *testing.T) {
			program := filepath.Join(filepath.Dir(testenv.Python(t, version)), "guardian-client")
			c := newClient(t, g.url, "GUARDIAN_API_ENDPOINT="+g.url+"/guardian", "GUARDIAN_API_CLIENT_ID=id", "GUARDIAN_API_CLIENT_SECRET=secret")
			guardian := func(code int, args ...string) result {
				t.Helper()
				r := c.run(t, "", program, args...)
				if r.code != code {
					t.Errorf("%v ended with %d, want %d: %s", args, r.code, code, tail(r.all(), 1500))
				}
				return r
			}
			scan := func(uri string, more ...string) []string {
				args := []string{"scan", uri, "--poll-interval-secs", "1"}
				if version == testenv.Guardian21 {
					args = append(args, "--security-group-uuid", defaultHub)
				}
				return append(args, more...)
			}
			passed := guardian(0, scan(good)...)
			if field(t, passed, "aggregate_eval_outcome") != "PASS" {
				t.Errorf("%s", passed.stdout)
			}
			failed := guardian(1, scan(evil)...)
			if field(t, failed, "aggregate_eval_outcome") != "FAIL" || !strings.Contains(failed.stdout, `"file": "org_evil/pytorch_model.bin"`) {
				t.Errorf("%s", failed.stdout)
			}
			guardian(0, scan(evil, "--report-only")...)
			guardian(2, scan("https://huggingface.co/org/none")...)
			if version == testenv.Guardian21 {
				if pinned := guardian(0, scan(good, "--model-version", w.first)...); field(t, pinned, "revision") != w.first {
					t.Errorf("%s", pinned.stdout)
				}
			}
			got := map[string]int{testenv.Guardian21: 0, testenv.Guardian17: 1}[version] // the older one ends with the outcome of the scan
			guardian(got, "get-scan", field(t, failed, "uuid"))
			list := guardian(0, "list-scans", "--limit", "5", "--count", "--sort-field", "updated_at", "--sort-order", "asc", "--severities", "CRITICAL",
				"--outcome", "FAIL", "--start-time", "2020-01-01T00:00:00")
			if !strings.Contains(list.stdout, `"total_items"`) || strings.Contains(list.stdout, `"PASS"`) {
				t.Errorf("%s", list.stdout)
			}
			guardian(0, "list-worker-pools")
			guardian(0, "get-worker-pool", "embedded")
			guardian(0, "update-worker-pool", "embedded", "--name", "ours")
			if named := guardian(0, "get-worker-pool", "embedded"); field(t, named, "name") != "ours" {
				t.Errorf("%s", named.stdout)
			}
			folder := filepath.Join(c.home, "model")
			guardian(0, "download-from-scan", field(t, passed, "uuid"), "--local-dir", folder)
			if _, err := os.Stat(filepath.Join(folder, "model.safetensors")); err != nil {
				t.Error(err)
			}
			guardian(2, "download-from-scan", field(t, failed, "uuid"), "--local-dir", filepath.Join(c.home, "evil"))
			if _, err := os.Stat(filepath.Join(c.home, "evil", "pytorch_model.bin")); err == nil {
				t.Error("what is blocked was downloaded")
			}
			if r := c.run(t, "", program, "scan-3p", modelID, "--revision", w.first); version == testenv.Guardian17 && r.code != 0 {
				t.Errorf("scan-3p ended with %d: %s", r.code, tail(r.all(), 1500))
			}
		})
	}
}

func TestAirsCLIWorksUnchanged(t *testing.T) {
	w := newWorld(t)
	g := startGateway(t, w.URL)
	program := testenv.AirsCLI(t)
	c := newClient(t, g.url)
	config := c.write(t, "airs.json", map[string]string{
		"mgmtClientId": "id", "mgmtClientSecret": "secret", "mgmtTsgId": "123", "mgmtTokenEndpoint": g.url + "/oauth2/access_token",
		"modelSecDataEndpoint": g.url + "/aims/data", "modelSecMgmtEndpoint": g.url + "/aims/mgmt",
	})
	c.env = append(c.env, "PRISMA_AIRS_TENANTS_PATH="+c.write(t, "tenants.json", map[string]any{
		"version": 1, "active": "gate", "tenants": []any{map[string]string{"name": "gate", "configPath": config, "tsgId": "123"}},
	}))
	airs := func(code int, want string, args ...string) {
		t.Helper()
		r := c.run(t, "", program, append([]string{"model-security"}, args...)...)
		if r.code != code || !strings.Contains(r.all(), want) {
			t.Errorf("%v ended with %d, want %d and %q: %s", args, r.code, code, want, tail(r.all(), 1500))
		}
	}
	// listed finds the UUID of the first item of a list of the API, which the program shows too.
	listed := func(path, key string) string {
		t.Helper()
		resp, err := http.Get(g.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var list map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		items, _ := list[key].([]any)
		if len(items) == 0 {
			t.Fatalf("%s lists no %s: %v", path, key, list)
		}
		return items[0].(map[string]any)["uuid"].(string)
	}
	airs(0, "Default HUGGING_FACE", "groups", "list")
	airs(0, "Group created", "groups", "create", "--config", c.write(t, "group.json", map[string]any{
		"name": "S3-Production", "source_type": "S3", "description": "goes live",
		"rule_configurations": map[string]any{"550e8400-e29b-41d4-a716-446655440005": map[string]string{"state": "BLOCKING"}},
	}))
	group := listed("/aims/mgmt/v1/security-groups?search_query=S3-Production", "security_groups")
	airs(0, "S3-Production", "groups", "get", group)
	airs(0, "Partner-S3-Audit", "groups", "update", group, "--name", "Partner-S3-Audit")
	airs(0, "License Exists", "rules", "list")
	airs(0, "Load Time Code Execution Check", "rule-instances", "list", group)
	instance := listed("/aims/mgmt/v1/security-groups/"+group+"/rule-instances?security_rule_uuid=550e8400-e29b-41d4-a716-446655440005", "rule_instances")
	airs(0, "approved_formats", "rule-instances", "update", group, instance, "--config", c.write(t, "instance.json", map[string]any{
		"state": "ALLOWING", "field_values": map[string]any{"approved_formats": []string{"safetensors"}},
	}))
	airs(0, "Delete request accepted", "groups", "delete", group) // it stays readable
	airs(1, "default group", "groups", "delete", defaultS3)

	airs(0, "HUGGING_FACE", "scans", "create", "--config", c.write(t, "scan.json", map[string]any{
		"model_uri": "https://huggingface.co/" + evilID, "security_group_uuid": defaultHub, "scan_origin": "MODEL_SECURITY_SDK",
		"labels": []any{map[string]string{"key": "team", "value": "ml"}},
	}))
	scan := listed("/aims/data/v1/scans", "scans")
	airs(0, scan, "scans", "list")
	airs(0, "BLOCKED", "scans", "get", scan)
	airs(1, "there is no scan", "scans", "get", "00000000-0000-4000-8000-000000000000")
	airs(0, "Load Time Code Execution Check", "scans", "evaluations", scan)
	airs(0, "PAIT-PKL-100", "scans", "violations", scan)
	airs(0, "pytorch_model.bin", "scans", "files", scan)
	airs(0, "Labels added", "labels", "add", scan, "--labels", `[{"key":"env","value":"prod"}]`)
	airs(0, "env", "labels", "keys")
	airs(0, "prod", "labels", "values", "env")
	airs(0, "Labels deleted", "labels", "delete", scan, "--keys", "env")
	airs(0, evilID, "models", "list")
}
