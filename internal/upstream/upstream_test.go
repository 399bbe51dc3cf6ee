package upstream

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
