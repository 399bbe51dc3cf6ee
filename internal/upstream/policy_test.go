package upstream

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuthorizationGoesToTheEndpointAlone(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]string{}
	note := func(who string, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[who] = r.Header.Get("Authorization") + r.Header.Get("Cookie")
	}
	cdn := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note("cdn", r)
		if r.URL.Path == "/back" {
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		}
	})
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note("hub "+r.URL.Path, r)
		switch r.URL.Path {
		case "/file":
			http.Redirect(w, r, cdn.URL+"/x?signature=1", http.StatusFound)
		case "/renamed":
			w.Header().Set("Location", "/now")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	s := newSite(t, Config{}, hub.URL)
	for _, path := range []string{"/file", "/renamed"} {
		if status, _, err := ask(t.Context(), s, hub.URL+path, "Authorization", "Bearer hf_x", "Cookie", "c=1"); status != 200 || err != nil {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
	want := map[string]string{"hub /file": "Bearer hf_xc=1", "cdn": "", "hub /renamed": "Bearer hf_xc=1", "hub /now": "Bearer hf_xc=1"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestRedirectsKeepRangeAndHops(t *testing.T) {
	cdn := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Range")) })
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Linked-Size", "7")
		http.Redirect(w, r, cdn.URL, http.StatusFound)
	})
	s := newSite(t, Config{UserAgent: "modelgate/1"}, hub.URL)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.URL, http.NoBody)
	req.Header.Set("Range", "bytes=1-2")
	res, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if string(text) != "bytes=1-2" || len(res.Hops) != 1 || res.Hops[0].Header.Get("X-Linked-Size") != "7" {
		t.Errorf("%q, %+v", text, res.Hops)
	}
}

func TestPolicyOfRedirects(t *testing.T) {
	for _, row := range []struct {
		endpoint, from, to string
		allowed            bool
	}{
		{"https://hub.example", "https://hub.example/a", "https://hub.example/b", true},
		{"https://hub.example", "https://hub.example/a", "https://HUB.example.:8443/b", true},
		{"https://hub.example", "https://hub.example/a", "https://cdn.hf.example/b", true},
		{"https://hub.example", "https://hub.example/a", "https://a.b.hf.example/b", true},
		{"https://hub.example", "https://hub.example/a", "https://exact.example/b", true},
		{"https://hub.example", "https://hub.example/a", "https://hf.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://.hf.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://evilhf.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://cdn.hf.example.evil.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://sub.hub.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://sub.exact.example/b", false},
		{"https://hub.example", "https://hub.example/a", "http://hub.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://user@hub.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://hub.example@evil.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https://169.254.169.254/latest/meta-data", false},
		{"https://hub.example", "https://hub.example/a", "https://localhost/b", false},
		{"https://hub.example", "https://hub.example/a", "https://[::1]/b", false},
		{"https://hub.example", "https://hub.example/a", "file:///etc/passwd", false},
		{"https://hub.example", "https://hub.example/a", "ftp://hub.example/b", false},
		{"https://hub.example", "https://hub.example/a", "https:///b", false},
		{"http://hub.example", "http://hub.example/a", "https://hub.example/b", true},
		{"http://hub.example", "http://hub.example/a", "http://cdn.hf.example/b", true},
		{"http://127.0.0.1:80", "http://127.0.0.1:80/a", "http://127.0.0.1:9000/b", true},
		{"http://127.0.0.1:80", "http://127.0.0.1:80/a", "http://localhost:9000/b", true},
		{"http://127.0.0.1:80", "http://127.0.0.1:80/a", "http://[::1]:9000/b", true},
		{"http://localhost:80", "http://localhost:80/a", "http://127.0.0.1:9000/b", true},
		{"http://127.0.0.1:80", "http://127.0.0.1:80/a", "http://10.0.0.1/b", false},
		{"http://127.0.0.1:80", "http://127.0.0.1:80/a", "http://169.254.169.254/b", false},
		{"http://10.0.0.1", "http://10.0.0.1/a", "http://10.0.0.2/b", false},
	} {
		endpoint, _ := url.Parse(row.endpoint)
		p, err := newPolicy(endpoint, []string{"*.hf.example", "exact.example"})
		if err != nil {
			t.Fatal(err)
		}
		from, _ := url.Parse(row.from)
		to, err := url.Parse(row.to)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.check(from, to); (err == nil) != row.allowed || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s -> %s: %v", row.from, row.to, err)
		}
	}
	endpoint, _ := url.Parse("https://hub.example")
	for _, bad := range []string{"", "*", "*.", "http://x.example", "x.example:80", "a.*.example", "x example"} {
		if _, err := newPolicy(endpoint, []string{bad}); err == nil {
			t.Errorf("pattern %q was taken", bad)
		}
	}
}

func TestNamesAreHeldToTheirAddresses(t *testing.T) {
	endpoint, _ := url.Parse("https://hub.example")
	for _, row := range []struct {
		host, address string
		allowed       bool
	}{
		{"cdn.hf.example", "93.184.215.14:443", true},
		{"cdn.hf.example", "[2606:2800:21f::1]:443", true},
		{"cdn.hf.example", "127.0.0.1:443", false},
		{"cdn.hf.example", "10.1.2.3:443", false},
		{"cdn.hf.example", "169.254.169.254:80", false},
		{"cdn.hf.example", "[::ffff:127.0.0.1]:443", false},
		{"cdn.hf.example", "[fe80::1%eth0]:443", false},
		{"cdn.hf.example", "[fd00::1]:443", false},
		{"cdn.hf.example", "[64:ff9b::7f00:1]:443", false},
		{"cdn.hf.example", "100.64.0.1:443", false},
		{"cdn.hf.example", "0.0.0.0:443", false},
		{"cdn.hf.example", "224.0.0.1:443", false},
		{"cdn.hf.example", "nonsense", false},
		{"hub.example", "10.1.2.3:443", true},
	} {
		p, _ := newPolicy(endpoint, nil)
		if err := p.checkAddress(row.host, row.address); (err == nil) != row.allowed {
			t.Errorf("%s at %s: %v", row.host, row.address, err)
		}
	}
	p, _ := newPolicy(endpoint, nil)
	if err := p.checkAddress("hub.example", "10.1.2.3:443"); err != nil {
		t.Fatal(err)
	}
	if err := p.checkAddress("cdn.hf.example", "10.1.2.4:443"); err != nil {
		t.Errorf("a mirror in a company's network may redirect within it: %v", err)
	}
	if !public(netip.MustParseAddr("1.1.1.1")) {
		t.Error("1.1.1.1 is not public")
	}
}

// TestRebindingIsRefused has an allowed name lead to this machine, while the endpoint is elsewhere.
func TestRebindingIsRefused(t *testing.T) {
	var asked atomic.Bool
	inner := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	s := newSite(t, Config{}, "http://93.184.215.14", "localhost")
	_, port, _ := net.SplitHostPort(inner.Listener.Addr().String())
	_, _, err := ask(t.Context(), s, "http://localhost:"+port)
	if !errors.Is(err, ErrRefused) || asked.Load() {
		t.Errorf("%v", err)
	}
}

func TestHostileRedirectsAreRefused(t *testing.T) {
	var location string
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	s := newSite(t, Config{}, hub.URL)
	for _, l := range []string{"http://evil.example/", "//evil.example/x", "http://169.254.169.254/", "gopher://127.0.0.1/", "http://[::1", "/again"} {
		location = l
		if _, _, err := ask(t.Context(), s, hub.URL); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", l, err)
		}
	}
	location = ""
	if status, _, err := ask(t.Context(), s, hub.URL); status != http.StatusFound || err != nil {
		t.Errorf("a redirect to nowhere: %d, %v", status, err)
	}
	location = "/x"
	ctx := WithFollow(t.Context(), func(*url.URL) error { return ErrRefused })
	if _, _, err := ask(ctx, s, hub.URL); !errors.Is(err, ErrRefused) {
		t.Errorf("a redirect that the caller does not want: %v", err)
	}
}
