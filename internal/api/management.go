package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// managementRoutes are those of the management plane: groups, rule instances, the catalogue of rules.
func (a *API) managementRoutes() []route {
	return []route{
		{"GET /aims/mgmt/v1/security-groups", auth.SecurityGroups, auth.Read, a.listGroups},
		{"POST /aims/mgmt/v1/security-groups", auth.SecurityGroups, auth.Write, a.createGroup},
		{"GET /aims/mgmt/v1/security-groups/{uuid}", auth.SecurityGroups, auth.Read, a.getGroup},
		{"PUT /aims/mgmt/v1/security-groups/{uuid}", auth.SecurityGroups, auth.Write, a.updateGroup},
		{"DELETE /aims/mgmt/v1/security-groups/{uuid}", auth.SecurityGroups, auth.Write, a.deleteGroup},
		{"GET /aims/mgmt/v1/security-groups/{uuid}/history", auth.SecurityGroups, auth.Read, a.groupHistory},
		{"GET /aims/mgmt/v1/security-groups/{uuid}/rule-instances", auth.SecurityGroups, auth.Read, a.listInstances},
		{"GET /aims/mgmt/v1/security-groups/{uuid}/rule-instances/{instance}", auth.SecurityGroups, auth.Read, a.getInstance},
		{"PUT /aims/mgmt/v1/security-groups/{uuid}/rule-instances/{instance}", auth.SecurityGroups, auth.Write, a.updateInstance},
		{"GET /aims/mgmt/v1/security-rules", auth.SecurityRules, auth.Read, a.listRules},
		{"GET /aims/mgmt/v1/security-rules/{uuid}", auth.SecurityRules, auth.Read, a.getRule},
		{"PUT /aims/mgmt/v1/security-rules/{uuid}", auth.SecurityRules, auth.Write, a.switchRule},
	}
}

// shapeOfGroup is a group in the API.
type shapeOfGroup struct {
	UUID         uuid.UUID   `json:"uuid"`
	Tenant       string      `json:"tsg_id"`
	CreatedAt    report.Time `json:"created_at"`
	UpdatedAt    report.Time `json:"updated_at"`
	Name         string      `json:"name"`
	Description  string      `json:"description"`
	Source       string      `json:"source_type"`
	State        string      `json:"state"`
	Tombstone    bool        `json:"is_tombstone"`
	EnabledRules int         `json:"enabled_rule_count"`
	Default      bool        `json:"is_default"`
	Declared     bool        `json:"is_declared"`
}

func (a *API) group(g model.Group) shapeOfGroup {
	enabled := 0
	for _, r := range g.Rules {
		if r.State != model.Disabled {
			enabled++
		}
	}
	return shapeOfGroup{
		UUID: g.UUID, Tenant: a.Tenant, CreatedAt: report.Time(g.CreatedAt), UpdatedAt: report.Time(g.UpdatedAt), Name: g.Name,
		Description: g.Description, Source: string(g.Source), State: "ACTIVE", Tombstone: g.Tombstone, EnabledRules: enabled,
		Default: g.Default, Declared: g.Declared,
	}
}

// hidden tells whether a source is one of those that the published contract does not have, and that answers must not show.
func (a *API) hidden(s model.Source) bool {
	return a.StrictEnums && (s == model.PyPI || s == model.Web)
}

func (a *API) listGroups(w http.ResponseWriter, r *http.Request) error {
	p := paramsOf(r)
	var f store.GroupFilter
	f.Limit, f.Skip = p.number("limit", 50, 1, 100), p.number("skip", 0, 0, 1<<31-1)
	f.ByUpdate = p.choice("sort_field", "created_at", "created_at", "updated_at") == "updated_at"
	f.OldestFirst = p.choice("sort_dir", "desc", "asc", "desc") == "asc"
	f.Sources = enums(p, "source_types", model.Sources())
	f.Search = p.search("search_query")
	f.EnabledRules = p.ids("enabled_rules")
	if err := p.err(); err != nil {
		return err
	}
	if a.StrictEnums && len(f.Sources) == 0 {
		f.Sources = slices.DeleteFunc(model.Sources(), a.hidden)
	}
	groups, total, err := a.Store.Groups(r.Context(), f)
	if err != nil {
		return err
	}
	list := struct {
		Groups     []shapeOfGroup    `json:"security_groups"`
		Pagination report.Pagination `json:"pagination"`
	}{[]shapeOfGroup{}, report.Pagination{TotalItems: total}}
	for _, g := range groups {
		list.Groups = append(list.Groups, a.group(g))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// ruleSetting is what a request sets of a rule in a group; null leaves it.
type ruleSetting struct {
	State  *model.RuleState    `json:"state"`
	Values map[string][]string `json:"field_values"`
}

func (s ruleSetting) setting() policy.Setting {
	out := policy.Setting{Values: s.Values}
	if s.State != nil {
		out.State = *s.State
	}
	return out
}

// groupCreate is the body that makes a group.
type groupCreate struct {
	Name        string                 `json:"name"`
	Source      model.Source           `json:"source_type"`
	Description string                 `json:"description"`
	Rules       map[string]ruleSetting `json:"rule_configurations"`
}

func (b groupCreate) settings() (map[uuid.UUID]policy.Setting, error) {
	var wrong []ErrorDetail
	if b.Name == "" {
		wrong = append(wrong, detail("missing", "Field required", "body", "name"))
	}
	if b.Source == "" {
		wrong = append(wrong, detail("missing", "Field required", "body", "source_type"))
	} else if b.Source == model.All || !slices.Contains(model.Sources(), b.Source) {
		wrong = append(wrong, detail("enum", "Input should be a source of models", "body", "source_type"))
	}
	settings := map[uuid.UUID]policy.Setting{}
	for key, rule := range b.Rules {
		id, err := uuid.Parse(key)
		if err != nil {
			wrong = append(wrong, detail("uuid_parsing", "Input should be the UUID of a rule", "body", "rule_configurations", key))
			continue
		}
		settings[id] = rule.setting()
	}
	if len(wrong) > 0 {
		return nil, invalid(wrong...)
	}
	return settings, nil
}

func (a *API) createGroup(w http.ResponseWriter, r *http.Request) error {
	var body groupCreate
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	settings, err := body.settings()
	if err != nil {
		return err
	}
	g, err := policy.NewGroup(a.Preset, uuid.New(), body.Name, body.Description, body.Source, settings)
	if err != nil {
		return invalid(detail("value_error", err.Error(), "body"))
	}
	if err := a.Store.PutGroup(r.Context(), &g); err != nil {
		return groupProblem(err)
	}
	a.Gate.ForgetGroups()
	w.Header().Set("ETag", mark(g))
	writeJSON(w, http.StatusCreated, a.group(g))
	return nil
}

// groupProblem is the answer to what the record refuses of a group.
func groupProblem(err error) error {
	if errors.Is(err, store.ErrNameTaken) {
		return problem(http.StatusConflict, "NAME_TAKEN", "a group of that name exists")
	}
	return err
}

// mark is the entity tag of a group: it moves with every change of the group or of a rule in it.
func mark(g model.Group) string { return `"` + strconv.FormatInt(g.UpdatedAt.UnixMicro(), 36) + `"` }

// groupOf reads the group of the path, also a deleted one.
func (a *API) groupOf(r *http.Request) (model.Group, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return model.Group{}, err
	}
	g, err := a.Store.Group(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return g, problem(http.StatusNotFound, "NOT_FOUND", "there is no security group %s", id)
	}
	return g, err
}

func (a *API) getGroup(w http.ResponseWriter, r *http.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", mark(g))
	writeJSON(w, http.StatusOK, a.group(g))
	return nil
}

// editable refuses changes of groups that are kept elsewhere or are gone, and of what the caller has not seen: If-Match, if it is sent,
// names the state that was.
func editable(r *http.Request, g model.Group) error {
	switch {
	case g.Tombstone:
		return problem(http.StatusNotFound, "NOT_FOUND", "the security group %s was deleted", g.UUID)
	case g.Declared:
		return problem(http.StatusConflict, "DECLARED_GROUP", "the group %q is declared in the configuration and is changed there", g.Name)
	}
	if seen := r.Header.Get("If-Match"); seen != "" && seen != "*" && !slices.Contains(strings.Split(strings.ReplaceAll(seen, " ", ""), ","), mark(g)) {
		return problem(http.StatusPreconditionFailed, "CHANGED_MEANWHILE", "the group %q was changed by somebody else; read it again", g.Name)
	}
	return nil
}

// edit changes the group of the path.
func (a *API) edit(w http.ResponseWriter, r *http.Request, change func(g *model.Group) error) (model.Group, error) {
	id, err := pathID(r, "uuid")
	if err != nil {
		return model.Group{}, err
	}
	g, err := a.Store.ChangeGroup(r.Context(), id, func(g *model.Group) error {
		if err := editable(r, *g); err != nil {
			return err
		}
		return change(g)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = problem(http.StatusNotFound, "NOT_FOUND", "there is no security group %s", id)
	}
	if err != nil {
		return g, groupProblem(err)
	}
	a.Gate.ForgetGroups()
	w.Header().Set("ETag", mark(g))
	return g, nil
}

func (a *API) updateGroup(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
	}
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	g, err := a.edit(w, r, func(g *model.Group) error {
		if body.Name != nil {
			g.Name = *body.Name
		}
		if body.Description != nil {
			g.Description = *body.Description
		}
		if err := policy.Validate(*g); err != nil {
			return invalid(detail("value_error", err.Error(), "body"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, a.group(g))
	return nil
}

func (a *API) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	_, err := a.edit(w, r, func(g *model.Group) error {
		if g.Default {
			return problem(http.StatusConflict, "DEFAULT_GROUP", "the default group %q cannot be deleted", g.Name)
		}
		g.Tombstone = true
		return nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// change is an entry of the history of a group.
type change struct {
	UUID   uuid.UUID   `json:"uuid"`
	Time   report.Time `json:"created_at"`
	Who    string      `json:"changed_by"`
	Action string      `json:"action"`
	What   []string    `json:"changes"`
}

// groupHistory lists who has changed a group, when, and what in words.
func (a *API) groupHistory(w http.ResponseWriter, r *http.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	f := store.AuditFilter{Object: g.UUID.String()}
	f.Limit, f.Skip = p.page()
	if err := p.err(); err != nil {
		return err
	}
	entries, total, err := a.Store.AuditLog(r.Context(), f)
	if err != nil {
		return err
	}
	list := struct {
		History    []change          `json:"history"`
		Pagination report.Pagination `json:"pagination"`
	}{[]change{}, report.Pagination{TotalItems: total}}
	for _, e := range entries {
		list.History = append(list.History, change{UUID: e.UUID, Time: report.Time(e.Time), Who: e.Name, Action: e.Action, What: policy.Changes(e.Old, e.New)})
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// shapeOfInstance is a rule instance in the API.
type shapeOfInstance struct {
	UUID      uuid.UUID           `json:"uuid"`
	Tenant    string              `json:"tsg_id"`
	CreatedAt report.Time         `json:"created_at"`
	UpdatedAt report.Time         `json:"updated_at"`
	Group     uuid.UUID           `json:"security_group_uuid"`
	RuleUUID  uuid.UUID           `json:"security_rule_uuid"`
	State     model.RuleState     `json:"state"`
	Rule      shapeOfRule         `json:"rule"`
	Values    map[string][]string `json:"field_values"`
}

func (a *API) instance(r *http.Request, g model.Group, i model.RuleInstance) (shapeOfInstance, bool) {
	rule, ok := a.rule(i.Rule)
	if !ok { // of a rule that this version of the program does not have
		return shapeOfInstance{}, false
	}
	values := i.Values
	if values == nil {
		values = map[string][]string{}
	}
	return shapeOfInstance{
		UUID: i.UUID, Tenant: a.Tenant, CreatedAt: report.Time(i.CreatedAt), UpdatedAt: report.Time(i.UpdatedAt), Group: g.UUID,
		RuleUUID: i.Rule, State: i.State, Rule: a.shapeOfRule(r, rule), Values: values,
	}, true
}

func (a *API) listInstances(w http.ResponseWriter, r *http.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	p := paramsOf(r)
	limit, skip := p.page()
	rule := p.id("security_rule_uuid")
	state := model.RuleState(p.choice("state", "", string(model.Disabled), string(model.Allowing), string(model.Blocking)))
	custom := p.flag("is_custom")
	if err := p.err(); err != nil {
		return err
	}
	list := struct {
		Instances  []shapeOfInstance `json:"rule_instances"`
		Pagination report.Pagination `json:"pagination"`
	}{Instances: []shapeOfInstance{}}
	for _, i := range policy.Complete(a.Preset, g).Rules {
		if custom || rule != uuid.Nil && i.Rule != rule || state != "" && i.State != state {
			continue
		}
		if shape, ok := a.instance(r, g, i); ok {
			list.Instances = append(list.Instances, shape)
		}
	}
	list.Pagination.TotalItems = len(list.Instances)
	list.Instances = paged(list.Instances, limit, skip)
	writeJSON(w, http.StatusOK, list)
	return nil
}

// paged is one page of a list that is at hand.
func paged[T any](list []T, limit, skip int) []T {
	list = list[min(skip, len(list)):]
	return list[:min(limit, len(list))]
}

// instanceOf finds the instance of the path in a group.
func (a *API) instanceOf(r *http.Request, g model.Group) (model.RuleInstance, error) {
	id, err := pathID(r, "instance")
	if err != nil {
		return model.RuleInstance{}, err
	}
	for _, i := range g.Rules {
		if i.UUID == id {
			return i, nil
		}
	}
	return model.RuleInstance{}, problem(http.StatusNotFound, "NOT_FOUND", "the group has no rule instance %s", id)
}

func (a *API) getInstance(w http.ResponseWriter, r *http.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	i, err := a.instanceOf(r, policy.Complete(a.Preset, g))
	if err != nil {
		return err
	}
	shape, _ := a.instance(r, g, i)
	w.Header().Set("ETag", mark(g))
	writeJSON(w, http.StatusOK, shape)
	return nil
}

func (a *API) updateInstance(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Group *string `json:"security_group_uuid"`
		ruleSetting
	}
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	if body.Group != nil && !strings.EqualFold(*body.Group, r.PathValue("uuid")) {
		return invalid(detail("value_error", "the group of the body is not that of the address", "body", "security_group_uuid"))
	}
	var changed model.RuleInstance
	g, err := a.edit(w, r, func(g *model.Group) error {
		whole := policy.Complete(a.Preset, *g)
		i, err := a.instanceOf(r, whole)
		if err != nil {
			return err
		}
		if *g, err = policy.Apply(whole, i.Rule, body.setting()); err != nil {
			return invalid(detail("value_error", err.Error(), "body"))
		}
		changed = i
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range g.Rules {
		if i.UUID == changed.UUID {
			changed = i
		}
	}
	shape, _ := a.instance(r, g, changed)
	writeJSON(w, http.StatusOK, shape)
	return nil
}

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
