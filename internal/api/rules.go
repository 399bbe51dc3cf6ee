package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// shapeOfRule is a rule of the catalogue in the API.
type shapeOfRule struct {
	UUID          uuid.UUID           `json:"uuid"`
	Name          string              `json:"name"`
	Description   string              `json:"description"`
	Type          string              `json:"rule_type"`
	Sources       []model.Source      `json:"compatible_sources"`
	Default       model.RuleState     `json:"default_state"`
	Remediation   shapeOfRemedy       `json:"remediation"`
	Fields        []shapeOfField      `json:"editable_fields"`
	Constants     map[string]any      `json:"constant_values"`
	DefaultValues map[string][]string `json:"default_values"`
	Groups        *int                `json:"enabled_security_group_count,omitempty"`
	Enabled       *bool               `json:"enabled,omitempty"`
}

type shapeOfRemedy struct {
	Description string   `json:"description"`
	Steps       []string `json:"steps"`
	URL         string   `json:"url"`
}

type shapeOfField struct {
	Key         string          `json:"attribute_name"`
	Type        string          `json:"type"`
	Name        string          `json:"display_name"`
	Display     string          `json:"display_type"`
	Description *string         `json:"description"`
	Choices     []shapeOfChoice `json:"dropdown_values"`
}

type shapeOfChoice struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

func (a *API) rule(id uuid.UUID) (policy.Rule, bool) {
	for _, rule := range policy.Rules(a.Preset) {
		if rule.UUID == id {
			return rule, true
		}
	}
	return policy.Rule{}, false
}

func (a *API) shapeOfRule(r *http.Request, rule policy.Rule) shapeOfRule {
	out := shapeOfRule{
		UUID: rule.UUID, Name: rule.Name, Description: rule.Description, Type: string(rule.Type), Sources: rule.Sources, Default: rule.Default,
		Remediation: shapeOfRemedy{rule.Remediation, rule.Steps, a.publicURL(r) + "/ui/rules/" + rule.Slug},
		Fields:      []shapeOfField{}, Constants: map[string]any{}, DefaultValues: map[string][]string{},
	}
	if out.Remediation.Steps == nil {
		out.Remediation.Steps = []string{}
	}
	for _, f := range rule.Fields {
		field := shapeOfField{Key: f.Key, Type: "LIST", Name: f.Name, Display: string(f.Display)}
		if f.Description != "" {
			field.Description = &f.Description
		}
		for _, c := range f.Choices {
			field.Choices = append(field.Choices, shapeOfChoice{c.Value, c.Label})
		}
		out.Fields = append(out.Fields, field)
		out.DefaultValues[f.Key] = append([]string{}, f.Default...)
	}
	return out
}

// inForce adds where a rule is in force: in how many groups, and whether it is switched on at all.
func (s shapeOfRule) inForce(groups []model.Group, disabled []uuid.UUID) shapeOfRule {
	n, on := 0, !slices.Contains(disabled, s.UUID)
	for _, g := range groups {
		if slices.ContainsFunc(g.Rules, func(i model.RuleInstance) bool { return i.Rule == s.UUID && i.State != model.Disabled }) {
			n++
		}
	}
	s.Groups, s.Enabled = &n, &on
	return s
}

func (a *API) listRules(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	limit, skip := p.page()
	sources := enums(p, "source_type", append(model.Sources(), model.All))
	search := strings.ToLower(p.search("search_query"))
	if err := p.err(); err != nil {
		return err
	}
	groups, disabled, err := a.rulesInForce(r)
	if err != nil {
		return err
	}
	list := struct {
		Rules      []shapeOfRule     `json:"rules"`
		Pagination report.Pagination `json:"pagination"`
	}{Rules: []shapeOfRule{}}
	for _, rule := range policy.Rules(a.Preset) {
		if !strings.Contains(strings.ToLower(rule.Name), search) && !strings.Contains(rule.UUID.String(), search) {
			continue
		}
		if len(sources) > 0 && !slices.ContainsFunc(sources, func(s model.Source) bool { return s == model.All || rule.AppliesTo(s) }) {
			continue
		}
		if len(rule.Sources) > 0 && !slices.ContainsFunc(rule.Sources, func(s model.Source) bool { return !a.hidden(s) }) {
			continue
		}
		list.Rules = append(list.Rules, a.shapeOfRule(r, rule).inForce(groups, disabled))
	}
	list.Pagination.TotalItems = len(list.Rules)
	list.Rules = paged(list.Rules, limit, skip)
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (a *API) rulesInForce(r *http.Request) ([]model.Group, []uuid.UUID, error) {
	groups, _, err := a.Store.Groups(r.Context(), store.GroupFilter{})
	if err != nil {
		return nil, nil, err
	}
	disabled, err := a.Store.DisabledRules(r.Context())
	return groups, disabled, err
}

// ruleOf finds the rule of the path.
func (a *API) ruleOf(r *http.Request) (policy.Rule, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return policy.Rule{}, err
	}
	rule, ok := a.rule(id)
	if !ok {
		return rule, problem(http.StatusNotFound, "NOT_FOUND", "there is no rule %s", id)
	}
	return rule, nil
}

func (a *API) getRule(w http.ResponseWriter, r *http.Request) error {
	rule, err := a.ruleOf(r)
	if err != nil {
		return err
	}
	groups, disabled, err := a.rulesInForce(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, a.shapeOfRule(r, rule).inForce(groups, disabled))
	return nil
}

// switchRule switches a rule on or off for every group.
func (a *API) switchRule(w http.ResponseWriter, r *http.Request) error {
	rule, err := a.ruleOf(r)
	if err != nil {
		return err
	}
	var body struct {
		Enabled *bool `json:"enabled"`
	}
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	if body.Enabled == nil {
		return invalid(detail("missing", "Field required", "body", "enabled"))
	}
	if err := a.Store.SwitchRule(r.Context(), rule.UUID, *body.Enabled); err != nil {
		return err
	}
	a.Gate.ForgetGroups()
	return a.getRule(w, r)
}
