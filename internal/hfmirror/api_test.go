package hfmirror

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/reply"
)

func TestThePagesOfATreeLeadToTheGate(t *testing.T) {
	s := newStand(t)
	files := hubtest.Files{}
	for i := range 10 {
		files[fmt.Sprintf("f%d.bin", i)] = hubtest.LFS([]byte{byte(i)})
	}
	s.hub.AddModel("org/name", files)
	for _, prefix := range []string{"", "/g/lab"} {
		path, seen := prefix+"/api/models/org/name/tree/main?recursive=True&expand=False", 0
		for pages := 0; path != "" && pages < 10; pages++ {
			a := s.ask("GET", path)
			a.is(t, 200)
			var entries []map[string]any
			if err := json.Unmarshal(a.body, &entries); err != nil {
				t.Fatal(err)
			}
			seen += len(entries)
			if strings.Contains(string(a.body), "xet") {
				t.Errorf("Xet in %s", a.body)
			}
			path = ""
			if link := a.Header.Get("Link"); link != "" {
				target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
				var ok bool
				if path, ok = strings.CutPrefix(target, s.URL); !ok || !strings.HasPrefix(path, prefix+"/api/") {
					t.Fatalf("page %d leads to %s", pages+2, link)
				}
			}
		}
		if seen != 10 {
			t.Errorf("%d entries", seen)
		}
	}
	s.hub.Inject(hubtest.Fault{Path: "/tree/", LinkHost: "https://evil.test"})
	s.ask("GET", "/api/models/org/name/tree/main?recursive=1&limit=4").is(t, 200, "Link", "")
	mustContain(t, s.log.String(), "evil.test", "dropped")
}

func TestMetadataPassesByteForByteButForXet(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(100)), "a.json": hubtest.Text("{}")})
	repo.Info("big", json.RawMessage(`123456789012345678901234567890.10e-7`)).Info("text", "é\u2028</script>")
	for _, path := range []string{
		"/api/models/org/name", "/api/models/org/name?blobs=True&securityStatus=True&expand=unknownParameter",
		"/api/models/org/name/revision/main", "/api/models/org/name/refs", "/api/models/org/name/commits/main", "/api/models?author=org",
		"/api/organizations/org/overview",
	} {
		direct, err := http.Get(s.hub.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		_, _ = want.ReadFrom(direct.Body)
		_ = direct.Body.Close()
		a := s.ask("GET", path)
		a.is(t, direct.StatusCode)
		if !bytes.Equal(a.body, want.Bytes()) {
			t.Errorf("%s: %s, want %s", path, a.body, want.Bytes())
		}
	}
	passedOn := 0
	for _, r := range s.hub.Asked(hubtest.Main, "GET", "/api/models/org/name") {
		if r.Query == "blobs=True&securityStatus=True&expand=unknownParameter" {
			passedOn++
		}
	}
	if passedOn != 2 { // asked directly, and through the gate
		t.Errorf("the query was seen %d times", passedOn)
	}
}

func TestWhatDoesNotChangeIsAskedOnce(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(100))})
	s.hub.AddOrganization("org", true, "team")
	s.hub.AddUser("jane", "hf_jane")
	s.hub.AddModel("org/secret", hubtest.Files{"w.bin": hubtest.LFS(pattern(100))}).Private().Reader("jane")
	secret := s.hub.Repo(model.Models, "org/secret").Head()
	lasting := []string{"/api/models/org/name/tree/" + repo.Head() + "?recursive=True", "/api/organizations/org/overview"}
	for range 3 {
		for _, path := range lasting {
			s.ask("GET", path).is(t, 200)
		}
		s.ask("GET", "/api/models/org/name/tree/main").is(t, 200)
		s.ask("GET", "/api/models/org/secret/tree/"+secret, "Authorization", "Bearer hf_jane").is(t, 200)
		s.ask("GET", "/api/models/org/secret/tree/"+secret).is(t, 401)
		s.ask("GET", "/api/organizations/org/overview", "Authorization", "Bearer hf_jane").is(t, 200)
	}
	for part, want := range map[string]int{"org/name/tree/" + repo.Head(): 1, "org/name/tree/main": 3} {
		if n := s.hub.Count(hubtest.Main, "GET", part); n != want {
			t.Errorf("%s was asked for %d times, want %d", part, n, want)
		}
	}
	anonymous := 0
	for _, r := range s.hub.Asked(hubtest.Main, "GET", "/api/organizations/org/overview") {
		if r.Token() == "" {
			anonymous++
		}
	}
	if anonymous != 1 {
		t.Errorf("the organization was asked for %d times", anonymous)
	}
}

func TestPathsInfoIsAPostThatReads(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(100))})
	repo.Security("w.bin", "safe")
	s.gate.block("org/name")
	form := url.Values{"paths": {"w.bin"}, "expand": {"True"}}.Encode()
	a := s.send("POST", "/api/models/org/name/paths-info/main", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
	a.is(t, 200)
	mustContain(t, string(a.body), `"path":"w.bin"`, `"modelgateScan":{"status":"unsafe","message":"Blocked by modelgate`, s.URL+"/ui/scans/"+s.gate.scan.String())
	if strings.Contains(string(a.body), "xetHash") {
		t.Errorf("Xet in %s", a.body)
	}
}

func TestTheHubsScannersGetOursBesideThem(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(100))})
	repo.Security("w.bin", "unsafe")
	a := s.ask("GET", "/api/models/org/name/tree/main?expand=True")
	a.is(t, 200)
	mustContain(t, string(a.body), `"modelgateScan":{"status":"safe"`, `"status":"unsafe"`)
	a = s.ask("GET", "/api/models/org/name/tree/main?expand=False")
	if strings.Contains(string(a.body), "modelgateScan") {
		t.Errorf("not asked for: %s", a.body)
	}
}

func TestErrorsOfTheAPIPassUnchanged(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("a")})
	s.hub.AddUser("jane", "hf_jane")
	rows := []struct {
		name, path, auth string
		status           int
		code             string
	}{
		{"no repository, to nobody", "/api/models/org/none", "", 401, ""},
		{"no repository, to somebody", "/api/models/org/none", "Bearer hf_jane", 404, "RepoNotFound"},
		{"no revision", "/api/models/org/name/revision/none", "", 404, "RevisionNotFound"},
		{"nobody's token", "/api/models/org/name", "Bearer hf_bad", 401, ""},
		{"no route", "/api/nothing/here", "", 404, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.ask("GET", row.path, "Authorization", row.auth)
			a.is(t, row.status, "X-Error-Code", row.code)
			if a.Header.Get("X-Error-Message") == "" || a.json(t)["error"] == "" {
				t.Errorf("%v %s", a.Header, a.body)
			}
		})
	}
	s.ask("GET", "/api/whoami-v2", "Authorization", "Bearer hf_jane").is(t, 200)
	s.ask("GET", "/api/whoami-v2").is(t, 401)
	s.ask("GET", "/api/models/org/name/auth-check").is(t, 200)
	limited := s.hub.Inject(hubtest.Fault{Path: "/api/models/org/name", Status: 429, RetryAfter: 300})
	a := s.ask("GET", "/api/models/org/name")
	a.is(t, 429)
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("header %v", a.Header)
	}
	limited.Remove()
}

func TestWhatCouldCarryBytesIsRefused(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(100)), "a.json": hubtest.Text(`{"secret":1}`)})
	s.hub.AddDataset("org/data", hubtest.Files{"a.parquet": hubtest.LFS(pattern(100))})
	s.gate.block("org/name")
	s.gate.block("org/data")
	for _, path := range []string{
		"/org/name/blob/main/a.json", "/org/name/tree/main", "/org/name/raw/main/a.json", "/org/name/resolve/main/a.json",
		"/api/resolve-cache/models/org/name/" + repo.Head() + "/a.json", "/api/models/org/name/resolve/main/a.json",
		"/api/models/org/name/compare/main..v1?raw=true", "/api/models/org/name/xet-write-token/main",
		"/api/models/org/name/xet-read-token/" + repo.Head(), "/api/datasets/org/data/parquet/default/train/0.parquet",
		"/api/datasets/org/data/parquet/default/train/0.parque%74", "/api/models/org/name/RESOLVE/main/a.json", "/api/models/org/name/Raw/main/a.json",
		"/org/name.git/info/refs?service=git-upload-pack", "/org/name/objects/info/packs", "/datasets/org/data/git-upload-pack",
		"/v2/org/name/blobs/sha256:" + hubtest.LFS(pattern(100)).SHA256(), "/datasets/org/data/resolve/main/a.parquet",
	} {
		a := s.ask("GET", path)
		a.is(t, 403)
		if strings.Contains(string(a.body), "secret") {
			t.Errorf("%s gives %s", path, a.body)
		}
	}
	for _, path := range []string{"/api/buckets/ns/name/tree", "/buckets/ns/name/resolve/x", "/api/agent-harnesses"} {
		a := s.ask("GET", path)
		a.is(t, 404, "X-Error-Code", "")
		mustContain(t, string(a.body), `"error"`)
	}
	s.ask("HEAD", "/api/telemetry/x/y").is(t, 204)
	a := s.ask("GET", "/org/name.git/info/refs?service=git-upload-pack")
	a.is(t, 403, "Content-Type", "text/plain; charset=utf-8")
	a = s.ask("GET", "/api/models/org/name/xet-read-token/"+repo.Head())
	a.is(t, 403, "X-Error-Code", "", "X-Error-Message", xetSentence)
	if got, _ := a.text("message"); got != xetSentence {
		t.Errorf("%s", a.body)
	}
}

func TestAnAnswerOfTheAPIThatMayBeAFileIsRefused(t *testing.T) {
	rows := []struct {
		name  string
		fault hubtest.Fault
	}{
		{"bytes", hubtest.Fault{Header: http.Header{"Content-Type": {"application/octet-stream"}}}},
		{"text", hubtest.Fault{Header: http.Header{"Content-Type": {"text/plain"}}}},
		{"no type", hubtest.Fault{Header: http.Header{"Content-Type": nil}}},
		{"something to be saved", hubtest.Fault{Header: http.Header{"Content-Disposition": {"attachment"}}}},
		{"the headers of a file", hubtest.Fault{Header: http.Header{"X-Linked-Etag": {`"x"`}}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStand(t)
			s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
			row.fault.Path = "/api/models/org/name"
			s.hub.Inject(row.fault)
			s.ask("GET", "/api/models/org/name").is(t, 403)
		})
	}
	t.Run("a page instead of JSON", func(t *testing.T) {
		s := newStand(t)
		s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
		s.hub.Inject(hubtest.Fault{Path: "/api/models/org/name", Body: []byte("<html>")})
		if a := s.ask("GET", "/api/models/org/name"); a.StatusCode < 400 || strings.Contains(string(a.body), "<html>") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

func TestWhatIsMeantForTheGateStaysHere(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
	s.ask("GET", "/api/models/org/name", "Cookie", "session=1", "X-Forwarded-For", "10.0.0.1", "guardian-scan-uuid", "x", "X-HF-Download-Counter", "1").is(t, 200)
	reqs := s.hub.Asked(hubtest.Main, "GET", "/api/models/org/name")
	if len(reqs) != 1 {
		t.Fatalf("%+v", reqs)
	}
	h := reqs[0].Header
	if h.Get("Cookie") != "" || h.Get("X-Forwarded-For") != "" || h.Get("Guardian-Scan-Uuid") != "" || h.Get("X-Hf-Download-Counter") != "1" {
		t.Errorf("header %v", h)
	}
}

func TestTheAddressOfTheGate(t *testing.T) {
	rows := []struct {
		name    string
		option  func(*Config)
		headers []string
		want    string
	}{
		{"is the one that was used", func(*Config) {}, []string{"X-Forwarded-Host", "evil.test"}, ""},
		{"is what a trusted proxy tells", func(c *Config) { c.TrustForwarded = true }, []string{"X-Forwarded-Host", "gate.test", "X-Forwarded-Proto", "https"}, "https://gate.test"},
		{"is the public one", func(c *Config) { c.PublicURL = "https://public.test/x/" }, nil, "https://public.test/x"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStand(t, row.option)
			files := hubtest.Files{}
			for i := range 5 {
				files[fmt.Sprint(i)] = hubtest.Text("x")
			}
			s.hub.AddModel("org/name", files)
			want := row.want
			if want == "" {
				want = s.URL
			}
			a := s.ask("GET", "/api/models/org/name/tree/main", row.headers...)
			if link := a.Header.Get("Link"); !strings.HasPrefix(link, "<"+want+"/api/models/org/name/tree/main?") {
				t.Errorf("link %s", link)
			}
		})
	}
}

func TestPagesOfOtherOriginsMayAsk(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
	s.ask("OPTIONS", "/org/name/resolve/main/a.json", "Origin", "https://x.test").is(t, 204, "Access-Control-Allow-Origin", "*")
	a := s.ask("GET", "/org/name/resolve/main/a.json", "Origin", "https://x.test")
	a.is(t, 200, "Access-Control-Allow-Origin", "*")
	mustContain(t, a.Header.Get("Access-Control-Expose-Headers"), "ETag", "X-Repo-Commit", "X-Linked-Size", "X-Modelgate-Scan")
	off := newStand(t, func(c *Config) { c.NoCORS = true })
	off.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
	off.ask("GET", "/org/name/resolve/main/a.json", "Origin", "https://x.test").is(t, 200, "Access-Control-Allow-Origin", "")
	off.ask("OPTIONS", "/org/name/resolve/main/a.json").is(t, 403, "Access-Control-Allow-Methods", "")
}

func TestBatchesOfGitLFS(t *testing.T) {
	s := newStand(t)
	content := pattern(5000)
	sum := hubtest.LFS(content).SHA256()
	repo := s.hub.AddModel("org/name", hubtest.Files{"a b/w.bin": hubtest.LFS(content)})
	s.hub.AddModel("org/other", hubtest.Files{"x.bin": hubtest.LFS(pattern(6000))})
	batch := func(path, operation string, oids ...string) answer {
		var objects []map[string]any
		for _, oid := range oids {
			objects = append(objects, map[string]any{"oid": oid, "size": 5000})
		}
		text, _ := json.Marshal(map[string]any{"operation": operation, "transfers": []string{"basic"}, "objects": objects, "ref": map[string]any{"name": "refs/heads/main"}})
		return s.send("POST", path, bytes.NewReader(text), "Content-Type", batchType, "Authorization", "Basic eDo=")
	}
	const path = "/g/lab/org/name.git/info/lfs/objects/batch"
	a := batch(path, "download", sum, hubtest.LFS(pattern(6000)).SHA256())
	a.is(t, 200, "Content-Type", batchType)
	var got batchAnswer
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Objects) != 2 {
		t.Fatalf("%v %s", err, a.body)
	}
	href := got.Objects[0].Actions["download"].Href
	if want := s.URL + "/g/lab/org/name/resolve/" + repo.Head() + "/a%20b/w.bin"; href != want || got.Objects[0].Actions["download"].Header["Authorization"] != "Basic eDo=" {
		t.Errorf("%s leads to %s", a.body, href)
	}
	if got.Objects[1].Error == nil || got.Objects[1].Error.Code != 404 || got.Objects[1].Actions != nil {
		t.Errorf("an object of another repository: %s", a.body)
	}
	if d := s.ask("GET", strings.TrimPrefix(href, s.URL)); !bytes.Equal(d.body, content) {
		t.Errorf("%d bytes", len(d.body))
	}
	own := `{"operation":"download","objects":[{"oid":"` + sum + `","size":5000}],"ref":{"name":"refs/heads/a-branch-of-my-own"}}`
	if a := s.send("POST", path, strings.NewReader(own)); a.StatusCode != 200 || !bytes.Contains(a.body, []byte(href)) {
		t.Errorf("a branch that the Hub does not know: %d %s", a.StatusCode, a.body)
	}
	batch(path, "upload", sum).is(t, 403)
	batch(path, "download", "nonsense").is(t, 422)
	s.send("POST", path, strings.NewReader("{")).is(t, 422)
	s.ask("GET", path).is(t, 403)
	s.gate.block("org/name")
	a = batch(path, "download", sum)
	a.is(t, 403)
	if text, _ := a.text("message"); !strings.Contains(text, s.gate.scan.String()) || a.Status != "403 "+text {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

func TestOllamaPullsWhatWasScanned(t *testing.T) {
	s := newStand(t)
	gguf := append([]byte("GGUF"), pattern(100_000)...)
	repo := s.hub.AddModel("org/name-GGUF", hubtest.Files{"name-Q4_K_M.gguf": hubtest.LFS(gguf), "other.bin": hubtest.LFS(pattern(7))})
	unknown := "/v2/org/name-GGUF/blobs/sha256:" + strings.Repeat("ab", 32)
	s.ask("GET", unknown).is(t, 403)
	a := s.ask("GET", "/v2/org/name-GGUF/manifests/Q4_K_M")
	a.is(t, 200, "X-Repo-Commit", repo.Head())
	var m manifest
	if err := json.Unmarshal(a.body, &m); err != nil || len(m.Layers) != 1 {
		t.Fatalf("%v %s", err, a.body)
	}
	blob := "/v2/org/name-GGUF/blobs/" + m.Layers[0].Digest
	s.ask("HEAD", blob).is(t, 200, "Content-Length", "100004")
	if d := s.ask("GET", blob); !bytes.Equal(d.body, gguf) {
		t.Errorf("%d, %d bytes", d.StatusCode, len(d.body))
	}
	s.ask("GET", blob, "Range", "bytes=0-3").is(t, 206)
	config := s.ask("GET", "/v2/org/name-GGUF/blobs/"+m.Config.Digest)
	config.is(t, 200, "X-Modelgate-Scan", s.gate.scan.String())
	if int64(len(config.body)) != m.Config.Size {
		t.Errorf("config of %d bytes, want %d", len(config.body), m.Config.Size)
	}
	a = s.ask("GET", "/v2/org/name-GGUF/manifests/Q4_K_M", "User-Agent", "llama-cpp")
	mustContain(t, string(a.body), `"rfilename":"name-Q4_K_M.gguf"`)
	s.ask("GET", "/v2/org/name-GGUF/manifests/Q9").is(t, 400)

	repo.Commit("move on", hubtest.Files{"name-Q4_K_M.gguf": hubtest.LFS(append([]byte("GGUF"), 1))})
	s.ask("HEAD", blob).is(t, 200) // the commit whose manifest it was
	s.gate.block("org/name-GGUF")
	s.ask("GET", blob).is(t, 403)
	s.ask("GET", "/v2/org/name-GGUF/blobs/"+m.Config.Digest).is(t, 403)
	s.ask("GET", unknown).is(t, 403)
	for _, req := range s.gate.requests() {
		if req.Version.Kind != model.Models || req.Version.Revision != repo.Head() && req.Version.Revision == "" {
			t.Errorf("request %+v", req)
		}
	}
}

func TestDerivedLayersAreGivenOnlyIfTheyAreShortTexts(t *testing.T) {
	rows := []struct {
		name  string
		fault hubtest.Fault
	}{
		{"other bytes", hubtest.Fault{Body: []byte("other")}},
		{"too many bytes", hubtest.Fault{Body: bytes.Repeat([]byte("a"), 2<<20)}},
		{"a redirect to the content network", hubtest.Fault{Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/x"}}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStand(t)
			s.hub.AddModel("org/name", hubtest.Files{"q4.gguf": hubtest.LFS([]byte("GGUF"))})
			var m manifest
			a := s.ask("GET", "/v2/org/name/manifests/latest")
			if err := json.Unmarshal(a.body, &m); err != nil {
				t.Fatal(err)
			}
			row.fault.Path = "/blobs/"
			s.hub.Inject(row.fault)
			if a := s.ask("GET", "/v2/org/name/blobs/"+m.Config.Digest); a.StatusCode < 400 {
				t.Errorf("%d %s", a.StatusCode, reply.Clip(string(a.body), 100))
			}
		})
	}
}
