package pypimirror

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/upstream/index"
)

// Proxied answers requests for the indexes' own hosts, and for those where they keep files, that came through the forward proxy, whose URLs
// are whole. Pages keep the index's addresses of files, since the next request meets this door again, and a lock file that is made here
// works elsewhere. All else is as in the mirror. Gate is the gate's own address; rest answers what is neither a page nor a file.
func (d *Door) Proxied(gate string, rest http.Handler) http.Handler {
	return entrance{door: d, read: d.parseSite, gate: gate, rest: rest}
}

// parseSite finds what a request to an index, or to a host of its files, asks for.
func (d *Door) parseSite(r *http.Request) address {
	a := address{route: routeNone}
	if upstream, rest, ok := d.Index.Below(r.URL); ok {
		name, after, slash := strings.Cut(rest, "/")
		name, err := url.PathUnescape(name)
		_, file := dist.GuessProject(name)
		if err == nil && after == "" && (slash || !file) {
			a.upstream = upstream
			a.page(name, slash)
			return a
		}
	}
	if d.Index.Serves(r.Context(), r.URL) {
		a.siteFile(r.URL)
	}
	return a
}

// siteFile reads the address of a file, or of what stands beside one: the last part of its path is the name of a distribution.
func (a *address) siteFile(u *url.URL) {
	at := *u
	at.Fragment, at.RawFragment, at.RawPath = "", "", ""
	query := u.Query()
	query.Del(waitParam)
	at.RawQuery = query.Encode()
	route, beside := routeFile, index.Beside("")
	for _, ending := range []index.Beside{index.Metadata, index.Signature, index.Provenance} {
		if path, ok := strings.CutSuffix(at.Path, string(ending)); ok {
			at.Path, route, beside = path, routeBeside, ending
			break
		}
	}
	name := at.Path[strings.LastIndexByte(at.Path, '/')+1:]
	if _, ok := dist.GuessProject(name); ok && dist.SafeFilename(name) {
		a.route, a.beside, a.filename, a.at = route, beside, name, &at
	}
}

// project finds the page that is meant: that of the index which a client of the proxy asks, else that of the index which the name belongs to.
// A client that asks two indexes for a name is told that the one which it does not belong to has no such project, and goes on with the other.
func (d *Door) project(x *exchange) (*index.Page, error) {
	if x.gate == "" {
		return d.Index.Project(x.Context(), x.project)
	}
	p, err := d.Index.ProjectOf(x.Context(), x.upstream, x.project)
	if errors.Is(err, index.ErrClaimed) {
		return nil, failure{http.StatusNotFound, "the name belongs to another index than this one"}
	}
	return p, err
}
