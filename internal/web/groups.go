package web

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

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/store"
)

// groupList is the list of security groups.
type groupList struct {
	address
	Groups  []model.Group
	Paging  paging
	Search  string
	Sources []choice
	Rules   []choice
}

func (d *Door) listGroups(w http.ResponseWriter, r *http.Request) error {
	a := addressOf(r)
	list := groupList{address: a, Paging: a.paging(), Search: a.Text("q")}
	f := store.GroupFilter{Search: list.Search, EnabledRules: a.ids("rule"), Limit: list.Paging.Size, Skip: list.Paging.skip(), ByUpdate: true}
	for _, s := range groupSources() {
		c := choice{string(s), sourceName(s), a.Has("source", string(s))}
		if c.Chosen {
			f.Sources = append(f.Sources, s)
		}
		list.Sources = append(list.Sources, c)
	}
	for _, rule := range policy.Rules(d.Preset) {
		list.Rules = append(list.Rules, choice{rule.UUID.String(), rule.Name, a.Has("rule", rule.UUID.String())})
	}
	var err error
	if list.Groups, list.Paging.Total, err = d.Store.Groups(r.Context(), f); err != nil {
		return err
	}
	v := view{Title: "Model Security Groups", Crumbs: []crumb{{"Model Security", ""}, {"Model Security Groups", ""}}, Body: list}
	v.Saved = saved(a)
	d.show(w, r, "groups", v)
	return nil
}

// groupSources are the sources that a group can be made for.
func groupSources() []model.Source {
	return slices.DeleteFunc(model.Sources(), func(s model.Source) bool { return s == model.All })
}

// saved is what an address says was just done.
func saved(a address) string {
	switch a.Text("saved") {
	case "created":
		return "The group was created. It takes effect with the next request."
	case "changed":
		return "The changes were saved. They take effect with the next request."
	case "deleted":
		return "The group was deleted. Scans under it stay readable."
	case "switched":
		return "The rule was switched."
	default:
		return ""
	}
}

// groupPage is a group with its rules, as a form.
type groupPage struct {
	address
	Group   model.Group
	New     bool
	Rules   []ruleRow
	Sources []choice
	Starts  []choice // from what a new group starts
	Wrong   string
	Mark    string // the state of the group that the form was made from
	Scans   []outcomeTotal
	History []store.AuditEntry
	Gate    string
}

// outcomeTotal is how many scans of the past 30 days ended so.
type outcomeTotal struct {
	Outcome model.Outcome
	Scans   int
}

// ruleRow is a rule of the catalogue as a group has it.
type ruleRow struct {
	policy.Rule
	State  model.RuleState
	Values map[string][]string
	Off    bool // switched off for every group
}

// Has tells whether a field of the rule has a value.
func (r ruleRow) Has(field, value string) bool { return slices.Contains(r.Values[field], value) }

func (d *Door) ruleRows(r *http.Request, g model.Group) ([]ruleRow, error) {
	off, err := d.Store.DisabledRules(r.Context())
	if err != nil {
		return nil, err
	}
	var out []ruleRow
	for _, rule := range policy.Rules(d.Preset) {
		if !rule.AppliesTo(g.Source) {
			continue
		}
		row := ruleRow{Rule: rule, State: rule.Default, Values: map[string][]string{}, Off: slices.Contains(off, rule.UUID)}
		for _, f := range rule.Fields {
			row.Values[f.Key] = f.Default
		}
		for _, i := range g.Rules {
			if i.Rule == rule.UUID {
				row.State = i.State
				for key, values := range i.Values {
					row.Values[key] = values
				}
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// mark names the state of a group that a form was made from, so that a change of somebody else in the meantime is seen.
func mark(g model.Group) string { return strconv.FormatInt(g.UpdatedAt.UnixMicro(), 36) }

func (d *Door) showGroup(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	g, err := d.Store.Group(r.Context(), id)
	if err != nil {
		return err
	}
	return d.groupForm(w, r, groupPage{Group: g, Mark: mark(g)}, http.StatusOK)
}

// groupForm shows a group. What was typed is in its group, also when it is wrong.
func (d *Door) groupForm(w http.ResponseWriter, r *http.Request, page groupPage, status int) error {
	var err error
	page.address = addressOf(r)
	page.Gate = d.publicURL(r)
	if page.Rules, err = d.ruleRows(r, page.Group); err != nil {
		return err
	}
	title := visible(page.Group.Name)
	if page.New {
		title = "Create a Group"
	} else if err := d.groupFacts(r, &page); err != nil {
		return err
	}
	v := view{Title: title, Body: page, Saved: saved(page.address), status: status}
	v.Crumbs = []crumb{{"Model Security", ""}, {"Model Security Groups", "/ui/groups"}, {title, ""}}
	d.show(w, r, "group", v)
	return nil
}

// groupFacts reads how the group has judged lately, and who has changed it.
func (d *Door) groupFacts(r *http.Request, page *groupPage) error {
	since := time.Now().AddDate(0, 0, -30)
	for _, o := range []model.Outcome{model.Allowed, model.Blocked, model.Errored} {
		_, n, err := d.Store.Scans(r.Context(), store.ScanFilter{Groups: []uuid.UUID{page.Group.UUID}, Outcomes: []model.Outcome{o}, Start: since, Limit: 1})
		if err != nil {
			return err
		}
		page.Scans = append(page.Scans, outcomeTotal{o, n})
	}
	var err error
	page.History, _, err = d.Store.AuditLog(r.Context(), store.AuditFilter{Object: page.Group.UUID.String(), Limit: 20})
	return err
}

// Addresses under which clients are judged by the group.
func (p groupPage) Addresses() []string {
	name := url.PathEscape(p.Group.Name)
	switch p.Group.Source {
	case model.HuggingFace:
		return []string{"HF_ENDPOINT=" + p.Gate + "/g/" + name}
	case model.PyPI:
		return []string{"PIP_INDEX_URL=" + p.Gate + "/g/" + name + "/pypi/simple/"}
	default:
		return nil
	}
}

// presets of a new group besides the defaults: everything blocks, or only what runs code by itself does.
const (
	startDefaults = "defaults"
	startStrict   = "strict"
	startLenient  = "lenient"
)

func (d *Door) newGroup(w http.ResponseWriter, r *http.Request) error {
	page, err := d.blankGroup(r, addressOf(r).query)
	if err != nil {
		return err
	}
	return d.groupForm(w, r, page, http.StatusOK)
}

// blankGroup is a group that is not yet made, for a source, from a start.
func (d *Door) blankGroup(r *http.Request, values url.Values) (groupPage, error) {
	page := groupPage{New: true}
	chosen := model.Source(values.Get("source"))
	if !slices.Contains(groupSources(), chosen) {
		chosen = model.HuggingFace
	}
	for _, s := range groupSources() {
		page.Sources = append(page.Sources, choice{string(s), sourceName(s), s == chosen})
	}
	start := values.Get("start")
	groups, _, err := d.Store.Groups(r.Context(), store.GroupFilter{Sources: []model.Source{chosen}})
	if err != nil {
		return page, err
	}
	page.Group = model.Group{Source: chosen, Rules: policy.DefaultGroup(d.Preset, chosen).Rules}
	switch start {
	case startStrict:
		page.Group.Rules = withStates(policy.DefaultGroup(policy.Strict, chosen).Rules, func(string) model.RuleState { return model.Blocking })
	case startLenient:
		page.Group.Rules = withStates(page.Group.Rules, lenient)
	}
	page.Starts = []choice{
		{startDefaults, "the defaults", start == "" || start == startDefaults},
		{startStrict, "strict: every rule blocks", start == startStrict},
		{startLenient, "lenient: only what runs code by itself, and what is denied by name, blocks", start == startLenient},
	}
	for _, g := range groups {
		id := g.UUID.String()
		page.Starts = append(page.Starts, choice{id, "a copy of " + visible(g.Name), start == id})
		if start == id {
			page.Group.Rules = g.Rules
		}
	}
	page.Group.Name, page.Group.Description = values.Get("name"), values.Get("description")
	return page, nil
}

func withStates(rules []model.RuleInstance, state func(rule string) model.RuleState) []model.RuleInstance {
	out := slices.Clone(rules)
	for i := range out {
		if rule, err := policy.FindRule(out[i].Rule.String()); err == nil {
			out[i].State = state(rule.Name)
		}
	}
	return out
}

// lenient is the state of a rule in a group for development.
func lenient(rule string) model.RuleState {
	switch rule {
	case "Load Time Code Execution Check", "Runtime Code Execution Check", "Model Is Blocked":
		return model.Blocking
	default:
		return model.Allowing
	}
}

// settings reads the rules of a form.
func settings(rules []ruleRow, form url.Values) map[uuid.UUID]policy.Setting {
	out := map[uuid.UUID]policy.Setting{}
	for _, rule := range rules {
		set := policy.Setting{State: model.RuleState(form.Get("state." + rule.Slug)), Values: map[string][]string{}}
		for _, f := range rule.Fields {
			name := "field." + rule.Slug + "." + f.Key
			if f.Display == policy.Select {
				set.Values[f.Key] = append([]string{}, form[name]...)
				continue
			}
			set.Values[f.Key] = []string{}
			for line := range strings.Lines(form.Get(name)) {
				if line = strings.TrimSpace(line); line != "" && !slices.Contains(set.Values[f.Key], line) {
					set.Values[f.Key] = append(set.Values[f.Key], line)
				}
			}
		}
		out[rule.UUID] = set
	}
	return out
}

func (d *Door) createGroup(w http.ResponseWriter, r *http.Request) error {
	page, err := d.blankGroup(r, r.PostForm)
	if err != nil {
		return err
	}
	rules, err := d.ruleRows(r, page.Group)
	if err != nil {
		return err
	}
	set := settings(rules, r.PostForm)
	g, err := policy.NewGroup(d.Preset, uuid.New(), strings.TrimSpace(page.Group.Name), page.Group.Description, page.Group.Source, set)
	if err == nil {
		err = d.Store.PutGroup(r.Context(), &g)
	} else {
		err = &wrongForm{err}
	}
	if wrong, text := formError(err); wrong {
		page.Group.Rules, page.Wrong = typed(page.Group.Rules, set), text
		return d.groupForm(w, r, page, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	d.Gate.ForgetGroups()
	goTo(w, "/ui/groups/"+g.UUID.String()+"?saved=created")
	return nil
}

// wrongForm is an error of what a person typed.
type wrongForm struct{ error }

// formError tells whether an error is one that the person at the form can mend, and says it.
func formError(err error) (bool, string) {
	var wrong *wrongForm
	switch {
	case errors.As(err, &wrong):
		return true, wrong.Error()
	case errors.Is(err, store.ErrNameTaken):
		return true, "A group of that name exists; choose another."
	default:
		return false, ""
	}
}

// typed are rules with what a form has set, right or wrong.
func typed(rules []model.RuleInstance, set map[uuid.UUID]policy.Setting) []model.RuleInstance {
	out := slices.Clone(rules)
	for i := range out {
		if s, ok := set[out[i].Rule]; ok {
			out[i].State, out[i].Values = s.State, s.Values
		}
	}
	return out
}

func (d *Door) saveGroup(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	g, err := d.Store.Group(r.Context(), id)
	if err != nil {
		return err
	}
	if g.Declared || g.Tombstone {
		return &trouble{http.StatusConflict, "This group cannot be edited here", "It is declared in the configuration, or was deleted. Nothing was changed."}
	}
	rules, err := d.ruleRows(r, g)
	if err != nil {
		return err
	}
	page := groupPage{Group: g, Mark: r.PostForm.Get("mark")}
	page.Group.Name, page.Group.Description = strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("description")
	set := settings(rules, r.PostForm)
	page.Group.Rules = typed(policy.Complete(d.Preset, g).Rules, set)
	_, err = d.Store.ChangeGroup(r.Context(), id, func(g *model.Group) error {
		if page.Mark != mark(*g) {
			page.Mark = mark(*g)
			return errFaster
		}
		changed := policy.Complete(d.Preset, *g)
		changed.Name, changed.Description = page.Group.Name, page.Group.Description
		for _, rule := range rules {
			var err error
			if changed, err = policy.Apply(changed, rule.UUID, set[rule.UUID]); err != nil {
				return &wrongForm{err}
			}
		}
		if err := policy.Validate(changed); err != nil {
			return &wrongForm{err}
		}
		*g = changed
		return nil
	})
	if errors.Is(err, errFaster) {
		page.Wrong = "Somebody else has changed this group since this form was opened. What you typed is below and not saved; compare it with the history, and save again to replace the other change."
		return d.groupForm(w, r, page, http.StatusConflict)
	}
	if wrong, text := formError(err); wrong {
		page.Wrong = text
		return d.groupForm(w, r, page, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	d.Gate.ForgetGroups()
	goTo(w, "/ui/groups/"+id.String()+"?saved=changed")
	return nil
}

// errFaster means that somebody else has changed what a form was made from.
var errFaster = errors.New("somebody else was faster")

func (d *Door) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	g, err := d.Store.Group(r.Context(), id)
	if err != nil {
		return err
	}
	if g.Default || g.Declared {
		return &trouble{http.StatusConflict, "This group cannot be deleted", "Default groups stay, and declared ones are taken out of the configuration. Nothing was changed."}
	}
	if r.PostForm.Get("confirm") != g.Name {
		return &trouble{http.StatusUnprocessableEntity, "The group was not deleted", fmt.Sprintf("To delete it, type its name: %s.", visible(g.Name))}
	}
	if err := d.Store.DeleteGroup(r.Context(), id); err != nil {
		return err
	}
	d.Gate.ForgetGroups()
	goTo(w, "/ui/groups?saved=deleted")
	return nil
}
