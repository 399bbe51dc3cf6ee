package hfmirror

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// writeWithin is how long a client may take to accept a refusal.
const writeWithin = 30 * time.Second

// sendRefusal sends a short answer. On HTTP/1.1 the reason goes into the status line too, where requests, urllib, wget and others show
// it. net/http has no way to set one, so the connection is taken over for it and closed after the answer. Where that can't be done
// (HTTP/2, or a body that was not read), the answer goes out without.
func sendRefusal(x *exchange, status int, reason string, body []byte) {
	h := x.out.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if reason != "" && x.ProtoMajor == 1 && (x.ContentLength == 0 || x.route == routeLFS) && takeOver(x, status, reason, body) {
		return
	}
	x.out.WriteHeader(status)
	if x.Method != http.MethodHead {
		_, _ = x.out.Write(body) // whoever left does not miss it
	}
}

// takeOver writes the answer to the connection itself. It returns false if the connection can't be had.
func takeOver(x *exchange, status int, reason string, body []byte) bool {
	conn, buffered, err := http.NewResponseController(x.out.ResponseWriter).Hijack()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	h := x.out.Header()
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + reason + "\r\n")
	_ = h.Write(&head) // to memory
	head.WriteString("\r\n")
	if x.Method != http.MethodHead {
		head.Write(body)
		x.out.bytes = int64(len(body))
	}
	x.out.status = status
	_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
	_, _ = buffered.Write(head.Bytes())
	_ = buffered.Flush() // a client that left does not miss it
	return true
}
