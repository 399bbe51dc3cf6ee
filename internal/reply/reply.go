// Package reply is what doors share of answering over HTTP: a ResponseWriter that counts and keeps the shortcut by which the kernel copies
// files to connections, refusals whose reason stands in the status line, and text that is fit for a header.
package reply

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Writer counts what goes to the client.
type Writer struct {
	http.ResponseWriter
	Status int   // final; 0 until it is known
	Bytes  int64 // of the body
}

// WriteHeader notes the final status.
func (w *Writer) WriteHeader(status int) {
	if status >= 200 && w.Status == 0 {
		w.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (w *Writer) Write(p []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.Bytes += int64(n)
	return n, err
}

// ReadFrom passes the source on whole, so that a file needs no copy in this process.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	var n int64
	var err error
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		n, err = rf.ReadFrom(src)
	} else {
		n, err = io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
	}
	w.Bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Begun tells whether the client has been told a status.
func (w *Writer) Begun() bool { return w.Status != 0 }

// CutLate ends the connection of a request that failed if an answer has begun, so that nobody takes a part for the whole, or if nobody is
// there any more to read an answer. It does not return then.
func CutLate(w *Writer, r *http.Request, err error) {
	left := errors.Is(err, context.Canceled) && r.Context().Err() != nil
	if !w.Begun() && !left {
		return
	}
	if !w.Begun() {
		w.Status = statusLeft
	}
	panic(http.ErrAbortHandler)
}

// statusLeft is what logs and metrics have for a client that left before there was an answer.
const statusLeft = 499

// Private is a Cache-Control that keeps caches between the gate and a client from giving the bytes to others.
func Private(control string) string {
	if control == "" {
		return "private"
	}
	for part := range strings.SplitSeq(control, ",") {
		if strings.EqualFold(strings.TrimSpace(part), "private") {
			return control
		}
	}
	return control + ", private"
}

// writeWithin is how long a client may take to accept a refusal.
const writeWithin = 30 * time.Second

// Refuse sends a short answer whose header is set. On HTTP/1.1 the reason goes into the status line too, where requests, urllib, wget, pip
// and others show it. net/http has no way to set one, so the connection is taken over for it and closed after the answer. Where that
// can't be done (HTTP/2, or a request of which something may be left to read, unless it is drained), the answer goes out without. The
// reason must be printable ASCII, as [Line] makes it.
func Refuse(w *Writer, r *http.Request, drained bool, status int, reason string, body []byte) {
	h := w.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if reason != "" && r.ProtoMajor == 1 && (drained || r.ContentLength == 0) && takeOver(w, r, status, reason, body) {
		return
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever left does not miss it
	}
}

// takeOver writes the answer to the connection itself. It returns false if the connection can't be had.
func takeOver(w *Writer, r *http.Request, status int, reason string, body []byte) bool {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + reason + "\r\n")
	_ = h.Write(&head) // to memory
	head.WriteString("\r\n")
	if r.Method != http.MethodHead {
		head.Write(body)
		w.Bytes = int64(len(body))
	}
	w.Status = status
	_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
	_, _ = buffered.Write(head.Bytes())
	_ = buffered.Flush() // a client that left does not miss it
	return true
}

// Clip shortens what comes from outside to n bytes.
func Clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Line makes one line of printable ASCII of at most n bytes, fit for a header or a status line: blanks that follow each other become
// one, everything else that is not printable a question mark.
func Line(s string, n int) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		if b.Len() >= n {
			break
		}
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if !blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = true
			continue
		case r < ' ' || r > '~':
			b.WriteByte('?')
		default:
			b.WriteByte(byte(r))
		}
		blank = false
	}
	return strings.TrimRight(b.String(), " ")
}
