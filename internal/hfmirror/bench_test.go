package hfmirror

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"modelgate/internal/hubtest"
)

// BenchmarkWarm measures what a known file of a pinned commit costs the door, without a network in between.
func BenchmarkWarm(b *testing.B) {
	s := newStand(b, func(c *Config) { c.Record = nil })
	s.log.discard()
	s.gate.forgetful = true
	repo := s.hub.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`)})
	path := "/org/name/resolve/" + repo.Head() + "/config.json"
	s.ask("GET", path).is(b, 200)
	s.waitForBlob(repo, "config.json", 22)
	s.ask("GET", "/org/name/resolve/"+repo.Head()+"/config.json").is(b, 200)
	s.hub.Forget()
	for _, method := range []string{"HEAD", "GET"} {
		b.Run(method, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req := httptest.NewRequestWithContext(context.Background(), method, path, nil)
					w := &nullWriter{header: http.Header{}}
					s.Config.Handler.ServeHTTP(w, req)
					if w.status != 200 {
						b.Fatalf("status %d", w.status)
					}
				}
			})
		})
	}
	if reqs := s.hub.Requests(); len(reqs) != 0 {
		b.Errorf("upstream was asked %d times", len(reqs))
	}
}

// BenchmarkPrune measures how fast metadata passes.
func BenchmarkPrune(b *testing.B) {
	entry := `{"type":"file","oid":"0123456789abcdef0123456789abcdef01234567","size":123456,"lfs":{"oid":"` + "ab" + `","size":123456,"pointerSize":134},"xetHash":"cd","path":"model-00001-of-00002.safetensors"}`
	text := "[" + entry
	for range 999 {
		text += "," + entry
	}
	text += "]"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pruneTo(io.Discard, text); err != nil {
			b.Fatal(err)
		}
	}
}

// nullWriter is a client that takes everything.
type nullWriter struct {
	header http.Header
	status int
}

func (w *nullWriter) Header() http.Header                       { return w.header }
func (w *nullWriter) WriteHeader(status int)                    { w.status = status }
func (w *nullWriter) Write(p []byte) (int, error)               { return len(p), nil }
func (w *nullWriter) ReadFrom(r io.Reader) (n int64, err error) { return io.Copy(io.Discard, r) }
