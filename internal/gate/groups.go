package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/store"
)

// ruledGroup is a group with the fingerprint of its rules.
type ruledGroup struct {
	model.Group
	rules   string
	suffix  string // of cache keys: group, rules and scanner
	scanner string
	// coolDown is the age at which the group takes packages for old enough; 0 if it does not ask.
	coolDown time.Duration
}

// withRules is the group with another name for its rules.
func (g ruledGroup) withRules(rules string) ruledGroup {
	g.rules, g.suffix = rules, "|"+g.UUID.String()+"|"+rules+"|"+g.scanner
	return g
}

// young is the group as it judges packages that are too young for it: such a verdict ends with their youth.
func (g ruledGroup) young() ruledGroup { return g.withRules(g.rules + "+young") }

// isYoung tells whether something that was published at a time is too young for the group.
func (g ruledGroup) isYoung(uploaded, now time.Time) bool {
	return g.coolDown > 0 && !uploaded.IsZero() && now.Sub(uploaded) < g.coolDown
}

// at is the group as it judges what was published at a time.
func (g ruledGroup) at(uploaded time.Time) ruledGroup {
	if g.isYoung(uploaded, time.Now()) {
		return g.young()
	}
	return g
}

// groups keeps groups in memory for a moment: every request needs one, edits are rare and are to be seen at once.
type groups struct {
	store   *store.Store
	scanner string // its version
	facts   func() string

	mu    sync.Mutex
	known map[groupKey]ruledGroup
	since time.Time
}

// groupKey is how a request names its group.
type groupKey struct {
	source model.Source
	uuid   uuid.UUID
	name   string
}

// groupsFor is how long an edit by another process may go unseen.
const groupsFor = time.Second

func newGroups(s *store.Store, scanner string, facts func() string) *groups {
	if facts == nil {
		facts = func() string { return "" }
	}
	return &groups{store: s, scanner: scanner, facts: facts, known: map[groupKey]ruledGroup{}}
}

func (gs *groups) forget() {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	clear(gs.known)
}

// find returns the group that a request names, or the default group of its source.
func (gs *groups) find(ctx context.Context, req Request) (ruledGroup, error) {
	src := req.Version.Source
	key := groupKey{src, req.GroupUUID, req.Group}
	gs.mu.Lock()
	if time.Since(gs.since) > groupsFor {
		clear(gs.known)
		gs.since = time.Now()
	}
	g, ok := gs.known[key]
	gs.mu.Unlock()
	if ok {
		return g.at(req.Uploaded), nil
	}
	group, err := gs.read(ctx, req)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ruledGroup{}, fmt.Errorf("%s: %w", named(req), ErrNoGroup)
	case err != nil:
		return ruledGroup{}, fmt.Errorf("read %s: %w", named(req), err)
	case group.Tombstone:
		return ruledGroup{}, fmt.Errorf("%s is deleted: %w", named(req), ErrNoGroup)
	case group.Source != src:
		return ruledGroup{}, fmt.Errorf("%s is for models of %s, this one is of %s: %w", named(req), group.Source, src, ErrWrongSource)
	}
	rules := policy.Fingerprint(group)
	if facts := gs.facts(); src == model.PyPI && facts != "" {
		rules += "+" + facts
	}
	g = ruledGroup{Group: group, scanner: gs.scanner, coolDown: policy.CoolDown(group)}.withRules(rules)
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.known[key] = g
	return g.at(req.Uploaded), nil
}

func (gs *groups) read(ctx context.Context, req Request) (model.Group, error) {
	switch {
	case req.GroupUUID != uuid.Nil:
		return gs.store.Group(ctx, req.GroupUUID)
	case req.Group != "":
		return gs.store.GroupByName(ctx, req.Group)
	default:
		return gs.store.Group(ctx, policy.DefaultGroupUUID(req.Version.Source))
	}
}

// named says for people which group a request names.
func named(req Request) string {
	switch {
	case req.GroupUUID != uuid.Nil:
		return "security group " + req.GroupUUID.String()
	case req.Group != "":
		return fmt.Sprintf("security group %q", req.Group)
	default:
		return "the default security group of " + string(req.Version.Source)
	}
}
