// Package hub speaks to the Hugging Face Hub as its client: what a revision stands for, which files a commit has, their bytes, and
// what is known of a repository besides.
//
// What can't change is asked once, ever: a commit that is known costs no request again, nor do its tree and its files; [Memory]
// keeps that over restarts. A branch is asked for again after a minute. When the Hub can't be reached, what is remembered has to do,
// and branches stand for their last known commit for a day.
//
// A caller's token goes to the Hub's own origin and nowhere else; it is kept in memory as its hash alone. What is remembered of a
// private or gated repository is told only to callers whose token the Hub has accepted for it in the last five minutes. The gate's
// own token speaks for callers that have none.
//
// Nothing that comes back is believed unseen: listings are bounded and must stay on the Hub, paths must stay within the repository,
// ranges must be those that were asked for. Whether bytes are the right ones is for package blob to see.
package hub

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// ErrUnreachable is wrapped when the Hub gave no answer, and nothing is remembered that would do instead.
var ErrUnreachable = upstream.ErrUnreachable

// ErrAnswer is wrapped when the Hub's answer makes no sense.
var ErrAnswer = errors.New("the hub's answer makes no sense")

// Time limits and sizes.
const (
	defaultBranchTTL = time.Minute
	defaultStale     = 24 * time.Hour
	acceptedFor      = 5 * time.Minute // a token, for a repository
	askLimit         = 9 * time.Second // one question that several callers wait for: clients wait 10 s for the answer to a HEAD
	askLimitStale    = 4 * time.Second // the same if there is something else to say
	retryStale       = 5 * time.Second // until the Hub is asked again after it could not be reached
	maxAnswer        = 64 << 20        // bytes of JSON
)

// Config says where the Hub is.
type Config struct {
	Upstream *upstream.Client
	Endpoint string
	// Token is the gate's own: it speaks for clients that send none.
	Token Token
	// RedirectHosts are names and patterns of hosts that files may come from.
	RedirectHosts []string
	BranchTTL     time.Duration // how long a branch is taken to stand for the same commit; 0 is a minute
	Stale         time.Duration // and how long when the Hub can't be reached; 0 is a day
	Memory        Memory        // nil forgets with the process
	Log           zerolog.Logger
}

// Client speaks to one Hub. Methods take the caller's token; "" is the gate's own. All may be called at the same time.
type Client struct {
	site      *upstream.Site
	endpoint  string
	token     Token
	branchTTL time.Duration
	stale     time.Duration
	log       zerolog.Logger
	facts     *facts
	trees     *trees
	orgs      *lru.Cache[string, organization]
	accepted  *lru.Cache[string, time.Time] // until when, by token and repository
	asking    singleflight.Group
	now       func() time.Time
	askLimit  time.Duration
}

// New returns a Client.
func New(cfg Config) (*Client, error) {
	if cfg.Upstream == nil {
		return nil, errors.New("client of the hub without a way out")
	}
	site, err := cfg.Upstream.Site(upstream.SiteConfig{
		Name: "hub", Endpoint: cfg.Endpoint, Redirects: cfg.RedirectHosts, Quota: quota,
	})
	if err != nil {
		return nil, err
	}
	c := &Client{
		site: site, endpoint: site.Endpoint(), token: cfg.Token, branchTTL: cfg.BranchTTL, stale: cfg.Stale, log: cfg.Log,
		now: time.Now, askLimit: askLimit,
	}
	if c.branchTTL == 0 {
		c.branchTTL = defaultBranchTTL
	}
	if c.stale == 0 {
		c.stale = defaultStale
	}
	if c.facts, err = newFacts(cfg.Memory); err != nil {
		return nil, err
	}
	if c.trees, err = newTrees(); err != nil {
		return nil, err
	}
	if c.orgs, err = lru.New[string, organization](10_000); err != nil {
		return nil, err
	}
	if c.accepted, err = lru.New[string, time.Time](100_000); err != nil {
		return nil, err
	}
	return c, nil
}

// quota names the quota of the Hub's that a request counts for. It has one for files, one for its API and one for pages.
func quota(req *http.Request) string {
	switch p := req.URL.EscapedPath(); {
	case strings.Contains(p, "/resolve/"), strings.Contains(p, "/resolve-cache/"):
		return "resolvers"
	case strings.Contains(p, "/api/"):
		return "api"
	default:
		return "pages"
	}
}

// Endpoint is the Hub's address, without a slash at its end.
func (c *Client) Endpoint() string { return c.endpoint }

// Close closes connections that are not in use.
func (c *Client) Close() { c.site.Close() }

// Repo is a repository of the Hub.
type Repo struct {
	Kind model.Kind `json:"kind"`
	ID   string     `json:"id"` // "org/name" or "name"
}

func (r Repo) String() string { return string(r.Kind) + "/" + r.ID }

// maxSegment is the longest part of a repository's id, in bytes.
const maxSegment = 96

// check says whether there can be such a repository: one of four kinds, an id of one or two segments of letters, digits, "_", "."
// and "-", without "--" and "..", not ending in ".git".
func (r Repo) check() error {
	switch r.Kind {
	case model.Models, model.Datasets, model.Spaces, model.Kernels:
	default:
		return fmt.Errorf("repository of kind %q", string(r.Kind))
	}
	segments := strings.Split(r.ID, "/")
	ok := len(segments) <= 2 && !strings.Contains(r.ID, "--") && !strings.Contains(r.ID, "..") && !strings.HasSuffix(r.ID, ".git")
	for _, s := range segments {
		ok = ok && s != "" && s != "." && len(s) <= maxSegment && strings.Trim(s, idChars) == ""
	}
	if !ok {
		return fmt.Errorf("repository id %q is not valid", r.ID)
	}
	return nil
}

const idChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// organization is the part of the id before the slash, or "".
func (r Repo) organization() string {
	org, _, ok := strings.Cut(r.ID, "/")
	if !ok {
		return ""
	}
	return org
}

// api is an address of the repository's API: the parts are escaped, each as one segment.
func (c *Client) api(r Repo, parts ...string) string {
	address := c.endpoint + "/api/" + string(r.Kind) + "/" + r.ID
	for _, p := range parts {
		address += "/" + url.PathEscape(p)
	}
	return address
}

// resolve is the address of a file.
func (c *Client) resolve(r Repo, commit, path string) string {
	prefix := ""
	if r.Kind != model.Models {
		prefix = string(r.Kind) + "/"
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return c.endpoint + "/" + prefix + r.ID + "/resolve/" + commit + "/" + strings.Join(segments, "/")
}

// checkRevision says whether there can be such a revision.
func checkRevision(rev string) error {
	if rev == "" || len(rev) > 255 || strings.Contains(rev, "..") || strings.ContainsFunc(rev, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("revision %q is not valid", rev)
	}
	return nil
}

// isCommit tells whether a revision is a whole commit id.
func isCommit(rev string) bool { return len(rev) == 40 && strings.Trim(rev, "0123456789abcdef") == "" }
