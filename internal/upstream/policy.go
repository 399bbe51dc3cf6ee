package upstream

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
)

// policy says to which addresses a site may lead.
type policy struct {
	endpoint *url.URL
	host     string // of the endpoint, in lower case
	loopback bool   // the endpoint is this machine
	exact    map[string]bool
	below    []string // suffixes that begin with a dot
	// anyPublic allows every name; what it leads to is held to be public when the connection is made.
	anyPublic bool
	// within is the policy of the site that has named the endpoint; nil if that is the operator's own word.
	within *policy
	// private is set when the endpoint itself turned out to have an address that is not public: in a company's own network, a
	// mirror may redirect within it.
	private atomic.Bool
}

func newPolicy(endpoint *url.URL, redirects []string) (*policy, error) {
	p := &policy{endpoint: endpoint, host: lower(endpoint.Hostname()), exact: map[string]bool{}}
	p.loopback = isLoopback(p.host)
	if ip, err := netip.ParseAddr(p.host); err == nil && !public(ip) || p.loopback {
		p.private.Store(true)
	}
	for _, r := range redirects {
		r = lower(strings.TrimSpace(r))
		name, pattern := strings.CutPrefix(r, "*.")
		if name == "" || strings.ContainsAny(name, "*/:@ ") {
			return nil, fmt.Errorf("%q is neither a host name nor *.name", r)
		}
		if pattern {
			p.below = append(p.below, "."+name)
		} else {
			p.exact[name] = true
		}
	}
	return p, nil
}

// lower makes names comparable: lower case, without the dot of the root.
func lower(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// own tells whether an address has the endpoint's scheme, host and port.
func (p *policy) own(u *url.URL) bool {
	return strings.EqualFold(u.Scheme, p.endpoint.Scheme) && lower(u.Hostname()) == p.host && port(u) == port(p.endpoint)
}

func port(u *url.URL) string {
	if n := u.Port(); n != "" {
		return n
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

// check says whether a redirect from one address to another may be followed. An error wraps ErrRefused.
func (p *policy) check(from, to *url.URL) error {
	host := lower(to.Hostname())
	switch {
	case to.Scheme != "http" && to.Scheme != "https" || host == "":
		return fmt.Errorf("redirect to something that is not HTTP: %w", ErrRefused)
	case from.Scheme == "https" && to.Scheme != "https":
		return fmt.Errorf("redirect from https to http at %s: %w", host, ErrRefused)
	case to.User != nil:
		return fmt.Errorf("redirect with a user name to %s: %w", host, ErrRefused)
	}
	if !p.allowed(host) {
		return fmt.Errorf("redirect to %s: %w", to.Host, ErrRefused)
	}
	if ip, err := netip.ParseAddr(host); err == nil && !public(ip) && !p.mayBePrivate() {
		return fmt.Errorf("redirect to %s: %w", to.Host, ErrRefused)
	}
	return nil
}

// allowed tells whether a host name is one to which the site may lead.
func (p *policy) allowed(host string) bool {
	if host == p.host || p.exact[host] || p.anyPublic || p.loopback && isLoopback(host) {
		return true
	}
	for _, suffix := range p.below {
		if strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// checkAddress says whether a connection to a host may be made, by the address that its name has turned out to have. This is what
// keeps a name that is allowed from leading to an address that is not.
func (p *policy) checkAddress(host, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", host, ErrRefused)
	}
	if lower(host) == p.host && p.within == nil { // the operator's own word
		if !public(ap.Addr()) {
			p.private.Store(true)
		}
		return nil
	}
	if !public(ap.Addr()) && (!p.mayBePrivate() || ap.Addr().Unmap().IsLinkLocalUnicast()) { // where clouds tell machines their secrets
		return fmt.Errorf("connect to %s, which is %s: %w", host, ap.Addr(), ErrRefused)
	}
	return nil
}

// mayBePrivate tells whether addresses that are not public may be connected to.
func (p *policy) mayBePrivate() bool {
	return p.private.Load() || p.within != nil && p.within.private.Load()
}

// public tells whether an address is one of the open internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// notPublic are ranges that lead to other networks than the internet, beyond what netip knows: "this network", shared addresses of
// providers, protocol assignments, benchmarks and reserved ones; and IPv6 addresses that stand for IPv4 ones, which could be any.
var notPublic = func() []netip.Prefix {
	var ps []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10",
	} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()

// dial connects to host and port, after the policy has seen the address. The parent proxy is the operator's word, like the endpoint:
// behind it names have no addresses that could be seen from here.
func (s *Site) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout * 6}
	if s.client.proxy == nil {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return s.policy.checkAddress(host, address)
		}
	}
	return d.DialContext(ctx, network, addr)
}
