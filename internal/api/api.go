// Package api is the door for programs that manage scans: it creates, shows and lists them over HTTP, in the shapes of the
// published contract. It refuses nothing that a verdict refuses; it only speaks of it.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/policy"
	"modelgate/internal/store"
	"modelgate/internal/upstream/bucket"
	"modelgate/internal/upstream/hub"
)

// Config is what the API needs.
type Config struct {
	Store *store.Store
	Gate  *gate.Gate
	Hub   *hub.Client
	Blobs *blob.Store // nil: models are read by range alone
	// Stores reads models in object stores. AnyBucket lets it read buckets that are not registered, with what the machine has.
	Stores    *bucket.Stores
	AnyBucket bool
	Log       zerolog.Logger

	PublicURL   string        // what links start with; "" is taken from the request
	Tenant      string        // tsg_id in answers
	Preset      policy.Preset // the states that rules of new groups start with
	StrictEnums bool          // hide values that the published contract does not have
	// PackageIndex says whether the gate serves a package index.
	PackageIndex bool
	// Authenticate says who calls; nil lets everybody do everything, for commands and while accounts are off. Its error is rendered.
	Authenticate func(*http.Request) (auth.Principal, error)
	// Progress, if set, is told of the files of scans of the Hub as they are judged.
	Progress func(finding.NamedReport)
}

// API answers requests under /aims, /oauth2 and /guardian.
type API struct {
	Config
	mux     *http.ServeMux
	tokens  tokens
	started time.Time
}

// New returns the API.
func New(c Config) *API {
	a := &API{Config: c, mux: http.NewServeMux(), tokens: newTokens(), started: time.Now()}
	for _, table := range [][]route{a.tokenRoutes(), a.dataRoutes(), a.managementRoutes(), a.guardianRoutes()} {
		for _, r := range table {
			a.mux.Handle(r.pattern, a.handle(r.checked()))
		}
	}
	return a
}

// route is one line of the tables that say what is served, and to whom.
type route struct {
	pattern string // of [http.ServeMux]
	// needs is the permission that a caller must have, to the level; "" lets everybody in.
	needs auth.Permission
	level auth.Level
	serve handler
}

// checked is the handler of a route behind the check of its permission.
func (r route) checked() handler {
	if r.needs == "" {
		return r.serve
	}
	return func(w http.ResponseWriter, req *http.Request) error {
		if !auth.From(req.Context()).May(r.needs, r.level) {
			w.Header().Set("X-Opa-Decision", "false") // the token is good: clients need not log in again
			return problem(http.StatusForbidden, "FORBIDDEN", "this needs the permission %s", r.needs)
		}
		return r.serve(w, req)
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("X-Request-Id", id)
	caller := auth.Principal{Everything: true}
	if a.Authenticate != nil {
		var err error
		if caller, err = a.Authenticate(r); err != nil {
			a.render(w, r, err)
			return
		}
	}
	ctx := auth.With(r.Context(), caller)
	r = r.WithContext(store.WithAuthor(ctx, store.Author{Name: owner(r.WithContext(ctx)), Address: r.RemoteAddr, Request: id}))
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.handle(notServed(a.mux)).ServeHTTP(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// notServed answers for paths and methods that are not in the table, in the API's own shape.
func notServed(mux *http.ServeMux) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return problem(http.StatusNotFound, "NOT_FOUND", "there is no %s", r.URL.Path)
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return problem(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "%s is not possible here; %s is", r.Method, strings.Join(allowed, ", "))
	}
}

// handler answers a request or says why it can't.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle renders the error of a handler. What is our own failure is logged, and not explained to the caller.
func (a *API) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				a.Log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("API failed")
				a.render(w, r, problem(http.StatusInternalServerError, "INTERNAL_ERROR", "the gate failed"))
			}
		}()
		if err := h(w, r); err != nil {
			a.render(w, r, err)
		}
	})
}

// Problem is a refusal in the API's own shape.
type Problem struct {
	Status  int           `json:"-"`
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Details []ErrorDetail `json:"details,omitempty"`
}

// ErrorDetail says which part of a request is wrong.
type ErrorDetail struct {
	Location []string `json:"loc"`
	Message  string   `json:"msg"`
	Type     string   `json:"type"`
}

func (p *Problem) Error() string { return p.Message }

func problem(status int, code, format string, args ...any) *Problem {
	return &Problem{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid is a request that can be parsed and is wrong.
func invalid(details ...ErrorDetail) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Code: "VALIDATION_ERROR", Message: "the request is not valid", Details: details}
}

func detail(kind, message string, location ...string) ErrorDetail {
	return ErrorDetail{Location: location, Message: message, Type: kind}
}

// render writes an error as the API says it.
func (a *API) render(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	var upstream *hub.Error
	switch {
	case errors.As(err, &p):
	case errors.Is(err, store.ErrNotFound), errors.Is(err, gate.ErrNoGroup):
		p = problem(http.StatusNotFound, "NOT_FOUND", "%s", err)
	case errors.Is(err, gate.ErrWrongSource):
		p = problem(http.StatusBadRequest, "SOURCE_TYPE_MISMATCH", "%s", err)
	case errors.As(err, &upstream):
		p = problem(http.StatusBadRequest, "BAD_REQUEST", "%s", hubSays(upstream))
	case errors.Is(err, hub.ErrUnreachable):
		w.Header().Set("Retry-After", "10")
		p = problem(http.StatusServiceUnavailable, "UNAVAILABLE", "the Hub cannot be reached")
	case r.Context().Err() != nil:
		return // nobody listens
	default:
		a.Log.Error().Err(err).Str("path", r.URL.Path).Msg("API failed")
		p = problem(http.StatusInternalServerError, "INTERNAL_ERROR", "the gate failed")
	}
	if isGuardian(r) {
		writeJSON(w, p.Status, guardianDetail(p))
		return
	}
	writeJSON(w, p.Status, p)
}

// hubSays puts the Hub's refusal into words. It does not tell strangers apart what is absent and what is private.
func hubSays(e *hub.Error) string {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return "the model does not exist on the Hub, or needs a token that may read it; the Hub says: " + e.Message
	default:
		return "the Hub says: " + e.Message
	}
}

// writeJSON writes a value that always encodes.
func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"code":"INTERNAL_ERROR","message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that left needs no answer
}

// publicURL is what links start with; "" if there is nothing to link to, as for a request that came from no network.
func (a *API) publicURL(r *http.Request) string {
	if a.PublicURL != "" {
		return strings.TrimRight(a.PublicURL, "/")
	}
	if r.Host == "" {
		return ""
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
