package hub

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
)

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
