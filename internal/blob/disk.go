package blob

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modelgate/internal/model"
)

// disk is what the store does to write, so that tests can fill it up.
type disk struct {
	create  func(dir, pattern string) (*os.File, error)
	writeAt func(f *os.File, p []byte, off int64) (int, error)
	rename  func(from, to string) error
}

func osDisk() disk {
	return disk{
		create:  os.CreateTemp,
		writeAt: func(f *os.File, p []byte, off int64) (int, error) { return f.WriteAt(p, off) },
		rename:  os.Rename,
	}
}

// full tells whether an error means that space is lacking, so that letting go of blobs may help.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// temporary is the folder of fetches under way.
func temporary(dir string) string { return filepath.Join(dir, "tmp") }

// path is where a blob lies. A digest is hexadecimal, so that no name escapes the directory.
func (s *Store) path(d model.Digest) string {
	return filepath.Join(s.dir, d.Algorithm(), d.Hex()[:2], d.Hex())
}

// clearTemporary removes what a crash left, and makes the folder.
func clearTemporary(dir string) error {
	if err := os.RemoveAll(temporary(dir)); err != nil {
		return err
	}
	return os.MkdirAll(temporary(dir), 0o750)
}

// pause is how long to wait after so many failures in a row: 0.2 s, doubled each time, 5 s at most.
func pause(failures int) time.Duration {
	return min(5*time.Second, 200*time.Millisecond<<min(failures-1, 10))
}

// metrics are what the store counts.
type metrics struct {
	requests  *prometheus.CounterVec // result: hit, join, miss
	failures  *prometheus.CounterVec // reason: mismatch, space, upstream
	fetched   prometheus.Counter
	evictions prometheus.Counter
	kept      prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_blob_requests_total", Help: "Blobs asked for, by whether they were on disk (hit), arriving (join) or neither (miss).",
		}, []string{"result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_blob_failures_total", Help: "Fetches of blobs that failed, by reason.",
		}, []string{"reason"}),
		fetched: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelgate_blob_fetched_bytes_total", Help: "Bytes of blobs that came from upstream.",
		}),
		evictions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelgate_blob_evictions_total", Help: "Blobs that had to make room for others.",
		}),
		kept: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelgate_blob_bytes", Help: "Bytes of blobs on disk, those that are arriving included.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.failures, m.fetched, m.evictions, m.kept} {
		if err := r.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}
