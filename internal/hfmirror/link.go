package hfmirror

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"modelgate/internal/upstream"
)

// links turns the addresses in the Hub's Link headers into addresses of the gate. Clients follow them verbatim, with their
// token: one that is left as it is leads around the gate.
type links struct {
	hub  *url.URL
	path string // of the Hub, without a slash at the end
}

func newLinks(endpoint string) (links, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return links{}, fmt.Errorf("hub door: %q is not the address of a Hub", endpoint)
	}
	return links{hub: u, path: strings.TrimRight(u.EscapedPath(), "/")}, nil
}

// rewrite returns the values of Link headers with the Hub's address replaced by base, path and query byte for byte; at is the path that
// was asked for, to which an address that is a query alone belongs. What belongs to Xet is left out without a word; dropped are the
// addresses of other hosts.
func (l links) rewrite(values []string, base, at string) (kept, dropped []string) {
	for _, value := range values {
		for _, link := range upstream.SplitLinks(value) {
			target, params, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			if !ok || !strings.HasPrefix(link, "<") || !printable(link) {
				dropped = append(dropped, link)
				continue
			}
			if isXetLink(params) {
				continue
			}
			path, ours := l.relative(target)
			if strings.HasPrefix(target, "?") {
				path, ours = at+target, true
			}
			if !ours {
				dropped = append(dropped, target)
				continue
			}
			kept = append(kept, "<"+base+path+">"+usual(params))
		}
	}
	return kept, dropped
}

// usual spells the relation of a link as the Hub does, since clients match it by pattern. Links that say more stay as they are.
func usual(params string) string {
	name, value, ok := strings.Cut(strings.Trim(params, "; \t"), "=")
	value = strings.Trim(strings.TrimSpace(value), `"`)
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "rel") || value == "" || strings.IndexFunc(value, notInName) >= 0 {
		return params
	}
	return `; rel="` + value + `"`
}

// relative takes the Hub's address off a URL and leaves path and query.
func (l links) relative(target string) (string, bool) {
	rest := target
	if _, after, ok := strings.Cut(target, "://"); ok {
		u, err := url.Parse(target)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !upstream.SameServer(u, l.hub) || u.User != nil {
			return "", false
		}
		at := strings.IndexAny(after, "/?")
		if at < 0 || after[at] == '?' {
			return "", false
		}
		rest = after[at:]
	}
	rest, ok := strings.CutPrefix(rest, l.path)
	return rest, ok && strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "/\\")
}

// isXetLink tells whether the parameters of a link say that it starts Xet.
func isXetLink(params string) bool {
	p := strings.ToLower(params)
	return strings.Contains(p, "xet-auth") || strings.Contains(p, "xet-reconstruction-info")
}

// base is the address that this client used, without the prefix of a group: what it is told to ask next starts with that.
func (d *Door) base(x *exchange) string {
	if x.gate != "" { // through the forward proxy, which has made the URL whole
		return x.URL.Scheme + "://" + x.URL.Host
	}
	if d.PublicURL != "" {
		return d.PublicURL
	}
	scheme, host := "http", x.Host
	if x.TLS != nil {
		scheme = "https"
	}
	if d.TrustForwarded {
		if proto := x.Header.Get("X-Forwarded-Proto"); proto == "http" || proto == "https" {
			scheme = proto
		}
		if forwarded := x.Header.Get("X-Forwarded-Host"); forwarded != "" {
			host = forwarded
		}
	}
	if host == "" || strings.IndexFunc(host, notInHost) >= 0 { // the address that the client has reached, then
		host = ""
		if at, ok := x.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = at.String()
		}
	}
	return scheme + "://" + host
}

// home is the gate's own address, where its pages are.
func (d *Door) home(x *exchange) string {
	if x.gate != "" {
		return x.gate
	}
	return d.base(x)
}

func notInHost(r rune) bool { return notInName(r) && r != ':' && r != '[' && r != ']' }
