package web

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/threat"
)

// modelList is the list of models, or of packages.
type modelList struct {
	address
	Rows   []modelRow
	Paging paging
	Search string
}

// modelRow is a model with what is known of its latest version.
type modelRow struct {
	store.Model
	Scan   model.Scan // by which the latest version was last judged; zero if none is known
	Level  threat.Level
	Judged bool
}

// levelName is how Insights names what was found in a version, apart from what a group makes of it.
func levelName(l threat.Level) string {
	switch l {
	case threat.Malicious:
		return "Unsafe"
	case threat.Suspicious, threat.Unscannable:
		return "Suspicious"
	default:
		return "Safe"
	}
}

// Result is the word for the row.
func (m modelRow) Result() string {
	if !m.Judged {
		return "Unknown"
	}
	return levelName(m.Level)
}

func (d *Door) listModels(w http.ResponseWriter, r *http.Request) error {
	return d.models(w, r, "Models", store.ModelFilter{})
}

func (d *Door) listPackages(w http.ResponseWriter, r *http.Request) error {
	return d.models(w, r, "Packages", store.ModelFilter{Sources: []model.Source{model.PyPI}})
}

func (d *Door) models(w http.ResponseWriter, r *http.Request, title string, f store.ModelFilter) error {
	a := addressOf(r)
	list := modelList{address: a, Paging: a.paging(), Search: a.Text("q")}
	f.Search, f.Limit, f.Skip = list.Search, list.Paging.Size, list.Paging.skip()
	rows, total, err := d.Store.ModelsWhere(r.Context(), f)
	if err != nil {
		return err
	}
	list.Paging.Total = total
	versions := make([]uuid.UUID, len(rows))
	for i, m := range rows {
		versions[i] = m.LatestVersion
	}
	scans, err := d.Store.LatestScans(r.Context(), versions)
	if err != nil {
		return err
	}
	levels, err := d.levels(r, scans)
	if err != nil {
		return err
	}
	for _, m := range rows {
		s, known := scans[m.LatestVersion]
		list.Rows = append(list.Rows, modelRow{Model: m, Scan: s, Level: levels[s.UUID], Judged: known && s.Outcome != model.Errored && s.Outcome != model.Pending})
	}
	d.show(w, r, "models", view{Title: title, Crumbs: []crumb{{"Insights", ""}, {title, ""}}, Body: list})
	return nil
}

// levels are those of the worst threats that scans have found.
func (d *Door) levels(r *http.Request, scans map[uuid.UUID]model.Scan) (map[uuid.UUID]threat.Level, error) {
	ids := make([]uuid.UUID, 0, len(scans))
	for _, s := range scans {
		ids = append(ids, s.UUID)
	}
	found, err := d.Store.ThreatsOf(r.Context(), ids)
	out := map[uuid.UUID]threat.Level{}
	for scan, threats := range found {
		for _, id := range threats {
			if t, ok := threat.Lookup(threat.ID(id)); ok && t.Class != threat.Policy {
				out[scan] = max(out[scan], t.Level)
			}
		}
	}
	return out, err
}

// modelPage is one model.
type modelPage struct {
	address
	Model     store.Model
	Versions  []versionRow
	Total     int
	Tables    []threatTable
	Scans     []model.Scan
	Downloads []model.Download
	Fetched   int
}

type versionRow struct {
	store.ModelVersion
	Scan  model.Scan
	Level threat.Level
}

// Result is the word for the version.
func (v versionRow) Result() string {
	if v.Scan.UUID == uuid.Nil {
		return "Unknown"
	}
	return levelName(v.Level)
}

// threatTable are the threats of one class, each with whether it was found in the latest version.
type threatTable struct {
	Name    string
	Threats []threatRow
}

type threatRow struct {
	threat.Threat
	Found bool
	Link  string
}

// shownOfModel is how many versions, scans and downloads of a model are on its page.
const shownOfModel = 25

func (d *Door) showModel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page := modelPage{address: addressOf(r)}
	if page.Model, err = d.Store.Model(ctx, id); err != nil {
		return err
	}
	versions, total, err := d.Store.ModelVersions(ctx, id, shownOfModel, 0)
	if err != nil {
		return err
	}
	page.Total = total
	ids := make([]uuid.UUID, len(versions))
	for i, v := range versions {
		ids[i] = v.UUID
	}
	scans, err := d.Store.LatestScans(ctx, ids)
	if err != nil {
		return err
	}
	levels, err := d.levels(r, scans)
	if err != nil {
		return err
	}
	for _, v := range versions {
		page.Versions = append(page.Versions, versionRow{v, scans[v.UUID], levels[scans[v.UUID].UUID]})
	}
	latest := scans[page.Model.LatestVersion]
	found, err := d.Store.ThreatsOf(ctx, []uuid.UUID{latest.UUID})
	if err != nil {
		return err
	}
	page.Tables = threatTables(found[latest.UUID])
	of := model.Version{Source: page.Model.Source, Kind: page.Model.Kind, Name: page.Model.Name}
	if page.Scans, _, err = d.Store.Scans(ctx, store.ScanFilter{Model: of, Limit: shownOfModel}); err != nil {
		return err
	}
	page.Downloads, page.Fetched, err = d.Store.Downloads(ctx, store.DownloadFilter{Name: page.Model.Name, Limit: shownOfModel})
	if err != nil {
		return err
	}
	d.show(w, r, "model", view{
		Title: visible(page.Model.Name), Body: page,
		Crumbs: []crumb{{"Insights", ""}, {"Models", "/ui/insights"}, {tail(60, page.Model.Name), ""}},
	})
	return nil
}

// threatTables are the tables of the classes of threats that can be found; only what was found is listed of what could not be judged.
func threatTables(found []string) []threatTable {
	has := map[string]bool{}
	for _, id := range found {
		has[id] = true
	}
	tables := []threatTable{{Name: "Deserialization Threats"}, {Name: "Backdoor Threats"}, {Name: "Runtime Threats"}, {Name: "Could Not Be Judged"}}
	place := map[threat.Class]int{threat.Load: 0, threat.Backdoored: 1, threat.Inference: 2, threat.Unjudged: 3}
	for _, t := range threat.All() {
		i, ok := place[t.Class]
		if !ok || !has[string(t.ID)] {
			continue
		}
		tables[i].Threats = append(tables[i].Threats, threatRow{t, true, threatLink(t)})
	}
	return tables
}

// Since is when the model was first seen.
func (p modelPage) Since() time.Time { return p.Model.CreatedAt }
