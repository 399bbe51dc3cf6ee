package proxy

import (
	"fmt"
	"net/netip"
	"slices"
)

// Action is what the proxy does with a connection to a host.
type Action string

// The actions.
const (
	Inspect Action = "inspect" // end TLS here, and let a door answer
	Tunnel  Action = "tunnel"  // copy bytes without a look at them
	Refuse  Action = "refuse"
)

// Rule says what is done with some connections. A part that is empty stands for all.
type Rule struct {
	Action Action
	Hosts  []string // names, addresses, patterns like *.example.org
	Ports  []int
	From   []netip.Prefix // addresses of clients
	Users  []string       // names of accounts
}

// Policy says which connections are inspected, tunnelled and refused.
type Policy struct {
	// Rules are looked at first, in their order.
	Rules []Rule
	// Ports are those that may be connected to; 443 always is.
	Ports []int
	// AllowHosts are addresses that may be connected to: without being listed, only names are.
	AllowHosts []string
	// RefuseHosts and TunnelHosts come before what is known of hosts.
	RefuseHosts, TunnelHosts []string
	// Default is for all that nothing else is said of.
	Default Action
}

// rule is a Rule that was read.
type rule struct {
	Rule
	hosts Hosts
}

// policy is a Policy that was read, with what the doors know.
type policy struct {
	rules                 []rule
	ports                 []int
	allow, refuse, tunnel Hosts
	byDefault             Action
	known                 func(target) bool // a door answers for it
}

func newPolicy(p Policy, known func(target) bool) (*policy, error) {
	out := &policy{ports: append([]int{443}, p.Ports...), byDefault: p.Default, known: known}
	if out.byDefault == "" {
		out.byDefault = Tunnel
	}
	for _, list := range []struct {
		into *Hosts
		from []string
	}{{&out.allow, p.AllowHosts}, {&out.refuse, p.RefuseHosts}, {&out.tunnel, p.TunnelHosts}} {
		var err error
		if *list.into, err = NewHosts(list.from); err != nil {
			return nil, err
		}
	}
	for i, r := range p.Rules {
		hosts, err := NewHosts(r.Hosts)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		out.rules = append(out.rules, rule{Rule: r, hosts: hosts})
	}
	return out, nil
}

// client is who wants a connection.
type client struct {
	address netip.Addr
	name    string // of the account, "" if there is none
}

// decision is what is done with a connection, and why.
type decision struct {
	action Action
	why    string
}

// decide says what is done with a connection that a client asks for by CONNECT.
func (p *policy) decide(t target, c client) decision {
	if !slices.Contains(p.ports, t.port) {
		return decision{Refuse, fmt.Sprintf("port %d is not one of proxy.connect_ports", t.port)}
	}
	return p.decideHost(t, c)
}

// decidePlain is decide for requests of plain HTTP, which other services than HTTP could take for their own at the ports below 1024.
func (p *policy) decidePlain(t target, c client) decision {
	if t.port != 80 && t.port < 1024 && !slices.Contains(p.ports, t.port) {
		return decision{Refuse, fmt.Sprintf("port %d is not one of proxy.connect_ports", t.port)}
	}
	return p.decideHost(t, c)
}

// decideHost is decide without a look at the port.
func (p *policy) decideHost(t target, c client) decision {
	for _, r := range p.rules {
		if r.matches(t, c) {
			return decision{r.Action, "a rule of proxy.rules"}
		}
	}
	switch {
	case t.isAddress() && !p.allow.Has(t.host):
		return decision{Refuse, "addresses are refused unless they are in proxy.allow_hosts"}
	case p.refuse.Has(t.host):
		return decision{Refuse, "the host is in proxy.refuse_hosts"}
	case p.tunnel.Has(t.host):
		return decision{Tunnel, "the host is in proxy.tunnel_hosts"}
	case p.known(t):
		return decision{Inspect, "models or packages come from there"}
	default:
		return decision{p.byDefault, "proxy.default"}
	}
}

// matches tells whether a rule speaks of a connection. Of an address it does only if it names it, or refuses.
func (r rule) matches(t target, c client) bool {
	return (r.hosts.empty() && (!t.isAddress() || r.Action == Refuse) || r.hosts.Has(t.host)) &&
		(len(r.Ports) == 0 || slices.Contains(r.Ports, t.port)) &&
		(len(r.From) == 0 || slices.ContainsFunc(r.From, func(p netip.Prefix) bool { return p.Contains(c.address.Unmap()) })) &&
		(len(r.Users) == 0 || slices.Contains(r.Users, c.name))
}
