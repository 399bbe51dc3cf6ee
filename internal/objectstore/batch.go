package objectstore

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// Bounds of requests that are sent together.
const (
	maxBatch = 10 << 20
	maxParts = 1000
)

// batchOf reads a request that is several in one: they pass if each of them is understood and none asks for content.
func (d *Door) batchOf(a asked, r *http.Request) asked {
	a.class = classWrite
	if r.Method != http.MethodPost {
		a.class = describing(r.Method)
		return a
	}
	if err := d.checkBatch(r); err != nil {
		a.class, a.reason = classUnknown, "requests that are sent together are not passed: "+err.Error()
	}
	return a
}

// checkBatch reads the parts of a batch. The request is left with the body that was read.
func (d *Door) checkBatch(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" || params["boundary"] == "" || r.Header.Get("Content-Encoding") != "" {
		return errors.New("they are not multipart/mixed")
	}
	var read bytes.Buffer
	if _, err := read.ReadFrom(io.LimitReader(r.Body, maxBatch+1)); err != nil {
		return errors.New("they break off")
	}
	body := read.Bytes()
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	switch {
	case len(body) > maxBatch:
		return errors.New("they are too large")
	case !bytes.HasSuffix(bytes.TrimSpace(body), []byte("--"+params["boundary"]+"--")):
		return errors.New("they have no end")
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || n == maxParts {
			return errors.New("they cannot be told apart")
		}
		if err := d.checkPart(r, part); err != nil {
			return err
		}
	}
}

// checkPart looks at one request of a batch, which goes to the host of the batch.
func (d *Door) checkPart(whole *http.Request, part *multipart.Part) error {
	kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil || kind != "application/http" || part.Header.Get("Content-Transfer-Encoding") != "" && part.Header.Get("Content-Transfer-Encoding") != "binary" {
		return errors.New("one is not application/http")
	}
	// Header fields are not needed, and the last line may lack its end.
	line, err := bufio.NewReader(io.LimitReader(part, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.New("one cannot be read")
	}
	fields := strings.Fields(line)
	if len(fields) == 2 {
		fields = append(fields, "HTTP/1.1")
	}
	if len(fields) != 3 {
		return errors.New("one has no method and address")
	}
	inner, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(fields, " ") + "\r\nHost: " + whole.URL.Host + "\r\n\r\n")))
	if err != nil {
		return errors.New("one is not understood")
	}
	if inner.URL.Host == "" {
		inner.URL.Host = whole.URL.Host
	}
	inner.URL.Scheme = whole.URL.Scheme
	if strings.HasPrefix(inner.URL.Path, "/batch") {
		return errors.New("one is a batch itself")
	}
	a, err := d.parse(inner)
	if err != nil || a.class == classBytes || a.class == classUnknown {
		return errors.New("one asks for content, or for what is not understood")
	}
	return nil
}
