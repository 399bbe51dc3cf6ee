package pypimirror

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/store"
	"modelgate/internal/upstream/index"
)

// blocked are the files of a project that are known to be blocked under the request's group: by their bytes, or by what the page alone
// tells of them. p is nil if the page is gone.
func (d *Door) blocked(x *exchange, p *index.Page) ([]store.BlockedScan, error) {
	req := gate.Request{
		Version: model.Version{Source: model.PyPI, Name: x.project}, Group: x.group, Owner: auth.Who(x.Request), ScanOrigin: model.OriginGateway,
		ModelURI: "pypi://" + x.project,
	}
	if p != nil {
		uploaded := map[string]time.Time{}
		req.UploadedOf = func(revision string) time.Time {
			if len(uploaded) == 0 {
				for _, f := range p.Files {
					uploaded[f.ID()] = f.Uploaded
				}
			}
			return uploaded[revision]
		}
		if err := d.announced.judge(x.Context(), d, req, p); err != nil {
			return nil, fmt.Errorf("judge the page of %s: %w", x.project, err)
		}
	}
	list, err := d.Gate.Blocked(x.Context(), req)
	if err != nil {
		return nil, fmt.Errorf("look for blocked files of %s: %w", x.project, err)
	}
	return list, nil
}

// announced are the pages that were judged by what they alone tell, and until when.
type announced struct {
	done    *lru.Cache[announcedKey, time.Time]
	flights singleflight.Group
}

// announcedKey is a page and the rules it was judged by. A page that is fetched anew is another one.
type announcedKey struct {
	page  *index.Page
	rules string
}

// Bounds of judging pages: how long one takes at most, and how long its outcome is good. Releases come of age meanwhile.
const (
	judgeWithin = time.Minute
	judgedFor   = time.Minute
)

func newAnnounced() (*announced, error) {
	done, err := lru.New[announcedKey, time.Time](mostRendered)
	if err != nil {
		return nil, fmt.Errorf("cache of judged pages: %w", err)
	}
	return &announced{done: done}, nil
}

// judge has the gate judge the files of a page by what the page tells, once for each page and rule set.
func (a *announced) judge(ctx context.Context, d *Door, req gate.Request, p *index.Page) error {
	rules, err := d.Gate.Rules(ctx, req)
	if err != nil {
		return err
	}
	key := announcedKey{p, rules}
	if until, ok := a.done.Get(key); ok && time.Now().Before(until) {
		return nil
	}
	_, err, _ = a.flights.Do(fmt.Sprintf("%p %s", p, rules), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), judgeWithin) // others may wait for it too
		defer cancel()
		listed := d.Index.Listed(p)
		list := make([]gate.Announced, len(p.Files))
		for i, f := range p.Files {
			list[i] = gate.Announced{
				Release: releaseOf(f), Revision: f.ID(), Metadata: listed[i],
				File: model.File{Path: f.Filename, Size: max(f.Size, 0), Digest: f.SHA256()},
			}
		}
		if err := d.Gate.Announce(ctx, req, list); err != nil {
			return nil, err
		}
		a.done.Add(key, time.Now().Add(judgedFor))
		return nil, nil
	})
	return err
}

// releaseOf names the release that a file belongs to: equal versions are one, however they are spelled. A file whose name tells no
// version is a release of its own.
func releaseOf(f index.File) string {
	if f.Release != nil {
		return f.Release.Key
	}
	return "file " + f.Filename
}

// blockedRelease finds a file of the release that a file belongs to which is known to be blocked: the file itself if it is.
func blockedRelease(p *index.Page, f index.File, blocked []store.BlockedScan) (s store.BlockedScan, sister index.File, ok bool) {
	if len(blocked) == 0 {
		return s, sister, false
	}
	by := map[string]store.BlockedScan{}
	for _, b := range blocked {
		by[b.Revision] = b
	}
	if s, ok = by[f.ID()]; ok {
		return s, f, true
	}
	release := releaseOf(f)
	for _, sister = range p.Files {
		if s, ok = by[sister.ID()]; ok && releaseOf(sister) == release {
			return s, sister, true
		}
	}
	return store.BlockedScan{}, index.File{}, false
}

// yankedReleases tells for each release of which a file is blocked why all of it is yanked.
func yankedReleases(p *index.Page, blocked []store.BlockedScan) map[string]string {
	if len(blocked) == 0 {
		return nil
	}
	by := map[string]store.BlockedScan{}
	for _, s := range blocked {
		by[s.Revision] = s
	}
	out := map[string]string{}
	for _, f := range p.Files {
		if s, ok := by[f.ID()]; ok {
			if release := releaseOf(f); out[release] == "" {
				out[release] = phrase(s.Scan, s.Rule, s.Advisory)
			}
		}
	}
	return out
}

// phrase is how a blocked file is told in a status line and in the reason of a yanked release: no byte of it comes from the package. What
// failed for an advisory is told with its identifier, so that people find it.
func phrase(scan uuid.UUID, rule, advisory string) string {
	if rule == "" {
		rule = "policy"
	}
	if model.IsAdvisoryID(advisory) {
		rule = strings.ToLower(strings.TrimSuffix(rule, " Package")) + " " + advisory // "known malicious MAL-2026-2144"
	}
	return reply.Line("modelgate scan "+scan.String()+" blocked: "+rule, maxPhrase)
}
