package objectstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by class and status, what was sent, how long it took, and who waits for a scan.
type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  *prometheus.HistogramVec
	waiting  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_objectstore_requests_total", Help: "Requests to object stores, by class and status.",
		}, []string{"class", "status"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelgate_objectstore_sent_bytes_total", Help: "Bytes of bodies that the door of object stores sent.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelgate_objectstore_request_seconds", Help: "Time from request to end of answer, by class.",
			Buckets: []float64{.001, .01, .1, 1, 10, 60, 300},
		}, []string{"class"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelgate_objectstore_waiting", Help: "Requests that wait for a scan.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.seconds, m.waiting} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metrics of the door of object stores: %w", err)
		}
	}
	return m, nil
}

func (m metrics) observe(x *exchange, took time.Duration) {
	m.requests.WithLabelValues(string(x.class), strconv.Itoa(x.out.Status)).Inc()
	m.bytes.Add(float64(x.out.Bytes))
	m.seconds.WithLabelValues(string(x.class)).Observe(took.Seconds())
}
