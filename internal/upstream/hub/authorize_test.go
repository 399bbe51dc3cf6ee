package hub

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"modelgate/internal/hubtest"
)

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
		if err := c.Authorize(t.Context(), "", models("org/private"), r.Head(), path); !errors.Is(err, ErrAnswer) {
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

func TestWhatTheHubShowsToNobodyInParticularIsPublic(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	r := h.AddModel("org/name", hubtest.Files{"a": hubtest.Text("1")}).Info("private", nil).Info("gated", nil)
	gated := h.AddModel("org/gated", hubtest.Files{"a": hubtest.Text("1")}).Gated(hubtest.Auto).Info("private", nil).Reader("ann")
	for _, row := range []struct {
		why   string
		gate  Token // the gate's own
		first Token // who asks first
		repo  *hubtest.Repo
		want  bool // whether it is private for who asks next, at the pinned commit
		then  bool // and after nobody in particular was shown a file of it
	}{
		{"asked by nobody in particular", "", "", r, false, false},
		{"asked with a token", "", "hf_ann", r, true, false},
		{"asked with the gate's own token", "hf_ann", "", r, true, true},
		{"gated, asked by nobody", "", "", gated, true, true},
		{"gated, asked with a token", "", "hf_ann", gated, true, true},
	} {
		m := newMemory()
		c, k := newClient(t, h, func(cfg *Config) { cfg.Memory, cfg.Token = m, row.gate })
		check := func(who Token, want bool) {
			t.Helper()
			got, err := c.Resolve(t.Context(), who, models(row.repo.ID()), row.repo.Head())
			if err != nil || got.Private != want {
				t.Errorf("%s: %+v, %v, want private %v", row.why, got, err, want)
			}
		}
		check(row.first, row.want)
		_ = c.Authorize(t.Context(), "", models(row.repo.ID()), row.repo.Head(), "a")
		check("hf_ann", row.then)
		k.pass(time.Hour)
		if _, err := c.Resolve(t.Context(), "hf_ann", models(row.repo.ID()), "main"); err != nil { // says nothing either
			t.Error(row.why, err)
		}
		check("hf_ann", row.then)
		c, _ = newClient(t, h, func(cfg *Config) { cfg.Memory, cfg.Token = m, row.gate })
		h.Forget()
		check("", row.then)
		if err := c.Authorize(t.Context(), "", models(row.repo.ID()), row.repo.Head(), "a"); !row.then && (err != nil || asked(h) != 0) {
			t.Errorf("%s: after a restart a pinned commit of what is public is asked for again, %v", row.why, err)
		}
	}
}
