package pypimirror

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// form is one of the content types of a page.
type form string

// The forms of pages (PEP 691).
const (
	formJSON form = "application/vnd.pypi.simple.v1+json"
	formHTML form = "application/vnd.pypi.simple.v1+html"
	formText form = "text/html"
	formNone form = ""
)

// forms are those that are offered, best first.
func forms() []form { return []form{formJSON, formHTML, formText} }

// latest turns the names that stand for the newest version into those of the version that they mean.
func latest(t string) string {
	return strings.Replace(t, "application/vnd.pypi.simple.latest+", "application/vnd.pypi.simple.v1+", 1)
}

// negotiate chooses the form of a page, formNone if none is acceptable. The query ?format= comes before the header Accept.
func negotiate(r *http.Request) form {
	if q := r.URL.Query(); q.Has("format") {
		want := latest(strings.ToLower(strings.TrimSpace(q.Get("format"))))
		for _, f := range forms() {
			if string(f) == want {
				return f
			}
		}
		return formNone
	}
	ranges := acceptedRanges(strings.Join(r.Header.Values("Accept"), ","))
	if len(ranges) == 0 || len(ranges) == 1 && ranges[0].value == "*/*" && ranges[0].quality > 0 {
		return formText // what browsers and scripts have always got
	}
	best, quality := formNone, 0.0
	for _, f := range forms() {
		if q := qualityOf(f, ranges); q > quality {
			best, quality = f, q
		}
	}
	return best
}

// mediaRange is one entry of an Accept header.
type mediaRange struct {
	value   string
	quality float64
}

// mostRanges bounds what is read of a header.
const mostRanges = 64

func acceptedRanges(header string) []mediaRange {
	var out []mediaRange
	for part := range strings.SplitSeq(header, ",") {
		if strings.TrimSpace(part) == "" || len(out) >= mostRanges {
			continue
		}
		value, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		m := mediaRange{value: latest(value), quality: 1}
		if q, ok := params["q"]; ok {
			if v, err := strconv.ParseFloat(q, 64); err == nil && v >= 0 && v <= 1 {
				m.quality = v
			}
		}
		out = append(out, m)
	}
	return out
}

// qualityOf is how much a form is wanted: what the most specific range that fits says.
func qualityOf(f form, ranges []mediaRange) float64 {
	kind, _, _ := strings.Cut(string(f), "/")
	rank, quality := 0, 0.0
	for _, m := range ranges {
		at := 0
		switch m.value {
		case string(f):
			at = 3
		case kind + "/*":
			at = 2
		case "*/*":
			at = 1
		}
		if at > rank || at == rank && at > 0 && m.quality > quality {
			rank, quality = at, m.quality
		}
	}
	return quality
}

// acceptsGzip tells whether a client takes pages compressed.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") || strings.TrimSpace(name) == "*" {
			q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			v, err := strconv.ParseFloat(q, 64)
			return !ok || err == nil && v > 0
		}
	}
	return false
}
