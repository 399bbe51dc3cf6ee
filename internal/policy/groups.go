package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// Setting changes one rule of a group. An empty State leaves the state; a key of Values replaces that list whole, other keys
// stay as they are.
type Setting struct {
	State  model.RuleState
	Values map[string][]string
}

// DefaultGroups are the groups that exist from the first start: one for each source that needs no configuration, with fixed
// UUIDs. Their times are zero.
func DefaultGroups(p Preset) []model.Group {
	sources := []model.Source{model.Local, model.HuggingFace, model.Azure, model.GCS, model.S3, model.PyPI, model.Web}
	groups := make([]model.Group, 0, len(sources))
	for _, s := range sources {
		groups = append(groups, DefaultGroup(p, s))
	}
	return groups
}

// DefaultGroup is the group that judges models of a source when nobody names another.
func DefaultGroup(p Preset, s model.Source) model.Group {
	g := Complete(p, model.Group{
		UUID:        DefaultGroupUUID(s),
		Name:        "Default " + string(s),
		Description: fmt.Sprintf("Auto-created default security group for %s models", s),
		Source:      s,
		Default:     true,
	})
	if s != model.PyPI {
		return g
	}
	for i, r := range g.Rules { // a wheel is a zip, so there is nothing to choose
		if r.Rule == ruleUUID(0x05) {
			g.Rules[i].State = model.Disabled
		}
	}
	return g
}

// DefaultGroupUUID is fixed for each source.
func DefaultGroupUUID(s model.Source) uuid.UUID {
	return uuid.NewSHA1(model.Namespace(), []byte("security-group:"+string(s)))
}

// NewGroup makes a group for a source with the states of the preset, changed by settings (keyed by the UUID of a rule).
// The error is that of [Validate].
func NewGroup(p Preset, id uuid.UUID, name, description string, source model.Source, settings map[uuid.UUID]Setting) (model.Group, error) {
	g := Complete(p, model.Group{UUID: id, Name: name, Description: description, Source: source})
	rules := slices.SortedFunc(maps.Keys(settings), func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	for _, rule := range rules {
		changed, err := set(g, rule, settings[rule])
		if err != nil {
			return model.Group{}, err
		}
		g = changed
	}
	return g, Validate(g)
}

// Complete adds the rules of the catalogue that apply to the group's source and that the group does not have, with the states of
// the preset, and puts all in the order of the catalogue: a group that was stored before a rule existed gets it so.
func Complete(p Preset, g model.Group) model.Group {
	known := map[uuid.UUID]model.RuleInstance{}
	for _, r := range g.Rules {
		known[r.Rule] = r
	}
	g.Rules = nil
	for _, r := range Rules(p) {
		if !r.AppliesTo(g.Source) {
			continue
		}
		instance, ok := known[r.UUID]
		if !ok {
			instance = model.RuleInstance{
				UUID: uuid.NewSHA1(g.UUID, []byte(r.UUID.String())), Rule: r.UUID, State: r.Default, Values: map[string][]string{},
				CreatedAt: g.CreatedAt, UpdatedAt: g.CreatedAt,
			}
			for _, f := range r.Fields {
				instance.Values[f.Key] = slices.Clone(f.Default)
			}
		}
		delete(known, r.UUID)
		g.Rules = append(g.Rules, instance)
	}
	for _, r := range known { // for Validate to refuse
		g.Rules = append(g.Rules, r)
	}
	return g
}

// Apply changes one rule of a group and returns the changed group; the given one stays as it was. The error is that of [Validate], or
// says that the group does not have the rule.
func Apply(g model.Group, rule uuid.UUID, s Setting) (model.Group, error) {
	changed, err := set(g, rule, s)
	if err != nil {
		return g, err
	}
	if err := Validate(changed); err != nil {
		return g, err
	}
	return changed, nil
}

// set is Apply without the check.
func set(g model.Group, rule uuid.UUID, s Setting) (model.Group, error) {
	i := slices.IndexFunc(g.Rules, func(r model.RuleInstance) bool { return r.Rule == rule })
	if i < 0 {
		r, err := FindRule(rule.String())
		if err != nil {
			return g, err
		}
		return g, fmt.Errorf("the rule %s does not apply to %s models", r.Name, g.Source)
	}
	g.Rules = slices.Clone(g.Rules)
	instance := g.Rules[i]
	if s.State != "" {
		instance.State = s.State
	}
	instance.Values = maps.Clone(instance.Values)
	if instance.Values == nil {
		instance.Values = map[string][]string{}
	}
	for key, values := range s.Values {
		instance.Values[key] = slices.Clone(values)
	}
	g.Rules[i] = instance
	return g, nil
}

// Without returns the group with some rules DISABLED, as if the group had been edited so: rules that are switched off for everybody.
func Without(g model.Group, disabled []uuid.UUID) model.Group {
	g.Rules = slices.Clone(g.Rules)
	for i, r := range g.Rules {
		if slices.Contains(disabled, r.Rule) {
			g.Rules[i].State = model.Disabled
		}
	}
	return g
}

// judgingVersion is raised when [Evaluate] comes to judge the same input differently, so that outcomes are computed anew.
const judgingVersion = 1

// Fingerprint names what decides outcomes in a group, and nothing else: source, enabled rules, their states and values. Groups
// with equal fingerprints judge everything alike; a new name or description leaves it as it is. It is 32 hexadecimal digits.
func Fingerprint(g model.Group) string {
	lines := []string{fmt.Sprintf("judging %d source %q", judgingVersion, g.Source)}
	for _, r := range table {
		instance, ok := enabled(g, r)
		if !ok {
			continue
		}
		line := fmt.Sprintf("%s %s", r.UUID, instance.State)
		for _, f := range r.Fields {
			values := slices.Clone(instance.Values[f.Key])
			slices.Sort(values)
			line += fmt.Sprintf(" %s=%q", f.Key, slices.Compact(values))
		}
		lines = append(lines, line)
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// table is the catalogue, made once; it is never written.
var table = catalogue()

// ruleOf indexes table by the name of the rule.
var ruleOf = func() map[string]Rule {
	m := map[string]Rule{}
	for _, r := range table {
		m[r.Name] = r
	}
	return m
}()

// enabled finds a rule in a group, if it applies and is enabled there.
func enabled(g model.Group, r Rule) (model.RuleInstance, bool) {
	if !r.AppliesTo(g.Source) {
		return model.RuleInstance{}, false
	}
	for _, i := range g.Rules {
		if i.Rule == r.UUID {
			return i, i.State == model.Allowing || i.State == model.Blocking
		}
	}
	return model.RuleInstance{}, false
}

// threatRule is the rule that a threat fails, or false for remarks.
func threatRule(id threat.ID) (Rule, bool) {
	r, ok := ruleOf[string(threat.Get(id).Rule)]
	return r, ok
}
