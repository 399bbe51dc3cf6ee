package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"

	"modelgate/internal/config"
	"modelgate/internal/hubtest"
)

// BenchmarkWarm is the whole gateway in one process, asked again and again for a small file at a commit.
func BenchmarkWarm(b *testing.B) {
	h := hubtest.New(b)
	repo := h.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`)})
	cfg := config.Default()
	cfg.DataDir, cfg.HuggingFace.Endpoint = b.TempDir(), h.URL
	a, err := assemble(context.Background(), cfg, zerolog.Nop(), true)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.close() }()
	d, err := a.doors()
	if err != nil {
		b.Fatal(err)
	}
	handler := a.handler(d)
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		b.Run(method, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), method, server.URL+"/org/name/resolve/"+repo.Head()+"/config.json", nil)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := server.Client().Do(req)
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp, err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
