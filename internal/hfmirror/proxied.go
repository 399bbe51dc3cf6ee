package hfmirror

import (
	"net/http"
	"strings"

	"modelgate/internal/upstream"
)

// Proxied answers requests for the Hub's own hosts that came through the forward proxy, whose URLs are whole. The answers are those that
// clients of the mirror get, but what a client is told to ask next is at the Hub's address, as it has it. The gate's own address is only
// where links to pages about scans lead. Groups are those of the caller: no path chooses one.
func (d *Door) Proxied(gate string) http.Handler { return entrance{d, d.parseSite, gate} }

// Content answers for the hosts of the Hub's content network, and of Xet, in the name of which clients ask through the forward proxy: it
// refuses. The gate gives out no address there, and what is asked of them tells neither the version nor whether the caller may read it.
func (d *Door) Content(gate string) http.Handler {
	return entrance{d, func(r *http.Request) (address, error) {
		return address{route: routeContent, rest: r.URL.EscapedPath()}, nil
	}, gate}
}

// parseSite reads the path of a request to the Hub itself. Where the configured Hub has a path of its own, it stands before all others.
func (d *Door) parseSite(r *http.Request) (address, error) {
	prefix, escaped := "", r.URL.EscapedPath()
	if upstream.SameServer(r.URL, d.links.hub) {
		prefix = d.links.path
	}
	rest, ok := strings.CutPrefix(escaped, prefix)
	if len(escaped) > maxPath {
		return address{}, badAddress{"it is too long"}
	}
	if !ok || !strings.HasPrefix(rest, "/") {
		return address{}, errNotOurs
	}
	a, err := parseHub(rest)
	a.prefix = prefix
	return a, err
}

// IsContentHost tells whether a host, in lower case, is one where the Hub keeps bytes of files, or where Xet does.
func IsContentHost(host string) bool {
	if label, site, ok := strings.Cut(host, "."); ok && strings.HasPrefix(label, "cdn-lfs") {
		return site == "huggingface.co" || site == "hf.co"
	}
	return strings.HasSuffix(host, ".cdn.hf.co") || isXetHost(host)
}

func isXetHost(host string) bool { return strings.HasSuffix(host, ".xethub.hf.co") }

// contentSentence is what a client reads that asks the content network by itself.
const contentSentence = "modelgate gives the Hub's files at /{repository}/resolve/{revision}/{file} of the Hub alone, where they are judged, and none of its content network"

// refuseContent turns away who asks a host of the content network.
func (d *Door) refuseContent(x *exchange) error {
	if isXetHost(strings.ToLower(x.URL.Hostname())) {
		return forbidden(xetSentence)
	}
	return forbidden(contentSentence)
}
