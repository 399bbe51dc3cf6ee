package index

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"modelgate/internal/model/dist"
)

// claims say which index a name belongs to.
type claims struct {
	exact    map[string]*site
	patterns []pattern // in the order of the indexes
	memory   Memory
	sites    map[string]*site

	mu         sync.Mutex
	remembered map[string]*site // nil: known to be nobody's
}

// pattern is a claim on all names that begin alike.
type pattern struct {
	prefix string
	site   *site
}

// mostRemembered bounds what is known in memory of remembered claims; Memory has them all.
const mostRemembered = 100_000

func newClaims(sites []*site, memory Memory) (*claims, error) {
	c := &claims{exact: map[string]*site{}, memory: memory, sites: map[string]*site{}, remembered: map[string]*site{}}
	for _, s := range sites {
		c.sites[s.Name] = s
		for _, claim := range s.Claims {
			stem, open := strings.CutSuffix(claim, "*")
			if open {
				prefix := strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(stem))
				if prefix == "" || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
					return nil, fmt.Errorf("package index %q claims %q, which is no beginning of a name", s.Name, claim)
				}
				c.patterns = append(c.patterns, pattern{prefix, s})
				continue
			}
			name, ok := dist.Normalize(claim)
			if !ok {
				return nil, fmt.Errorf("package index %q claims %q, which is no name", s.Name, claim)
			}
			if other := c.exact[name]; other != nil && other != s {
				return nil, fmt.Errorf("package indexes %q and %q both claim %s", other.Name, s.Name, name)
			}
			c.exact[name] = s
		}
	}
	return c, nil
}

// owner is the index that a name belongs to, nil if nobody claims it. An error means that it could not be learned, and nobody may be
// asked then.
func (c *claims) owner(ctx context.Context, name string) (*site, error) {
	if s := c.exact[name]; s != nil {
		return s, nil
	}
	for _, p := range c.patterns {
		if strings.HasPrefix(name, p.prefix) {
			return p.site, nil
		}
	}
	if own(name) {
		return nil, fmt.Errorf("%s is a name of modelgate's own, which no index answers for unless it claims it: %w", name, ErrNotFound)
	}
	return c.recall(ctx, name)
}

// own tells whether a name is one that clients of modelgate ask for. What a public index has under it is somebody else's.
func own(name string) bool {
	return name == "model-security-client" || name == "airs-schemas" || name == "modelscan-pai"
}

func claimKey(name string) string { return "index/claim/" + name }

// recall is the private index that has answered for a name before.
func (c *claims) recall(ctx context.Context, name string) (*site, error) {
	c.mu.Lock()
	s, known := c.remembered[name]
	c.mu.Unlock()
	if known || c.memory == nil {
		return s, nil
	}
	value, ok, err := c.memory.Get(ctx, claimKey(name))
	if err != nil {
		return nil, fmt.Errorf("recall whose name %s is: %w: %w", name, ErrUnavailable, err)
	}
	if ok && len(value) > 0 {
		if s = c.sites[string(value)]; s == nil { // an index that is no longer configured: its names stay closed
			return nil, fmt.Errorf("%s belongs to index %q, which is not configured: %w", name, clip(string(value), 100), ErrUnavailable)
		}
	}
	if s != nil {
		c.note(name, s)
	}
	return s, nil
}

// remember makes a name an index's own.
func (c *claims) remember(ctx context.Context, name string, s *site) error {
	c.mu.Lock()
	known := c.remembered[name]
	c.mu.Unlock()
	if known == s {
		return nil
	}
	if c.memory != nil {
		if err := c.memory.Put(context.WithoutCancel(ctx), claimKey(name), []byte(s.Name)); err != nil {
			return fmt.Errorf("remember whose name %s is: %w: %w", name, ErrUnavailable, err)
		}
	}
	c.note(name, s)
	return nil
}

func (c *claims) note(name string, s *site) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.remembered) >= mostRemembered {
		clear(c.remembered)
	}
	c.remembered[name] = s
}
