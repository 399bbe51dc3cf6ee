package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// validate looks at values of the forward proxy that are well formed each, but wrong or contradictory.
func (p Proxy) validate() []problem {
	var ps []problem
	add := func(key, format string, args ...any) {
		ps = append(ps, problem{key: key, text: fmt.Sprintf(format, args...)})
	}
	if (p.CACert == "") != (p.CAKey == "") {
		add("proxy.ca_cert", "and proxy.ca_key must be set together")
	}
	if p.MaxConnections < 1 || p.MaxPerClient < 1 {
		add("proxy.max_connections", "and proxy.max_per_client must be at least 1")
	}
	for i, n := range p.ConnectPorts {
		if n < 1 || n > 65535 {
			add(fmt.Sprintf("proxy.connect_ports[%d]", i), "%d is not a port", n)
		}
	}
	for i, r := range p.Rules {
		key := fmt.Sprintf("proxy.rules[%d]", i)
		switch r.Action {
		case "inspect", "tunnel", "refuse":
		default:
			add(key+".action", "%q is none of inspect, tunnel, refuse", r.Action)
		}
		for _, from := range r.From {
			if _, err := netip.ParsePrefix(from); err != nil {
				add(key+".from", "%q is not a network like 10.1.0.0/16", from)
			}
		}
	}
	for i, from := range p.Clients {
		if _, err := netip.ParsePrefix(from); err != nil {
			add(fmt.Sprintf("proxy.clients[%d]", i), "%q is not a network like 10.1.0.0/16", from)
		}
	}
	for i, a := range p.Accounts {
		key := fmt.Sprintf("proxy.accounts[%d]", i)
		if a.Name == "" {
			add(key, "needs a name")
		}
		if (a.Token == "") == (a.TokenFile == "") {
			add(key, "needs either token or token_file")
		}
	}
	if p.Listen != "" && len(p.Accounts) == 0 && len(p.Clients) == 0 && !loopback(p.Listen) {
		add("proxy.listen", "is open to everybody who reaches %s: set proxy.accounts, or proxy.clients", p.Listen)
	}
	return ps
}

// loopback tells whether an address to listen on is reached from this machine alone.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}
