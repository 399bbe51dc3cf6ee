package upstream

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the way out counts.
type metrics struct {
	requests *prometheus.CounterVec // origin, code: a status, "error" or "refused"
	bytes    *prometheus.CounterVec // origin
	retries  *prometheus.CounterVec // origin
	waits    *prometheus.CounterVec // origin; seconds
}

func newMetrics(r prometheus.Registerer) (metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := metrics{
		requests: counter("modelgate_upstream_requests_total", "Requests to upstream, redirects and repetitions included, by status; \"error\" if none came.", "origin", "code"),
		bytes:    counter("modelgate_upstream_bytes_total", "Bytes of bodies that came from upstream.", "origin"),
		retries:  counter("modelgate_upstream_retries_total", "Requests that were repeated because upstream failed.", "origin"),
		waits:    counter("modelgate_upstream_wait_seconds_total", "Time that requests waited for a quota of upstream's to be renewed.", "origin"),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.retries, m.waits} {
		if err := r.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}
