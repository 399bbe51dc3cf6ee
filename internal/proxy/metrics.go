package proxy

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count connections by what was done with them, handshakes by how they ended, requests inside by door, and tunnels.
type metrics struct {
	connects   *prometheus.CounterVec
	handshakes *prometheus.CounterVec
	failures   *prometheus.CounterVec
	requests   *prometheus.CounterVec
	tunnels    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		connects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_proxy_connections_total", Help: "Connections that were asked for, by what was done with them.",
		}, []string{"action"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_proxy_handshakes_total",
			Help: "Handshakes with clients of inspected hosts, by how they ended: ok, untrusted, alpn, sni, not_tls, other.",
		}, []string{"result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_proxy_handshake_failures_total",
			Help: "Handshakes that clients of inspected hosts gave up, or were refused, by reason and client.",
		}, []string{"reason", "client"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "modelgate_proxy_requests_total", Help: "Requests inside of inspected connections, by door.",
		}, []string{"door"}),
		tunnels: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "modelgate_proxy_tunnels", Help: "Tunnels that are open.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connects, m.handshakes, m.failures, m.requests, m.tunnels} {
		if err := reg.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metrics of the proxy: %w", err)
		}
	}
	return m, nil
}
