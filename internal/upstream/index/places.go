package index

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/upstream"
)

// ErrNotListed means that no page of the index that keeps its files at a place lists the file that was asked for there.
var ErrNotListed = errors.New("its index does not list it")

// Clients of a forward proxy ask for pages and files at the indexes' own addresses. What follows finds what they mean.

// KnowsHost tells whether an index answers at a host, in lower case and without a port, or keeps files there, as far as pages have told
// since Recall.
func (x *Index) KnowsHost(host string) bool {
	if strings.Contains(host, ":") { // an address of IPv6
		host = "[" + host + "]"
	}
	for _, s := range x.upstreams {
		if isHostOf(host, strings.ToLower(s.base.Host)) || s.hosts.knowsHost(host) {
			return true
		}
	}
	return false
}

// isHostOf tells whether a host is that of a place, which may have a port.
func isHostOf(host, place string) bool { return place == host || strings.HasPrefix(place, host+":") }

func (h *hosts) knowsHost(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for origin := range h.seen {
		if _, place, _ := strings.Cut(origin, "://"); isHostOf(host, place) {
			return true
		}
	}
	return false
}

// Serves tells whether an index answers at the origin of an address, or keeps files there.
func (x *Index) Serves(ctx context.Context, u *url.URL) bool { return len(x.sitesAt(ctx, u)) > 0 }

// sitesAt are the indexes that answer at the origin of an address, or keep files there.
func (x *Index) sitesAt(ctx context.Context, u *url.URL) []*site {
	var out []*site
	for _, s := range x.upstreams {
		if upstream.SameServer(u, s.base) || s.hosts.isSeen(ctx, originOf(u.String())) {
			out = append(out, s)
		}
	}
	return out
}

func (h *hosts) isSeen(ctx context.Context, origin string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load(ctx)
	_, ok := h.seen[origin]
	return ok
}

// Below finds the index below whose Simple API an address is, and tells the escaped rest of the path.
func (x *Index) Below(u *url.URL) (upstreamName, rest string, ok bool) {
	for _, s := range x.upstreams {
		if !upstream.SameServer(u, s.base) {
			continue
		}
		if rest, ok := strings.CutPrefix(u.EscapedPath(), s.base.EscapedPath()); ok {
			return s.Name, rest, true
		}
	}
	return "", "", false
}

// ProjectOf returns the page of a project as one index has it, whose client has asked for no other. Errors wrap ErrClaimed if the name is
// another index's.
func (x *Index) ProjectOf(ctx context.Context, upstreamName, name string) (*Page, error) {
	s := x.site(upstreamName)
	if normal, ok := dist.Normalize(name); s == nil || !ok || normal != name {
		return nil, fmt.Errorf("project %q: %w", clip(name, 100), ErrNotFound)
	}
	if err := x.mayHave(ctx, s, name); err != nil {
		return nil, err
	}
	return x.page(ctx, s, name)
}

// EntryAt finds a file by the address that its index gives it. Only the page of the project that the file's name tells is looked at. Errors wrap
// ErrNotListed if no page has the address, and ErrClaimed if the name is that of an index which has no files there.
func (x *Index) EntryAt(ctx context.Context, u *url.URL) (Entry, error) {
	filename := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	unlisted := fmt.Errorf("%q: %w", clip(filename, 100), ErrNotListed)
	project, ok := dist.GuessProject(filename)
	if !ok || !dist.SafeFilename(filename) {
		return Entry{}, unlisted
	}
	claimed := error(nil)
	for _, s := range x.sitesAt(ctx, u) {
		p, err := x.ProjectOf(ctx, s.Name, project)
		switch {
		case errors.Is(err, ErrClaimed):
			claimed = err
			continue
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return Entry{}, err
		}
		for i := range p.Files {
			if f := p.Files[i]; f.Filename == filename && sameAddress(f.URL, u) {
				return Entry{File: f, Project: project, Upstream: s.Name, Page: p, site: s}, nil
			}
		}
	}
	if claimed != nil {
		return Entry{}, claimed
	}
	return Entry{}, unlisted
}

// sameAddress tells whether an address of a page and another one are the same, however they are escaped.
func sameAddress(listed string, u *url.URL) bool {
	l, err := url.Parse(listed)
	return err == nil && upstream.SameServer(l, u) && l.Path == u.Path && l.Query().Encode() == u.Query().Encode()
}

// Recall finds what is remembered of the places where indexes keep their files.
func (x *Index) Recall(ctx context.Context) {
	for _, s := range x.upstreams {
		s.hosts.known(ctx)
	}
}

// known is how many places are known.
func (h *hosts) known(ctx context.Context) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load(ctx)
	return len(h.seen)
}

// Learn asks each index of which no file host is known for the page of a project that most have, so that its hosts are known before a
// client asks for a file by an address from a lock file. What fails is learned from pages that clients ask for.
func (x *Index) Learn(ctx context.Context) {
	const common = "pip"
	for _, s := range x.upstreams {
		if s.hosts.known(ctx) > 0 {
			continue
		}
		if _, err := x.pages.get(ctx, s, common); err != nil { // not by page: the name becomes nobody's own by this
			x.cfg.Log.Info().Str("index", s.Name).AnErr("error", err).Msg("the file hosts of the index are not known before a client asks for a page of it")
		}
	}
}
