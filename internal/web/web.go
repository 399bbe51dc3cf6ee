// Package web is the door for people: pages under /ui/, rendered by the server from what the record, the catalogue of rules and the
// catalogue of threats hold. It decides nothing of its own: what a page changes goes through the same checks as the API.
//
// Pages work without scripts and without anything from elsewhere; the one script makes them smoother. The whole state of a page is in
// its address, so an address is what people share. Names and texts come from strangers: they are escaped by html/template, and what
// would turn writing around or is invisible is shown as what it is.
//
// Read it in the order of a request: web.go (routes, permissions, errors), page.go (the frame around each page), address.go (what an address
// says), then one file a page.
package web

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/policy"
	"modelgate/internal/report"
	"modelgate/internal/store"
)

// Config is what the pages need.
type Config struct {
	Store  *store.Store
	Gate   *gate.Gate
	Preset policy.Preset // the states that rules of new groups start with
	Log    zerolog.Logger

	PublicURL   string // what links start with; "" is taken from the request
	Tenant      string
	StrictEnums bool
	Version     string // of the program
	// Settings are what the page about the gate shows, in order. No secret is among them.
	Settings []Setting
	// Authenticate says who looks; nil lets everybody see and do everything, while accounts are off. [ErrLogin] leads to the login.
	Authenticate func(*http.Request) (auth.Principal, error)
}

// Setting is a line about the gate.
type Setting struct{ Name, Value string }

// ErrLogin means that the caller has to say who it is.
var ErrLogin = errors.New("log in first")

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// Door answers requests under /ui/.
type Door struct {
	Config
	mux       *http.ServeMux
	templates map[string]*template.Template
}

// New opens the door.
func New(c Config) (*Door, error) {
	d := &Door{Config: c, mux: http.NewServeMux()}
	var err error
	if d.templates, err = parseTemplates(); err != nil {
		return nil, err
	}
	for _, r := range d.routes() {
		d.mux.Handle(r.pattern, d.handle(r))
	}
	d.mux.HandleFunc("GET /ui/static/{name}", serveStatic)
	d.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, missing("There is no page at this address."))
	})
	return d, nil
}

// route is one page, and what it needs.
type route struct {
	pattern string
	needs   auth.Permission // "": whoever may look at all
	level   auth.Level
	serve   func(http.ResponseWriter, *http.Request) error
}

func (d *Door) routes() []route {
	return []route{
		{"GET /ui/{$}", "", auth.None, toScans},
		{"POST /ui/theme", "", auth.None, d.setTheme},
		{"GET /ui/scans", auth.Scans, auth.Read, d.listScans},
		{"GET /ui/scans/export", auth.Scans, auth.Read, d.exportScans},
		{"GET /ui/scans/{uuid}", auth.Scans, auth.Read, d.showScan},
		{"GET /ui/scans/{uuid}/report", auth.Scans, auth.Read, d.exportScan},
		{"GET /ui/scans/{uuid}/events", auth.Scans, auth.Read, d.followScan},
		{"POST /ui/scans/{uuid}/labels", auth.Scans, auth.Write, d.setLabels},
		{"GET /ui/events", auth.Scans, auth.Read, d.followScans},
		{"GET /ui/activity", auth.Scans, auth.Read, d.showActivity},
		{"GET /ui/insights", auth.Scans, auth.Read, d.listModels},
		{"GET /ui/insights/{uuid}", auth.Scans, auth.Read, d.showModel},
		{"GET /ui/packages", auth.Scans, auth.Read, d.listPackages},
		{"GET /ui/groups", auth.SecurityGroups, auth.Read, d.listGroups},
		{"GET /ui/groups/new", auth.SecurityGroups, auth.Write, d.newGroup},
		{"POST /ui/groups/new", auth.SecurityGroups, auth.Write, d.createGroup},
		{"GET /ui/groups/{uuid}", auth.SecurityGroups, auth.Read, d.showGroup},
		{"POST /ui/groups/{uuid}", auth.SecurityGroups, auth.Write, d.saveGroup},
		{"POST /ui/groups/{uuid}/delete", auth.SecurityGroups, auth.Write, d.deleteGroup},
		{"GET /ui/rules", auth.SecurityRules, auth.Read, d.listRules},
		{"GET /ui/rules/{slug}", auth.SecurityRules, auth.Read, d.showRule},
		{"POST /ui/rules/{slug}/switch", auth.SecurityRules, auth.Write, d.switchRule},
		{"GET /ui/threats", "", auth.None, d.listThreats},
		{"GET /ui/threats/{class}/{id}", "", auth.None, d.showThreat},
		{"GET /ui/audit", auth.Access, auth.Read, d.showAudit},
		{"GET /ui/about", "", auth.None, d.showAbout},
	}
}

// ServeHTTP answers one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	id := uuid.NewString()
	h.Set("X-Request-Id", id)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	caller := auth.Principal{Everything: true}
	if d.Authenticate != nil {
		var err error
		caller, err = d.Authenticate(r)
		if errors.Is(err, ErrLogin) {
			goTo(w, "/ui/login?next="+url.QueryEscape(r.URL.RequestURI()))
			return
		}
		if err != nil {
			d.fail(w, r, err)
			return
		}
	}
	ctx := auth.With(r.Context(), caller)
	r = r.WithContext(ctx)
	r = r.WithContext(store.WithAuthor(ctx, store.Author{Name: auth.Who(r), Address: r.RemoteAddr, Request: id}))
	d.mux.ServeHTTP(w, r)
}

// handle is a page behind the check of its permission. Its errors become pages.
func (d *Door) handle(page route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				d.Log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("page failed")
				d.fail(w, r, errors.New("panic"))
			}
		}()
		if page.needs != "" && !auth.From(r.Context()).May(page.needs, page.level) {
			d.fail(w, r, &trouble{http.StatusForbidden, "You may not see this", fmt.Sprintf("This needs the permission %s. Whoever keeps the accounts of this gate can grant it.", page.needs)})
			return
		}
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				d.fail(w, r, &trouble{http.StatusBadRequest, "This form cannot be read", "It is larger than a form of this gate can be, or damaged. Nothing was changed."})
				return
			}
		}
		if err := page.serve(w, r); err != nil && !errors.Is(err, errLeft) {
			d.fail(w, r, err)
		}
	})
}

// maxForm bounds a form: lists of models are the longest there is.
const maxForm = 4 << 20

// trouble is an answer to a request that cannot be served, in words for people.
type trouble struct {
	status      int
	title, text string
}

func (t *trouble) Error() string { return t.title }

func missing(text string) error { return &trouble{http.StatusNotFound, "Not found", text} }

// fail shows an error as a page. What is our own failure is logged, and not explained to the caller.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	var t *trouble
	switch {
	case errors.As(err, &t):
	case errors.Is(err, store.ErrNotFound):
		t = &trouble{http.StatusNotFound, "Not found", "What this address names is not in the record of this gate."}
	case r.Context().Err() != nil:
		return // nobody looks
	default:
		d.Log.Error().Err(err).Str("path", r.URL.Path).Msg("page failed")
		t = &trouble{
			http.StatusServiceUnavailable, "This page cannot be shown now",
			"The record cannot be read, or the gate failed. Downloads with a known verdict go on. Try again in a moment; the log of the gate says more, under the request id " +
				w.Header().Get("X-Request-Id") + ".",
		}
		w.Header().Set("Retry-After", "10")
	}
	v := view{Title: t.title, Body: t.text}
	v.status = t.status
	d.show(w, r, "trouble", v)
}

// options are what reports need besides a scan.
func (d *Door) options(r *http.Request) report.Options {
	return report.Options{PublicURL: d.publicURL(r), Tenant: d.Tenant, StrictEnums: d.StrictEnums}
}

// publicURL is what links start with.
func (d *Door) publicURL(r *http.Request) string {
	if d.PublicURL != "" {
		return d.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func toScans(w http.ResponseWriter, r *http.Request) error {
	goTo(w, "/ui/scans")
	return nil
}

// pathID reads the UUID of an address.
func pathID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("uuid"))
	if err != nil {
		return uuid.Nil, missing("The address names nothing: what follows the last slash is not a UUID.")
	}
	return id, nil
}
