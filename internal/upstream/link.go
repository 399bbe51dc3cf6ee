package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// SplitLinks splits the value of a Link header (RFC 8288) at the commas that are neither within <> nor within quotes.
func SplitLinks(value string) []string {
	var out []string
	start, angle, quote := 0, false, false
	for i := 0; i <= len(value); i++ {
		if i == len(value) || value[i] == ',' && !angle && !quote {
			if link := strings.TrimSpace(value[start:i]); link != "" {
				out = append(out, link)
			}
			start = i + 1
			continue
		}
		switch c := value[i]; {
		case c == '"' && !angle:
			quote = !quote
		case c == '<' && !quote:
			angle = true
		case c == '>' && !quote:
			angle = false
		case c == '\\' && quote:
			i++
		}
	}
	return out
}

// NextLink is the target of the link whose relation is "next", as it is written; "" if there is none.
func NextLink(header http.Header) string {
	for _, value := range header.Values("Link") {
		for _, link := range SplitLinks(value) {
			target, params, ok := strings.Cut(link, ">")
			if ok && strings.HasPrefix(target, "<") && relIsNext(params) {
				return target[1:]
			}
		}
	}
	return ""
}

// relIsNext tells whether the parameters of a link say rel="next", alone or among other relations.
func relIsNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for _, rel := range strings.Fields(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// SameServer tells whether two addresses lead to the same server, however their names are spelled: in capitals, with a port that goes
// without saying, or as one of the names of this machine. A server knows itself by another name than its clients may.
func SameServer(a, b *url.URL) bool {
	x, y := lower(a.Hostname()), lower(b.Hostname())
	return strings.EqualFold(a.Scheme, b.Scheme) && port(a) == port(b) && (x == y || isLoopback(x) && isLoopback(y))
}
