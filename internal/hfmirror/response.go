package hfmirror

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// response counts what goes to the client. It keeps the shortcut by which the kernel copies a file to a connection.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the final status.
func (w *response) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom passes the source on whole, so that a file needs no copy in this process.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	var n int64
	var err error
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		n, err = rf.ReadFrom(src)
	} else {
		n, err = io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
	}
	w.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// begun tells whether the client has been told a status.
func (w *response) begun() bool { return w.status != 0 }

// requestIDs makes names for requests: unique to this process, cheap, and not to be guessed by others.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs {
	id := uuid.New()
	return &requestIDs{prefix: strings.ReplaceAll(id.String(), "-", "")[:16] + "-"}
}

func (ids *requestIDs) next() string {
	return ids.prefix + strconv.FormatUint(ids.count.Add(1), 16)
}

// finish logs, counts and records a request that was answered. Nothing of it holds a token.
func (d *Door) finish(x *exchange, began time.Time, err error) {
	took := time.Since(began)
	d.metrics.observe(x, took)
	e := d.Log.Info()
	if e == nil {
		return
	}
	e.Str("request", x.id).Str("method", clip(x.Method, 20)).Str("route", string(x.route)).Str("path", clip(x.URL.Path, 512)).
		Int("status", x.out.status).Int64("bytes", x.out.bytes).Dur("duration", took).Str("client", clip(x.UserAgent(), 200))
	if x.group != "" {
		e.Str("group", x.group)
	}
	if x.version.Name != "" {
		e.Stringer("version", x.version)
	}
	if x.scan != uuid.Nil {
		e.Stringer("scan", x.scan).Str("outcome", string(x.outcome))
	}
	if err != nil {
		e.AnErr("error", err)
	}
	e.Msg("hub request")
}

// clip shortens what comes from outside.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
