package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/threat"
)

// activityPage is the overview of what the gate has done.
type activityPage struct {
	address
	Ranges   []dateRange
	Range    string
	Totals   []outcomeTotal
	Chart    chart
	Threats  []bar
	Models   []bar
	Answered int
	Refused  int
	Known    string // share of the requests that met a known verdict
	Median   string
	Slow     string // the 95th of 100 scans
}

// bar is a row of a chart of bars, with its share of the longest in percent.
type bar struct {
	Name, Link, Title string
	Count, Share      int
}

// chart is a chart of columns by day, in units of its view box.
type chart struct {
	Width, Height, Base int
	Columns             []column
	Most                int
}

type column struct {
	Day    time.Time
	X      int
	Width  int
	Parts  []part
	Counts map[model.Outcome]int
	Total  int
}

type part struct {
	Outcome   model.Outcome
	Y, Height int
}

// Sizes of the chart.
const (
	chartWidth  = 720
	chartHeight = 180
)

// newChart stacks the scans of each day by outcome.
func newChart(days []store.DayCount, from, to time.Time) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Base: chartHeight}
	byDay := map[time.Time]map[model.Outcome]int{}
	for _, d := range days {
		if byDay[d.Day] == nil {
			byDay[d.Day] = map[model.Outcome]int{}
		}
		byDay[d.Day][d.Outcome] += d.Scans
	}
	first := from.UTC().Truncate(24 * time.Hour)
	n := int(to.Sub(first)/(24*time.Hour)) + 1
	for i := range n {
		day := first.AddDate(0, 0, i)
		col := column{Day: day, X: i * chartWidth / n, Width: max(1, chartWidth/n-2), Counts: byDay[day]}
		for _, k := range col.Counts {
			col.Total += k
		}
		c.Most = max(c.Most, col.Total)
		c.Columns = append(c.Columns, col)
	}
	for i := range c.Columns {
		y := chartHeight
		for _, o := range []model.Outcome{model.Allowed, model.Pending, model.Errored, model.Blocked} {
			k := c.Columns[i].Counts[o]
			if k == 0 {
				continue
			}
			h := max(1, k*(chartHeight-4)/c.Most)
			y -= h
			c.Columns[i].Parts = append(c.Columns[i].Parts, part{o, y, h})
		}
	}
	return c
}

// Count is how many scans of a day ended so.
func (c column) Count(o string) int { return c.Counts[model.Outcome(o)] }

// mostDays is the longest span of the chart.
const mostDays = 90

func (d *Door) showActivity(w http.ResponseWriter, r *http.Request) error {
	a, now, ctx := addressOf(r), time.Now(), r.Context()
	page := activityPage{address: a, Ranges: []dateRange{{"7d", "Past 7 Days"}, {"30d", "Past 30 Days"}, {"90d", "Past 90 Days"}}}
	var from time.Time
	page.Range, from, _ = a.span(now)
	if page.Range != "7d" && page.Range != "90d" {
		page.Range, from = "30d", now.AddDate(0, 0, -30)
	}
	from = from.UTC().Truncate(24 * time.Hour)
	days, err := d.Store.ScansByDay(ctx, from)
	if err != nil {
		return err
	}
	page.Chart = newChart(days, from, now)
	total := map[model.Outcome]int{}
	scans := 0
	for _, day := range days {
		total[day.Outcome] += day.Scans
		scans += day.Scans
	}
	for _, o := range []model.Outcome{model.Allowed, model.Blocked, model.Errored, model.Pending} {
		page.Totals = append(page.Totals, outcomeTotal{o, total[o]})
	}
	threats, err := d.Store.ThreatsFound(ctx, from, 10)
	if err != nil {
		return err
	}
	for _, t := range threats {
		known, ok := threat.Lookup(threat.ID(t.Name))
		b := bar{Name: t.Name, Count: t.Count}
		if ok {
			b.Title, b.Link = known.Title, threatLink(known)
		}
		page.Threats = append(page.Threats, b)
	}
	blocked, err := d.Store.BlockedModels(ctx, from, 10)
	if err != nil {
		return err
	}
	for _, m := range blocked {
		link := address{path: "/ui/scans", query: map[string][]string{"outcome": {string(model.Blocked)}, "range": {page.Range}}}
		page.Models = append(page.Models, bar{Name: tail(60, m.Name), Title: visible(m.Name), Link: link.With("q", m.Name), Count: m.Count})
	}
	shares(page.Threats)
	shares(page.Models)
	if page.Answered, page.Refused, err = d.Store.Served(ctx, from); err != nil {
		return err
	}
	if requests := page.Answered + page.Refused; requests > 0 {
		page.Known = fmt.Sprintf("%.1f %%", 100*float64(max(0, requests-scans))/float64(requests))
	}
	durations, err := d.Store.ScanDurations(ctx, from, 1000)
	if err != nil {
		return err
	}
	if len(durations) > 0 {
		slices.Sort(durations)
		page.Median = durations[len(durations)/2].Round(time.Millisecond).String()
		page.Slow = durations[len(durations)*95/100].Round(time.Millisecond).String()
	}
	d.show(w, r, "activity", view{Title: "Activity", Crumbs: []crumb{{"Insights", ""}, {"Activity", ""}}, Body: page})
	return nil
}

// shares sets the length of each bar against the longest.
func shares(bars []bar) {
	most := 1
	for _, b := range bars {
		most = max(most, b.Count)
	}
	for i := range bars {
		bars[i].Share = max(1, bars[i].Count*100/most)
	}
}

// auditPage is the audit log.
type auditPage struct {
	address
	Entries []store.AuditEntry
	Paging  paging
}

func (d *Door) showAudit(w http.ResponseWriter, r *http.Request) error {
	a := addressOf(r)
	page := auditPage{address: a, Paging: a.paging()}
	f := store.AuditFilter{Who: a.Text("who"), Action: a.Text("action"), Object: a.Text("object"), Limit: page.Paging.Size, Skip: page.Paging.skip()}
	_, f.Start, f.End = a.span(time.Now())
	var err error
	if page.Entries, page.Paging.Total, err = d.Store.AuditLog(r.Context(), f); err != nil {
		return err
	}
	d.show(w, r, "audit", view{Title: "Audit log", Crumbs: []crumb{{"Gate", ""}, {"Audit log", ""}}, Body: page})
	return nil
}

// aboutPage is the gate itself.
type aboutPage struct {
	Settings []Setting
	Healthy  bool
}

func (d *Door) showAbout(w http.ResponseWriter, r *http.Request) error {
	page := aboutPage{Settings: d.Settings, Healthy: d.Store.Ping(r.Context()) == nil}
	d.show(w, r, "about", view{Title: "About", Crumbs: []crumb{{"Gate", ""}, {"About", ""}}, Body: page})
	return nil
}
