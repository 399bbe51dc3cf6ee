package reply

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what every door counts: requests by kind and status, what was sent, how long it took, and who waits for a scan.
type Metrics struct {
	// Waiting are the requests that wait for a scan or for first bytes.
	Waiting prometheus.Gauge

	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  *prometheus.HistogramVec
}

// NewMetrics makes the metrics of a door, named modelgate_{prefix}_…. Label is what its requests are told apart by. Without a registerer
// nobody sees them.
func NewMetrics(reg prometheus.Registerer, prefix, door, label string) (Metrics, error) {
	name := "modelgate_" + prefix + "_"
	m := Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "requests_total", Help: "Requests to " + door + ", by " + label + " and status.",
		}, []string{label, "status"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name + "sent_bytes_total", Help: "Bytes of bodies that " + door + " sent.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name + "request_seconds", Help: "Time from request to end of answer of " + door + ", by " + label + ".",
			Buckets: []float64{.001, .01, .1, 1, 10, 60, 300},
		}, []string{label}),
		Waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name + "waiting", Help: "Requests to " + door + " that wait for a scan or for first bytes.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.seconds, m.Waiting} {
		if err := reg.Register(c); err != nil {
			return Metrics{}, fmt.Errorf("register metrics of %s: %w", door, err)
		}
	}
	return m, nil
}

// Observe counts a request that was answered.
func (m Metrics) Observe(kind string, w *Writer, took time.Duration) {
	if kind == "" {
		kind = "invalid"
	}
	m.requests.WithLabelValues(kind, strconv.Itoa(w.Status)).Inc()
	m.bytes.Add(float64(w.Bytes))
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
}
