package hfmirror

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/gate"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

// odd are file names as people give them.
var odd = []string{"né#%41 file.txt", "a b/c d.json", "dir/+&=;,'!$.txt", "100%.md", "日本語/モデル.bin", "..data", "x..y", "a\tb.txt"}

func TestHeadTellsWhatClientsDemand(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text(`{"a":1}`), "w.safetensors": hubtest.LFS(pattern(300_000))})
	oid, _ := repo.Blob("main", "config.json")
	for _, rev := range []string{"main", repo.Head()} {
		a := s.ask("HEAD", "/org/name/resolve/"+rev+"/config.json", "Accept-Encoding", "identity")
		a.is(t, 200, "X-Repo-Commit", repo.Head(), "Etag", `"`+oid+`"`, "X-Linked-Size", "7", "Content-Length", "7", "Accept-Ranges", "bytes",
			"Content-Encoding", "", "X-Xet-Hash", "", "X-Linked-Etag", "")
	}
	a := s.ask("HEAD", "/org/name/resolve/main/w.safetensors")
	sum := hubtest.LFS(pattern(300_000)).SHA256()
	a.is(t, 200, "Etag", `"`+sum+`"`, "X-Linked-Etag", `"`+sum+`"`, "X-Linked-Size", "300000", "Content-Length", "300000",
		"X-Xet-Hash", "", "X-Xet-Refresh-Route", "", "Link", "")
	if n := len(s.gate.requests()); n != 0 {
		t.Errorf("HEAD asked the gate %d times", n)
	}
}

func TestFilesOfEveryKindAndNameArriveWhole(t *testing.T) {
	s := newStand(t)
	for i, kind := range []model.Kind{model.Models, model.Datasets, model.Spaces, model.Kernels} {
		files := hubtest.Files{"big.bin": hubtest.LFS(pattern(1<<20 + i)), "empty.txt": hubtest.Text("")}
		for _, name := range odd {
			files[name] = hubtest.Git([]byte("content of " + name))
		}
		id := []string{"org/name", "name"}[i%2]
		repo := s.hub.Add(kind, id, files)
		repo.CommitTo("refs/pr/1", "try", hubtest.Files{"pr.txt": hubtest.Text("pr")})
		repo.Tag("v1.0", repo.Head())
		prefix := "/" + string(kind) + "/" + id
		if kind == model.Models {
			prefix = "/" + id
		}
		get := func(rev, name, want string) {
			t.Helper()
			d := &Door{}
			u := strings.TrimPrefix(d.fileURL(&exchange{Request: &http.Request{}}, revOf(repo, kind, rev), name), "http://")
			a := s.ask("GET", u)
			a.is(t, 200, "Content-Length", strconv.Itoa(len(want)), "Content-Encoding", "", "X-Modelgate-Scan", s.gate.scan.String())
			if string(a.body) != want {
				t.Errorf("%s of %s has %d bytes, want %d", name, prefix, len(a.body), len(want))
			}
		}
		for _, name := range odd {
			get("main", name, "content of "+name)
		}
		get(repo.Head(), "big.bin", string(pattern(1<<20+i)))
		get("v1.0", "empty.txt", "")
		get("refs%2Fpr%2F1", "pr.txt", "pr")
		get("refs/pr/1", "pr.txt", "pr")
		for _, req := range s.gate.requests() {
			if byFile := req.Version.Kind == model.Datasets || req.Version.Kind == model.Spaces; req.ByFile != byFile || req.Path == "" {
				t.Errorf("request %+v", req)
			}
		}
	}
}

func TestARenamedRepositoryIsServedUnderItsOldName(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("old/name", hubtest.Files{"a.txt": hubtest.Text("a")})
	repo.Rename("new/name")
	s.ask("HEAD", "/old/name/resolve/main/a.txt").is(t, 200, "X-Repo-Commit", repo.Head())
	a := s.ask("GET", "/old/name/resolve/main/a.txt")
	a.is(t, 200)
	if reqs := s.gate.requests(); len(reqs) != 1 || reqs[0].Version.Name != "new/name" {
		t.Errorf("the gate was asked %+v", reqs)
	}
}

func TestRanges(t *testing.T) {
	s := newStand(t)
	content := pattern(1 << 20)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(content), "small.txt": hubtest.Text("0123456789")})
	rows := []struct {
		name, file, spec string
		status           int
		from, to         int // of what is expected
		contentRange     string
	}{
		{"one byte", "w.bin", "bytes=0-0", 206, 0, 1, "bytes 0-0/1048576"},
		{"a part", "w.bin", "bytes=1000-1999", 206, 1000, 2000, "bytes 1000-1999/1048576"},
		{"the rest", "w.bin", "bytes=1000000-", 206, 1000000, 1 << 20, "bytes 1000000-1048575/1048576"},
		{"the whole by a range", "w.bin", "bytes=0-", 206, 0, 1 << 20, "bytes 0-1048575/1048576"},
		{"the end", "w.bin", "bytes=-10", 206, 1<<20 - 10, 1 << 20, "bytes 1048566-1048575/1048576"},
		{"more than there is", "w.bin", "bytes=1048570-9999999", 206, 1048570, 1 << 20, "bytes 1048570-1048575/1048576"},
		{"past the end", "w.bin", "bytes=1048576-", 416, 0, 0, "bytes */1048576"},
		{"the last no bytes", "w.bin", "bytes=-0", 416, 0, 0, "bytes */1048576"},
		{"a unit in capitals", "w.bin", "Bytes=0-0", 206, 0, 1, "bytes 0-0/1048576"},
		{"several ranges", "small.txt", "bytes=0-1,4-5", 200, 0, 10, ""},
		{"backwards", "small.txt", "bytes=5-1", 200, 0, 10, ""},
		{"another unit", "small.txt", "lines=0-1", 200, 0, 10, ""},
		{"nonsense", "small.txt", "bytes=x-y", 200, 0, 10, ""},
		{"with a sign", "small.txt", "bytes=+1-2", 200, 0, 10, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.ask("GET", "/org/name/resolve/main/"+row.file, "Range", row.spec)
			a.is(t, row.status, "Content-Range", row.contentRange)
			if row.status == 416 {
				return
			}
			want := content[row.from:row.to]
			if row.file == "small.txt" {
				want = []byte("0123456789")[row.from:row.to]
			}
			if !bytes.Equal(a.body, want) {
				t.Errorf("%d bytes, want %d", len(a.body), len(want))
			}
		})
	}
	full := s.ask("GET", "/org/name/resolve/main/small.txt")
	s.ask("GET", "/org/name/resolve/main/small.txt", "If-None-Match", full.Header.Get("Etag")).is(t, 304)
	s.ask("HEAD", "/org/name/resolve/main/small.txt", "If-None-Match", full.Header.Get("Etag")).is(t, 304)
	s.ask("GET", "/org/name/resolve/main/small.txt", "Range", "bytes=2-3", "If-Range", full.Header.Get("Etag")).is(t, 206)
	s.ask("GET", "/org/name/resolve/main/small.txt", "Range", "bytes=2-3", "If-Range", `"other"`).is(t, 200)
}

func TestWhatIsMissingIsSaidAsTheHubSaysIt(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("a")})
	s.hub.AddModel("org/off", hubtest.Files{"a.txt": hubtest.Text("a")}).Disabled()
	s.hub.AddModel("org/gated", hubtest.Files{"a.txt": hubtest.Text("a")}).Gated(hubtest.Manual)
	s.hub.AddModel("org/private", hubtest.Files{"a.txt": hubtest.Text("a")}).Private()
	s.hub.AddUser("jane", "hf_jane")
	jane := "Bearer hf_jane"
	rows := []struct {
		name, path, auth string
		status           int
		code             string
		also             []string
	}{
		{"a file", "/org/name/resolve/main/none.txt", "", 404, "EntryNotFound", []string{"X-Repo-Commit", repo.Head()}},
		{"a revision", "/org/name/resolve/none/a.txt", "", 404, "RevisionNotFound", nil},
		{"a repository, to nobody", "/org/none/resolve/main/a.txt", "", 401, "RepoNotFound", nil},
		{"a repository, to somebody", "/org/none/resolve/main/a.txt", jane, 404, "RepoNotFound", nil},
		{"a private one, to nobody", "/org/private/resolve/main/a.txt", "", 401, "RepoNotFound", nil},
		{"a private one, to somebody else", "/org/private/resolve/main/a.txt", jane, 404, "RepoNotFound", nil},
		{"a gated one, to nobody", "/org/gated/resolve/main/a.txt", "", 401, "GatedRepo", nil},
		{"a gated one, to somebody else", "/org/gated/resolve/main/a.txt", jane, 403, "GatedRepo", nil},
		{"a token that is nobody's", "/org/name/resolve/none/a.txt", "Bearer hf_bad", 401, "", nil},
		{"a disabled one", "/org/off/resolve/main/a.txt", "", 403, "", []string{"X-Error-Message", "Access to this resource is disabled."}},
	}
	for _, row := range rows {
		for _, method := range []string{"HEAD", "GET"} {
			t.Run(row.name+" "+method, func(t *testing.T) {
				a := s.ask(method, row.path, "Authorization", row.auth)
				a.is(t, row.status, append(row.also, "X-Error-Code", row.code)...)
				if a.Header.Get("X-Error-Message") == "" {
					t.Error("no X-Error-Message")
				}
				if text, _ := a.text("error"); method == "GET" && !strings.HasPrefix(text, a.Header.Get("X-Error-Message")) {
					t.Errorf("body %s", a.body)
				}
			})
		}
	}
	if n := len(s.gate.requests()); n != 0 {
		t.Errorf("the gate was asked %d times", n)
	}
}

func TestPrivateFilesReachOnlyWhomTheHubAccepts(t *testing.T) {
	s := newStand(t)
	s.hub.AddUser("jane", "hf_jane")
	s.hub.AddUser("joe", "hf_joe")
	secret := s.hub.AddModel("org/secret", hubtest.Files{"a.bin": hubtest.LFS(pattern(5000))}).Private().Reader("jane")
	gated := s.hub.AddModel("org/gated", hubtest.Files{"a.bin": hubtest.LFS(pattern(5001))}).Gated(hubtest.Auto).Reader("jane")
	for _, repo := range []*hubtest.Repo{secret, gated} {
		for _, rev := range []string{"main", repo.Head()} {
			path := "/" + repo.ID() + "/resolve/" + rev + "/a.bin"
			s.ask("GET", path, "Authorization", "Bearer hf_jane").is(t, 200)
			basic := s.ask("GET", path, "Authorization", "Basic eDpoZl9qYW5l") // x:hf_jane
			basic.is(t, 200)
			for _, auth := range []string{"", "Bearer hf_joe", "Bearer hf_bad", "Bearer hf_jane2"} {
				for _, method := range []string{"GET", "HEAD"} {
					a := s.ask(method, path, "Authorization", auth)
					if a.StatusCode < 400 || a.Header.Get("Etag") != "" || a.Header.Get("X-Modelgate-Scan") != "" {
						t.Errorf("%s %s with %q: %d %v", method, path, auth, a.StatusCode, a.Header)
					}
				}
			}
		}
	}
	for _, token := range s.hub.Tokens(hubtest.CDN) {
		t.Errorf("the content network saw the token %q", token)
	}
	if strings.Contains(s.log.String(), "hf_jane") || strings.Contains(s.log.String(), "eDpoZl9qYW5l") {
		t.Error("a token is in the log")
	}
}

func TestAWarmPinnedCommitCostsNoRequestUpstream(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}"), "w.bin": hubtest.LFS(pattern(100_000))})
	paths := []string{"/org/name/resolve/" + repo.Head() + "/a.json", "/org/name/resolve/" + repo.Head() + "/w.bin"}
	for range 2 {
		for _, p := range paths {
			s.ask("HEAD", p).is(t, 200)
			s.ask("GET", p).is(t, 200)
		}
		s.waitForBlob(repo, "a.json", 2)
		s.waitForBlob(repo, "w.bin", 100_000)
		s.hub.Forget()
	}
	for _, p := range paths {
		s.ask("HEAD", p).is(t, 200)
		s.ask("GET", p).is(t, 200)
	}
	if reqs := s.hub.Requests(); len(reqs) != 0 {
		t.Errorf("upstream was asked %d times: %+v", len(reqs), reqs)
	}
}

func TestWhenTheHubIsAway(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}"), "w.bin": hubtest.LFS(pattern(100_000))})
	pinned := repo.Head()
	for _, p := range []string{"/org/name/resolve/main/w.bin", "/org/name/resolve/" + pinned + "/a.json"} {
		s.ask("GET", p).is(t, 200)
	}
	s.waitForBlob(repo, "w.bin", 100_000)
	s.waitForBlob(repo, "a.json", 2)
	tree := s.ask("GET", "/api/models/org/name/tree/"+pinned+"?recursive=True&expand=False")
	info := s.ask("GET", "/api/models/org/name/revision/main")
	tree.is(t, 200)
	info.is(t, 200)
	s.hub.Stop(hubtest.Main)
	s.hub.Stop(hubtest.CDN)

	s.ask("GET", "/org/name/resolve/"+pinned+"/w.bin").is(t, 200, "X-Hf-Warning", "")
	s.ask("HEAD", "/org/name/resolve/"+pinned+"/a.json").is(t, 200, "X-Hf-Warning", "")
	time.Sleep(2 * branchTTL)
	for _, method := range []string{"HEAD", "GET"} {
		a := s.ask(method, "/org/name/resolve/main/w.bin")
		a.is(t, 200, "X-Repo-Commit", pinned)
		mustContain(t, a.Header.Get("X-Hf-Warning"), "last known commit of main")
	}
	if a := s.ask("GET", "/api/models/org/name/tree/"+pinned+"?recursive=True&expand=False"); !bytes.Equal(a.body, tree.body) {
		t.Errorf("the tree is %s", a.body)
	}
	if a := s.ask("GET", "/api/models/org/name/revision/main"); !bytes.Equal(a.body, info.body) || a.Header.Get("X-Hf-Warning") == "" {
		t.Errorf("the information is %s", a.body)
	}
	a := s.ask("GET", "/org/other/resolve/main/x")
	a.is(t, 502)
	mustContain(t, string(a.body), "cannot be reached")
	a = s.ask("GET", "/api/models/org/other")
	a.is(t, 502)
	mustContain(t, string(a.body), "cannot be reached", `"error"`)
}

func TestWhatIsKnownOfARepositoryIsToldWhenTheHubIsAway(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}"), "dir/w.bin": hubtest.LFS(pattern(1000))})
	s.hub.AddModel("org/secret", hubtest.Files{"a.json": hubtest.Text("{}")}).Private()
	s.ask("GET", "/api/models/org/name/revision/main").is(t, 200)
	batch := `{"operation":"download","objects":[]}` // which makes the files known, as a scan would
	s.send("POST", "/org/name/info/lfs/objects/batch", strings.NewReader(batch)).is(t, 200)
	direct := s.ask("GET", "/api/models/org/name/tree/"+repo.Head()+"?limit=100&recursive=1")
	var want, got []treeEntry
	if err := json.Unmarshal(direct.body, &want); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(e treeEntry) bool { return e.Type != "file" })
	s.hub.Stop(hubtest.Main)
	a := s.ask("GET", "/api/models/org/name/tree/"+repo.Head()+"?recursive=True&expand=False")
	a.is(t, 200, "X-Hf-Warning", awayWarning)
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	a = s.ask("GET", "/api/models/org/name/revision/"+repo.Head())
	a.is(t, 200, "X-Hf-Warning", awayWarning)
	var info repoInfo
	if err := json.Unmarshal(a.body, &info); err != nil || info.SHA != repo.Head() || len(info.Siblings) != 2 || info.ID != "org/name" {
		t.Errorf("%v %s", err, a.body)
	}
	for _, path := range []string{
		"/api/models/org/name/tree/" + repo.Head(), "/api/models/org/name/tree/" + repo.Head() + "/dir?recursive=1",
		"/api/models/org/secret",
	} {
		s.ask("GET", path).is(t, 502)
	}
}

func TestRawFilesAreThoseOfGit(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}"), "w.bin": hubtest.LFS(pattern(10))})
	if a := s.ask("GET", "/org/name/raw/main/a.json"); a.StatusCode != 200 || string(a.body) != "{}" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	a := s.ask("GET", "/org/name/raw/main/w.bin")
	mustContain(t, string(a.body), "version https://git-lfs.github.com/spec/v1\noid sha256:"+hubtest.LFS(pattern(10)).SHA256()+"\nsize 10\n")
	s.gate.block("org/name")
	s.ask("GET", "/org/name/raw/main/a.json").is(t, 403)
}

func TestABrowserRunsNothingInTheGatesName(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"x.html": hubtest.Text("<script>alert(1)</script>"), "x.svg": hubtest.Text("<svg/>")})
	for _, name := range []string{"x.html", "x.svg"} {
		a := s.ask("GET", "/org/name/resolve/main/"+name)
		a.is(t, 200, "X-Content-Type-Options", "nosniff", "Content-Security-Policy", sandbox[0])
		if ct := a.Header.Get("Content-Type"); strings.Contains(ct, "html") || strings.Contains(ct, "svg") {
			t.Errorf("%s is %s", name, ct)
		}
	}
	for in, want := range map[string]string{
		"text/html": "text/plain; charset=utf-8", "image/svg+xml": "text/plain; charset=utf-8", "application/json": "application/json",
		"text/plain; charset=utf-8": "text/plain; charset=utf-8", ";;": "application/octet-stream", "application/xhtml+xml": "text/plain; charset=utf-8",
	} {
		if got := harmless(in); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestWarningsAndDownloadsAreToldOfAllowedFiles(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
	s.gate.verdicts["org/name"] = gate.Verdict{Outcome: model.Allowed, Warning: "org/name failed License Exists (not bløcking)\r\nX-Evil: 1"}
	a := s.ask("GET", "/org/name/resolve/main/a.json", "User-Agent", "test/1")
	a.is(t, 200, "X-Evil", "", "X-Hf-Warning", "modelgate; org/name failed License Exists (not bl%C3%B8cking)%0D%0AX-Evil: 1")
	s.Close() // every handler has ended
	if len(s.downloads) != 1 {
		t.Fatalf("downloads %+v", s.downloads)
	}
	d := s.downloads[0]
	if d.Version.Name != "org/name" || d.Version.Revision != repo.Head() || d.Path != "a.json" || d.Outcome != model.Allowed || d.Bytes != 2 ||
		d.Scan != s.gate.scan || d.Who != "127.0.0.1" || d.Client != "test/1" || d.Door != "hub" || d.Digest == "" {
		t.Errorf("download %+v", d)
	}
	mustContain(t, s.log.String(), `"version":"org/name@`, `"scan":"`+s.gate.scan.String(), `"outcome":"ALLOWED"`, `"bytes":2`, `"status":200`)
}

// TestWhatIsKnownIsToldWhenTheHubFails lets the Hub answer, but with nothing but its own failure.
func TestWhatIsKnownIsToldWhenTheHubFails(t *testing.T) {
	for _, status := range []int{500, 502, 503} {
		s := newStand(t)
		repo := s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
		s.ask("GET", "/org/name/resolve/main/a.json").is(t, 200)
		s.ask("GET", "/api/models/org/name/refs").is(t, 200)
		batch := `{"operation":"download","objects":[]}` // which makes the files known, as a scan would
		s.send("POST", "/org/name/info/lfs/objects/batch", strings.NewReader(batch)).is(t, 200)
		s.hub.Inject(hubtest.Fault{Status: status, Body: []byte("no")})
		for _, path := range []string{"/api/models/org/name", "/api/models/org/name/revision/" + repo.Head(), "/api/models/org/name/tree/" + repo.Head() + "?recursive=true"} {
			s.ask("GET", path).is(t, 200, "X-Hf-Warning", awayWarning)
		}
		s.ask("GET", "/api/models/org/name/refs").is(t, 200)
		s.ask("GET", "/org/name/resolve/"+repo.Head()+"/a.json").is(t, 200)
		s.ask("GET", "/api/models/org/name/commits/main").is(t, status, "X-Hf-Warning", "")
		s.ask("GET", "/api/models/org/other").is(t, status)
	}
}
