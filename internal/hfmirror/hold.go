package hfmirror

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// errHeld means that a request has waited as long as it may.
var errHeld = errors.New("waited as long as a request may")

// hold keeps a client while something that it needs is in the making, in that client's own way: huggingface_hub in Python takes any
// number of 100 Continue as signs of life; others break on them and wait in silence.
type hold struct {
	x     *exchange
	every time.Duration
	beats bool
	limit *time.Timer // of all waits together; nil until the first
	until time.Duration
	gauge interface {
		Inc()
		Dec()
	}
}

func (d *Door) hold(x *exchange) *hold {
	return &hold{
		x: x, every: d.Heartbeat, until: d.Hold, gauge: d.metrics.Waiting,
		beats: x.ProtoMajor == 1 && x.ProtoMinor == 1 && strings.Contains(x.UserAgent(), "hf_hub/"),
	}
}

// wait returns nil when done is closed, errHeld when the request has waited for too long, or the error of its context.
func (h *hold) wait(done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	h.gauge.Inc()
	defer h.gauge.Dec()
	if h.limit == nil {
		h.limit = time.NewTimer(h.until)
	}
	var beat <-chan time.Time
	if h.beats {
		ticker := time.NewTicker(h.every)
		defer ticker.Stop()
		beat = ticker.C
		h.x.out.WriteHeader(http.StatusContinue)
	}
	for {
		select {
		case <-done:
			return nil
		case <-beat:
			h.x.out.WriteHeader(http.StatusContinue)
		case <-h.limit.C:
			h.limit.Reset(0) // for whoever waits next
			return errHeld
		case <-h.x.Context().Done():
			return h.x.Context().Err()
		}
	}
}

// over tells whether an error means that the wait was too long.
func (h *hold) over(err error) bool { return errors.Is(err, errHeld) }

// end gives the timer back.
func (h *hold) end() {
	if h.limit != nil {
		h.limit.Stop()
	}
}
