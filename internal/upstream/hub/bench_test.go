package hub

import (
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/upstream"
)

// BenchmarkWarmStat is what HEAD of a file on a pinned commit costs here: no request.
func BenchmarkWarmStat(b *testing.B) {
	h, err := hubtest.Start(hubtest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	r := h.AddModel("org/name", hubtest.Files{small: hubtest.Text("{}")})
	up, err := upstream.New(upstream.Config{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := New(Config{Upstream: up, Endpoint: h.URL})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	commit := r.Head()
	look := func() {
		if _, err := c.Resolve(b.Context(), "", models("org/name"), commit); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Stat(b.Context(), "", models("org/name"), commit, small); err != nil {
			b.Fatal(err)
		}
	}
	look()
	h.Forget()
	b.ReportAllocs()
	for b.Loop() {
		look()
	}
	b.ReportMetric(float64(len(h.Requests())), "requests")
}
