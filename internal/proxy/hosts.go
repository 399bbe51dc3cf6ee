package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// target is a host and a port that a client wants to reach: the host in the one spelling that is compared.
type target struct {
	host string // lower case, IDNA in ASCII, no dot at the end; addresses as netip writes them
	port int
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// isNamed tells whether a name is another spelling of the host.
func (t target) isNamed(name string) bool {
	host, err := normalize(name)
	return err == nil && host == t.host
}

// isAddress tells whether the host is an address and no name.
func (t target) isAddress() bool {
	_, err := netip.ParseAddr(t.host)
	return err == nil
}

// errTarget is wrapped when something is no host and port.
var errTarget = errors.New("not a host")

// maxHost is how long a name may be (RFC 1035, 2.3.4).
const maxHost = 253

// parseTarget reads "host:port" or "host", which then has the port that goes without saying. 0: none does.
func parseTarget(s string, port int) (target, error) {
	host, brackets := s, strings.HasPrefix(s, "[")
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return target{}, fmt.Errorf("%q: %w", s, errTarget)
		}
		host, port = h, int(n)
	} else if brackets && strings.HasSuffix(s, "]") {
		host = s[1 : len(s)-1]
	}
	if port == 0 || brackets != strings.Contains(host, ":") { // they are for addresses of IPv6
		return target{}, fmt.Errorf("%q: %w", s, errTarget)
	}
	host, err := normalize(host)
	if err != nil {
		return target{}, fmt.Errorf("%q: %w", s, err)
	}
	return target{host: host, port: port}, nil
}

// normalize gives a host the one spelling that is compared.
func normalize(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return "", errTarget
		}
		return ip.Unmap().String(), nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if host == "" || len(host) > maxHost {
		return "", errTarget
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errTarget
		}
	}
	if endsInNumber(host) { // resolvers read 0x7f.1 and 2130706433 as addresses
		return "", errTarget
	}
	return host, nil
}

// endsInNumber tells whether the last label is a number, decimal or not, which makes resolvers take the name for an address.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// Hosts are host names, and patterns like *.example.org, which stand for all names below it but not for example.org itself.
type Hosts struct {
	exact map[string]bool
	below []string // each begins with a dot
}

// NewHosts reads a list of names, addresses and patterns.
func NewHosts(list []string) (Hosts, error) {
	h := Hosts{exact: map[string]bool{}}
	for _, text := range list {
		name, pattern := strings.CutPrefix(strings.TrimSpace(text), "*.")
		host, err := normalize(name)
		if err != nil {
			return Hosts{}, fmt.Errorf("%q is neither a host nor a pattern like *.example.org", text)
		}
		if pattern {
			h.below = append(h.below, "."+host)
		} else {
			h.exact[host] = true
		}
	}
	return h, nil
}

// Has tells whether a host, in the spelling that is compared, is one of them.
func (h Hosts) Has(host string) bool {
	if h.exact[host] {
		return true
	}
	for _, suffix := range h.below {
		if strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// empty tells whether the list has no entry.
func (h Hosts) empty() bool { return len(h.exact) == 0 && len(h.below) == 0 }
