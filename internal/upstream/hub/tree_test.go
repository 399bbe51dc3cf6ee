package hub

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
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

// TestPagesFromElsewhereAreNotAskedFor lets the next page be on a host that would answer.
func TestPagesFromElsewhereAreNotAskedFor(t *testing.T) {
	h := hubtest.New(t, hubtest.Options{PageSize: 2})
	h.AddUser("ann", "hf_ann")
	some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "hf_ann", "org/name")
	h.Inject(hubtest.Fault{Host: hubtest.CDN, Body: []byte("[]")})
	h.Inject(hubtest.Fault{Path: "/tree/", LinkHost: h.CDNURL})
	if got, err := c.Files(t.Context(), "hf_ann", models("org/name"), commit); !errors.Is(err, ErrAnswer) {
		t.Errorf("%d files, %v", len(got), err)
	}
	if n := h.Count(hubtest.CDN, "", ""); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}
