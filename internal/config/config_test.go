package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "modelgate.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadWithoutAnythingIsTheDefault(t *testing.T) {
	got, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
}

func TestFileThenEnvironment(t *testing.T) {
	file := write(t, `
listen: 0.0.0.0:9000
huggingface:
  endpoint: http://127.0.0.1:9999
  token: hf_file
  redirect_hosts: ["*.example.org"]
scan: {timeout: 90s, max_files: 10}
blobs:
  max_bytes: 1.5GiB
security_groups:
  - name: Strict Research
    source: HUGGING_FACE
    rules:
      - rule: license-exists
        state: BLOCKING
      - rule: Organization Is Blocked
        values: {deny_orgs: [evil, worse]}
`)
	got, err := Load(file, []string{
		"MODELGATE_HUGGINGFACE_TOKEN=hf_env", "MODELGATE_SCAN_MAX_FILES=20", "PATH=/bin",
		"MODELGATE_HUGGINGFACE_REDIRECT_HOSTS=a.example, b.example", "MODELGATE_CONFIG=" + file,
		"MODELGATE_SERVICE_HOST=10.0.0.1", "MODELGATE_PORT_8080_TCP_ADDR=10.0.0.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen = "0.0.0.0:9000"
	want.HuggingFace.Endpoint = "http://127.0.0.1:9999"
	want.HuggingFace.Token = "hf_env"
	want.HuggingFace.RedirectHosts = []string{"a.example", "b.example"}
	want.Scan.Timeout = Duration(90 * time.Second)
	want.Scan.MaxFiles = 20
	want.Blobs.MaxBytes = 3 << 29
	want.SecurityGroups = []SecurityGroup{{
		Name: "Strict Research", Source: "HUGGING_FACE",
		Rules: []DeclaredRule{
			{Rule: "license-exists", State: "BLOCKING"},
			{Rule: "Organization Is Blocked", Values: map[string][]string{"deny_orgs": {"evil", "worse"}}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	tests := []struct {
		name, yaml string
		environ    []string
		want       []string
	}{
		{"an unknown key names line and the likely key", "listen: x\nhuggingfce:\n  token: a\n", nil, []string{":2: unknown key huggingfce"}},
		{"an unknown nested key names the likely key", "scan:\n  time_out: 5m\n", nil, []string{":2: unknown key scan.time_out; did you mean scan.timeout?"}},
		{"a wrong duration says how to write one", "scan:\n  hold: 5 minutes\n", nil, []string{`:2: scan.hold: "5 minutes" is not a duration`}},
		{"a wrong size says how to write one", "blobs:\n  max_bytes: lots\n", nil, []string{`:2: blobs.max_bytes: "lots" is not a size`}},
		{"a list where a value belongs", "listen: [a]\n", nil, []string{":1: listen must be a single value"}},
		{"a value where a list belongs", "security_groups: yes\n", nil, []string{":1: security_groups must be a list"}},
		{"a key given twice", "listen: a\nlisten: b\n", nil, []string{"listen"}},
		{"a choice that does not exist names the likely one", "policy: {preset: strickt}\n", nil, []string{`:1: policy.preset "strickt" is none of balanced, strict; did you mean strict?`}},
		{"all mistakes are told at once", "listne: a\nscan: {hold: x}\n", nil, []string{"unknown key listne; did you mean listen?", "scan.hold"}},
		{"an unknown variable names the likely one", "", []string{"MODELGATE_LISTN=x"}, []string{"MODELGATE_LISTN: unknown variable; did you mean MODELGATE_LISTEN?"}},
		{"a wrong variable is told by name", "", []string{"MODELGATE_SCAN_MAX_FILES=many"}, []string{`MODELGATE_SCAN_MAX_FILES: "many" is not a whole number`}},
		{"an endpoint that is no address", "huggingface: {endpoint: huggingface.co}\n", nil, []string{":1: huggingface.endpoint is not an http"}},
		{"an endpoint with a password does not show it", "huggingface: {endpoint: 'https://u:hunter2@h'}\n", nil, []string{"must not hold a user name"}},
		{"half a certificate", "tls: {cert: a.pem}\n", nil, []string{"tls.cert and tls.key must be set together"}},
		{"a protection that does not exist yet is refused", "auth: {enabled: true}\n", nil, []string{":1: auth.enabled this version of modelgate has no accounts yet"}},
		{"a proxy for everybody on every address", "proxy: {listen: '0.0.0.0:3128'}\n", nil, []string{":1: proxy.listen is open to everybody"}},
		{"an action that does not exist", "proxy: {rules: [{action: look}]}\n", nil, []string{`proxy.rules[0].action "look" is none of inspect`}},
		{"a list of numbers in a variable", "", []string{"MODELGATE_PROXY_CONNECT_PORTS=8443,x"}, []string{`MODELGATE_PROXY_CONNECT_PORTS: "x" is not a whole number`}},
		{"half an authority", "proxy: {ca_cert: a.pem}\n", nil, []string{"proxy.ca_cert and proxy.ca_key must be set together"}},
		{"broken YAML", "listen: 'a\n", nil, []string{"modelgate.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(write(t, tt.yaml), tt.environ)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q shows a secret", err)
			}
		})
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	c := Default()
	c.HuggingFace.Token, c.Redis.URL = "hf_hunter2", "redis://:hunter2@h"
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), string(asJSON)} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("secret shown in %s", shown)
		}
	}
	if c.HuggingFace.Token.Reveal() != "hf_hunter2" {
		t.Error("Reveal does not return the secret")
	}
}

// TestExampleDocumentsEveryKey holds config.example.yaml to the struct: each key is there, with its default.
func TestExampleDocumentsEveryKey(t *testing.T) {
	example := filepath.Join("..", "..", "config.example.yaml")
	got, err := Load(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the example is not the default: %s", diff)
	}
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range allKeys(reflect.TypeFor[Config](), "") {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(string(text), name+":") {
			t.Errorf("config.example.yaml does not mention %s", key)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("listen: a\nscan: {timeout: 5m}\n")
	f.Add("security_groups:\n- rules: [{values: {a: [b]}}]\n")
	f.Add("&a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{config: Default(), origin: map[string]string{}}
		l.file("x", []byte(text)) // must not panic
	})
}
