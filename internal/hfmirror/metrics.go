package hfmirror

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by route and status, what was sent, how long it took, and who waits for a scan.
type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  *prometheus.HistogramVec
	waiting  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_hub_requests_total", Help: "Requests to the Hub's door, by route and status.",
		}, []string{"route", "status"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelgate_hub_sent_bytes_total", Help: "Bytes of bodies that the Hub's door sent.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelgate_hub_request_seconds", Help: "Time from request to end of answer, by route.",
			Buckets: []float64{.001, .01, .1, 1, 10, 60, 300},
		}, []string{"route"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelgate_hub_waiting", Help: "Requests that wait for a scan or for first bytes.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.seconds, m.waiting} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metrics of the hub door: %w", err)
		}
	}
	return m, nil
}

func (m metrics) observe(x *exchange, took time.Duration) {
	name := string(x.route)
	if name == "" {
		name = "invalid"
	}
	m.requests.WithLabelValues(name, strconv.Itoa(x.out.Status)).Inc()
	m.bytes.Add(float64(x.out.Bytes))
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}
