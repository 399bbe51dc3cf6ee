package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
)

// params reads a query and collects what is wrong with it.
type params struct {
	query url.Values
	wrong []ErrorDetail
}

func paramsOf(r *http.Request) *params { return &params{query: r.URL.Query()} }

func (p *params) bad(name, kind, format string, args ...any) {
	p.wrong = append(p.wrong, detail(kind, fmt.Sprintf(format, args...), "query", name))
}

// err is nil if nothing was wrong.
func (p *params) err() error {
	if len(p.wrong) == 0 {
		return nil
	}
	return invalid(p.wrong...)
}

// number reads a whole number between limits.
func (p *params) number(name string, byDefault, low, high int) int {
	text := p.query.Get(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.bad(name, "int_parsing", "Input should be a valid integer")
		return byDefault
	}
	if n < low || n > high {
		p.bad(name, "out_of_range", "Input should be between %d and %d", low, high)
	}
	return n
}

// page reads limit and skip.
func (p *params) page() (limit, skip int) {
	return p.number("limit", 10, 1, 100), p.number("skip", 0, 0, 1<<31-1)
}

// list reads a parameter that may be repeated, hold commas, or both.
func (p *params) list(name string) []string {
	var out []string
	for _, value := range p.query[name] {
		for part := range strings.SplitSeq(value, ",") {
			if part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// choice reads one of a few words.
func (p *params) choice(name, byDefault string, allowed ...string) string {
	text := p.query.Get(name)
	if text == "" {
		return byDefault
	}
	if !slices.Contains(allowed, text) {
		p.bad(name, "enum", "Input should be %s", strings.Join(allowed, " or "))
	}
	return text
}

// flag reads true, false, 1 or 0 in any case.
func (p *params) flag(name string) bool {
	text := p.query.Get(name)
	if text == "" {
		return false
	}
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		p.bad(name, "bool_parsing", "Input should be true or false")
	}
	return b
}

// id reads a UUID.
func (p *params) id(name string) uuid.UUID {
	text := p.query.Get(name)
	if text == "" {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		p.bad(name, "uuid_parsing", "Input should be a valid UUID")
	}
	return id
}

// ids reads a list of UUIDs.
func (p *params) ids(name string) []uuid.UUID {
	var out []uuid.UUID
	for _, text := range p.list(name) {
		id, err := uuid.Parse(text)
		if err != nil {
			p.bad(name, "uuid_parsing", "Input should be a valid UUID")
		}
		out = append(out, id)
	}
	return out
}

// search reads a text to look for, of 3 to 1000 characters.
func (p *params) search(name string) string {
	text := p.text(name, 1000)
	if n := utf8.RuneCountInString(text); text != "" && n < 3 {
		p.bad(name, "string_too_short", "String should have at least 3 characters")
	}
	return text
}

// pathID reads a UUID of the path.
func pathID(r *http.Request, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue(name))
	if err != nil || len(r.PathValue(name)) != 36 {
		return uuid.Nil, invalid(detail("uuid_parsing", "Input should be a valid UUID", "path", name))
	}
	return id, nil
}

// text reads a text of bounded length.
func (p *params) text(name string, limit int) string {
	text := p.query.Get(name)
	if len(text) > limit {
		p.bad(name, "string_too_long", "String should have at most %d characters", limit)
	}
	return text
}

// time reads a time with a zone, without one (which is UTC), or a date (its midnight).
func (p *params) time(name string) time.Time {
	text := strings.Replace(p.query.Get(name), " ", "+", 1) // a plus sign that was not escaped
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly, "2006-01-02+15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	p.bad(name, "datetime_parsing", "Input should be a time like 2025-01-01T00:00:00Z")
	return time.Time{}
}

// enums reads a list of words of an enumeration.
func enums[T ~string](p *params, name string, allowed []T) []T {
	var out []T
	for _, text := range p.list(name) {
		v := T(text)
		if !slices.Contains(allowed, v) {
			p.bad(name, "enum", "%q is not allowed here", text)
		}
		out = append(out, v)
	}
	return out
}

// scanFilter reads all filters of a list of scans.
func scanFilter(p *params) store.ScanFilter {
	var f store.ScanFilter
	f.Limit, f.Skip = p.page()
	f.Search = p.text("search_query", 256)
	if f.Search == "" {
		f.Search = p.text("search", 256)
	}
	if group := p.id("security_group_uuid"); group != uuid.Nil {
		f.Groups = []uuid.UUID{group}
	}
	f.Sources = enums(p, "source_types", model.Sources())
	f.Outcomes = enums(p, "eval_outcomes", outcomes())
	f.Start, f.End = p.time("start_time"), p.time("end_time")
	f.LabelsQuery = p.text("labels_query", 4096)
	f.ModelVersion = p.id("model_version_uuid")
	f.Origin = model.ScanOrigin(p.text("scan_origin", 64))
	f.ByUpdate = p.choice("sort_by", "created_at", "created_at", "updated_at") == "updated_at"
	f.OldestFirst = p.choice("sort_order", "desc", "asc", "desc") == "asc"
	return f
}
