package hub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

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

func TestRateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t)
	some(h)
	h.AddDataset("org/data", hubtest.Files{"a": hubtest.Text("1")})
	c, _ := newClient(t, h)
	h.Limit(2, time.Second)
	for i := range 6 {
		if _, err := c.askInfo(t.Context(), "", models("org/name"), "main"); err != nil {
			t.Errorf("question %d: %v", i, err)
		}
	}
	c.askLimit = 200 * time.Millisecond
	h.Limit(1, 2*time.Second)
	for i, repo := range []Repo{models("org/name"), {model.Datasets, "org/data"}} {
		if _, err := c.Resolve(upstream.WithPatience(t.Context(), time.Minute), "", repo, "main"); err != nil {
			t.Errorf("who can wait for a minute, question %d: %v", i, err)
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
