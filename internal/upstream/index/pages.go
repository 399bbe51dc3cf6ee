package index

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"modelgate/internal/upstream"
)

// accepted are the forms of a page that are understood, JSON first: it says more.
const accepted = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.2, text/html; q=0.01"

// Bounds of pages: bytes of one, how many are kept and how many bytes of them together, and how long it is known that there is none.
const (
	maxPage     = 64 << 20
	mostPages   = 4096
	mostBytes   = 512 << 20
	missingFor  = time.Minute
	pageAhead   = 8 << 20 // of what an answer says that it has
	fetchWithin = time.Minute
)

// pages are the pages of all indexes as they were fetched last.
type pages struct {
	cfg     Config
	flights singleflight.Group

	mu    sync.Mutex
	kept  *lru.Cache[string, *kept]
	bytes int64
}

// kept is a page, or that there is none, and until when that is fresh.
type kept struct {
	page    *Page // nil: there is none
	etag    string
	size    int64
	fetched time.Time // or revalidated
	fresh   time.Time // until then it is not asked for again
}

func newPages(cfg Config) (*pages, error) {
	p := &pages{cfg: cfg}
	var err error
	p.kept, err = lru.NewWithEvict(mostPages, func(_ string, k *kept) { p.bytes -= k.size })
	if err != nil {
		return nil, fmt.Errorf("cache of pages: %w", err)
	}
	return p, nil
}

// get returns a page that is fresh, fetching it if need be, one fetch at a time. If its index is down, an older one does for a while.
func (p *pages) get(ctx context.Context, s *site, name string) (*Page, error) {
	key := s.Name + "/" + name
	old := p.look(key)
	if old != nil && time.Now().Before(old.fresh) {
		return old.answer()
	}
	result := p.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchWithin) // others may wait for it too
		defer cancel()
		k, err := p.fetch(ctx, s, name, old)
		if err == nil {
			p.keep(key, k)
			return k, nil
		}
		if old != nil && old.page != nil && time.Since(old.fetched) < p.cfg.PageStale {
			p.cfg.Log.Warn().Str("index", s.Name).Str("project", name).AnErr("error", err).Msg("index fails: an older page is served")
			return old, nil
		}
		return nil, err
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		k, ok := r.Val.(*kept)
		if !ok {
			return nil, ErrUnavailable
		}
		return k.answer()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (k *kept) answer() (*Page, error) {
	if k.page == nil {
		return nil, ErrNotFound
	}
	return k.page, nil
}

func (p *pages) look(key string) *kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.kept.Get(key)
	return k
}

func (p *pages) keep(key string, k *kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.kept.Peek(key); ok {
		p.bytes -= old.size // which Add does not tell of
	}
	p.kept.Add(key, k)
	p.bytes += k.size
	for p.bytes > mostBytes && p.kept.Len() > 1 {
		p.kept.RemoveOldest()
	}
}

// fetch asks an index for a page, or whether the old one still holds.
func (p *pages) fetch(ctx context.Context, s *site, name string, old *kept) (*kept, error) {
	at := s.base.JoinPath(name + "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the page: %w", err)
	}
	req.Header.Set("Accept", accepted)
	s.authorize(req)
	if old != nil && old.page != nil && old.etag != "" {
		req.Header.Set("If-None-Match", old.etag)
	}
	res, err := s.api.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the page: %w: %w", ErrUnavailable, err)
	}
	defer func() { _ = res.Body.Close() }()
	now := time.Now()
	fresh := now.Add(min(p.cfg.PageTTL, maxAge(res.Header, p.cfg.PageTTL)))
	switch {
	case res.StatusCode == http.StatusNotModified && old != nil && old.page != nil:
		return &kept{page: old.page, etag: old.etag, size: old.size, fetched: now, fresh: fresh}, nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return &kept{fetched: now, fresh: now.Add(missingFor)}, nil
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the index answers %s: %w", res.Status, ErrUnavailable)
	}
	page, size, err := p.read(name, res)
	if err != nil {
		return nil, err
	}
	page.Upstream, page.Validator = s.Name, res.Header.Get("Etag")
	s.hosts.learn(ctx, page)
	if len(page.Dropped) > 0 {
		p.cfg.Log.Warn().Str("index", s.Name).Str("project", name).Strs("entries", page.Dropped[:min(10, len(page.Dropped))]).
			Msg("entries that are no file names are left out")
	}
	return &kept{page: page, etag: res.Header.Get("Etag"), size: size, fetched: now, fresh: fresh}, nil
}

// read reads an answer as its type says.
func (p *pages) read(name string, res *upstream.Response) (*Page, int64, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(max(res.ContentLength, 0), pageAhead)) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(res.Body, maxPage+1)); err != nil {
		return nil, 0, fmt.Errorf("read the page: %w: %w", ErrUnavailable, err)
	}
	doc := buf.Bytes()
	if len(doc) > maxPage {
		return nil, 0, fmt.Errorf("the page has more than %d bytes: %w", maxPage, ErrUnavailable)
	}
	parse, err := parserOf(res.Header.Get("Content-Type"))
	if err != nil {
		return nil, 0, err
	}
	page, err := parse(name, res.Request.URL, doc)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return page, 3 * int64(len(doc)), nil // what is parsed of it takes about as much again, twice
}

// parserOf finds the reader for a type of content. What an index says it is counts, not what it looks like.
func parserOf(contentType string) (func(string, *url.URL, []byte) (*Page, error), error) {
	t, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
	case t == "application/vnd.pypi.simple.v1+json" || t == "application/vnd.pypi.simple.latest+json":
		return parseJSON, nil
	case t == "text/html" || t == "application/vnd.pypi.simple.v1+html" || t == "application/vnd.pypi.simple.latest+html":
		return parseHTML, nil
	}
	return nil, fmt.Errorf("the index answers with %q, which is no page: %w", clip(contentType, 100), ErrUnavailable)
}

// maxAge is how long an answer says that it is fresh (RFC 9111), or what it is without a word.
func maxAge(h http.Header, absent time.Duration) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0
			}
			age, _ := strconv.ParseUint(h.Get("Age"), 10, 31)
			return max(0, time.Duration(n)*time.Second-time.Duration(age)*time.Second)
		}
	}
	return absent
}

// authorize adds the credentials of an index to a request to it.
func (s *site) authorize(req *http.Request) {
	if s.Username != "" || s.Password != "" {
		req.SetBasicAuth(s.Username, s.Password)
	}
}
