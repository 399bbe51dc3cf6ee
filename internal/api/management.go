package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
		{"GET /aims/mgmt/v1/pypi/authenticate", auth.PackageIndex, auth.Read, a.indexAddress},
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

// indexAddressLife is how long the token in an address of the index is good.
const indexAddressLife = time.Hour

// indexAddress tells the address of the gate's own package index, with a token as user info that installers send along.
func (a *API) indexAddress(w http.ResponseWriter, r *http.Request) error {
	if !a.PackageIndex {
		return problem(http.StatusNotFound, "NOT_FOUND", "no package index is configured")
	}
	address, err := url.Parse(a.publicURL(r) + "/pypi/simple/")
	if err != nil {
		return fmt.Errorf("public address of the gate: %w", err)
	}
	token, until, err := a.sign(owner(r), indexAddressLife)
	if err != nil {
		return err
	}
	address.User = url.UserPassword("token", token)
	writeJSON(w, http.StatusOK, map[string]any{"url": address.String(), "expires_at": report.Time(until)})
	return nil
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
