package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"modelgate/internal/upstream"
)

// hosts are the places where an index keeps its files, as its pages say. Files are fetched from nowhere else.
type hosts struct {
	cfg  Config
	site *site

	mu     sync.Mutex
	loaded bool
	full   bool             // said once that there are too many
	seen   map[string]int64 // origin: when a page named it last, in seconds
	open   map[string]*upstream.Site
}

// Bounds of what an index may teach, and how long a place that no page names is kept.
const (
	mostHosts  = 32
	hostsLast  = 30 * 24 * time.Hour
	touchEvery = 24 * time.Hour
)

func newHosts(cfg Config, s *site) *hosts {
	return &hosts{cfg: cfg, site: s, seen: map[string]int64{}, open: map[string]*upstream.Site{}}
}

func (h *hosts) key() string { return "index/hosts/" + h.site.Name }

// load reads what earlier processes have learned.
func (h *hosts) load(ctx context.Context) {
	if h.loaded || h.cfg.Memory == nil {
		return
	}
	value, ok, err := h.cfg.Memory.Get(ctx, h.key())
	if err != nil {
		return // a page will tell
	}
	h.loaded = true
	known := map[string]int64{}
	if ok && json.Unmarshal(value, &known) == nil {
		for origin, at := range known {
			h.seen[origin] = max(h.seen[origin], at)
		}
	}
}

// learn takes the places that a page names.
func (h *hosts) learn(ctx context.Context, p *Page) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load(ctx)
	changed := false
	last := ""
	for i := range p.Files {
		origin := originOf(p.Files[i].URL)
		if origin == last {
			continue
		}
		last = origin
		at, known := h.seen[origin]
		if known && now.Sub(time.Unix(at, 0)) < touchEvery {
			continue
		}
		if u, err := url.Parse(p.Files[i].URL); err != nil || !h.permitted(u) {
			continue
		}
		if !known && len(h.seen) >= mostHosts {
			h.forget(now)
			if len(h.seen) >= mostHosts {
				if !h.full {
					h.cfg.Log.Warn().Str("index", h.site.Name).Str("project", p.Project).Str("host", clip(origin, 200)).
						Msg("the index names more file hosts than are learned")
				}
				h.full = true
				continue
			}
		}
		h.seen[origin], changed = now.Unix(), true
	}
	if !changed || h.cfg.Memory == nil {
		return
	}
	if text, err := json.Marshal(h.seen); err == nil {
		if err := h.cfg.Memory.Put(context.WithoutCancel(ctx), h.key(), text); err != nil {
			h.cfg.Log.Warn().Str("index", h.site.Name).Err(err).Msg("learned file hosts are not recorded")
		}
	}
}

// forget drops places that no page has named for long.
func (h *hosts) forget(now time.Time) {
	for origin, at := range h.seen {
		if now.Sub(time.Unix(at, 0)) > hostsLast {
			delete(h.seen, origin)
		}
	}
}

// permitted tells whether an index may keep files at an address at all: not without TLS, unless it has none itself; never at an address
// of the local link, which is where clouds tell machines their secrets; and on this machine only if the index is here too. What names
// lead to is looked at when the connection is made.
func (h *hosts) permitted(u *url.URL) bool {
	if u.Scheme != "https" && h.site.base.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return true
	}
	ip = ip.Unmap()
	own, err := netip.ParseAddr(h.site.base.Hostname())
	here := err == nil && own.Unmap().IsLoopback() || h.site.base.Hostname() == "localhost"
	return ip.IsGlobalUnicast() || ip.IsLoopback() && here
}

// Hosts are the origins from which an index's files come, such as "https://files.example.test".
func (x *Index) Hosts(upstreamName string) []string {
	s := x.site(upstreamName)
	if s == nil {
		return nil
	}
	s.hosts.mu.Lock()
	defer s.hosts.mu.Unlock()
	s.hosts.load(context.Background())
	var out []string
	for origin := range s.hosts.seen {
		out = append(out, origin)
	}
	slices.Sort(out)
	return out
}

// errNotLearned is returned for addresses of which no page has said that files are there.
var errNotLearned = errors.New("no page of the index names this host")

// siteFor is the way to the place where an address is.
func (h *hosts) siteFor(ctx context.Context, u *url.URL) (*upstream.Site, error) {
	if h.site.api.IsOwn(u) {
		return h.site.api, nil
	}
	origin := originOf(u.String())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load(ctx)
	if _, ok := h.seen[origin]; !ok {
		return nil, fmt.Errorf("%s: %w", clip(origin, 200), errNotLearned)
	}
	if s := h.open[origin]; s != nil {
		return s, nil
	}
	// The place is a stranger's word: if the index itself is public, so must it be, whatever its name resolves to.
	s, err := h.cfg.Client.Site(upstream.SiteConfig{Name: "index-files", Endpoint: origin, AnyPublic: true, Within: h.site.api})
	if err != nil {
		return nil, err
	}
	h.open[origin] = s
	return s, nil
}

// credentials tells whether the index's credentials may go to a host.
func (h *hosts) credentials(u *url.URL) bool {
	return h.site.api.IsOwn(u) || strings.EqualFold(u.Hostname(), h.site.base.Hostname()) && u.Scheme == h.site.base.Scheme ||
		slices.ContainsFunc(h.site.CredentialHosts, func(name string) bool { return strings.EqualFold(name, u.Hostname()) && u.Scheme == "https" })
}

func (h *hosts) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.open {
		s.Close()
	}
}

// originOf is scheme, host and port of an address.
func originOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + strings.ToLower(rest)
}
