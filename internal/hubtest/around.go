package hubtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// faultKey is the context key of the fault that strikes a request.
type faultKey struct{}

// faultOf returns the fault that strikes a request.
func faultOf(r *http.Request) Fault {
	f, _ := r.Context().Value(faultKey{}).(Fault)
	return f
}

// errCut ends a body on purpose.
var errCut = errors.New("hubtest: cut on purpose")

// around records every request of a server and lets faults strike.
func (h *Hub) around(host Host, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.URL.Path
		if host == CDN {
			subject = h.subject(r)
		}
		f := h.strike(host, subject, r)
		fw := &writer{ResponseWriter: w, fault: f, ctx: r.Context()}
		defer func() {
			h.log.add(Request{
				Host: host, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Subject: subject,
				Header: r.Header.Clone(), Status: fw.status, Bytes: fw.written,
			})
			if fw.cut {
				panic(http.ErrAbortHandler)
			}
		}()
		if f.Then != nil {
			f.Then()
		}
		if f.Delay > 0 && !sleep(r.Context(), f.Delay) {
			return
		}
		if instead(fw, r, f) || h.overLimit(fw, host, subject) {
			return
		}
		next.ServeHTTP(fw, r.WithContext(context.WithValue(r.Context(), faultKey{}, f)))
	})
}

// instead answers in the fault's own way, if it has one.
func instead(w *writer, r *http.Request, f Fault) bool {
	switch {
	case f.Hangup:
		w.cut = true
	case f.Raw != nil:
		w.cut = true
		conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack()
		if err != nil {
			return true
		}
		n, _ := conn.Write(f.Raw) // the client may hang up first
		w.written = int64(n)
		_ = conn.Close()
		w.cut = false
	case f.Status == http.StatusTooManyRequests:
		tooMany(w, f.RetryAfter)
	case f.Status != 0 || f.Body != nil:
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(f.Body)))
		w.WriteHeader(max(f.Status, http.StatusOK))
		if r.Method != http.MethodHead {
			_, _ = w.Write(f.Body)
		}
	default:
		return false
	}
	return true
}

// tooMany is the Hub's answer to who asks too much.
func tooMany(w http.ResponseWriter, seconds int) {
	w.Header().Set("RateLimit-Policy", `"fixed window";"api";q=500;w=300`)
	w.Header().Set("RateLimit", fmt.Sprintf(`"api";r=0;t=%d`, seconds))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	refuse(w, http.StatusTooManyRequests, "", "We had to rate limit your IP. To continue using our service, create a HF account or login to your existing account.")
}

// sleep waits, or until the client has gone.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// writer counts what is written and does to it what a fault asks for.
type writer struct {
	http.ResponseWriter
	ctx     context.Context
	fault   Fault
	status  int
	written int64
	most    int64 // what a fault says that the length is; 0 if none does
	cut     bool
}

// Unwrap lets http.ResponseController find the writer beneath.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	header, f := w.Header(), w.fault
	for k, v := range f.Header {
		header[http.CanonicalHeaderKey(k)] = v
	}
	if f.Redirect != "" && status/100 == 3 {
		header.Set("Location", f.Redirect)
	}
	if link := header.Get("Link"); f.LinkHost != "" && link != "" {
		header.Set("Link", otherHost(link, f.LinkHost))
	}
	if n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil && f.AddLength != 0 {
		w.most = n + f.AddLength
		header.Set("Content-Length", strconv.FormatInt(w.most, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

// otherHost replaces scheme and host of the address in a Link.
func otherHost(link, base string) string {
	_, rest, _ := strings.Cut(link, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return "<" + base + rest[i:]
	}
	return link
}

func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	f := w.fault
	if f.CutAfter > 0 {
		if left := f.CutAfter - w.written; int64(len(p)) >= left {
			n, _ := w.ResponseWriter.Write(p[:max(left, 0)])
			w.written += int64(n)
			_ = http.NewResponseController(w.ResponseWriter).Flush()
			w.cut = true
			return n, errCut
		}
	}
	if f.Rate > 0 {
		return w.slowly(p)
	}
	if w.most > 0 && w.written+int64(len(p)) > w.most {
		p = p[:w.most-w.written] // net/http would refuse to write more than was stated
	}
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// slowly writes twenty times a second.
func (w *writer) slowly(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := w.ResponseWriter.Write(p[done:min(len(p), done+int(max(w.fault.Rate/20, 1)))])
		done += n
		w.written += int64(n)
		if err != nil {
			return done, err
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		if !sleep(w.ctx, 50*time.Millisecond) {
			return done, w.ctx.Err()
		}
	}
	return done, nil
}

// limits is a quota of requests.
type limits struct {
	mu     sync.Mutex
	quota  int
	window time.Duration
	start  time.Time
	used   int
}

// Limit lets the Hub answer at most quota requests in each window, and 429 with the time that is left to the others. The
// content network is not limited. A quota of 0 is none.
func (h *Hub) Limit(quota int, window time.Duration) {
	h.limits.mu.Lock()
	defer h.limits.mu.Unlock()
	h.limits.quota, h.limits.window, h.limits.used, h.limits.start = quota, window, 0, time.Now()
}

// overLimit answers 429 if the quota is used up, and states the quota's rest otherwise.
func (h *Hub) overLimit(w http.ResponseWriter, host Host, subject string) bool {
	l := &h.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quota == 0 || host != Main || strings.HasPrefix(subject, "/api/telemetry") {
		return false
	}
	if time.Since(l.start) >= l.window {
		l.start, l.used = time.Now(), 0
	}
	left := int((l.window - time.Since(l.start) + time.Second - 1) / time.Second)
	l.used++
	if l.used > l.quota {
		tooMany(w, left)
		return true
	}
	w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"fixed window";"api";q=%d;w=%d`, l.quota, int(l.window/time.Second)))
	w.Header().Set("RateLimit", fmt.Sprintf(`"api";r=%d;t=%d`, l.quota-l.used, left))
	return false
}
