package objectstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"github.com/google/uuid"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/bucket"
)

// refusal is a verdict that keeps the gate shut.
type refusal struct {
	scan    uuid.UUID
	outcome model.Outcome
	failed  []string // names of the blocking rules that failed
	unread  bool     // nobody could read it: credentials are missing
}

func (r refusal) Error() string { return r.phrase() }

// maxPhrase bounds a reason phrase.
const maxPhrase = 200

// phrase is the reason in the status line. No byte of it comes from the store or the client.
func (r refusal) phrase() string {
	text := "modelgate scan " + r.scan.String()
	switch {
	case r.outcome == model.Pending:
		text += " pending"
	case r.outcome == model.Blocked && len(r.failed) > 0:
		text += " blocked: " + r.failed[0]
	case r.outcome == model.Blocked:
		text += " blocked: policy"
	case r.unread:
		text += " error: no read credentials"
	default:
		text += " error: not scanned"
	}
	return reply.Line(text, maxPhrase)
}

// failure is an answer of the door's own that is no verdict.
type failure struct {
	status  int
	code    string
	message string
}

func (f failure) Error() string { return f.message }

// retryAfter is when a client that has waited for too long should come back, in seconds.
const retryAfter = "30"

// fail answers with an error. If an answer has begun, or nobody is there to read it, the connection is cut, so that nobody takes a part for
// the whole.
func (d *Door) fail(x *exchange, err error) {
	reply.CutLate(x.out, x.Request, err)
	if x.dialect.refusal == nil {
		x.dialect = s3XML()
	}
	var refused refusal
	if !errors.As(err, &refused) {
		f := own(err)
		d.write(x, "", report{status: f.status, code: f.code, message: "modelgate: " + f.message})
		return
	}
	x.out.Header().Set("X-Modelgate-Scan", refused.scan.String())
	r := report{status: http.StatusForbidden, code: "AccessDenied", message: d.sentence(x, refused), scan: refused.scan.String()}
	if refused.outcome == model.Pending {
		r.status, r.code = http.StatusServiceUnavailable, x.dialect.busy
		x.out.Header().Set("Retry-After", retryAfter)
	}
	d.write(x, refused.phrase(), r)
}

// sentence is what a client is told of a verdict.
func (d *Door) sentence(x *exchange, r refusal) string {
	text := "modelgate refuses " + x.address.String() + ": "
	switch {
	case r.outcome == model.Pending:
		text = "modelgate is still scanning " + x.address.String() + ": try again later."
	case r.outcome == model.Blocked && len(r.failed) > 0:
		text += "it failed " + ruleNames(r.failed) + "."
	case r.unread:
		text += errNoCredentials{x.address}.Error() + "."
	case r.outcome == model.Blocked:
		text += "it failed the policy."
	default:
		text += "it could not be judged."
	}
	text += " Scan " + r.scan.String()
	if d.PublicURL != "" {
		text += " " + d.PublicURL + "/ui/scans/" + r.scan.String()
	}
	return text
}

// ruleNames joins the names of rules, at most three.
func ruleNames(failed []string) string {
	text := failed[0]
	for _, name := range failed[1:min(len(failed), 3)] {
		text += ", " + name
	}
	if len(failed) > 3 {
		text += " and more"
	}
	return text
}

// own finds status and sentence for an error. What is not known is told to the log alone.
func own(err error) failure {
	var f failure
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	var store *bucket.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, gate.ErrNoGroup), errors.Is(err, gate.ErrWrongSource):
		return failure{http.StatusForbidden, "AccessDenied", err.Error()}
	case errors.Is(err, errForeign), errors.Is(err, errContent):
		return failure{http.StatusForbidden, "AccessDenied", "the request is not understood, so it is not answered"}
	case errors.Is(err, upstream.ErrRefused):
		return failure{http.StatusForbidden, "AccessDenied", "the store's address is not allowed"}
	case errors.As(err, &certificate):
		return failure{http.StatusBadGateway, "BadGateway", "the certificate of the store cannot be verified: " + certificate.Err.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failure{http.StatusGatewayTimeout, "GatewayTimeout", "the store did not answer in time"}
	case errors.Is(err, upstream.ErrUnreachable), errors.As(err, &store):
		return failure{http.StatusBadGateway, "BadGateway", "the store gives no usable answer"}
	default:
		return failure{http.StatusInternalServerError, "InternalError", "it could not be answered; the log tells more"}
	}
}

// write sends an error in the provider's own form.
func (d *Door) write(x *exchange, phrase string, r report) {
	status, native, body := x.dialect.refusal(x, r)
	h := x.out.Header()
	for name, values := range native {
		h[name] = values
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if phrase != "" {
		h.Set("X-Error-Message", phrase)
	}
	h.Set("Connection", "close")
	reply.Refuse(x.out, x.Request, false, status, phrase, body)
}
