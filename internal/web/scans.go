package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// scanList is the list of scans.
type scanList struct {
	address
	Scans    []model.Scan
	Paging   paging
	Groups   []model.Group
	Outcomes []choice
	Sources  []choice
	Ranges   []dateRange
	Range    string
	Chips    []chip
	Wrong    string // what is wrong with the query for labels
	Any      bool   // whether there is any scan at all
}

// choice is a value of a filter.
type choice struct {
	Value, Name string
	Chosen      bool
}

// chip is a filter that is in force, with the address without it.
type chip struct{ Name, Remove string }

// outcomeChoices are the outcomes as people name them.
func outcomeChoices(a address) []choice {
	var out []choice
	for _, o := range []model.Outcome{model.Allowed, model.Blocked, model.Errored, model.Pending} {
		out = append(out, choice{string(o), outcomeName(o), a.Has("outcome", string(o))})
	}
	return out
}

// outcomeName is an outcome as people read it.
func outcomeName(o model.Outcome) string {
	switch o {
	case model.Allowed:
		return "Allowed"
	case model.Blocked:
		return "Blocked"
	case model.Errored:
		return "Error"
	default:
		return "Scanning"
	}
}

// scanFilter is what the address of the list chooses.
func (a address) scanFilter(now time.Time) store.ScanFilter {
	f := store.ScanFilter{Search: a.Text("q"), Groups: a.ids("group"), LabelsQuery: a.Text("labels"), OldestFirst: a.Text("sort") == "oldest"}
	_, f.Start, f.End = a.span(now)
	for _, o := range a.query["outcome"] {
		if o := model.Outcome(o); o == model.Allowed || o == model.Blocked || o == model.Errored || o == model.Pending {
			f.Outcomes = append(f.Outcomes, o)
		}
	}
	for _, s := range model.Sources() {
		if a.Has("source", string(s)) {
			f.Sources = append(f.Sources, s)
		}
	}
	if id, err := uuid.Parse(a.Text("version")); err == nil {
		f.ModelVersion = id
	}
	return f
}

func (d *Door) listScans(w http.ResponseWriter, r *http.Request) error {
	a := addressOf(r)
	if id, err := uuid.Parse(a.Text("q")); err == nil { // a whole UUID opens its scan
		if _, err := d.Store.ScanSummary(r.Context(), id); err == nil {
			goTo(w, "/ui/scans/"+id.String())
			return nil
		}
	}
	now := time.Now()
	list := scanList{address: a, Paging: a.paging(), Outcomes: outcomeChoices(a), Ranges: dateRanges()}
	list.Range, _, _ = a.span(now)
	f := a.scanFilter(now)
	f.Limit, f.Skip = list.Paging.Size, list.Paging.skip()
	var err error
	var query *store.QueryError
	if list.Scans, list.Paging.Total, err = d.Store.Scans(r.Context(), f); errors.As(err, &query) {
		list.Wrong = query.Reason
	} else if err != nil {
		return err
	}
	if list.Groups, _, err = d.Store.Groups(r.Context(), store.GroupFilter{}); err != nil {
		return err
	}
	for _, s := range model.Sources() {
		if s != model.All {
			list.Sources = append(list.Sources, choice{string(s), sourceName(s), a.Has("source", string(s))})
		}
	}
	list.Chips = list.chips()
	if list.Any = list.Paging.Total > 0; !list.Any {
		_, total, err := d.Store.Scans(r.Context(), store.ScanFilter{Limit: 1})
		if err != nil {
			return err
		}
		list.Any = total > 0
	}
	d.show(w, r, "scans", view{Title: "Scans", Crumbs: []crumb{{"Model Security", ""}, {"Scans", ""}}, Body: list})
	return nil
}

// ExportJSON is where the list is had as JSON.
func (l scanList) ExportJSON() string {
	return address{path: "/ui/scans/export", query: l.query}.With("format", "json")
}

// chips are the filters in force.
func (l scanList) chips() []chip {
	var out []chip
	add := func(name, parameter, value string) {
		out = append(out, chip{name, l.Without(parameter, value)})
	}
	for _, c := range append(append([]choice{}, l.Outcomes...), l.Sources...) {
		if c.Chosen {
			name := "outcome"
			if l.Has("source", c.Value) {
				name = "source"
			}
			add(c.Name, name, c.Value)
		}
	}
	for _, g := range l.Groups {
		if l.Has("group", g.UUID.String()) {
			add(g.Name, "group", g.UUID.String())
		}
	}
	for _, name := range []string{"q", "labels", "version"} {
		if text := l.Text(name); text != "" {
			add(text, name, l.query.Get(name))
		}
	}
	return out
}

// Exports of lists are bounded; who needs more asks the API page by page.
const maxExport = 10_000

// exportScans writes the list that an address chooses as CSV or JSON.
func (d *Door) exportScans(w http.ResponseWriter, r *http.Request) error {
	a := addressOf(r)
	f := a.scanFilter(time.Now())
	f.Limit = maxExport
	scans, total, err := d.Store.Scans(r.Context(), f)
	if err != nil {
		return err
	}
	format := report.CSV
	if a.Text("format") == "json" {
		format = report.JSON
	}
	w.Header().Set("X-Total-Items", strconv.Itoa(total))
	w.Header().Set("Content-Type", format.ContentType())
	w.Header().Set("Content-Disposition", `attachment; filename="scans.`+string(format)+`"`)
	w.Header().Set("Cache-Control", "no-store")
	return report.WriteList(w, format, scans, total, d.options(r))
}

// exportScan writes one scan in one of the formats of package report.
func (d *Door) exportScan(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	format, err := report.ParseFormat(addressOf(r).Text("format"))
	if err != nil {
		return &trouble{http.StatusBadRequest, "Unknown format", "Scans are exported as json, sarif, cyclonedx, csv or text."}
	}
	extension := map[report.Format]string{report.JSON: "json", report.SARIF: "sarif", report.CycloneDX: "cdx.json", report.CSV: "csv", report.Text: "txt"}[format]
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="scan-%s.%s"`, id, extension))
	return d.writeReport(w, r, id, format)
}

// writeReport writes a scan with everything that explains it.
func (d *Door) writeReport(w http.ResponseWriter, r *http.Request, id uuid.UUID, format report.Format) error {
	scan, err := d.Store.Scan(r.Context(), id)
	if err != nil {
		return err
	}
	o := d.options(r)
	o.Explain = true
	var text bytes.Buffer
	if err := report.Write(&text, format, scan, o); err != nil {
		return err
	}
	w.Header().Set("Content-Type", format.ContentType())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Modelgate-Scan", id.String())
	_, _ = w.Write(text.Bytes()) // a client that left needs no answer
	return nil
}
