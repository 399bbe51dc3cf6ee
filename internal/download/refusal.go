package download

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"github.com/google/uuid"

	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream"
)

// refusal keeps bytes back: by a verdict, or because there can be none.
type refusal struct {
	scan    uuid.UUID // uuid.Nil if nothing was scanned
	outcome model.Outcome
	failed  []string // names of the blocking rules that failed
	message string   // why there is no verdict
}

func (r refusal) Error() string { return r.phrase() }

// maxPhrase bounds a reason phrase.
const maxPhrase = 200

// phrase is the reason in the status line. No byte of it comes from the host or the client.
func (r refusal) phrase() string {
	text := "modelgate scan " + r.scan.String()
	switch {
	case r.scan == uuid.Nil:
		text = "modelgate error: " + r.message
	case r.outcome == model.Pending:
		text += " pending"
	case r.outcome == model.Blocked && len(r.failed) > 0:
		text += " blocked: " + r.failed[0]
	case r.outcome == model.Blocked:
		text += " blocked: policy"
	default:
		text += " error: not scanned"
	}
	return reply.Line(text, maxPhrase)
}

// failure is an answer of the door's own that is no verdict.
type failure struct {
	status  int
	message string
}

func (f failure) Error() string { return f.message }

// retryAfter is when a client that has waited for too long should come back, in seconds.
const retryAfter = "30"

// fail answers with an error. If an answer has begun, or nobody is there to read it, the connection is cut, so that nobody takes a part for
// the whole.
func (d *Door) fail(x *exchange, err error) {
	reply.CutLate(x.out, x.Request, err)
	var refused refusal
	if !errors.As(err, &refused) {
		f := own(err)
		d.write(x, f.status, "modelgate: "+f.message, "")
		return
	}
	status := http.StatusForbidden
	if refused.outcome == model.Pending {
		status = http.StatusServiceUnavailable
		x.out.Header().Set("Retry-After", retryAfter)
	}
	text := refused.phrase()
	if refused.scan != uuid.Nil {
		x.out.Header().Set("X-Modelgate-Scan", refused.scan.String())
		if d.PublicURL != "" {
			text += " " + d.PublicURL + "/ui/scans/" + refused.scan.String()
		}
	}
	d.write(x, status, text, refused.phrase())
}

// own finds status and sentence for an error. What is not known is told to the log alone.
func own(err error) failure {
	var f failure
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, gate.ErrNoGroup), errors.Is(err, gate.ErrWrongSource):
		return failure{http.StatusForbidden, err.Error()}
	case errors.Is(err, upstream.ErrRefused):
		return failure{http.StatusForbidden, "the address of this host is not allowed"}
	case errors.As(err, &certificate):
		return failure{http.StatusBadGateway, "the certificate of the host cannot be verified: " + certificate.Err.Error()}
	case errors.Is(err, blob.ErrNoSpace), errors.Is(err, blob.ErrTooLarge):
		return failure{http.StatusInsufficientStorage, "there is no space for what would have to be kept to judge it"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failure{http.StatusGatewayTimeout, "the host did not answer in time"}
	case errors.Is(err, upstream.ErrUnreachable), errors.Is(err, upstream.ErrStalled):
		return failure{http.StatusBadGateway, "the host gives no usable answer"}
	default:
		return failure{http.StatusInternalServerError, "it could not be answered; the log tells more"}
	}
}

// write sends an error as text, which is what people see of it in the most clients.
func (d *Door) write(x *exchange, status int, text, phrase string) {
	h := x.out.Header()
	clear(h)
	if x.scan != uuid.Nil {
		h.Set("X-Modelgate-Scan", x.scan.String())
	}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Error-Message", reply.Line(text, 300))
	reply.Refuse(x.out, x.Request, false, status, phrase, []byte(text+"\n"))
}
