package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/model"
)

// Changes says in words what has become of a group, one sentence a change. Before and after are the group as JSON; an absent one means that
// it was made or deleted. What cannot be read says nothing.
func Changes(before, after []byte) []string {
	out := []string{}
	var was, is model.Group
	if len(before) == 0 || len(after) == 0 || json.Unmarshal(before, &was) != nil || json.Unmarshal(after, &is) != nil {
		return out
	}
	if was.Name != is.Name {
		out = append(out, fmt.Sprintf("renamed from %q to %q", was.Name, is.Name))
	}
	if was.Description != is.Description {
		out = append(out, fmt.Sprintf("description changed to %q", is.Description))
	}
	if was.Declared != is.Declared {
		out = append(out, map[bool]string{true: "declared in the configuration", false: "no longer declared in the configuration"}[is.Declared])
	}
	for _, r := range is.Rules {
		rule, err := FindRule(r.Rule.String())
		if err != nil {
			continue
		}
		i := slices.IndexFunc(was.Rules, func(o model.RuleInstance) bool { return o.Rule == r.Rule })
		if i < 0 {
			out = append(out, fmt.Sprintf("%s: added as %s", rule.Name, r.State))
			continue
		}
		if was.Rules[i].State != r.State {
			out = append(out, fmt.Sprintf("%s: %s, was %s", rule.Name, r.State, was.Rules[i].State))
		}
		for _, f := range rule.Fields {
			out = append(out, listChanges(rule.Name+": "+f.Key, was.Rules[i].Values[f.Key], r.Values[f.Key])...)
		}
	}
	return out
}

// listChanges says which entries came to a list and which left it.
func listChanges(what string, was, is []string) []string {
	var out []string
	for _, c := range []struct {
		verb        string
		these, than []string
	}{{"added", is, was}, {"removed", was, is}} {
		var entries []string
		for _, v := range c.these {
			if !slices.Contains(c.than, v) {
				entries = append(entries, v)
			}
		}
		if n := len(entries); n > 10 {
			entries = append(entries[:10], fmt.Sprintf("%d more", n-10))
		}
		if len(entries) > 0 {
			out = append(out, what+" "+c.verb+" "+strings.Join(entries, ", "))
		}
	}
	return out
}
