package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"modelgate/internal/proxy/authority"
)

// start runs a proxy and returns its address and a client that trusts it and uses it.
func start(t *testing.T, cfg Config) (string, *http.Client) {
	t.Helper()
	ca, err := authority.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Authority, cfg.Log = ca, zerolog.Nop()
	if cfg.Web == nil {
		cfg.Web = http.NotFoundHandler()
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, host string, port int) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", host, port))
		}
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM())
	proxyURL := &url.URL{Scheme: "http", Host: l.Addr().String()}
	tr := &http.Transport{Proxy: http.ProxyURL(proxyURL), TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String(), &http.Client{Transport: tr}
}

func get(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAKnownHostIsAnsweredByItsDoor(t *testing.T) {
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, r.Proto)
	})
	_, c := start(t, Config{Doors: []Door{{Name: "models", Hosts: []string{"*.models.example"}, Handler: door}}})
	if status, text := get(t, c, "https://a.models.example/x//y%2Fz?q=1"); status != 200 || text != "GET https://a.models.example/x//y%2Fz?q=1 HTTP/1.1" {
		t.Error(status, text)
	}
	if status, text := get(t, c, "http://a.models.example/plain"); status != 200 || !strings.HasPrefix(text, "GET http://a.models.example/plain") {
		t.Error(status, text)
	}
}

func TestAnUnknownHostIsTunnelled(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer site.Close()
	u, _ := url.Parse(site.URL)
	dial := func(ctx context.Context, _ string, _ int) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	}
	address, _ := start(t, Config{Dial: dial})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// What is sent together with CONNECT is not lost.
	_, _ = io.WriteString(conn, "CONNECT site.example:443 HTTP/1.1\r\nHost: site.example:443\r\n\r\nGET / HTTP/1.0\r\n\r\n")
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.0 200 OK") || !strings.HasSuffix(string(text), "hello") {
		t.Errorf("%q %v", text, err)
	}
}
