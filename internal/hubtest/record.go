package hubtest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Request is one request that a Hub was asked, and what it answered.
type Request struct {
	Host   Host
	Method string
	Path   string // as it was sent, escaped
	Query  string
	// Subject is the file or route that faults and counts are matched against: the path on the Hub, and on the content
	// network "/org/name/<file>" of the file behind the signed address.
	Subject string
	Header  http.Header
	Status  int   // 0 if the connection was cut before a header
	Bytes   int64 // of the body that was written
}

// Token is the access token that came with the request, "" if none.
func (r Request) Token() string { return bearer(r.Header) }

// kept bounds how many requests a Hub keeps; it counts the others no more.
const kept = 1 << 17

// record keeps what was asked.
type record struct {
	mu   sync.Mutex
	list []Request
}

func (rec *record) add(r Request) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.list) < kept {
		rec.list = append(rec.list, r)
	}
}

// Requests returns everything that was asked and has been answered, in the order of the answers' ends.
func (h *Hub) Requests() []Request {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	return slices.Clone(h.log.list)
}

// Forget empties Requests.
func (h *Hub) Forget() {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.list = nil
}

// Asked returns the requests that a server was asked with a method ("" is any) and whose subject contains part.
func (h *Hub) Asked(host Host, method, part string) []Request {
	var found []Request
	for _, r := range h.Requests() {
		if r.Host == host && (method == "" || r.Method == method) && strings.Contains(r.Subject, part) {
			found = append(found, r)
		}
	}
	return found
}

// Count is the number of Asked.
func (h *Hub) Count(host Host, method, part string) int { return len(h.Asked(host, method, part)) }

// Served is how many bytes of bodies a server wrote for requests whose subject contains part.
func (h *Hub) Served(host Host, part string) int64 {
	var n int64
	for _, r := range h.Asked(host, "", part) {
		n += r.Bytes
	}
	return n
}

// Tokens lists the access tokens that a server has seen, sorted, each once.
func (h *Hub) Tokens(host Host) []string {
	var all []string
	for _, r := range h.Requests() {
		if t := r.Token(); r.Host == host && t != "" {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bearer reads the token of an Authorization header. Whatever else is in it counts as a token too, so that none is missed.
func bearer(header http.Header) string {
	return strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
}
