package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// address is what the address of a list says: filters, order and page. Links to other states of the list are made from it.
type address struct {
	path  string
	query url.Values
}

func addressOf(r *http.Request) address { return address{path: r.URL.Path, query: r.URL.Query()} }

// Text is a parameter, bounded.
func (a address) Text(name string) string {
	text := strings.ToValidUTF8(strings.TrimSpace(a.query.Get(name)), "")
	return text[:min(len(text), 512)]
}

// Has tells whether a parameter has a value among its values.
func (a address) Has(name, value string) bool { return slices.Contains(a.query[name], value) }

// With is the address with a parameter set, on its first page; "" takes the parameter out.
func (a address) With(name, value string) string {
	q := cloned(a.query)
	if name != "page" {
		q.Del("page")
	}
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
	return joined(a.path, q)
}

// Without is the address without one of the values of a parameter.
func (a address) Without(name, value string) string {
	q := cloned(a.query)
	q.Del("page")
	q[name] = slices.DeleteFunc(q[name], func(v string) bool { return v == value })
	return joined(a.path, q)
}

// Query is the query of the address under another path.
func (a address) At(path string) string { return joined(path, cloned(a.query)) }

func cloned(q url.Values) url.Values {
	out := url.Values{}
	for name, values := range q {
		out[name] = slices.Clone(values)
	}
	return out
}

func joined(path string, q url.Values) string {
	if text := q.Encode(); text != "" {
		return path + "?" + text
	}
	return path
}

// ids are the values of a parameter that are UUIDs.
func (a address) ids(name string) []uuid.UUID {
	var out []uuid.UUID
	for _, text := range a.query[name] {
		if id, err := uuid.Parse(text); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// pageSizes are those that people can choose.
func pageSizes() []int { return []int{10, 25, 50, 100} }

// paging is a page of a list.
type paging struct {
	address
	Total, Page, Size int
}

// paging reads page and size; what makes no sense is the first page of ten.
func (a address) paging() paging {
	p := paging{address: a, Page: 1, Size: 10}
	if n, err := strconv.Atoi(a.query.Get("size")); err == nil && slices.Contains(pageSizes(), n) {
		p.Size = n
	}
	if n, err := strconv.Atoi(a.query.Get("page")); err == nil && n > 1 && n < 1<<24 {
		p.Page = n
	}
	return p
}

func (p paging) skip() int { return (p.Page - 1) * p.Size }

// From and To number the rows of the page, from 1.
func (p paging) From() int { return min(p.skip()+1, p.Total) }

// To is the number of the last row of the page.
func (p paging) To() int { return min(p.skip()+p.Size, p.Total) }

// Sizes are the sizes that people can choose.
func (p paging) Sizes() []int { return pageSizes() }

// SizeLink is the list with another size of pages.
func (p paging) SizeLink(n int) string { return p.With("size", strconv.Itoa(n)) }

// Previous and Next are the neighbours of the page, "" if there are none.
func (p paging) Previous() string {
	if p.Page <= 1 {
		return ""
	}
	return p.With("page", strconv.Itoa(min(p.Page-1, p.last())))
}

// Next is the page that follows.
func (p paging) Next() string {
	if p.Page >= p.last() {
		return ""
	}
	return p.With("page", strconv.Itoa(p.Page+1))
}

func (p paging) last() int { return max(1, (p.Total+p.Size-1)/p.Size) }

// dateRange is a span of time that people choose by name.
type dateRange struct{ Value, Name string }

func dateRanges() []dateRange {
	return []dateRange{
		{"hour", "Past Hour"},
		{"day", "Past 24 Hours"},
		{"7d", "Past 7 Days"},
		{"30d", "Past 30 Days"},
		{"90d", "Past 90 Days"},
		{"all", "All Time"},
		{"own", "Own Range"},
	}
}

// span reads the range of an address, of which the past 30 days are the default. Days of an own range are UTC, the last one included.
func (a address) span(now time.Time) (chosen string, from, to time.Time) {
	switch chosen = a.Text("range"); chosen {
	case "hour":
		return chosen, now.Add(-time.Hour), to
	case "day":
		return chosen, now.AddDate(0, 0, -1), to
	case "7d":
		return chosen, now.AddDate(0, 0, -7), to
	case "90d":
		return chosen, now.AddDate(0, 0, -90), to
	case "all":
		return chosen, from, to
	case "own":
		if t, err := time.Parse(time.DateOnly, a.Text("start")); err == nil {
			from = t
		}
		if t, err := time.Parse(time.DateOnly, a.Text("end")); err == nil {
			to = t.AddDate(0, 0, 1).Add(-time.Microsecond)
		}
		return chosen, from, to
	default:
		return "30d", now.AddDate(0, 0, -30), to
	}
}
