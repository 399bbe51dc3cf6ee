package web

import (
	"bytes"
	"encoding/json"
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
	"modelgate/internal/report"
	"modelgate/internal/store"
	"modelgate/internal/threat"
)

// scanPage is one scan: the flyover over the list, or a page of its own.
type scanPage struct {
	address
	Scan     model.Scan
	Tab      string // overview, files, json
	Failed   int    // rules
	Passed   int
	Findings int
	Rules    []ruleResult
	Deciding []string // the blocking rules that failed
	Instead  string   // what could be used in its place, "" if nothing is known
	Files    []fileLine
	Above    []crumb // the directories above the files shown
	Paging   paging
	Result   string
	JSON     []document
	Download string // the address at which the version is had through the gate, "" if it is not known
}

// ruleResult is a rule of the scan with the violations that are shown at first.
type ruleResult struct {
	store.EvaluationRow
	Slug    string
	Threats []threatGroup
	Steps   []string
	Shown   int
	More    string // where the others are
	Open    bool
}

// threatGroup are violations of one threat.
type threatGroup struct {
	ID, Title, Link string
	Level           string
	Violations      []model.Violation
}

type fileLine struct {
	store.FileRow
	Name string
	Link string
}

// document is an answer of the API, with how it is had.
type document struct {
	Name, Path, Curl, Text string
	Cut                    bool
}

// shownAtOnce is how many violations of a rule are shown before one asks for more, and how many are on a page of them.
const (
	shownAtOnce    = 10
	violationsPage = 50
)

func (d *Door) showScan(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") { // a terminal, to which a refusal has told this address
		return d.writeReport(w, r, id, report.Text)
	}
	a := addressOf(r)
	page := scanPage{address: a, Tab: a.Text("tab"), Paging: a.paging()}
	if page.Scan, err = d.Store.ScanSummary(r.Context(), id); err != nil {
		return err
	}
	w.Header().Set("X-Modelgate-Scan", id.String())
	rules, _, err := d.Store.Evaluations(r.Context(), id, store.EvaluationFilter{})
	if err != nil {
		return err
	}
	for _, e := range rules {
		page.count(e)
	}
	switch page.Tab {
	case "files":
		err = d.filesOf(r, &page)
	case "json":
		err = d.documentsOf(r, &page)
	default:
		page.Tab = "overview"
		err = d.overviewOf(r, &page, rules)
	}
	if err != nil {
		return err
	}
	title := fmt.Sprintf("Scan of %s using %s group", visible(named(page.Scan)), visible(page.Scan.GroupName))
	d.show(w, r, "scan", view{Title: title, Crumbs: []crumb{{"Model Security", ""}, {"Scans", "/ui/scans"}, {shortID(id), ""}}, Body: page})
	return nil
}

// named is model and version, as people name them.
func named(s model.Scan) string {
	name, version := s.ModelName, s.ModelVersion
	if name == "" {
		name = s.ModelURI
	}
	if version == "" {
		return name
	}
	if len(version) == 40 && strings.Trim(version, "0123456789abcdef") == "" {
		version = version[:12]
	}
	return name + ":" + version
}

func (p *scanPage) count(e store.EvaluationRow) {
	p.Findings += e.Violations
	switch e.Result {
	case model.Failed:
		p.Failed++
		if e.State == model.Blocking {
			p.Deciding = append(p.Deciding, e.RuleName)
		}
	case model.Passed:
		p.Passed++
	case model.RuleError:
	}
}

// overviewOf reads the rules of a scan, failed ones first, with their first violations; with ?rule=<slug> a page of one rule's.
func (d *Door) overviewOf(r *http.Request, p *scanPage, rules []store.EvaluationRow) error {
	order := map[model.RuleResult]int{model.Failed: 0, model.RuleError: 1, model.Passed: 2}
	slices.SortStableFunc(rules, func(a, b store.EvaluationRow) int {
		if a.Result == b.Result && a.Result == model.Failed && a.State != b.State {
			return strings.Compare(string(b.State), string(a.State)) // BLOCKING before ALLOWING
		}
		return order[a.Result] - order[b.Result]
	})
	only := p.Text("rule")
	for _, e := range rules {
		slug := policy.Slug(e.RuleName)
		if only != "" && slug != only {
			continue
		}
		res := ruleResult{EvaluationRow: e, Slug: slug, Open: e.Result == model.Failed}
		limit, skip := shownAtOnce, 0
		if only != "" {
			p.Paging.Size, p.Paging.Total = violationsPage, e.Violations
			limit, skip = violationsPage, p.Paging.skip()
		}
		if e.Violations > 0 {
			rows, err := d.Store.ViolationsOfRule(r.Context(), e.UUID, limit, skip)
			if err != nil {
				return err
			}
			res.group(rows)
			if only == "" && e.Violations > len(rows) {
				res.More = p.With("rule", slug)
			}
		}
		p.Rules = append(p.Rules, res)
	}
	if only != "" && len(p.Rules) == 0 {
		return missing("This scan has no such rule.")
	}
	var err error
	p.Instead, err = d.instead(r, p.Scan)
	return err
}

// group puts violations under their threats, in the order in which those come first.
func (res *ruleResult) group(rows []store.ViolationRow) {
	place := map[string]int{}
	for _, row := range rows {
		v := row.Violation
		i, ok := place[v.Threat]
		if !ok {
			i = len(res.Threats)
			place[v.Threat] = i
			g := threatGroup{ID: v.Threat, Title: v.ThreatTitle}
			if t, known := threat.Lookup(threat.ID(v.Threat)); known {
				g.Link, g.Level = threatLink(t), t.Level.String()
			}
			res.Threats = append(res.Threats, g)
		}
		res.Threats[i].Violations = append(res.Threats[i].Violations, v)
		for _, step := range v.Steps {
			if !slices.Contains(res.Steps, step) {
				res.Steps = append(res.Steps, step)
			}
		}
	}
	res.Shown = len(rows)
}

// instead tells which file of the same version could be used in place of those that failed: weights that are only numbers, and passed.
func (d *Door) instead(r *http.Request, s model.Scan) (string, error) {
	if s.Outcome != model.Blocked || !slices.Contains(s.Formats, "safetensors") {
		return "", nil
	}
	files, _, err := d.Store.Files(r.Context(), s.UUID, store.FileFilter{Recursive: true, OnlyFiles: true, Result: model.FileSuccess, Limit: 1000})
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if slices.Contains(f.Formats, "safetensors") {
			return f.Path, nil
		}
	}
	return "", nil
}

// filesOf reads one directory of a scan's files.
func (d *Door) filesOf(r *http.Request, p *scanPage) error {
	dir := strings.Trim(p.Text("path"), "/")
	p.Result = p.Text("result")
	f := store.FileFilter{Under: dir, ByType: true, Limit: 100, Skip: 0}
	p.Paging.Size = 100
	f.Skip = p.Paging.skip()
	switch result := model.FileResult(p.Result); result {
	case model.FileSkipped, model.FileSuccess, model.FileError, model.FileFailed:
		f.Result, f.Recursive, f.OnlyFiles = result, true, true
	default:
		p.Result = ""
	}
	rows, total, err := d.Store.Files(r.Context(), p.Scan.UUID, f)
	if err != nil {
		return err
	}
	p.Paging.Total = total
	for _, row := range rows {
		line := fileLine{FileRow: row, Name: row.Path}
		if !f.Recursive {
			line.Name = strings.TrimPrefix(strings.TrimPrefix(row.Path, dir), "/")
		}
		if row.Directory {
			line.Link = p.With("path", row.Path)
		}
		p.Files = append(p.Files, line)
	}
	p.Above = []crumb{{"/", p.With("path", "")}}
	if dir == "" {
		return nil
	}
	parts := strings.Split(dir, "/")
	for i, part := range parts {
		p.Above = append(p.Above, crumb{part, p.With("path", strings.Join(parts[:i+1], "/"))})
	}
	return nil
}

// Bounds of the documents on the page; the address beside each gives it whole.
const (
	documentRows  = 25
	documentBytes = 24_000
)

// documentsOf reads what the API answers about a scan.
func (d *Door) documentsOf(r *http.Request, p *scanPage) error {
	o := d.options(r)
	id := p.Scan.UUID
	evaluations, _, err := d.Store.Evaluations(r.Context(), id, store.EvaluationFilter{Limit: documentRows})
	if err != nil {
		return err
	}
	violations, violationCount, err := d.Store.Violations(r.Context(), id, documentRows, 0)
	if err != nil {
		return err
	}
	files, fileCount, err := d.Store.Files(r.Context(), id, store.FileFilter{Recursive: true, Limit: documentRows})
	if err != nil {
		return err
	}
	ev, vi, fi := []report.Evaluation{}, []report.Violation{}, []report.File{}
	for _, row := range evaluations {
		ev = append(ev, report.NewEvaluation(p.Scan, row.Evaluation, row.Violations, o))
	}
	for _, row := range violations {
		vi = append(vi, report.NewViolation(p.Scan, row.Rule, row.Violation, o))
	}
	for _, row := range files {
		fi = append(fi, report.NewFile(p.Scan, row.ScanFile, row.Directory, o))
	}
	base := "/aims/data/v1/scans/" + id.String()
	for _, doc := range []struct {
		name, path string
		cut        bool
		value      any
	}{
		{"Scan", base, false, report.NewScan(p.Scan, o)},
		{"Evaluations", base + "/evaluations?limit=100", false, map[string]any{"evaluations": ev, "pagination": report.Pagination{TotalItems: len(ev)}}},
		{"Violations", base + "/rule-violations?limit=100", violationCount > len(vi), map[string]any{"violations": vi, "pagination": report.Pagination{TotalItems: violationCount}}},
		{"Files", base + "/files?recursive=true&limit=100", fileCount > len(fi), map[string]any{"files": fi, "pagination": report.Pagination{TotalItems: fileCount}}},
	} {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(doc.value); err != nil {
			return fmt.Errorf("encode %s of scan %s: %w", doc.name, id, err)
		}
		shown := document{Name: doc.name, Path: doc.path, Text: text.String(), Cut: doc.cut}
		shown.Curl = "curl -H 'Authorization: Bearer '$TOKEN '" + d.publicURL(r) + doc.path + "'"
		if len(shown.Text) > documentBytes {
			shown.Text, shown.Cut = strings.ToValidUTF8(shown.Text[:documentBytes], ""), true
		}
		p.JSON = append(p.JSON, shown)
	}
	return nil
}

// setLabels replaces the labels of a scan by the lines "key=value" of a form.
func (d *Door) setLabels(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var labels []model.Label
	for line := range strings.Lines(r.PostForm.Get("labels")) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		l := model.Label{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)}
		if !ok || !l.Valid() {
			return &trouble{http.StatusUnprocessableEntity, "A label is wrong", "Labels are lines key=value, of letters, digits, _ and -; this is none: " + visible(line) + ". Nothing was changed; go back, and what you typed is still there."}
		}
		labels = append(labels, l)
	}
	if len(labels) > store.MaxLabels {
		return &trouble{http.StatusUnprocessableEntity, "Too many labels", fmt.Sprintf("A scan has at most %d labels. Nothing was changed.", store.MaxLabels)}
	}
	if err := d.Store.SetLabels(r.Context(), id, labels); err != nil {
		return err
	}
	goTo(w, "/ui/scans/"+id.String())
	return nil
}

// followScan tells a page when the scan has moved on, as server-sent events, until it has settled.
func (d *Door) followScan(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var last time.Time
	return d.follow(w, r, func() (string, bool, error) {
		s, err := d.Store.ScanSummary(r.Context(), id)
		if err != nil {
			return "", false, err
		}
		if s.UpdatedAt.Equal(last) {
			return "", s.Outcome != model.Pending, nil
		}
		last = s.UpdatedAt
		return string(s.Outcome), s.Outcome != model.Pending, nil
	})
}

// followScans tells a page that new scans have come since it was made, as server-sent events.
func (d *Door) followScans(w http.ResponseWriter, r *http.Request) error {
	newest := func() (uuid.UUID, time.Time, error) {
		scans, _, err := d.Store.Scans(r.Context(), store.ScanFilter{Limit: 1, ByUpdate: true})
		if err != nil || len(scans) == 0 {
			return uuid.Nil, time.Time{}, err
		}
		return scans[0].UUID, scans[0].UpdatedAt, nil
	}
	id, at, err := newest()
	if err != nil {
		return err
	}
	return d.follow(w, r, func() (string, bool, error) {
		nowID, nowAt, err := newest()
		if err != nil || nowID == id && nowAt.Equal(at) {
			return "", false, err
		}
		id, at = nowID, nowAt
		return nowID.String(), false, nil
	})
}

// Times of event streams: how often the record is looked at, and after which a page asks again.
const (
	followEvery = time.Second
	followFor   = 5 * time.Minute
)

// follow sends what next tells, if it tells anything, until it says that it has ended or the page goes away.
func (d *Door) follow(w http.ResponseWriter, r *http.Request, next func() (event string, ended bool, err error)) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	flush := http.NewResponseController(w)
	_, _ = fmt.Fprint(w, "retry: 5000\n\n")
	end := time.NewTimer(followFor)
	defer end.Stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		event, ended, err := next()
		if err != nil {
			return errLeft
		}
		if event != "" {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
		}
		if err := flush.Flush(); err != nil || ended {
			return errLeft
		}
		select {
		case <-r.Context().Done():
			return errLeft
		case <-end.C:
			return errLeft
		case <-tick.C:
		}
	}
}

// errLeft ends an answer that was begun and has nothing more to say.
var errLeft = errors.New("the answer has ended")

// threatLink is the page about a threat.
func threatLink(t threat.Threat) string {
	return "/ui/threats/" + threatClass(t.Class) + "/" + url.PathEscape(string(t.ID))
}

func threatClass(c threat.Class) string {
	switch c {
	case threat.Load:
		return "deserialization"
	case threat.Backdoored:
		return "backdoor"
	case threat.Inference:
		return "runtime"
	default:
		return "other"
	}
}

// Duration is how long the scan took, "" while it goes on.
func (p scanPage) Duration() string {
	if p.Scan.TimeFinished.IsZero() || p.Scan.TimeStarted.IsZero() {
		return ""
	}
	return p.Scan.TimeFinished.Sub(p.Scan.TimeStarted).Round(time.Millisecond).String()
}

// TabLink is the scan under another tab.
func (p scanPage) TabLink(tab string) string {
	return "/ui/scans/" + p.Scan.UUID.String() + "?tab=" + tab
}

// LabelLines are the labels as the form has them.
func (p scanPage) LabelLines() string {
	var b strings.Builder
	for _, l := range p.Scan.Labels {
		b.WriteString(l.Key + "=" + l.Value + "\n")
	}
	return b.String()
}

// place says where in its file a violation is.
func place(v model.Violation) string {
	if v.Offset < 0 {
		return ""
	}
	return "at byte " + strconv.FormatInt(v.Offset, 10)
}
