package hub

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

const odd = "folder/né#%41 file?.txt"

// some is a repository with small, large and oddly named files.
func some(h *hubtest.Hub) (*hubtest.Repo, hubtest.Files) {
	files := hubtest.Files{
		"config.json":       hubtest.Text(`{"a": 1}`),
		"empty":             hubtest.Git(nil),
		odd:                 hubtest.Text("odd"),
		"model.safetensors": hubtest.Synthetic(3<<20, 1),
	}
	return h.AddModel("org/name", files), files
}

func wantFiles(files hubtest.Files) []model.File {
	var out []model.File
	for path, content := range files {
		f := model.File{Path: path, Size: content.Size(), Digest: model.Digest("git:" + content.GitSHA1()), BlobID: content.GitSHA1()}
		if strings.HasSuffix(path, ".safetensors") {
			f.Digest = model.Digest("sha256:" + content.SHA256())
			f.BlobID = "" // of the pointer
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b model.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func withoutPointers(files []model.File) []model.File {
	out := slices.Clone(files)
	for i := range out {
		if out[i].Digest.Algorithm() == model.SHA256 && len(out[i].BlobID) == 40 {
			out[i].BlobID = ""
		}
	}
	return out
}

func resolved(t *testing.T, c *Client, tok Token, id string) string {
	t.Helper()
	r, err := c.Resolve(t.Context(), tok, models(id), "main")
	if err != nil {
		t.Fatal(err)
	}
	return r.Commit
}

func TestFilesOfACommit(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	m := newMemory()
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	commit := resolved(t, c, "", "org/name")
	h.Forget()
	for range 3 {
		got, err := c.Files(t.Context(), "", models("org/name"), commit)
		if diff := cmp.Diff(wantFiles(files), withoutPointers(got)); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	}
	if n := asked(h); n != 1 {
		t.Errorf("%d requests", n)
	}
	h.Stop(hubtest.Main)
	restarted, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	got, err := restarted.Files(t.Context(), "", models("org/name"), commit)
	if diff := cmp.Diff(wantFiles(files), withoutPointers(got)); err != nil || diff != "" {
		t.Errorf("after a restart, without the hub: %v %s", err, diff)
	}
	for path := range files {
		if fi, err := restarted.Stat(t.Context(), "", models("org/name"), commit, path); err != nil || fi.Size != files[path].Size() {
			t.Errorf("%s: %+v, %v", path, fi, err)
		}
	}
}

func TestManyPages(t *testing.T) {
	h := hubtest.New(t, hubtest.Options{PageSize: 7})
	files := hubtest.Files{}
	for i := range 100 {
		files[fmt.Sprintf("d%d/f%03d.txt", i%3, i)] = hubtest.Text(fmt.Sprint(i))
	}
	r := h.AddModel("org/old", files)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/old")
	r.Rename("org/new") // behind the client's back
	got, err := c.Files(t.Context(), "", models("org/old"), commit)
	if diff := cmp.Diff(wantFiles(files), got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestListingsMustBeWhole(t *testing.T) {
	const oid = "0123456789012345678901234567890123456789"
	line := func(path, rest string) string {
		return fmt.Sprintf(`[{"type": "file", "path": %q, "size": 1, "oid": %q%s}]`, path, oid, rest)
	}
	for why, f := range map[string]hubtest.Fault{
		"the next page is elsewhere":       {LinkHost: "http://evil.example"},
		"the next page is on another port": {LinkHost: "http://127.0.0.1:1"},
		"the next page is cut":             {Skip: 1, CutAfter: 10},
		"the next page is unavailable":     {Skip: 1, Status: 500},
		"the next page is the same":        {Header: http.Header{"Link": {`<?recursive=true&expand=false>; rel="next"`}}},
		"the next page is another's":       {Header: http.Header{"Link": {`</api/models/org/other/tree/main>; rel="next"`}}},
		"the next page is no address":      {Header: http.Header{"Link": {`<http://[>; rel="next"`}}},
		"an empty page leads on":           {Body: []byte(`[]`), Header: http.Header{"Link": {`<?x>; rel=next`}}},
		"a path leads out":                 {Body: []byte(line("../../etc/passwd", ""))},
		"a path is absolute":               {Body: []byte(line("/etc/passwd", ""))},
		"a path is empty":                  {Body: []byte(line("", ""))},
		"a path holds NUL":                 {Body: []byte(`[{"type": "file", "path": "a\u0000b", "size": 1, "oid": "` + oid + `"}]`)},
		"a path comes twice":               {Body: []byte(strings.ReplaceAll(line("a", "")+line("a", ""), "][", ","))},
		"a hash is none":                   {Body: []byte(`[{"type": "file", "path": "a", "size": 1, "oid": "../x"}]`)},
		"an LFS hash is none":              {Body: []byte(line("a", `, "lfs": {"oid": "12", "size": 5}`))},
		"a size is negative":               {Body: []byte(`[{"type": "file", "path": "a", "size": -1, "oid": "` + oid + `"}]`)},
		"it is HTML":                       {Body: []byte(`<html>`)},
		"it is an object":                  {Body: []byte(`{"error": "x"}`)},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			h := hubtest.New(t, hubtest.Options{PageSize: 2})
			_, files := some(h)
			c, _ := newClient(t, h)
			commit := resolved(t, c, "", "org/name")
			f.Path = "/tree/"
			fault := h.Inject(f)
			if got, err := c.Files(t.Context(), "", models("org/name"), commit); err == nil {
				t.Errorf("got %d files", len(got))
			}
			if fault.Fired() == 0 {
				t.Error("the fault did not strike")
			}
			fault.Remove()
			if got, err := c.Files(t.Context(), "", models("org/name"), commit); err != nil || len(got) != len(files) {
				t.Errorf("when it is well again: %d files, %v", len(got), err)
			}
		})
	}
}

func TestStatAsksOnce(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	m := newMemory()
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	commit := resolved(t, c, "", "org/name")
	h.Forget()
	for path, content := range files {
		for i := range 2 {
			got, err := c.Stat(t.Context(), "", models("org/name"), commit, path)
			etag := content.GitSHA1()
			if strings.HasSuffix(path, ".safetensors") {
				etag = content.SHA256()
			}
			if err != nil || got.Size != content.Size() || got.Path != path || got.ETag != etag || got.Digest.Hex() != etag || got.LFS != (len(etag) == 64) {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
			if n := h.Count(hubtest.CDN, "", ""); n > 0 {
				t.Error("HEAD went to the content network")
			}
			if n := h.Count(hubtest.Main, "HEAD", "/resolve/"); n != 1-i {
				t.Errorf("%s: %d requests at time %d", path, n, i+1)
			}
			h.Forget()
		}
	}
	if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, "config.json"); err != nil || fi.ContentType == "" || !strings.Contains(fi.Disposition, "config.json") {
		t.Errorf("%+v, %v", fi, err)
	}
	for range 2 {
		_, err := c.Stat(t.Context(), "", models("org/name"), commit, "none")
		wantError(t, "no such file", err, 404, "EntryNotFound")
		var refused *Error
		if errors.As(err, &refused) && refused.Header.Get("X-Repo-Commit") != commit {
			t.Error("the absence does not name the commit")
		}
	}
	if n := asked(h); n != 1 {
		t.Errorf("%d requests for a file that is missing", n)
	}
	h.Stop(hubtest.Main)
	restarted, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	if fi, err := restarted.Stat(t.Context(), "", models("org/name"), commit, odd); err != nil || fi.Size != 3 {
		t.Errorf("after a restart, without the hub: %+v, %v", fi, err)
	}
	for key := range m.facts {
		if strings.Contains(key, "none") {
			t.Errorf("what is missing is kept as %s: there is no end to that", key)
		}
	}
	if _, err := restarted.Stat(t.Context(), "", models("org/name"), commit, "unseen"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a file that nobody has asked for: %v", err)
	}
}

func TestStatFromTheTree(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	if _, err := c.Files(t.Context(), "", models("org/name"), commit); err != nil {
		t.Fatal(err)
	}
	h.Forget()
	for path, content := range files {
		if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, path); err != nil || fi.Size != content.Size() {
			t.Errorf("%s: %+v, %v", path, fi, err)
		}
	}
	for _, path := range []string{"none", "folder"} {
		_, err := c.Stat(t.Context(), "", models("org/name"), commit, path)
		wantError(t, path, err, 404, "EntryNotFound")
	}
	if n := asked(h); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestHeadsThatMakeNoSense(t *testing.T) {
	for why, f := range map[string]hubtest.Fault{
		"another commit": {Header: http.Header{"X-Repo-Commit": {strings.Repeat("b", 40)}}},
		"no hash":        {Path: "/resolve", Header: http.Header{"X-Linked-Etag": {`"main"`}}},
		"no size":        {Header: http.Header{"X-Linked-Size": {"many"}}},
		"minus size":     {Header: http.Header{"X-Linked-Size": {"-5"}}},
	} {
		h := hubtest.New(t)
		some(h)
		c, _ := newClient(t, h)
		commit := resolved(t, c, "", "org/name")
		f.Method = "HEAD"
		h.Inject(f)
		if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, "model.safetensors"); !errors.Is(err, errAnswer) {
			t.Errorf("%s: %+v, %v", why, fi, err)
		}
	}
}

func read(rc io.ReadCloser, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rc.Close() }()
	return io.ReadAll(rc)
}

func contentOf(c hubtest.Content) []byte {
	b, _ := io.ReadAll(c.NewReader())
	return b
}

func TestOpen(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	for path, content := range files {
		whole := contentOf(content)
		size := int64(len(whole))
		for _, row := range []struct{ off, n int64 }{{0, -1}, {0, size}, {0, 1}, {size / 2, -1}, {size / 3, size / 3}, {size - 1, 1}} {
			if row.off < 0 || row.n == 0 || size == 0 && row.n >= 0 {
				continue
			}
			end := size
			if row.n >= 0 {
				end = row.off + row.n
			}
			got, err := read(c.Open(t.Context(), "", models("org/name"), commit, path, row.off, row.n))
			if err != nil || !bytes.Equal(got, whole[row.off:end]) {
				t.Errorf("%s from %d, %d bytes: got %d, %v", path, row.off, row.n, len(got), err)
			}
		}
	}
	_, err := c.Open(t.Context(), "", models("org/name"), commit, "none", 0, -1)
	wantError(t, "no such file", err, 404, "EntryNotFound")
	_, err = c.Open(t.Context(), "", models("org/name"), commit, "config.json", 1000, -1)
	wantError(t, "behind the end", err, 416, "")
	for _, r := range h.Requests() {
		if r.Host == hubtest.CDN && r.Token() != "" {
			t.Error("the content network was told the token")
		}
	}
}

func TestTokensStayOnTheHub(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddUser("gate", "hf_gate")
	r := h.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS([]byte("weights")), "a": hubtest.Text("1")}).Private().Reader("ann", "gate")
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Token = "hf_gate" })
	for _, tok := range []Token{"hf_ann", ""} {
		for _, path := range []string{"w.bin", "a"} {
			if _, err := read(c.Open(t.Context(), tok, models("org/name"), r.Head(), path, 0, -1)); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if got := h.Tokens(hubtest.Main); !cmp.Equal(got, []string{"hf_ann", "hf_gate"}) {
		t.Errorf("the hub was told %v", got)
	}
	if got := h.Tokens(hubtest.CDN); len(got) > 0 {
		t.Errorf("the content network was told %v", got)
	}
}

func TestAnswersToRangesAreChecked(t *testing.T) {
	rangeOf := func(s string) http.Header { return http.Header{"Content-Range": {s}} }
	for _, row := range []struct {
		why    string
		off, n int64
		fault  hubtest.Fault
		ok     bool
	}{
		{"no fault", 100, 50, hubtest.Fault{Header: http.Header{}}, true},
		{"the range moved by one", 100, 50, hubtest.Fault{Header: rangeOf("bytes 101-150/3145728")}, false},
		{"a longer range", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-150/3145728")}, false},
		{"a shorter range", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-148/3145728")}, false},
		{"a shorter rest", 100, -1, hubtest.Fault{Header: rangeOf("bytes 100-200/3145728")}, false},
		{"a rest of unknown size", 100, -1, hubtest.Fault{Header: rangeOf("bytes 100-200/*")}, false},
		{"no range said", 100, 50, hubtest.Fault{Header: http.Header{"Content-Range": nil}}, false},
		{"another unit", 100, 50, hubtest.Fault{Header: rangeOf("lines 100-149/3145728")}, false},
		{"nonsense", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-149")}, false},
		{"negative numbers", 100, 50, hubtest.Fault{Header: rangeOf("bytes -100-149/3145728")}, false},
		{"numbers without end", 100, 50, hubtest.Fault{Header: rangeOf("bytes 99999999999999999999-149/3145728")}, false},
		{"a range behind the end", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-149/120")}, false},
		{"a server without ranges", 100, 50, hubtest.Fault{NoRange: true}, true},
		{"a server without ranges, on", 100, -1, hubtest.Fault{NoRange: true}, true},
		{"encoded bytes", 0, -1, hubtest.Fault{Header: http.Header{"Content-Encoding": {"br"}}}, false},
		{"encoded range", 100, 50, hubtest.Fault{Header: http.Header{"Content-Encoding": {"gzip"}}}, false},
		{"identity", 0, -1, hubtest.Fault{Header: http.Header{"Content-Encoding": {"identity"}}}, true},
		{"always forbidden", 0, -1, hubtest.Fault{Status: 403}, false},
		{"forbidden once", 0, -1, hubtest.Fault{Status: 403, Times: 1}, true},
		{"expired once", 100, 50, hubtest.Fault{Expired: true, Times: 1}, true},
		{"a header with a line in it", 0, -1, hubtest.Fault{Raw: []byte("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: x\r\n\r\n")}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			h := hubtest.New(t)
			r, files := some(h)
			c, _ := newClient(t, h)
			row.fault.Host = hubtest.CDN
			fault := h.Inject(row.fault)
			whole := contentOf(files["model.safetensors"])
			want := whole[row.off:]
			if row.n >= 0 {
				want = want[:row.n]
			}
			got, err := read(c.Open(t.Context(), "", models("org/name"), r.Head(), "model.safetensors", row.off, row.n))
			if row.ok != (err == nil) || row.ok && !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			var refused *Error
			if errors.As(err, &refused) {
				t.Errorf("what the content network says is not the hub's word: %v", err)
			}
			if fault.Fired() == 0 {
				t.Error("the fault did not strike")
			}
		})
	}
}

func TestSkippingIsBounded(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"w.bin": hubtest.Synthetic(20<<20, 1)})
	h.Inject(hubtest.Fault{Host: hubtest.CDN, NoRange: true})
	c, _ := newClient(t, h)
	if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "w.bin", 18<<20, 10); !errors.Is(err, errNoRanges) {
		t.Errorf("ten bytes by reading 18 MiB: %v", err)
	}
}

func TestFilesOfAnotherCommitAreRefused(t *testing.T) {
	h := hubtest.New(t)
	r, _ := some(h)
	h.Inject(hubtest.Fault{Path: "/resolve/", Header: http.Header{"X-Repo-Commit": {strings.Repeat("b", 40)}}})
	c, _ := newClient(t, h)
	if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "config.json", 0, -1); !errors.Is(err, errAnswer) {
		t.Error(err)
	}
}

func TestHostileRedirectsOfFiles(t *testing.T) {
	for _, to := range []string{"http://evil.example/x", "http://169.254.169.254/latest/", "http://10.0.0.1/", "ftp://127.0.0.1/", "//evil.example/x"} {
		h := hubtest.New(t)
		r, _ := some(h)
		h.Inject(hubtest.Fault{Path: "/resolve/", Redirect: to})
		c, _ := newClient(t, h)
		if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "model.safetensors", 0, -1); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

func TestWhoMayRead(t *testing.T) {
	h := hubtest.New(t)
	for _, user := range []string{"ann", "bob", "gate"} {
		h.AddUser(user, "hf_"+user)
	}
	open := h.AddModel("org/open", hubtest.Files{"a": hubtest.Text("1")})
	private := h.AddModel("org/private", hubtest.Files{"a": hubtest.Text("1")}).Private().Reader("ann")
	gated := h.AddModel("org/gated", hubtest.Files{"a": hubtest.Text("1")}).Gated(hubtest.Auto).Reader("ann")
	c, k := newClient(t, h)
	for _, r := range []*hubtest.Repo{open, private, gated} {
		if _, err := c.Resolve(t.Context(), "hf_ann", models(r.ID()), "main"); err != nil {
			t.Fatal(err)
		}
	}
	h.Forget()
	for _, row := range []struct {
		repo   *hubtest.Repo
		tok    Token
		status int
		code   string
		asked  int // at the second time
	}{
		{open, "", 0, "", 0},
		{open, "hf_bob", 0, "", 0},
		{private, "hf_ann", 0, "", 0},
		{private, "hf_bob", 404, "RepoNotFound", 1},
		{private, "", 401, "", 1},
		{private, "hf_nobody", 401, "", 1},
		{gated, "hf_ann", 0, "", 0},
		{gated, "hf_bob", 403, "GatedRepo", 1},
		{gated, "", 401, "GatedRepo", 1},
	} {
		for _, path := range []string{"", "a"} {
			ask := func() error { return c.Authorize(t.Context(), row.tok, models(row.repo.ID()), row.repo.Head(), path) }
			what := fmt.Sprintf("%s of %s for %s", path, row.repo.ID(), string(row.tok))
			_ = ask()
			h.Forget()
			err := ask()
			if n := asked(h); n != row.asked {
				t.Errorf("%s: %d requests", what, n)
			}
			if row.status == 0 {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				continue
			}
			if path == "a" { // HEAD has no body: headers alone speak
				wantError(t, what, err, row.status, row.code)
			} else if err == nil {
				t.Errorf("%s: let in", what)
			}
			// What is remembered is not told either.
			for name, try := range map[string]func() error{
				"Files": func() error {
					_, err := c.Files(t.Context(), row.tok, models(row.repo.ID()), row.repo.Head())
					return err
				},
				"Stat": func() error {
					_, err := c.Stat(t.Context(), row.tok, models(row.repo.ID()), row.repo.Head(), "a")
					return err
				},
				"Metadata": func() error {
					_, err := c.Metadata(t.Context(), row.tok, models(row.repo.ID()), row.repo.Head())
					return err
				},
				"Open": func() error {
					_, err := read(c.Open(t.Context(), row.tok, models(row.repo.ID()), row.repo.Head(), "a", 0, -1))
					return err
				},
			} {
				if try() == nil {
					t.Errorf("%s: %s told", what, name)
				}
			}
		}
	}
	// An acceptance lasts five minutes.
	private.NoReader("ann")
	if err := c.Authorize(t.Context(), "hf_ann", models("org/private"), private.Head(), "a"); err != nil {
		t.Errorf("within five minutes: %v", err)
	}
	k.pass(6 * time.Minute)
	if err := c.Authorize(t.Context(), "hf_ann", models("org/private"), private.Head(), "a"); err == nil {
		t.Error("after five minutes: let in")
	}
	k.pass(6 * time.Minute)
	h.Stop(hubtest.Main)
	if err := c.Authorize(t.Context(), "hf_ann", models("org/gated"), gated.Head(), "a"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("when the hub is down: %v", err)
	}
	if err := c.Authorize(t.Context(), "hf_bob", models("org/open"), open.Head(), "a"); err != nil {
		t.Errorf("a public repository, when the hub is down: %v", err)
	}
}

func TestPagesThatAnswerEverythingLetNobodyIn(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/private", hubtest.Files{"a": hubtest.Text("1")}).Private()
	h.Inject(hubtest.Fault{Status: 200, Body: []byte("<html>please log in</html>")})
	c, _ := newClient(t, h)
	for _, path := range []string{"", "a"} {
		if err := c.Authorize(t.Context(), "", models("org/private"), r.Head(), path); !errors.Is(err, errAnswer) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestNobodyKnowsAnUnknownRepositoryToBePublic(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/private", hubtest.Files{"a": hubtest.Text("1")}).Private()
	c, _ := newClient(t, h)
	if err := c.Authorize(t.Context(), "", models("org/private"), r.Head(), "a"); err == nil {
		t.Error("let in")
	}
	open := h.AddModel("org/open", hubtest.Files{"a": hubtest.Text("1")})
	if err := c.Authorize(t.Context(), "", models("org/open"), open.Head(), "none"); err != nil {
		t.Errorf("a file that is missing from what may be read: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	yes, no := true, false
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddOrganization("good", true, "enterprise")
	h.AddOrganization("org", false, "")
	for _, row := range []struct {
		why  string
		repo *hubtest.Repo
		want model.Metadata
	}{
		{"a verified organization", h.AddModel("good/a", hubtest.Files{"a": hubtest.Text("1")}).Card("license", "Apache-2.0"), model.Metadata{Licenses: []string{"apache-2.0"}, Verified: &yes}},
		{"several licences", h.AddModel("org/b", hubtest.Files{"a": hubtest.Text("1")}).Card("license", []string{"mit", "cc0-1.0"}), model.Metadata{Licenses: []string{"mit", "cc0-1.0"}, Verified: &no}},
		{"another licence", h.AddModel("org/c", hubtest.Files{"a": hubtest.Text("1")}).Card("license", "other").Card("license_name", "llama3"), model.Metadata{Licenses: []string{"other"}, LicenseName: "llama3", Verified: &no}},
		{"a tag alone", h.AddModel("org/d", hubtest.Files{"a": hubtest.Text("1")}).Tags("license:mit", "license:mit", "arxiv:1"), model.Metadata{Licenses: []string{"mit"}, Verified: &no}},
		{"no licence", h.AddModel("org/e", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
		{"a card that makes no sense", h.AddModel("org/f", hubtest.Files{"a": hubtest.Text("1")}).Info("cardData", "x"), model.Metadata{LicenseUnknown: true, Verified: &no}},
		{"a licence that makes no sense", h.AddModel("org/g", hubtest.Files{"a": hubtest.Text("1")}).Card("license", 5), model.Metadata{Verified: &no}},
		{"a user's", h.AddModel("ann/h", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
		{"nobody's", h.AddModel("gpt2", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
	} {
		c, _ := newClient(t, h)
		row.want.URI = "https://huggingface.co/" + row.repo.ID()
		got, err := c.Metadata(t.Context(), "", models(row.repo.ID()), row.repo.Head())
		if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", row.why, err, diff)
		}
	}
}

func TestMetadataIsAskedForOnce(t *testing.T) {
	h := hubtest.New(t)
	h.AddOrganization("good", true, "")
	a := h.AddModel("good/a", hubtest.Files{"a": hubtest.Text("1")})
	c, k := newClient(t, h)
	ask := func(want int) {
		t.Helper()
		if m, err := c.Metadata(t.Context(), "", models("good/a"), a.Head()); err != nil || m.Verified == nil || !*m.Verified {
			t.Errorf("%+v, %v", m, err)
		}
		if n := asked(h); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	ask(2)
	ask(0)
	k.pass(59 * time.Minute)
	ask(0)
	k.pass(2 * time.Minute)
	ask(1)
	h.Inject(hubtest.Fault{Path: "/overview", Status: 500})
	k.pass(2 * time.Hour)
	if m, err := c.Metadata(t.Context(), "", models("good/a"), a.Head()); err != nil || m.Verified != nil {
		t.Errorf("an organization of which nothing can be learned: %+v, %v", m, err)
	}
}

func TestMetadataThatCannotBeLearned(t *testing.T) {
	h := hubtest.New(t)
	a := h.AddModel("org/a", hubtest.Files{"a": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 500})
	c, _ := newClient(t, h)
	m, err := c.Metadata(t.Context(), "", models("org/a"), a.Head())
	if err != nil || !m.LicenseUnknown || !m.Private {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = c.Metadata(t.Context(), "", models("org/none"), a.Head())
	wantError(t, "no such repository", err, 401, "")
}

func TestForward(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddUser("gate", "hf_gate")
	h.AddModel("org/old", hubtest.Files{"a.txt": hubtest.Text("1")}).Rename("org/new")
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Token = "hf_gate" })
	forward := func(method, path, body string, header ...string) (*http.Response, string, error) {
		var b io.Reader = http.NoBody
		if body != "" {
			b = strings.NewReader(body)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://gate"+path, b)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := c.Forward(t.Context(), r, path)
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		return res, string(text), err
	}
	res, text, err := forward("GET", "/api/models/org/new?expand=sha&x=%20", "", "Accept-Encoding", "gzip, br", "Cookie", "c=1", "Connection", "X-Secret",
		"X-Secret", "1", "X-Forwarded-For", "10.0.0.1", "If-None-Match", `"x"`, "Range", "bytes=0-1", "User-Agent", "hf_hub/1", "Authorization", "Bearer hf_ann")
	if err != nil || res.StatusCode != 200 || !strings.Contains(text, `"org/new"`) || res.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%v, %q, %v", res, text, err)
	}
	got := h.Requests()[0]
	for _, name := range []string{"Cookie", "Connection", "X-Secret", "X-Forwarded-For", "If-None-Match", "Range"} {
		if v := got.Header.Get(name); v != "" {
			t.Errorf("%s: %s went upstream", name, v)
		}
	}
	if got.Query != "expand=sha&x=%20" || got.Token() != "hf_ann" || got.Header.Get("User-Agent") != "hf_hub/1" {
		t.Errorf("%+v", got)
	}
	h.Forget()
	if res, text, err := forward("GET", "/api/models/org/old", ""); err != nil || res.StatusCode != 200 || !strings.Contains(text, `"org/new"`) {
		t.Errorf("a renamed repository: %q, %v", text, err)
	}
	if got := h.Tokens(hubtest.Main); !cmp.Equal(got, []string{"hf_gate"}) {
		t.Errorf("who sends no token has the gate's: %v", got)
	}
	if res, text, err := forward("POST", "/api/models/org/old/paths-info/main", "paths=a.txt&expand=False", "Content-Type", "application/x-www-form-urlencoded"); err != nil || res.StatusCode != 200 || !strings.Contains(text, "a.txt") {
		t.Errorf("paths-info: %q, %v", text, err)
	}
	if res, _, err := forward("GET", "/api/models/org/none", "", "Authorization", "Bearer hf_ann"); err != nil || res.StatusCode != 404 || res.Header.Get("X-Error-Code") != "RepoNotFound" {
		t.Errorf("a refusal: %v, %v", res, err)
	}
	if res, _, err := forward("HEAD", "/api/models/org/new", ""); err != nil || res.StatusCode != 200 {
		t.Errorf("HEAD: %v, %v", res, err)
	}
	_, _, err = forward("POST", "/api/models/org/new/paths-info/main", strings.Repeat("x", maxForward+1))
	wantError(t, "a body that is too large", err, 413, "")
	h.Forget()
	for _, path := range []string{"", "x", "@evil.example/", ".evil.example/api/", ":1/api", "//evil.example\x00", "/%zz"} {
		if _, _, err := forwardRaw(t, c, path); err == nil {
			t.Errorf("%q was forwarded", path)
		}
	}
	if n := asked(h); n > 0 {
		t.Errorf("%d requests", n)
	}
	h.Inject(hubtest.Fault{Redirect: h.CDNURL + "/bytes"})
	for _, path := range []string{"/org/new/resolve/main/a.txt", "/api/models/org/old"} {
		if _, _, err := forward("GET", path, ""); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("a redirect of %s to the content network: %v", path, err)
		}
	}
	h.Heal()
	h.Inject(hubtest.Fault{Path: "/api/models/org/new", Delay: time.Minute, Times: 1})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	slow, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gate/", http.NoBody)
	if res, err := c.Forward(short, slow, "/api/models/org/new"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a hub that is too slow: %v, %v", res, err)
	}
	if _, _, err := forward("GET", "/org/new/resolve/main/a.txt", ""); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("a redirect to bytes on the hub itself: %v", err)
	}
	h.Stop(hubtest.Main)
	if _, _, err := forward("GET", "/api/models/org/new", ""); !errors.Is(err, ErrUnreachable) {
		t.Errorf("when the hub is down: %v", err)
	}
}

func forwardRaw(t *testing.T, c *Client, path string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gate/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Forward(t.Context(), r, path)
	if err == nil {
		_ = res.Body.Close()
	}
	return res, "", err
}

func TestForwardedBombsAreNotRead(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"id": "`))
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range 70 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Header: http.Header{"Content-Encoding": {"gzip"}}, Body: packed.Bytes()})
	c, _ := newClient(t, h)
	if _, err := c.Resolve(t.Context(), "", models("org/name"), r.Head()); !errors.Is(err, errAnswer) {
		t.Error(err)
	}
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t)
	some(h)
	c, _ := newClient(t, h)
	h.Limit(2, time.Second)
	for i := range 6 {
		if _, err := c.askInfo(t.Context(), "", models("org/name"), "main"); err != nil {
			t.Errorf("question %d: %v", i, err)
		}
	}
	h.Limit(1, time.Minute)
	ctx := upstream.WithPatience(t.Context(), 0)
	var refused *Error
	for range 3 {
		_, err := c.askInfo(ctx, "", models("org/name"), "main")
		if err != nil && (!errors.As(err, &refused) || refused.Status != 429 || refused.Header.Get("Retry-After") == "" || refused.Header.Get("RateLimit") == "") {
			t.Errorf("%v", err)
		}
	}
	if refused == nil {
		t.Error("the limit was never reached")
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-0/1")
	f.Add("bytes 5-9/*")
	f.Add("bytes */10")
	f.Fuzz(func(t *testing.T, value string) {
		first, last, total, err := contentRange(value)
		if err == nil && (first < 0 || last < first || total >= 0 && last >= total) {
			t.Errorf("%q: %d-%d/%d", value, first, last, total)
		}
	})
}

// TestPagesFromElsewhereAreNotAskedFor lets the next page be on a host that would answer.
func TestPagesFromElsewhereAreNotAskedFor(t *testing.T) {
	h := hubtest.New(t, hubtest.Options{PageSize: 2})
	h.AddUser("ann", "hf_ann")
	some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "hf_ann", "org/name")
	h.Inject(hubtest.Fault{Host: hubtest.CDN, Body: []byte("[]")})
	h.Inject(hubtest.Fault{Path: "/tree/", LinkHost: h.CDNURL})
	if got, err := c.Files(t.Context(), "hf_ann", models("org/name"), commit); !errors.Is(err, errAnswer) {
		t.Errorf("%d files, %v", len(got), err)
	}
	if n := h.Count(hubtest.CDN, "", ""); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}
