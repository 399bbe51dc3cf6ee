package api

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/report"
)

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
