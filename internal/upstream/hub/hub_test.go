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

	"go.uber.org/goleak"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func TestWhatCannotBeIsNotAsked(t *testing.T) {
	h := hubtest.New(t)
	c, _ := newClient(t, h)
	commit := strings.Repeat("a", 40)
	for _, repo := range []Repo{
		{},
		{model.Models, ""},
		{"other", "a/b"},
		{model.Models, "a/b/c"},
		{model.Models, "../x"},
		{model.Models, "a/.."},
		{model.Models, "a--b"},
		{model.Models, "a.git"},
		{model.Models, "a/b?x"},
		{model.Models, "a/b#"},
		{model.Models, "a/b\r\nX: y"},
		{model.Models, "a//b"},
		{model.Models, "a/%2e%2e"},
		{model.Models, "/a"},
		{model.Models, strings.Repeat("a", 97)},
		{model.Models, "."},
		{model.Models, "ä/b"},
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
