package hfmirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/hub"
)

// refusal is a verdict that keeps the gate shut.
type refusal struct {
	gate.Verdict
	final bool // waiting would not help, whatever the outcome
}

func (r refusal) Error() string {
	if r.Message != "" {
		return r.Message
	}
	if r.Outcome == model.Pending {
		return "modelgate is still scanning " + r.Version.String() + ": try again later; scan " + r.Scan.String()
	}
	return "Blocked by modelgate: " + r.Version.String() + " is " + string(r.Outcome) + "; scan " + r.Scan.String()
}

// failure is an answer of the door's own that is no verdict.
type failure struct {
	status  int
	code    string // X-Error-Code, if any
	message string
}

func (f failure) Error() string { return f.message }

func notFound(message string) error { return failure{status: http.StatusNotFound, message: message} }

func forbidden(message string) error { return failure{status: http.StatusForbidden, message: message} }

// retryAfter is what a client is told that has waited for a scan in vain, in seconds.
const retryAfter = "30"

// fail answers with an error in the protocol's way. If an answer has begun, or nobody is there to read it, the connection is
// cut, so that nobody takes a part for the whole.
func (d *Door) fail(x *exchange, err error) {
	reply.CutLate(x.out, x.Request, err)
	var refused refusal
	var upstreams *hub.Error
	switch {
	case errors.As(err, &refused):
		d.refuse(x, refused)
	case errors.As(err, &upstreams):
		d.passOn(x, upstreams)
	default:
		d.explain(x, own(err))
	}
}

// own finds status and sentence for an error. What is not known is told to the log alone.
func own(err error) failure {
	var f failure
	var bad badAddress
	var timeout net.Error
	late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &bad):
		return failure{status: http.StatusBadRequest, message: "modelgate: " + bad.Error()}
	case errors.Is(err, errNotOurs):
		return failure{status: http.StatusNotFound, message: "modelgate: " + errNotOurs.Error()}
	case errors.Is(err, gate.ErrNoGroup), errors.Is(err, gate.ErrWrongSource):
		return failure{status: http.StatusNotFound, message: "modelgate: " + err.Error()}
	case errors.Is(err, errHeld), late:
		return failure{status: http.StatusGatewayTimeout, message: "modelgate: the Hub did not answer in time"}
	case errors.Is(err, upstream.ErrUnreachable):
		return failure{status: http.StatusBadGateway, message: "modelgate: the Hub cannot be reached, and what was asked for is not known here"}
	case errors.Is(err, upstream.ErrRefused):
		return failure{status: http.StatusBadGateway, message: "modelgate: the Hub pointed to an address that is not allowed by huggingface.redirect_hosts"}
	case errors.Is(err, hub.ErrAnswer):
		return failure{status: http.StatusBadGateway, message: "modelgate: the Hub's answer makes no sense"}
	case errors.Is(err, blob.ErrMismatch):
		return failure{status: http.StatusBadGateway, message: "modelgate: the bytes that the Hub gave are not those it announced"}
	default:
		return failure{status: http.StatusInternalServerError, message: "modelgate could not answer; its log tells more under the id of this request"}
	}
}

// body is the JSON of every error: clients of the Hub read "error", git-lfs reads "message".
type body struct {
	Error     string `json:"error"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

// blockBody is the JSON of a refusal.
type blockBody struct {
	body
	ScanID   string        `json:"scan_id"`
	ScanURL  string        `json:"scan_url"`
	Outcome  model.Outcome `json:"outcome"`
	Repo     string        `json:"repo"`
	Revision string        `json:"revision"`
	Group    string        `json:"security_group"`
	Rules    []failedRule  `json:"rules"`
}

type failedRule struct {
	Name       string `json:"name"`
	Violations int    `json:"violations"`
}

// refuse answers with a verdict that is not ALLOWED. No X-Error-Code: each of the Hub's makes some client hide the sentence.
func (d *Door) refuse(x *exchange, r refusal) {
	id := x.id
	b := blockBody{
		Outcome: r.Outcome, Repo: r.Version.Name, Revision: r.Version.Revision, Group: r.Group, Rules: []failedRule{},
	}
	where := ""
	if r.Scan != uuid.Nil {
		id = r.Scan.String()
		b.ScanID, b.ScanURL = id, d.home(x)+"/ui/scans/"+id
		where = b.ScanURL
	}
	text := sentence(r.Error(), where)
	b.body = body{Error: text, Message: text, RequestID: id}
	for _, f := range r.Failed {
		if f.State != model.Allowing {
			b.Rules = append(b.Rules, failedRule{Name: f.Name, Violations: f.Violations})
		}
	}
	h := d.common(x)
	h["X-Request-Id"] = []string{id}
	if r.Scan != uuid.Nil {
		h["X-Modelgate-Scan"] = []string{id}
	}
	h.Set("X-Error-Message", text)
	h.Set("X-Hf-Warning", "modelgate; "+ascii(r.Error(), headerText))
	h.Set("X-Repo-Commit", ascii(r.Version.Revision, 64))
	status := http.StatusForbidden
	if r.Outcome == model.Pending && !r.final {
		status = http.StatusServiceUnavailable
		h.Set("Retry-After", retryAfter)
	}
	if d.BlockMetadata && (x.Method == http.MethodHead || x.route == routeAPI) {
		h.Set("X-Error-Code", "GatedRepo")
	}
	d.write(x, status, text, b)
}

// passOn answers as the Hub did.
func (d *Door) passOn(x *exchange, e *hub.Error) {
	h := d.common(x)
	for name, values := range e.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	file := x.route == routeFile || x.route == routeRaw
	if file && e.Status == http.StatusUnauthorized && e.Code == "" && x.token == "" {
		// At an http:// address clients do not recognise a bare 401 as a missing repository.
		h.Set("X-Error-Code", "RepoNotFound")
	} else if e.Code != "" {
		h.Set("X-Error-Code", ascii(e.Code, 60))
	}
	if e.Code == "EntryNotFound" && x.version.Revision != "" && h.Get("X-Repo-Commit") == "" {
		h.Set("X-Repo-Commit", x.version.Revision)
	}
	text := e.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	status := e.Status
	if status < 400 || status > 599 || status == http.StatusInternalServerError { // which would be ours
		status = http.StatusBadGateway
	}
	if e.Status >= http.StatusInternalServerError {
		text = fmt.Sprintf("modelgate: the Hub fails with status %d: %s", e.Status, text)
	}
	d.write(x, status, "", body{Error: text, Message: text, RequestID: h.Get("X-Request-Id")})
}

// explain answers with a failure of the door's own.
func (d *Door) explain(x *exchange, f failure) {
	h := d.common(x)
	if f.code != "" {
		h.Set("X-Error-Code", f.code)
	}
	h.Set("X-Error-Message", ascii(f.message, headerText))
	reason := ""
	if f.status == http.StatusForbidden {
		reason = f.message
	}
	d.write(x, f.status, reason, body{Error: f.message, Message: f.message, RequestID: x.id})
}

// write sends an error with its JSON, or as plain text to git, and with a reason phrase where it is a refusal.
func (d *Door) write(x *exchange, status int, reason string, v any) {
	h := x.out.Header()
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"modelgate could not answer"}`)
	}
	h.Set("Content-Type", "application/json")
	if x.route == routeGit {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		text = []byte(strings.TrimSpace(reason) + "\n")
	}
	h.Set("Cache-Control", "no-store")
	h["X-Content-Type-Options"] = noSniff
	drained := x.route == routeLFS // whose body is read before it is judged
	reply.Refuse(x.out, x.Request, drained, status, ascii(reason, headerText), text)
}
