package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// memory is a Memory that outlives clients.
type memory struct {
	mu    sync.Mutex
	facts map[string][]byte
	fault error
}

func newMemory() *memory { return &memory{facts: map[string][]byte{}} }

func (m *memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.facts[key]
	return v, ok, m.fault
}

func (m *memory) Put(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == nil {
		m.facts[key] = value
	}
	return m.fault
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClient(t *testing.T, h *hubtest.Hub, change ...func(*Config)) (*Client, *clock) {
	t.Helper()
	up, err := upstream.New(upstream.Config{UserAgent: "modelgate/test"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Upstream: up, Endpoint: h.URL}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := &clock{at: time.Now()}
	c.now = k.now
	return c, k
}

// asked counts requests to the Hub since the last time, and forgets them.
func asked(h *hubtest.Hub) int {
	n := len(h.Requests())
	h.Forget()
	return n
}

func models(id string) Repo { return Repo{Kind: model.Models, ID: id} }

// wantError expects a refusal of the Hub's.
func wantError(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != status || refused.Code != code {
		t.Errorf("%s: got %v, want %d %s", what, err, status, code)
	}
}

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

func TestWhatCannotBeIsNotAsked(t *testing.T) {
	h := hubtest.New(t)
	c, _ := newClient(t, h)
	commit := strings.Repeat("a", 40)
	for _, repo := range []Repo{
		{}, {model.Models, ""}, {"other", "a/b"}, {model.Models, "a/b/c"}, {model.Models, "../x"}, {model.Models, "a/.."}, {model.Models, "a--b"},
		{model.Models, "a.git"}, {model.Models, "a/b?x"}, {model.Models, "a/b#"}, {model.Models, "a/b\r\nX: y"}, {model.Models, "a//b"},
		{model.Models, "a/%2e%2e"}, {model.Models, "/a"}, {model.Models, strings.Repeat("a", 97)}, {model.Models, "."}, {model.Models, "ä/b"},
	} {
		if _, err := c.Resolve(t.Context(), "", repo, "main"); err == nil {
			t.Errorf("%q was resolved", repo)
		}
		if _, err := c.Files(t.Context(), "", repo, commit); err == nil {
			t.Errorf("%q was listed", repo)
		}
		if _, err := c.Stat(t.Context(), "", repo, commit, "a"); err == nil {
			t.Errorf("%q was looked at", repo)
		}
		if _, err := c.Open(t.Context(), "", repo, commit, "a", 0, -1); err == nil {
			t.Errorf("%q was opened", repo)
		}
		if _, err := c.Metadata(t.Context(), "", repo, commit); err == nil {
			t.Errorf("%q has metadata", repo)
		}
		if err := c.Authorize(t.Context(), "", repo, commit, "a"); err == nil {
			t.Errorf("%q was authorized", repo)
		}
	}
	for _, rev := range []string{"", "a b", "a\nb", "../..", "refs/../../x", strings.Repeat("a", 256), "\x00"} {
		if _, err := c.Resolve(t.Context(), "", models("a/b"), rev); err == nil {
			t.Errorf("revision %q was resolved", rev)
		}
	}
	for _, path := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\x00b", "\xff"} {
		if _, err := c.Stat(t.Context(), "", models("a/b"), commit, path); err == nil {
			t.Errorf("path %q was looked at", path)
		}
		if _, err := c.Open(t.Context(), "", models("a/b"), commit, path, 0, -1); err == nil {
			t.Errorf("path %q was opened", path)
		}
	}
	if n := asked(h); n > 0 {
		t.Errorf("the hub was asked %d times", n)
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

func TestLastKnownCommitWhenTheHubIsDown(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	m := newMemory()
	c, k := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	if _, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil {
		t.Fatal(err)
	}
	commit := r.Head()
	h.Stop(hubtest.Main)
	restarted, k2 := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	for why, row := range map[string]struct {
		c *Client
		k *clock
	}{"the same process": {c, k}, "after a restart": {restarted, k2}} {
		row.k.pass(time.Hour)
		for range 2 {
			got, err := row.c.Resolve(t.Context(), "", models("org/name"), "main")
			if diff := cmp.Diff(Revision{Repo: models("org/name"), Commit: commit, Stale: true}, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", why, err, diff)
			}
		}
		if got, err := row.c.Resolve(t.Context(), "", models("org/name"), commit); err != nil || got.Stale {
			t.Errorf("%s: the commit: %+v, %v", why, got, err)
		}
		if _, err := row.c.Resolve(t.Context(), "", models("org/name"), "dev"); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: a branch that nobody has seen: %v", why, err)
		}
		row.k.pass(24 * time.Hour)
		if _, err := row.c.Resolve(t.Context(), "", models("org/name"), "main"); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: after a day: %v", why, err)
		}
	}
	if err := h.Resume(hubtest.Main); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil || got.Stale {
		t.Errorf("when the hub is back: %+v, %v", got, err)
	}
}

func TestHubThatIsIllIsAsGoodAsDown(t *testing.T) {
	for why, f := range map[string]hubtest.Fault{
		"503":           {Status: 503},
		"500":           {Status: 500},
		"HTML":          {Status: 200, Body: []byte("<html>captive portal</html>")},
		"hangs up":      {Hangup: true},
		"no HTTP":       {Raw: []byte("220 ftp ready\r\n")},
		"half a body":   {CutAfter: 20},
		"no commit":     {Status: 200, Body: []byte(`{"id": "org/name", "sha": "main"}`)},
		"another's id":  {Status: 200, Body: []byte(`{"id": "../../x", "sha": "0123456789012345678901234567890123456789"}`)},
		"rate limit":    {Status: 429, RetryAfter: 3000},
		"a bad address": {Status: 200, Body: []byte(`{"id": "org/name\r\nX: y", "sha": "0123456789012345678901234567890123456789"}`)},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			h := hubtest.New(t)
			h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
			c, k := newClient(t, h)
			f.Path = "/revision/"
			fault := h.Inject(f)
			if got, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err == nil {
				t.Fatalf("nothing is known yet: %+v", got)
			}
			fault.Remove()
			if why == "rate limit" {
				return // it lasts
			}
			if _, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil {
				t.Fatal(err)
			}
			h.Inject(f)
			k.pass(time.Hour)
			if got, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil || !got.Stale {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestCommitMustBeTheOneAskedFor(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 200, Body: []byte(`{"id": "org/name", "private": false, "sha": "` + strings.Repeat("b", 40) + `"}`)})
	c, _ := newClient(t, h)
	if got, err := c.Resolve(t.Context(), "", models("org/name"), r.Head()); !errors.Is(err, errAnswer) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTokensNeverShow(t *testing.T) {
	tok := Token("hf_secret")
	text, err := json.Marshal(map[string]any{"t": tok})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(tok), fmt.Sprintf("%v %+v %#v %s %q", tok, tok, tok, tok, tok), fmt.Sprintf("%+v %#v", Origin{Token: tok}, Origin{Token: tok}), string(text)} {
		if strings.Contains(shown, "secret") {
			t.Error(shown)
		}
	}
}

func TestMemoryThatFailsIsNoHarm(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	m := newMemory()
	m.fault = errors.New("disk is gone")
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	for range 2 {
		if got, err := c.Resolve(t.Context(), "", models("org/name"), "main"); err != nil || got.Commit != r.Head() {
			t.Errorf("%+v, %v", got, err)
		}
	}
	m.fault = nil
	m.facts["hub/repo/models/org/x"] = []byte("{nonsense")
	m.facts["hub/repo/models/org/y"] = []byte{0x1f, 0x8b, 0}
	for _, id := range []string{"org/x", "org/y"} {
		if !c.private(t.Context(), models(id)) {
			t.Errorf("%s is taken for public by what can't be read", id)
		}
	}
}
