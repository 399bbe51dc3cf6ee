package hubtest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something bad that a Hub does to the requests it fits. The zero values of all fields mean: every request, and
// nothing bad.
type Fault struct {
	// Which requests.
	Host   Host   // "" is both
	Method string // "" is any
	Path   string // part of the Subject; "" is any
	Ranged Ranged // with or without a Range header
	Skip   int    // leave the first that fit alone
	Times  int    // end after so many; 0 is never

	// What happens before the answer.
	Delay time.Duration // wait before the first byte
	// Status answers with this status and Body instead. With 429, RetryAfter goes into Retry-After and RateLimit.
	Status     int
	RetryAfter int
	// Raw is written on the connection as it is instead of an answer, and the connection closed: header injections,
	// lengths that lie, things that are not HTTP.
	Raw []byte
	// Hangup closes the connection without an answer.
	Hangup bool
	// Expired lets the content network refuse a signature as expired.
	Expired bool

	// What is in the answer.
	Header    http.Header // set over the Hub's own; a nil value removes one
	Body      []byte      // replaces the body, with 200 or Status: HTML, say
	Redirect  string      // replaces Location of a redirect
	LinkHost  string      // replaces "http://host:port" of Link addresses
	NoRange   bool        // 200 and the whole file to a Range request
	AddLength int64       // added to Content-Length: more than is sent, or less
	Serve     Content     // bytes of another file instead of the file's own, under the file's own digests
	Flip      int64       // flip a bit of byte Flip-1 of the file
	// CutAfter cuts the connection after so many bytes of the body.
	CutAfter int64
	// Rate slows the body down to so many bytes a second.
	Rate int64

	// Then runs when the fault strikes, before the answer: to change the Hub in mid-flight.
	Then func()
}

// Ranged narrows a Fault to requests with or without a Range header.
type Ranged int

// Requests a Fault is for.
const (
	AnyRange Ranged = iota
	WithRange
	WithoutRange
)

// Injected is a Fault at work.
type Injected struct {
	Fault
	hub   *Hub
	mu    sync.Mutex
	fit   int
	fired int
}

// faults are those at work.
type faults struct {
	mu   sync.Mutex
	list []*Injected
}

// Inject lets the Hub misbehave from now on. Of several faults that fit a request the one injected last strikes.
func (h *Hub) Inject(f Fault) *Injected {
	in := &Injected{Fault: f, hub: h}
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.list = append(h.faults.list, in)
	return in
}

// Remove ends the fault.
func (in *Injected) Remove() {
	in.hub.faults.mu.Lock()
	defer in.hub.faults.mu.Unlock()
	in.hub.faults.list = slices.DeleteFunc(in.hub.faults.list, func(o *Injected) bool { return o == in })
}

// Fired is how often the fault has struck.
func (in *Injected) Fired() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fired
}

// Heal ends all faults.
func (h *Hub) Heal() {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.list = nil
}

// strike returns the fault for a request, or the zero Fault.
func (h *Hub) strike(host Host, subject string, r *http.Request) Fault {
	h.faults.mu.Lock()
	list := slices.Clone(h.faults.list)
	h.faults.mu.Unlock()
	for _, in := range slices.Backward(list) {
		if in.fits(host, subject, r) && in.fire() {
			return in.Fault
		}
	}
	return Fault{}
}

func (in *Injected) fits(host Host, subject string, r *http.Request) bool {
	ranged := WithoutRange
	if r.Header.Get("Range") != "" {
		ranged = WithRange
	}
	return (in.Host == "" || in.Host == host) && (in.Method == "" || in.Method == r.Method) &&
		strings.Contains(subject, in.Path) && (in.Ranged == AnyRange || in.Ranged == ranged)
}

// fire counts a request that fits and tells whether the fault strikes it.
func (in *Injected) fire() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fit++
	if in.fit <= in.Skip || in.Times > 0 && in.fired >= in.Times {
		return false
	}
	in.fired++
	return true
}
