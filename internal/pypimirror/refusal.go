package pypimirror

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
	"modelgate/internal/policy"
	"modelgate/internal/reply"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/index"
)

// refusal is a verdict that keeps the gate shut.
type refusal struct {
	scan    uuid.UUID
	outcome model.Outcome
	name    string   // of the file
	failed  []string // names of the blocking rules that failed
	// advisory is the identifier of that for which the first of them failed, if it is about one.
	advisory string
	sister   string // the file of the same release that failed, if it's another one
}

func (r refusal) Error() string { return r.name + " is refused: " + r.phrase() }

// phrase is the reason in the status line. No byte of it comes from the package: the UUID comes first, so that cutting never loses it.
func (r refusal) phrase() string {
	switch {
	case r.outcome == model.Pending:
		return reply.Line("modelgate scan "+r.scan.String()+" pending: try again later", maxPhrase)
	case r.outcome == model.Blocked && len(r.failed) > 0:
		return phrase(r.scan, r.failed[0], r.advisory)
	case r.outcome == model.Blocked:
		return phrase(r.scan, "", "")
	default:
		return reply.Line("modelgate scan "+r.scan.String()+" error: not scanned", maxPhrase)
	}
}

// failure is an answer of the door's own that is no verdict.
type failure struct {
	status  int
	message string
}

func (f failure) Error() string { return f.message }

// problem is the document of every error (RFC 9457), which uv shows.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance,omitempty"`
}

// fail answers with an error. If an answer has begun, or nobody is there to read it, the connection is cut, so that nobody takes a
// part for the whole.
func (d *Door) fail(x *exchange, err error) {
	reply.CutLate(x.out, x.Request, err)
	var refused refusal
	if errors.As(err, &refused) {
		d.refuse(x, refused)
		return
	}
	if errors.Is(err, index.ErrClaimed) {
		d.refusePlace(x, "name claim", "this name belongs to another index than the one that the address names")
		return
	}
	if errors.Is(err, index.ErrNotListed) {
		d.refusePlace(x, "not listed by its index", "no page of the index lists a file at this address, so nothing is known of it")
		return
	}
	f := own(err)
	x.out.Header().Set("X-Error-Message", reply.Line("modelgate: "+f.message, 300))
	d.write(x, f.status, "", problem{Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Detail: "modelgate: " + f.message})
}

// own finds status and sentence for an error. What is not known is told to the log alone.
func own(err error) failure {
	var f failure
	var timeout net.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, gate.ErrNoGroup), errors.Is(err, gate.ErrWrongSource):
		return failure{http.StatusNotFound, err.Error()}
	case errors.Is(err, index.ErrNotFound):
		return failure{http.StatusNotFound, "no index has this"}
	case errors.Is(err, blob.ErrMismatch):
		return failure{http.StatusBadGateway, "the bytes that the index gave are not those it announced"}
	case errors.Is(err, blob.ErrNoSpace):
		return failure{http.StatusInsufficientStorage, "there is no space for the file"}
	case errors.Is(err, upstream.ErrRefused):
		return failure{http.StatusBadGateway, "the index pointed to an address that is not allowed"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failure{http.StatusGatewayTimeout, "the index did not answer in time"}
	case errors.Is(err, index.ErrUnavailable), errors.Is(err, upstream.ErrUnreachable):
		return failure{http.StatusBadGateway, "the index gives no usable answer"}
	default:
		return failure{http.StatusInternalServerError, "it could not be answered; the log tells more"}
	}
}

// refuse answers with a verdict that is not ALLOWED: the reason in the status line for pip and poetry, the document for uv.
func (d *Door) refuse(x *exchange, r refusal) {
	text := r.phrase()
	id := r.scan.String()
	h := x.out.Header()
	h.Set("X-Modelgate-Scan", id)
	h.Set("X-Error-Message", text)
	h.Set("X-Error-Code", "ModelgateBlocked")
	link := d.address(x) + "/ui/scans/" + id
	p := problem{Type: "about:blank", Title: "blocked by modelgate", Status: http.StatusForbidden, Instance: "/scans/" + id}
	switch r.outcome {
	case model.Blocked:
		if len(r.failed) > 0 {
			p.Title = "blocked by modelgate: " + r.failed[0]
			p.Type = d.address(x) + "/ui/rules/" + policy.Slug(r.failed[0])
		}
		why := rules(r.failed)
		if r.advisory != "" {
			p.Title += " " + r.advisory
			why += " (" + r.advisory + ")"
		}
		p.Detail = fmt.Sprintf("%s is refused: it failed %s; scan %s %s", r.name, why, id, link)
		if r.sister != "" {
			p.Detail = fmt.Sprintf("%s is refused: %s of the same release failed %s; scan %s %s", r.name, r.sister, why, id, link)
		}
	case model.Pending:
		p.Title = "modelgate is still scanning"
		p.Detail = fmt.Sprintf("%s is being scanned: try again later; scan %s %s", r.name, id, link)
	default:
		p.Title = "modelgate could not scan"
		p.Detail = fmt.Sprintf("%s could not be scanned, so it is not served; scan %s %s", r.name, id, link)
	}
	d.write(x, http.StatusForbidden, text, p)
}

// refusePlace answers for a file that is not where it belongs. Nothing was scanned, so there is no scan to name.
func (d *Door) refusePlace(x *exchange, what, detail string) {
	text := "modelgate blocked: " + what
	x.out.Header().Set("X-Error-Message", text)
	x.out.Header().Set("X-Error-Code", "ModelgateBlocked")
	d.write(x, http.StatusForbidden, text, problem{
		Type: "about:blank", Title: "blocked by modelgate: " + what, Status: http.StatusForbidden, Detail: "modelgate: " + detail,
	})
}

// rules joins the names of rules, at most three.
func rules(failed []string) string {
	switch {
	case len(failed) == 0:
		return "the policy"
	case len(failed) > 3:
		return strings.Join(failed[:3], ", ") + fmt.Sprintf(" and %d more", len(failed)-3)
	default:
		return strings.Join(failed, ", ")
	}
}

// write sends an error with its document.
func (d *Door) write(x *exchange, status int, reason string, p problem) {
	text, err := json.Marshal(p)
	if err != nil {
		text = []byte(`{}`)
	}
	h := x.out.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	reply.Refuse(x.out, x.Request, false, status, reason, text)
}
