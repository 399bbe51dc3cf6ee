package hubtest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
)

func TestJSONIsCompressedForWhoAcceptsIt(t *testing.T) {
	hub, _ := newHub(t)
	plain := ask(t, false, "GET", hub.URL+"/api/models/org/name/tree/main", "Accept-Encoding", "identity")
	packed := ask(t, false, "GET", hub.URL+"/api/models/org/name/tree/main", "Accept-Encoding", "gzip")
	if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("encodings %q and %q", plain.header.Get("Content-Encoding"), packed.header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain.body) {
		t.Errorf("%q: %v", unpacked, err)
	}
	if file := ask(t, true, "GET", hub.URL+"/org/name/resolve/main/config.json", "Accept-Encoding", "gzip"); file.header.Get("Content-Encoding") != "" {
		t.Error("a file is compressed")
	}
}

func TestTreeEntriesAreTheHubs(t *testing.T) {
	hub, repo := newHub(t)
	repo.Security("model.safetensors", "unsafe")
	c := hubtest.Text(large)
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", c.SHA256(), c.Size())
	a := ask(t, false, "GET", hub.URL+"/api/models/org/name/tree/main")
	got := decode[[]map[string]any](t, a)
	want := []map[string]any{
		{"type": "file", "path": "config.json", "size": 22.0, "oid": hubtest.Text(small).GitSHA1()},
		{
			"type": "file", "path": "model.safetensors", "size": 42.0, "oid": hubtest.Text(pointer).GitSHA1(), "xetHash": hubtest.XetHash(c),
			"lfs": map[string]any{"oid": c.SHA256(), "size": 42.0, "pointerSize": float64(len(pointer))},
		},
		{"type": "directory", "path": "sub", "size": 0.0, "oid": got[2]["oid"]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	expanded := decode[[]map[string]any](t, ask(t, false, "GET", hub.URL+"/api/models/org/name/tree/main?expand=True"))
	if s := expanded[1]["securityFileStatus"].(map[string]any); s["status"] != "unsafe" || s["pickleImportScan"] == nil {
		t.Errorf("security %v", s)
	}
	info := decode[map[string]any](t, ask(t, false, "GET", hub.URL+"/api/models/org/name?securityStatus=True"))
	issues := map[string]any{"scansDone": true, "filesWithIssues": []any{map[string]any{"path": "model.safetensors", "level": "unsafe"}}}
	if diff := cmp.Diff(any(issues), info["securityRepoStatus"]); diff != "" {
		t.Error(diff)
	}
	if a := ask(t, false, "GET", hub.URL+"/api/models/org/name/tree/main/none"); a.status != 404 || a.header.Get("X-Error-Code") != "EntryNotFound" {
		t.Errorf("a folder that is not there: %d", a.status)
	}
}

func TestPathsAreToldOfByFormAndByJSON(t *testing.T) {
	hub, _ := newHub(t)
	bodies := map[string]string{
		"application/x-www-form-urlencoded": url.Values{"paths": {"config.json", "none", "sub"}, "expand": {"False"}}.Encode(),
		"application/json":                  `{"paths":["config.json","none","sub"],"expand":false}`,
	}
	for kind, body := range bodies {
		req, err := http.NewRequestWithContext(t.Context(), "POST", hub.URL+"/api/models/org/name/paths-info/main", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var got []map[string]any
		err = json.NewDecoder(resp.Body).Decode(&got)
		_ = resp.Body.Close()
		if err != nil || len(got) != 2 || got[0]["path"] != "config.json" || got[1]["type"] != "directory" {
			t.Errorf("%s: %v, %v", kind, got, err)
		}
	}
}

func TestRefsAndCommitsAreListed(t *testing.T) {
	hub, repo := newHub(t)
	first := repo.Head()
	second := repo.Commit("more", hubtest.Files{"more.txt": hubtest.Text("more"), "config.json": {}})
	repo.Tag("v1", first).Branch("refs/convert/parquet", first).Branch("refs/pr/1", first)
	ref := func(name, ref, commit string) any {
		return map[string]any{"name": name, "ref": ref, "targetCommit": commit}
	}
	want := map[string]any{
		"branches": []any{ref("main", "refs/heads/main", second)}, "converts": []any{ref("parquet", "refs/convert/parquet", first)},
		"tags": []any{ref("v1", "refs/tags/v1", first)}, "pullRequests": []any{ref("pr/1", "refs/pr/1", first)},
	}
	if diff := cmp.Diff(want, decode[map[string]any](t, ask(t, false, "GET", hub.URL+"/api/models/org/name/refs?include_prs=1"))); diff != "" {
		t.Error(diff)
	}
	page := ask(t, false, "GET", hub.URL+"/api/models/org/name/commits/main?limit=1")
	if got := decode[[]map[string]any](t, page); got[0]["id"] != second || page.header.Get("X-Total-Count") != "2" || !strings.Contains(page.header.Get("Link"), "p=1") {
		t.Errorf("%v, Link %q", got, page.header.Get("Link"))
	}
	if a := ask(t, true, "GET", hub.URL+"/org/name/resolve/main/config.json"); a.status != 404 {
		t.Errorf("a file that a commit has deleted: %d", a.status)
	}
	if a := ask(t, true, "GET", hub.URL+"/org/name/resolve/"+first+"/config.json"); a.status != 200 {
		t.Errorf("the same before: %d", a.status)
	}
}

func TestPeopleAndOrganizationsAreKnown(t *testing.T) {
	hub, _ := newHub(t)
	hub.AddOrganization("org", true, "enterprise")
	hub.AddOrganization("unverified", false, "")
	hub.AddUser("alice", "hf_alice", "org")
	get := func(path string, headers ...string) map[string]any {
		return decode[map[string]any](t, ask(t, false, "GET", hub.URL+path, headers...))
	}
	if org := get("/api/organizations/org/overview"); org["isVerified"] != true || org["plan"] != "enterprise" {
		t.Errorf("%v", org)
	}
	if _, stated := get("/api/organizations/unverified/overview")["isVerified"]; stated {
		t.Error("the Hub leaves isVerified out of who is not")
	}
	if a := ask(t, false, "GET", hub.URL+"/api/organizations/alice/overview"); a.status != 404 {
		t.Errorf("a user asked for as an organization: %d", a.status)
	}
	if who := get("/api/whoami-v2", "Authorization", "Bearer hf_alice"); who["name"] != "alice" {
		t.Errorf("%v", who)
	}
	if a := ask(t, false, "GET", hub.URL+"/api/whoami-v2"); a.status != 401 {
		t.Errorf("nobody: %d", a.status)
	}
	hub.AddModel("org/own", hubtest.Files{"a": hubtest.Text("a")}).Private()
	if a := ask(t, false, "GET", hub.URL+"/api/models/org/own", "Authorization", "Bearer hf_alice"); a.status != 200 {
		t.Errorf("a private model of her organization: %d", a.status)
	}
}

func TestOllamaAndLFSFindTheSameBytes(t *testing.T) {
	hub := hubtest.New(t)
	c := hubtest.Text("GGUF and so on")
	hub.AddModel("org/quants", hubtest.Files{"m-Q4_K_M.gguf": c})
	manifest := ask(t, false, "GET", hub.URL+"/v2/org/quants/manifests/Q4_K_M", "User-Agent", "llama-cpp")
	got := decode[struct {
		Layers   []struct{ Digest string }
		GGUFFile struct{ RFilename string }
	}](t, manifest)
	if len(got.Layers) != 1 || got.Layers[0].Digest != "sha256:"+c.SHA256() || got.GGUFFile.RFilename != "m-Q4_K_M.gguf" {
		t.Errorf("%s", manifest.body)
	}
	if a := ask(t, true, "GET", hub.URL+"/v2/org/quants/blobs/sha256:"+c.SHA256()); string(a.body) != "GGUF and so on" {
		t.Errorf("blob: %d %q", a.status, a.body)
	}
	if a := ask(t, true, "GET", hub.URL+"/v2/org/quants/manifests/Q2"); a.status != 400 {
		t.Errorf("a quantization that is not there: %d", a.status)
	}
	body := fmt.Sprintf(`{"operation":"download","objects":[{"oid":%q,"size":14},{"oid":"%064d","size":1}]}`, c.SHA256(), 0)
	req, err := http.NewRequestWithContext(t.Context(), "POST", hub.URL+"/org/quants.git/info/lfs/objects/batch", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var batch struct {
		Objects []struct {
			Actions struct{ Download struct{ Href string } }
			Error   struct{ Code int }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&batch); err != nil || len(batch.Objects) != 2 || batch.Objects[1].Error.Code != 404 {
		t.Fatalf("%+v, %v", batch, err)
	}
	if a := ask(t, false, "GET", batch.Objects[0].Actions.Download.Href); string(a.body) != "GGUF and so on" {
		t.Errorf("object: %d %q", a.status, a.body)
	}
}

func TestHeadersOfSafetensorsAreTold(t *testing.T) {
	hub := hubtest.New(t)
	hub.AddModel("org/sharded", hubtest.Files{
		"model-1.safetensors":          hubtest.Safetensors(10, 1),
		"model.safetensors.index.json": hubtest.Text(`{"metadata":{"total_size":10},"weight_map":{"noise":"model-1.safetensors"}}`),
	})
	got := decode[struct {
		Index   struct{ Metadata map[string]any }
		Headers map[string]map[string]any
	}](t, ask(t, false, "GET", hub.URL+"/api/models/org/sharded/safetensors-metadata/model.safetensors.index.json"))
	if got.Index.Metadata["total_size"] != 10.0 || got.Headers["model-1.safetensors"]["noise"] == nil {
		t.Errorf("%+v", got)
	}
}

func TestSlowHubsAreTooSlowForWhoCannotWait(t *testing.T) {
	hub, _ := newHub(t)
	const path = "/org/name/resolve/main/model.safetensors"
	get := func(patience time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, hub.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	for name, f := range map[string]hubtest.Fault{
		"before the first byte": {Host: hubtest.CDN, Delay: time.Second},
		"in the body":           {Host: hubtest.CDN, Rate: 40},
	} {
		in := hub.Inject(f)
		if body, err := get(200 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) || body == large {
			t.Errorf("%s, without patience: %q, %v", name, body, err)
		}
		if body, err := get(time.Minute); err != nil || body != large {
			t.Errorf("%s, with patience: %q, %v", name, body, err)
		}
		in.Remove()
	}
}

func TestAFaultRunsWhatItIsToldTo(t *testing.T) {
	hub, repo := newHub(t)
	hub.Inject(hubtest.Fault{Host: hubtest.CDN, Skip: 1, Times: 1, Then: func() { repo.Private() }})
	for i, want := range []int{200, 200, 401} { // signed addresses outlive the change, as on the Hub
		if a := ask(t, true, "GET", hub.URL+"/org/name/resolve/main/model.safetensors"); a.status != want {
			t.Errorf("request %d: %d, want %d", i, a.status, want)
		}
	}
}

func TestSearchesArePaged(t *testing.T) {
	hub, _ := newHub(t)
	hub.AddModel("other/name", hubtest.Files{"a": hubtest.Text("a")}).Card("license", "mit")
	hub.AddModel("other/hidden", hubtest.Files{"a": hubtest.Text("a")}).Private()
	count := func(query string) int {
		return len(decode[[]any](t, ask(t, false, "GET", hub.URL+"/api/models?"+query)))
	}
	for query, want := range map[string]int{"": 2, "author=other": 1, "search=org": 1, "filter=license:mit": 1, "limit=1": 1} {
		if got := count(query); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
	a := ask(t, false, "GET", hub.URL+"/api/models?limit=1")
	next := strings.TrimSuffix(strings.TrimPrefix(a.header.Get("Link"), "<"), `>; rel="next"`)
	b := ask(t, false, "GET", next)
	if len(decode[[]any](t, b)) != 1 || bytes.Equal(a.body, b.body) || b.header.Get("Link") != "" {
		t.Errorf("second page %q, Link %q", b.body, b.header.Get("Link"))
	}
}
