package upstream

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSite(t *testing.T, cfg Config, endpoint string, redirects ...string) *Site {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.backoff = func(int) time.Duration { return time.Millisecond }
	s, err := c.Site(SiteConfig{Name: "hub", Endpoint: endpoint, Redirects: redirects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// ask sends a GET and returns status and body.
func ask(ctx context.Context, s *Site, address string, header ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

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
	if string(text) != "bytes=1-2" || len(res.Hops) != 1 || res.First().Get("X-Linked-Size") != "7" {
		t.Errorf("%q, %d hops, %v", text, len(res.Hops), res.First())
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

func TestFailuresAreRepeated(t *testing.T) {
	for why, row := range map[string]struct {
		answers []int // 0 hangs up
		status  int
		asked   int32
	}{
		"the connection breaks once":  {[]int{0}, 200, 2},
		"the connection breaks twice": {[]int{0, 0}, 200, 3},
		"it breaks each time":         {[]int{0, 0, 0, 0}, 0, 3},
		"bad gateway":                 {[]int{502, 504}, 200, 3},
		"unavailable each time":       {[]int{503, 503, 503, 503}, 503, 3},
		"an error of the server":      {[]int{500}, 500, 1},
		"not found":                   {[]int{404}, 404, 1},
	} {
		t.Run(why, func(t *testing.T) {
			var asked atomic.Int32
			hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				n := int(asked.Add(1)) - 1
				if n >= len(row.answers) {
					return
				}
				if row.answers[n] == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(row.answers[n])
			})
			s := newSite(t, Config{}, hub.URL)
			status, _, err := ask(t.Context(), s, hub.URL)
			if status != row.status || (err != nil) != (row.status == 0) || err != nil && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%d, %v", status, err)
			}
			// The transport itself repeats once what broke on a connection that was used before.
			if asked.Load() != row.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), row.asked)
			}
		})
	}
}

func TestPostsAreRepeatedWithTheirBody(t *testing.T) {
	var bodies []string
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(text))
		switch len(bodies) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			w.Header().Set("Location", "/new")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	s := newSite(t, Config{}, hub.URL)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, hub.URL, strings.NewReader("paths=a"))
	res, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if diff := cmp.Diff([]string{"paths=a", "paths=a", "paths=a"}, bodies); diff != "" || res.StatusCode != 200 {
		t.Errorf("%s %s", res.Status, diff)
	}
}

func TestNobodyAnswers(t *testing.T) {
	hub := httptest.NewServer(http.NotFoundHandler())
	address := hub.URL
	hub.Close()
	s := newSite(t, Config{}, address)
	if _, _, err := ask(t.Context(), s, address); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ctx, s, address); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("a caller that left: %v", err)
	}
}

func TestSlowUpstreamIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	s := newSite(t, Config{HeaderTimeout: 50 * time.Millisecond, StallTimeout: 50 * time.Millisecond}, hub.URL)
	if _, _, err := ask(t.Context(), s, hub.URL+"/header"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no header: %v", err)
	}
	if _, text, err := ask(t.Context(), s, hub.URL+"/body"); !errors.Is(err, ErrStalled) || text != "some" {
		t.Errorf("a body that stalls: %q, %v", text, err)
	}
}

func TestSlowReaderIsNotAStall(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 1<<20)
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	s := newSite(t, Config{StallTimeout: 100 * time.Millisecond}, hub.URL)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.URL, http.NoBody)
	res, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	time.Sleep(250 * time.Millisecond)
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 1000))
		}
	})
	s := newSite(t, Config{}, hub.URL)
	if _, _, err := ask(t.Context(), s, hub.URL); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

func TestPausesAreRead(t *testing.T) {
	for _, row := range []struct {
		why    string
		status int
		header http.Header
		want   time.Duration
		ok     bool
	}{
		{"no quota spoken of", 200, http.Header{}, 0, false},
		{"something remains", 200, http.Header{"Ratelimit": {`"api";r=5;t=100`}}, 0, false},
		{"nothing remains", 200, http.Header{"Ratelimit": {`"api";r=0;t=100`}}, 100 * time.Second, true},
		{"nothing remains, in other order", 200, http.Header{"Ratelimit": {`"api"; t=7; r=0, "x";r=9;t=1`}}, 7 * time.Second, true},
		{"half a header", 200, http.Header{"Ratelimit": {`"api";r=0`}}, 0, false},
		{"nonsense", 200, http.Header{"Ratelimit": {`r=0t=1`}}, 0, false},
		{"negative numbers", 200, http.Header{"Ratelimit": {`"api";r=0;t=-5`}}, 0, false},
		{"too many, seconds", 429, http.Header{"Retry-After": {"12"}}, 12 * time.Second, true},
		{"too many, by RateLimit", 429, http.Header{"Ratelimit": {`"api";r=1;t=9`}}, 9 * time.Second, true},
		{"too many, without a word", 429, http.Header{}, 5 * time.Second, true},
		{"too many, for ages", 429, http.Header{"Retry-After": {"999999999999"}}, time.Hour, true},
		{"too many, until long ago", 429, http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, 0, true},
		{"unavailable", 503, http.Header{"Retry-After": {"3"}}, 3 * time.Second, true},
		{"Retry-After of a redirect", 302, http.Header{"Retry-After": {"3"}}, 0, false},
	} {
		if got, ok := pauseOf(row.status, row.header); got != row.want || ok != row.ok {
			t.Errorf("%s: %v, %v", row.why, got, ok)
		}
	}
}

// TestQuotaIsShared lets one request learn that the quota is used up, and sees all wait until it is renewed.
func TestQuotaIsShared(t *testing.T) {
	var mu sync.Mutex
	var open time.Time
	early := 0
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if open.IsZero() {
			open = time.Now().Add(time.Second)
		} else if time.Now().Before(open) {
			early++
		} else {
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	s := newSite(t, Config{}, hub.URL)
	if status, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL); status != http.StatusTooManyRequests || err != nil {
		t.Fatalf("who can't wait: %d, %v", status, err)
	}
	var limited *LimitError
	if _, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL); !errors.As(err, &limited) || limited.Header.Get("Retry-After") != "1" || limited.Seconds() != 1 {
		t.Fatalf("who asks again and can't wait: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := ask(short, s, hub.URL); !errors.As(err, &limited) {
		t.Fatalf("who can wait a moment: %v", err)
	}
	if status, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL, "Authorization", "Bearer other"); status != http.StatusTooManyRequests || err != nil {
		t.Fatalf("who has a quota of its own is asked for: %d, %v", status, err)
	}
	early = 0
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if status, _, err := ask(t.Context(), s, hub.URL); status != 200 || err != nil {
				t.Errorf("who can wait: %d, %v", status, err)
			}
		})
	}
	group.Wait()
	if early > 0 {
		t.Errorf("%d requests came too early", early)
	}
}

// table is a Pauses over a map, as two instances would share it.
type table struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (p *table) Pause(_ context.Context, key string, until time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[key] = until
	return nil
}

func (p *table) Until(_ context.Context, key string) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[key], nil
}

func TestQuotaIsSharedBetweenInstances(t *testing.T) {
	var asked atomic.Int32
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("RateLimit", `"api";r=0;t=60`)
	})
	shared := &table{until: map[string]time.Time{}}
	one, two := newSite(t, Config{Pauses: shared}, hub.URL), newSite(t, Config{Pauses: shared}, hub.URL)
	if status, _, err := ask(t.Context(), one, hub.URL, "Authorization", "Bearer secret"); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	var limited *LimitError
	if _, _, err := ask(WithPatience(t.Context(), time.Second), two, hub.URL, "Authorization", "Bearer secret"); !errors.As(err, &limited) || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	for key := range shared.until {
		if strings.Contains(key, "secret") {
			t.Errorf("the key %q holds the token", key)
		}
	}
}

func TestCertificatesOfTheBundle(t *testing.T) {
	hub := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hub.Close()
	hub.Config.ErrorLog = nil
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hub.Certificate().Raw})
	if err := os.WriteFile(bundle, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, err := ask(t.Context(), newSite(t, Config{CABundle: bundle}, hub.URL), hub.URL); status != 200 || err != nil {
		t.Errorf("with the bundle: %d, %v", status, err)
	}
	if _, _, err := ask(t.Context(), newSite(t, Config{}, hub.URL), hub.URL); !errors.Is(err, ErrUnreachable) {
		t.Errorf("without it: %v", err)
	}
	for _, bad := range []Config{{CABundle: bundle + "x"}, {CABundle: os.Args[0]}, {ParentProxy: "socks5://user:secret@x"}} {
		if _, err := New(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestParentProxy(t *testing.T) {
	var asked atomic.Value
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.URL.String())
		_, _ = io.WriteString(w, r.Header.Get("Proxy-Authorization"))
	})
	address := strings.Replace(proxy.URL, "http://", "http://user:pw@", 1)
	s := newSite(t, Config{ParentProxy: address}, "http://hub.example")
	if status, text, err := ask(t.Context(), s, "http://hub.example/a?b"); status != 200 || err != nil || text == "" {
		t.Fatalf("%d, %q, %v", status, text, err)
	}
	if got := asked.Load(); got != "GET http://hub.example/a?b" {
		t.Errorf("the proxy was asked for %v", got)
	}
}

func TestMetrics(t *testing.T) {
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") })
	r := prometheus.NewRegistry()
	s := newSite(t, Config{Registerer: r}, hub.URL)
	if _, _, err := ask(t.Context(), s, hub.URL); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] = m.GetCounter().GetValue()
		}
	}
	if got["modelgate_upstream_requests_total"] != 1 || got["modelgate_upstream_bytes_total"] != 5 {
		t.Error(got)
	}
	if _, err := New(Config{Registerer: r}); err == nil {
		t.Error("two clients in one registry")
	}
}

func FuzzPauseOf(f *testing.F) {
	f.Add(429, "12", `"api";r=0;t=55`)
	f.Add(200, "", `;;r=;t==1`)
	f.Fuzz(func(t *testing.T, status int, after, limit string) {
		d, _ := pauseOf(status, http.Header{"Retry-After": {after}, "Ratelimit": {limit}})
		if d < 0 {
			t.Errorf("%v", d)
		}
	})
}
