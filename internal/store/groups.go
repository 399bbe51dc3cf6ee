package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// EnsureGroups makes the record hold the default groups and the declared ones.
//
// A default group that exists stays as people have edited it; rules of it that nobody has edited follow the defaults given, so that
// another preset takes effect at the next start. Declared groups are written as they are declared; if one has the
// name of a live group, it takes that group's UUID over. A group that was declared once and is not any more becomes an ordinary one.
func (s *Store) EnsureGroups(ctx context.Context, defaults, declared []model.Group) error {
	existing, _, err := s.Groups(ctx, GroupFilter{})
	if err != nil {
		return err
	}
	for i := range defaults {
		g := defaults[i]
		if at := slices.IndexFunc(existing, func(e model.Group) bool { return e.UUID == g.UUID }); at >= 0 {
			var changed bool
			if g, changed = follow(existing[at], g); !changed {
				continue
			}
		}
		if err := s.PutGroup(ctx, &g); err != nil {
			return err
		}
	}
	if existing, _, err = s.Groups(ctx, GroupFilter{}); err != nil {
		return err
	}
	kept := map[uuid.UUID]bool{}
	for i := range declared {
		g := declared[i]
		g.Declared = true
		for _, e := range existing {
			if e.Name != g.Name {
				continue
			}
			if e.Source != g.Source {
				return fmt.Errorf("the declared group %q is for %s models, the recorded one for %s: a group keeps its source", g.Name, g.Source, e.Source)
			}
			adopt(&g, e)
		}
		kept[g.UUID] = true
		if err := s.PutGroup(ctx, &g); err != nil {
			return err
		}
	}
	for _, e := range existing {
		if e.Declared && !kept[e.UUID] {
			e.Declared = false
			if err := s.PutGroup(ctx, &e); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow lets the rules of a recorded default group that nobody has edited become those of the defaults, as if made now.
func follow(recorded, defaults model.Group) (g model.Group, changed bool) {
	g = recorded
	g.Rules = slices.Clone(recorded.Rules)
	for i, r := range g.Rules {
		if !r.UpdatedAt.Equal(r.CreatedAt) {
			continue
		}
		j := slices.IndexFunc(defaults.Rules, func(d model.RuleInstance) bool { return d.Rule == r.Rule })
		if j < 0 || defaults.Rules[j].State == r.State && sameValues(defaults.Rules[j].Values, r.Values) {
			continue
		}
		g.Rules[i].State, g.Rules[i].Values = defaults.Rules[j].State, defaults.Rules[j].Values
		g.Rules[i].CreatedAt = time.Time{}
		changed = true
	}
	return g, changed
}

// adopt gives a declared group the identity of the recorded one.
func adopt(g *model.Group, recorded model.Group) {
	g.UUID, g.Default, g.CreatedAt = recorded.UUID, recorded.Default, recorded.CreatedAt
	for i := range g.Rules {
		for _, r := range recorded.Rules {
			if r.Rule == g.Rules[i].Rule {
				g.Rules[i].UUID, g.Rules[i].CreatedAt = r.UUID, r.CreatedAt
			}
		}
	}
}

// PutGroup inserts or replaces a group with its rules, in one transaction. Times that are zero become the present; the time of the last
// change moves if anything differs from what is recorded. A name that a live group has is [ErrNameTaken].
func (s *Store) PutGroup(ctx context.Context, g *model.Group) error {
	return s.change(ctx, fmt.Sprintf("record group %q", g.Name), func(tx *sql.Tx) error {
		recorded, err := groupWhere(ctx, tx, "uuid = ?", g.UUID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return putGroup(ctx, tx, recorded, g)
	})
}

// ChangeGroup changes a group that exists by what edit makes of it, in one transaction, so that nobody's change is lost; an error of edit
// leaves it as it is and is returned wrapped. A name that a live group has is [ErrNameTaken].
func (s *Store) ChangeGroup(ctx context.Context, id uuid.UUID, edit func(g *model.Group) error) (model.Group, error) {
	var g model.Group
	err := s.change(ctx, "change group "+id.String(), func(tx *sql.Tx) error {
		recorded, err := groupWhere(ctx, tx, "uuid = ?", id)
		if err != nil {
			return err
		}
		g = recorded
		g.Rules = slices.Clone(recorded.Rules)
		if err := edit(&g); err != nil {
			return err
		}
		return putGroup(ctx, tx, recorded, &g)
	})
	return g, err
}

func putGroup(ctx context.Context, tx *sql.Tx, recorded model.Group, g *model.Group) error {
	touch(g, recorded)
	if !g.Tombstone {
		taken, err := count(ctx, tx, "SELECT count(*) FROM security_groups WHERE name = ? AND tombstone = 0 AND uuid <> ?", g.Name, g.UUID)
		if err != nil {
			return err
		}
		if taken > 0 {
			return ErrNameTaken
		}
	}
	if err := writeGroup(ctx, tx, g); err != nil {
		return err
	}
	return auditGroup(ctx, tx, recorded, *g)
}

// auditGroup notes what has become of a group; the recorded one is zero if there was none. Nothing is noted of what stays the same.
func auditGroup(ctx context.Context, tx *sql.Tx, recorded, g model.Group) error {
	action, before, after := "security_group.update", any(recorded), any(g)
	switch {
	case recorded.UUID == uuid.Nil:
		action, before = "security_group.create", nil
	case recorded.UpdatedAt.Equal(g.UpdatedAt):
		return nil
	case g.Tombstone && !recorded.Tombstone:
		action, after = "security_group.delete", nil
	}
	return audit(ctx, tx, action, g.UUID.String(), g.Name, before, after)
}

// touch moves the times of a group and its rules where they differ from what is recorded.
func touch(g *model.Group, recorded model.Group) {
	at := now()
	changed := g.Name != recorded.Name || g.Description != recorded.Description || g.Tombstone != recorded.Tombstone ||
		g.Declared != recorded.Declared || len(g.Rules) != len(recorded.Rules)
	if g.CreatedAt.IsZero() {
		g.CreatedAt = at
	}
	for i := range g.Rules {
		r := &g.Rules[i]
		if r.CreatedAt.IsZero() {
			r.CreatedAt = at
		}
		j := slices.IndexFunc(recorded.Rules, func(o model.RuleInstance) bool { return o.UUID == r.UUID })
		if j >= 0 && recorded.Rules[j].State == r.State && sameValues(recorded.Rules[j].Values, r.Values) {
			r.UpdatedAt = recorded.Rules[j].UpdatedAt
			continue
		}
		r.UpdatedAt, changed = at, true
	}
	g.UpdatedAt = recorded.UpdatedAt
	if changed || g.UpdatedAt.IsZero() {
		g.UpdatedAt = at
	}
}

func sameValues(a, b map[string][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, values := range a {
		if other, ok := b[key]; !ok || !slices.Equal(values, other) {
			return false
		}
	}
	return true
}

func writeGroup(ctx context.Context, tx *sql.Tx, g *model.Group) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO security_groups (`+groupColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uuid) DO UPDATE SET name = excluded.name, description = excluded.description, is_default = excluded.is_default,
			declared = excluded.declared, tombstone = excluded.tombstone, updated_at = excluded.updated_at`,
		g.UUID, g.Name, g.Description, g.Source, g.Default, g.Declared, g.Tombstone, stamp(g.CreatedAt), stamp(g.UpdatedAt))
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM rule_instances WHERE group_uuid = ?", g.UUID); err != nil {
		return err
	}
	for pos, r := range g.Rules {
		values := r.Values
		if values == nil {
			values = map[string][]string{}
		}
		text, err := json.Marshal(values)
		if err != nil {
			return fmt.Errorf("encode field values: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rule_instances (uuid, group_uuid, pos, rule_uuid, state, field_values, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, r.UUID, g.UUID, pos, r.Rule, r.State, string(text), stamp(r.CreatedAt), stamp(r.UpdatedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteGroup makes a group a tombstone: hidden from lists, its name free, still readable.
func (s *Store) DeleteGroup(ctx context.Context, id uuid.UUID) error {
	_, err := s.ChangeGroup(ctx, id, func(g *model.Group) error {
		g.Tombstone = true
		return nil
	})
	return err
}

// GroupFilter chooses live groups. Its zero value is all of them, newest first.
type GroupFilter struct {
	Search       string // a part of the name, whatever the case, or of the UUID
	Sources      []model.Source
	EnabledRules []uuid.UUID // groups in which one of these is ALLOWING or BLOCKING
	ByUpdate     bool
	OldestFirst  bool
	Limit        int // 0 is all
	Skip         int
}

// Groups lists live groups, and says how many there are without limit and skip. Groups are few: they are chosen here, not by the
// database, so that any spelling of a name is found.
func (s *Store) Groups(ctx context.Context, f GroupFilter) ([]model.Group, int, error) {
	var groups []model.Group
	err := s.snapshot(ctx, func(q queryer) error {
		var err error
		groups, err = groupsWhere(ctx, q, "tombstone = 0")
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list groups: %w", err)
	}
	groups = slices.DeleteFunc(groups, func(g model.Group) bool { return !f.fits(g) })
	slices.SortStableFunc(groups, func(a, b model.Group) int {
		order := a.CreatedAt.Compare(b.CreatedAt)
		if f.ByUpdate {
			order = a.UpdatedAt.Compare(b.UpdatedAt)
		}
		if order == 0 {
			return strings.Compare(a.Name, b.Name)
		}
		if !f.OldestFirst {
			order = -order
		}
		return order
	})
	total := len(groups)
	groups = groups[min(max(0, f.Skip), total):]
	if f.Limit > 0 {
		groups = groups[:min(f.Limit, len(groups))]
	}
	return groups, total, nil
}

func (f GroupFilter) fits(g model.Group) bool {
	text := strings.ToLower(f.Search)
	if !strings.Contains(strings.ToLower(g.Name), text) && !strings.Contains(g.UUID.String(), text) {
		return false
	}
	if len(f.Sources) > 0 && !slices.Contains(f.Sources, g.Source) {
		return false
	}
	return len(f.EnabledRules) == 0 || slices.ContainsFunc(g.Rules, func(r model.RuleInstance) bool {
		return r.State != model.Disabled && slices.Contains(f.EnabledRules, r.Rule)
	})
}

// Group finds a group by UUID, also a deleted one, or [ErrNotFound].
func (s *Store) Group(ctx context.Context, id uuid.UUID) (model.Group, error) {
	g, err := groupWhere(ctx, s.reader, "uuid = ?", id)
	if err != nil {
		return g, fmt.Errorf("read group %s: %w", id, err)
	}
	return g, nil
}

// GroupByName finds a live group by its exact name, or [ErrNotFound].
func (s *Store) GroupByName(ctx context.Context, name string) (model.Group, error) {
	g, err := groupWhere(ctx, s.reader, "tombstone = 0 AND name = ?", name)
	if err != nil {
		return g, fmt.Errorf("read group %q: %w", name, err)
	}
	return g, nil
}

const groupColumns = "uuid, name, description, source, is_default, declared, tombstone, created_at, updated_at"

func groupWhere(ctx context.Context, q queryer, condition string, args ...any) (model.Group, error) {
	groups, err := groupsWhere(ctx, q, condition, args...)
	if err != nil {
		return model.Group{}, err
	}
	if len(groups) == 0 {
		return model.Group{}, ErrNotFound
	}
	return groups[0], nil
}

// groupsWhere reads groups with their rules, in two queries.
func groupsWhere(ctx context.Context, q queryer, condition string, args ...any) ([]model.Group, error) {
	groups, err := rowsOf(ctx, q, func(r *sql.Rows) (g model.Group, err error) {
		var created, updated int64
		err = r.Scan(&g.UUID, &g.Name, &g.Description, &g.Source, &g.Default, &g.Declared, &g.Tombstone, &created, &updated)
		g.CreatedAt, g.UpdatedAt = unstamp(created), unstamp(updated)
		return g, err
	}, "SELECT "+groupColumns+" FROM security_groups WHERE "+condition, args...)
	if err != nil {
		return nil, err
	}
	place := map[uuid.UUID]int{}
	for i, g := range groups {
		place[g.UUID] = i
	}
	type instance struct {
		group uuid.UUID
		model.RuleInstance
	}
	rules, err := rowsOf(ctx, q, func(r *sql.Rows) (i instance, err error) {
		var created, updated int64
		var values []byte
		err = r.Scan(&i.group, &i.UUID, &i.Rule, &i.State, &values, &created, &updated)
		if err != nil {
			return i, err
		}
		i.CreatedAt, i.UpdatedAt = unstamp(created), unstamp(updated)
		if err := json.Unmarshal(values, &i.Values); err != nil {
			return i, fmt.Errorf("decode field values: %w", err)
		}
		return i, nil
	}, `SELECT group_uuid, uuid, rule_uuid, state, field_values, created_at, updated_at FROM rule_instances
		WHERE group_uuid IN (SELECT uuid FROM security_groups WHERE `+condition+") ORDER BY group_uuid, pos", args...)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if i, ok := place[r.group]; ok {
			groups[i].Rules = append(groups[i].Rules, r.RuleInstance)
		}
	}
	return groups, nil
}

// DisabledRules are the rules that are switched off for every group.
func (s *Store) DisabledRules(ctx context.Context) ([]uuid.UUID, error) {
	rules, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (id uuid.UUID, err error) {
		err = r.Scan(&id)
		return id, err
	}, "SELECT rule_uuid FROM disabled_rules ORDER BY rule_uuid")
	if err != nil {
		return nil, fmt.Errorf("list disabled rules: %w", err)
	}
	return rules, nil
}

// SwitchRule switches a rule on or off for every group; the states in the groups stay as they are.
func (s *Store) SwitchRule(ctx context.Context, rule uuid.UUID, on bool) error {
	return s.change(ctx, "switch rule "+rule.String(), func(tx *sql.Tx) error {
		query, args, action := "DELETE FROM disabled_rules WHERE rule_uuid = ?", []any{rule}, "rule.enable"
		if !on {
			query, args = "INSERT INTO disabled_rules (rule_uuid, created_at) VALUES (?, ?) ON CONFLICT (rule_uuid) DO NOTHING", []any{rule, stamp(now())}
			action = "rule.disable"
		}
		done, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 { // it was so already
			return err
		}
		return audit(ctx, tx, action, rule.String(), "", nil, nil)
	})
}
