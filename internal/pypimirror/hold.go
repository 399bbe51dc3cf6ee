package pypimirror

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// patience says how a client is kept while a scan runs.
type patience struct {
	// interim clients take any number of 100 Continue as signs of life.
	interim bool
	// step is how long a client waits in silence, or between interim answers.
	step time.Duration
	// steps is how many redirects to the same address a client follows; 0 is none.
	steps int
}

// Times of the clients, all measured: pip gives up after 15 s of silence and uv after 30 s; uv follows ten redirects.
const (
	quiet        = 5 * time.Second // most scans end within
	pipBeat      = 5 * time.Second
	pipStep      = 10 * time.Second
	pipSteps     = 20
	uvStep       = 25 * time.Second
	uvSteps      = 10
	othersStep   = 10 * time.Second
	othersSteps  = 8
	maxWaitParam = 1000
)

// patienceOf knows clients by their name.
func (d *Door) patienceOf(x *exchange) patience {
	agent := x.UserAgent()
	switch {
	case strings.HasPrefix(agent, "pip/") && !d.HoldByRedirect && x.ProtoMajor == 1 && x.ProtoMinor == 1:
		return patience{interim: true, step: pipBeat}
	case strings.HasPrefix(agent, "pip/"):
		return patience{step: pipStep, steps: pipSteps}
	case strings.HasPrefix(agent, "uv/"):
		return patience{step: uvStep, steps: uvSteps}
	default:
		return patience{step: othersStep, steps: othersSteps}
	}
}

// waitParam counts in the query of an address how often a client was sent there to wait.
const waitParam = "w"

// held is how a wait ended.
type held int

const (
	ready   held = iota // what was waited for is there
	again               // the client is to be sent to the same address once more
	tooLong             // the request has waited as long as it may
	gone                // the client left
)

// wait keeps the client until done is closed, in its own way.
func (d *Door) wait(x *exchange, done <-chan struct{}) held {
	select {
	case <-done:
		return ready
	default:
	}
	d.metrics.Waiting.Inc()
	defer d.metrics.Waiting.Dec()
	p := d.patienceOf(x)
	limit := time.NewTimer(d.limit(x, p))
	defer limit.Stop()
	var beat <-chan time.Time
	if p.interim {
		ticker := time.NewTicker(min(p.step, quiet))
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		select {
		case <-done:
			return ready
		case <-beat:
			x.out.WriteHeader(http.StatusContinue)
		case <-limit.C:
			if !p.interim && waited(x) < p.steps {
				return again
			}
			return tooLong
		case <-x.Context().Done():
			return gone
		}
	}
}

// limit is how long this request waits: all of the time for clients that are told that we live, one step for the others.
func (d *Door) limit(x *exchange, p patience) time.Duration {
	if p.interim {
		return d.Hold
	}
	return max(0, min(p.step, d.Hold-time.Duration(waited(x))*p.step))
}

// waited counts the redirects that a client has followed, as its address says. It is believed only so far as to end the wait.
func waited(x *exchange) int {
	n, err := strconv.ParseUint(x.URL.Query().Get(waitParam), 10, 16)
	if err != nil || n > maxWaitParam {
		return 0
	}
	return int(n)
}

// sendAgain sends a client to the same address, which waits on. It is relative: host and credentials stay.
func (d *Door) sendAgain(x *exchange) {
	path, query := x.URL.EscapedPath(), x.URL.Query()
	query.Set(waitParam, strconv.Itoa(waited(x)+1))
	h := x.out.Header()
	h.Set("Location", path[strings.LastIndexByte(path, '/')+1:]+"?"+query.Encode())
	h.Set("Cache-Control", "no-store")
	x.out.WriteHeader(http.StatusTemporaryRedirect)
}
