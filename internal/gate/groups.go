package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/store"
)

// ruledGroup is a group with the fingerprint of its rules.
type ruledGroup struct {
	model.Group
	rules string
}

// groups keeps groups in memory for a moment: every request needs one, edits are rare and are to be seen at once.
type groups struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]ruledGroup // by name, or by source for the default groups
	since time.Time
}

// groupsFor is how long an edit by another process may go unseen.
const groupsFor = time.Second

func newGroups(s *store.Store) *groups { return &groups{store: s, known: map[string]ruledGroup{}} }

func (gs *groups) forget() {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	clear(gs.known)
}

// find returns the group of a name, or the default group of a source if the name is empty.
func (gs *groups) find(ctx context.Context, name string, src model.Source) (ruledGroup, error) {
	key := string(src) + "|" + name
	gs.mu.Lock()
	if time.Since(gs.since) > groupsFor {
		clear(gs.known)
		gs.since = time.Now()
	}
	g, ok := gs.known[key]
	gs.mu.Unlock()
	if ok {
		return g, nil
	}
	group, err := gs.read(ctx, name, src)
	if err != nil {
		return ruledGroup{}, err
	}
	g = ruledGroup{Group: group, rules: policy.Fingerprint(group)}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.known[key] = g
	return g, nil
}

func (gs *groups) read(ctx context.Context, name string, src model.Source) (model.Group, error) {
	var group model.Group
	var err error
	if name == "" {
		group, err = gs.store.Group(ctx, policy.DefaultGroupUUID(src))
	} else {
		group, err = gs.store.GroupByName(ctx, name)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return model.Group{}, fmt.Errorf("group %q of source %s: %w", name, src, ErrNoGroup)
	case err != nil:
		return model.Group{}, fmt.Errorf("read group %q: %w", name, err)
	case group.Tombstone || group.Source != src:
		return model.Group{}, fmt.Errorf("group %q is not one of source %s: %w", name, src, ErrNoGroup)
	}
	return group, nil
}
