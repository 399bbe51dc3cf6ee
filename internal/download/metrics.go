package download

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by kind of answer and status, what was sent, how long it took, and who waits for a scan.
type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  *prometheus.HistogramVec
	waiting  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_download_requests_total", Help: "Requests to inspected hosts that no other door knows, by kind of answer and status.",
		}, []string{"kind", "status"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelgate_download_sent_bytes_total", Help: "Bytes of bodies that the door of downloads sent.",
		}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "modelgate_download_request_seconds", Help: "Time from request to end of answer, by kind of answer.",
			Buckets: []float64{.001, .01, .1, 1, 10, 60, 300},
		}, []string{"kind"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelgate_download_waiting", Help: "Requests that wait for a scan.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.seconds, m.waiting} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metrics of the door of downloads: %w", err)
		}
	}
	return m, nil
}

func (m metrics) observe(x *exchange, took time.Duration) {
	m.requests.WithLabelValues(string(x.kind), strconv.Itoa(x.out.Status)).Inc()
	m.bytes.Add(float64(x.out.Bytes))
	m.seconds.WithLabelValues(string(x.kind)).Observe(took.Seconds())
}
