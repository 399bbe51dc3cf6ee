package hub

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

func TestRevisionsOfAllKinds(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	first := r.Head()
	second := r.Commit("second", hubtest.Files{"a.txt": hubtest.Text("22")})
	r.Tag("v1", first).Branch("dev", first).Branch("refs/pr/1", first).Branch("refs/convert/parquet", first)
	d := h.AddDataset("org/data", hubtest.Files{"a": hubtest.Text("1")})
	s := h.AddSpace("org/space", hubtest.Files{"a": hubtest.Text("1")})
	k := h.AddKernel("org/kernel", hubtest.Files{"a": hubtest.Text("1")})
	g := h.AddModel("gpt2", hubtest.Files{"a": hubtest.Text("1")})
	c, _ := newClient(t, h)
	for _, row := range []struct {
		repo   Repo
		rev    string
		commit string
	}{
		{models("org/name"), "main", second},
		{models("org/name"), "v1", first},
		{models("org/name"), "dev", first},
		{models("org/name"), "refs/pr/1", first},
		{models("org/name"), "refs/convert/parquet", first},
		{models("org/name"), first, first},
		{models("org/name"), second[:9], second},
		{models("gpt2"), "main", g.Head()},
		{Repo{model.Datasets, "org/data"}, "main", d.Head()},
		{Repo{model.Spaces, "org/space"}, "main", s.Head()},
		{Repo{model.Kernels, "org/kernel"}, "main", k.Head()},
	} {
		h.Forget()
		for i, requests := range []int{1, 0} {
			got, err := c.Resolve(t.Context(), "", row.repo, row.rev)
			if diff := cmp.Diff(Revision{Repo: row.repo, Commit: row.commit}, got); err != nil || diff != "" {
				t.Errorf("%s at %s: %v %s", row.repo, row.rev, err, diff)
			}
			if n := asked(h); n > requests || i == 1 && n > 0 {
				t.Errorf("%s at %s: %d requests at time %d", row.repo, row.rev, n, i+1)
			}
		}
	}
}

func TestRefusalsArePassedOn(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.AddModel("org/private", hubtest.Files{"a.txt": hubtest.Text("1")}).Private()
	h.AddModel("org/off", hubtest.Files{"a.txt": hubtest.Text("1")}).Disabled()
	c, _ := newClient(t, h)
	for _, row := range []struct {
		why    string
		tok    Token
		repo   string
		rev    string
		status int
		code   string
	}{
		{"no such revision", "", "org/name", "nope", 404, "RevisionNotFound"},
		{"no such repository, anonymously", "", "org/none", "main", 401, ""},
		{"no such repository", "hf_ann", "org/none", "main", 404, "RepoNotFound"},
		{"a private repository", "hf_ann", "org/private", "main", 404, "RepoNotFound"},
		{"a token that is nobody's", "hf_x", "org/name", "main", 401, ""},
		{"a disabled repository", "", "org/off", "main", 403, ""},
	} {
		_, err := c.Resolve(t.Context(), row.tok, models(row.repo), row.rev)
		wantError(t, row.why, err, row.status, row.code)
		var refused *Error
		if errors.As(err, &refused) && (refused.Header.Get("X-Error-Message") == "" || refused.Header.Get("X-Request-Id") == "" || refused.Message != refused.Header.Get("X-Error-Message")) {
			t.Errorf("%s: %q, %v", row.why, refused.Message, refused.Header)
		}
		if strings.Contains(fmt.Sprintf("%+v", err), "hf_") {
			t.Errorf("%s: the error shows the token: %+v", row.why, err)
		}
	}
}

func TestBranchesAreAskedForEachMinute(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	c, k := newClient(t, h)
	first := r.Head()
	resolve := func(want string) {
		t.Helper()
		if got, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil || got.Commit != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	resolve(first)
	second := r.Commit("second", hubtest.Files{"a.txt": hubtest.Text("22")})
	k.pass(59 * time.Second)
	resolve(first)
	k.pass(2 * time.Second)
	resolve(second)
	if n := asked(h); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestManyCallersAskOnce(t *testing.T) {
	h := hubtest.New(t)
	h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Delay: 50 * time.Millisecond})
	c, _ := newClient(t, h)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := asked(h); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestRenamedRepository(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/old", hubtest.Files{"a.txt": hubtest.Text("1")}).Rename("new/name")
	c, _ := newClient(t, h)
	commit := r.Head()
	for _, rev := range []string{"main", commit} {
		for range 2 {
			got, err := c.Resolve(t.Context(), "", models("org/old"), rev)
			if diff := cmp.Diff(Revision{Repo: models("new/name"), Commit: commit}, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", rev, err, diff)
			}
		}
	}
	m, err := c.Metadata(t.Context(), "", models("new/name"), commit)
	if err != nil || !cmp.Equal(m.Aliases, []string{"org/old"}) || m.URI != "https://huggingface.co/new/name" {
		t.Errorf("%+v, %v", m, err)
	}
	asked(h)
	if _, err := c.Resolve(t.Context(), "", models("org/old"), commit); err != nil || asked(h) > 0 {
		t.Errorf("a commit that is known by the old name: %v", err)
	}
}

// TestRepositoryThatIsRenamedMeanwhile goes on under the name that was resolved.
func TestRepositoryThatIsRenamedMeanwhile(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	files := hubtest.Files{"a.txt": hubtest.Text("1"), "w.bin": hubtest.LFS([]byte("weights"))}
	r := h.AddModel("org/old", files).Private().Reader("ann")
	c, _ := newClient(t, h)
	commit := resolved(t, c, "hf_ann", "org/old")
	r.Rename("org/new")
	for path, content := range files {
		if err := c.Authorize(t.Context(), "hf_ann", models("org/old"), commit, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if fi, err := c.Stat(t.Context(), "hf_ann", models("org/old"), commit, path); err != nil || fi.Size != content.Size() {
			t.Errorf("%s: %+v, %v", path, fi, err)
		}
		if got, err := read(c.Open(t.Context(), "hf_ann", models("org/old"), commit, path, 0, -1)); err != nil || string(got) != string(contentOf(content)) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		c.accepted.Purge()
	}
}

func TestVisibility(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")}).Reader("ann")
	c, k := newClient(t, h)
	check := func(why string, want bool) {
		t.Helper()
		k.pass(time.Hour)
		if got, err := c.Resolve(t.Context(), "hf_ann", models("org/name"), "main"); err != nil || got.Private != want {
			t.Errorf("%s: %+v, %v", why, got, err)
		}
		if got, err := c.Resolve(t.Context(), "hf_ann", models("org/name"), r.Head()); err != nil || got.Private != want {
			t.Errorf("%s, by commit: %+v, %v", why, got, err)
		}
	}
	check("public", false)
	r.Private()
	check("private", true)
	r.Public()
	check("public again", false)
	r.Gated(hubtest.Manual)
	check("gated", true)
	r.Public().Info("private", nil)
	check("of unknown visibility", true)
	r.Info("private", false)
	check("public at last", false)
	r.Private()
	k.pass(time.Hour)
	if _, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err == nil {
		t.Error("a private repository was shown to everybody")
	}
	if err := c.Authorize(t.Context(), "", models("org/name"), r.Head(), "a.txt"); err == nil {
		t.Error("what became private is still given to everybody")
	}
}

func TestCallersHaveTheirOwnViewOfPrivateBranches(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddUser("bob", "hf_bob")
	h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")}).Private().Reader("ann")
	c, _ := newClient(t, h)
	if _, err := c.Resolve(t.Context(), "hf_ann", models("org/name"), "main"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Resolve(t.Context(), "hf_bob", models("org/name"), "main")
	wantError(t, "another's token", err, 404, "RepoNotFound")
	_, err = c.Resolve(t.Context(), "", models("org/name"), "main")
	wantError(t, "no token", err, 401, "")
}

func TestCommitMustBeTheOneAskedFor(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 200, Body: []byte(`{"id": "org/name", "private": false, "sha": "` + strings.Repeat("b", 40) + `"}`)})
	c, _ := newClient(t, h)
	if got, err := c.Resolve(t.Context(), "", models("org/name"), r.Head()); !errors.Is(err, ErrAnswer) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsMissingIsFoundOut(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	r := h.AddModel("org/name", hubtest.Files{"a": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Header: http.Header{"X-Error-Code": nil}})
	c, _ := newClient(t, h)
	resolved(t, c, "", "org/name")
	_, err := c.Resolve(t.Context(), "", models("org/name"), "none")
	wantError(t, "a branch", err, 404, "RevisionNotFound")
	if got, err := c.Resolve(t.Context(), "", models("org/name"), r.Head()); err != nil || got.Private {
		t.Errorf("a branch that is missing makes the repository private: %v", err)
	}
	_, err = c.Resolve(t.Context(), "hf_ann", models("org/none"), "main")
	wantError(t, "a repository", err, 404, "RepoNotFound")
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 404})
	h.Inject(hubtest.Fault{Path: "/api/models/org/odd", Status: 500})
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 404})
	_, err = c.Resolve(t.Context(), "", models("org/odd"), "main")
	wantError(t, "what can't be found out", err, 404, "")
}
