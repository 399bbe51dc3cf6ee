package web

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/store"
	"modelgate/internal/threat"
)

// catalogueRow is a rule of the catalogue with where it is in force.
type catalogueRow struct {
	policy.Rule
	Off     bool
	Groups  []model.Group // in which it is enabled
	Threats []threatRow
}

func (d *Door) catalogue(r *http.Request) ([]catalogueRow, error) {
	off, err := d.Store.DisabledRules(r.Context())
	if err != nil {
		return nil, err
	}
	groups, _, err := d.Store.Groups(r.Context(), store.GroupFilter{OldestFirst: true})
	if err != nil {
		return nil, err
	}
	var out []catalogueRow
	for _, rule := range policy.Rules(d.Preset) {
		row := catalogueRow{Rule: rule, Off: slices.Contains(off, rule.UUID)}
		for _, g := range groups {
			if enabledIn(g, rule.UUID) {
				row.Groups = append(row.Groups, g)
			}
		}
		for _, t := range threat.All() {
			if string(t.Rule) == rule.Name {
				row.Threats = append(row.Threats, threatRow{Threat: t, Link: threatLink(t)})
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func enabledIn(g model.Group, rule uuid.UUID) bool {
	return slices.ContainsFunc(g.Rules, func(i model.RuleInstance) bool { return i.Rule == rule && i.State != model.Disabled })
}

func (d *Door) listRules(w http.ResponseWriter, r *http.Request) error {
	rules, err := d.catalogue(r)
	if err != nil {
		return err
	}
	v := view{Title: "Rules", Crumbs: []crumb{{"Model Security", ""}, {"Rules", ""}}, Body: rules, Saved: saved(addressOf(r))}
	d.show(w, r, "rules", v)
	return nil
}

func (d *Door) showRule(w http.ResponseWriter, r *http.Request) error {
	rules, err := d.catalogue(r)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if rule.Slug == r.PathValue("slug") {
			v := view{Title: rule.Name, Body: rule, Saved: saved(addressOf(r))}
			v.Crumbs = []crumb{{"Model Security", ""}, {"Rules", "/ui/rules"}, {rule.Name, ""}}
			d.show(w, r, "rule", v)
			return nil
		}
	}
	return missing("There is no rule of this name.")
}

func (d *Door) switchRule(w http.ResponseWriter, r *http.Request) error {
	rule, err := policy.FindRule(r.PathValue("slug"))
	if err != nil {
		return missing("There is no rule of this name.")
	}
	on := r.PostForm.Get("on")
	if on != "true" && on != "false" {
		return &trouble{http.StatusUnprocessableEntity, "Nothing was changed", "A rule is switched on or off; the form said neither."}
	}
	if err := d.Store.SwitchRule(r.Context(), rule.UUID, on == "true"); err != nil {
		return err
	}
	d.Gate.ForgetGroups()
	goTo(w, "/ui/rules/"+rule.Slug+"?saved=switched")
	return nil
}

// threatClassRows are the threats of one class.
type threatClassRows struct {
	Name, Text string
	Threats    []threatRow
}

func (d *Door) listThreats(w http.ResponseWriter, r *http.Request) error {
	classes := []threatClassRows{
		{Name: "Deserialization threats", Text: "They strike when the file is loaded."},
		{Name: "Backdoor threats", Text: "They are built into the architecture and change what the model answers."},
		{Name: "Runtime threats", Text: "They strike at inference."},
		{Name: "Other findings", Text: "What could not be judged, what policy says, and remarks."},
	}
	place := map[threat.Class]int{threat.Load: 0, threat.Backdoored: 1, threat.Inference: 2}
	for _, t := range threat.All() {
		i, ok := place[t.Class]
		if !ok {
			i = 3
		}
		classes[i].Threats = append(classes[i].Threats, threatRow{Threat: t, Link: threatLink(t)})
	}
	v := view{Title: "Understanding Model Threats", Crumbs: []crumb{{"Insights", ""}, {"Threats", ""}}, Body: classes}
	d.show(w, r, "threats", v)
	return nil
}

// threatPage is one threat with the rule that it fails.
type threatPage struct {
	threat.Threat
	RuleSlug string
}

// Means says in a sentence when the threat strikes.
func (p threatPage) Means() string {
	switch p.Class {
	case threat.Load:
		return "It strikes when the file is loaded, before anything is computed: whoever loads the file runs what its author put there, with all rights of the process that loads it."
	case threat.Backdoored:
		return "It is part of the model's architecture. The model answers as expected until an input carries the trigger, and then answers as its author wants. No code is run, so nothing is seen at load time."
	case threat.Inference:
		return "It strikes when the model is run: an operator of the graph does more than compute. Loading the file alone is harmless."
	case threat.Unjudged:
		return "The content could not be judged: it is damaged, contradicts itself, is encrypted or goes beyond what a scan may use. What cannot be judged is not called safe."
	case threat.Policy:
		return "It is no attack: it is something that the security group does not allow."
	default:
		return "It is a remark that fails no rule."
	}
}

func (d *Door) showThreat(w http.ResponseWriter, r *http.Request) error {
	t, ok := threat.Lookup(threat.ID(r.PathValue("id")))
	if !ok {
		return missing("There is no threat of this id.")
	}
	page := threatPage{Threat: t}
	if t.Rule != threat.NoRule {
		page.RuleSlug = policy.Slug(string(t.Rule))
	}
	v := view{Title: t.Title, Body: page, Crumbs: []crumb{{"Insights", ""}, {"Threats", "/ui/threats"}, {string(t.ID), ""}}}
	d.show(w, r, "threat", v)
	return nil
}
