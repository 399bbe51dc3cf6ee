package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"modelgate/internal/config"
)

// TestEveryListenerStartsAndEnds holds the parts that are off by default to being put together as the others are.
func TestEveryListenerStartsAndEnds(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret of the gate's"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.DataDir, cfg.Listen, cfg.Proxy.Listen, cfg.ObjectStore.S3Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.ObjectStore.Clients = []config.StoreClient{{Name: "research", AccessKeyID: "research", SecretFile: secret}}
	ctx, cancel := context.WithCancel(t.Context())
	var said welcomed
	said.told = cancel
	if err := serve(ctx, cfg, zerolog.Nop(), terminal{out: &said, err: &said}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "export HF_ENDPOINT=") {
		t.Errorf("the gateway said %q", said.String())
	}
}

// welcomed keeps what is written, and tells when that is something.
type welcomed struct {
	strings.Builder
	told func()
}

// Write implements io.Writer.
func (w *welcomed) Write(p []byte) (int, error) {
	defer w.told()
	return w.Builder.Write(p)
}

func TestTheEndpointOfS3AnswersInItsOwnForm(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	a, err := assemble(t.Context(), cfg, zerolog.Nop(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	out, err := a.openEgress()
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.reverseS3(out.stores)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/models/key", nil))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "<Code>AccessDenied</Code>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestManagementAnswersThisMachineOnly(t *testing.T) {
	tests := []struct {
		name, remote, header string
		want                 int
	}{
		{"this machine", "127.0.0.1:4000", "", http.StatusOK},
		{"this machine over IPv6", "[::1]:4000", "", http.StatusOK},
		{"another machine", "10.0.0.7:4000", "", http.StatusForbidden},
		{"another machine behind a proxy on this one", "127.0.0.1:4000", "X-Forwarded-For", http.StatusForbidden},
		{"an address that can't be read", "nonsense", "", http.StatusForbidden},
	}
	handler := loopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/aims/data/v1/scans", nil)
			r.RemoteAddr = tt.remote
			if tt.header != "" {
				r.Header.Set(tt.header, "10.0.0.7")
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%d, want %d", w.Code, tt.want)
			}
		})
	}
}
