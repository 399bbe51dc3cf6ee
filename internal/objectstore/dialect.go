package objectstore

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
)

// dialect is how a provider's protocol is spoken.
type dialect struct {
	name     string
	identity string // of the provider, as the stores of package bucket name it
	busy     string // the code that says to come back
	// freedom reads what a signature leaves free.
	freedom func(*http.Request) freedom
	// rangeOf is the range that a request asks for, in the form of the Range header.
	rangeOf func(*http.Request) string
	// raw asks for the bytes as they are stored.
	raw func(*http.Request)
	// decodes says that the store decodes what is stored under gzip for whoever does not take it.
	decodes bool
	// framed says that what comes back is in frames, of services of the provider's own.
	framed bool
	// refusal is the status, header and document of an error.
	refusal func(x *exchange, r report) (int, http.Header, []byte)
	// describing is the first byte of every description, beside white space.
	describing string
}

// s3XML is the dialect of S3.
func s3XML() dialect {
	return dialect{
		name: "s3", identity: "s3", busy: "SlowDown", freedom: s3Freedom, rangeOf: standardRange, raw: identityEncoding, refusal: s3Refusal, describing: "<",
	}
}

func standardRange(r *http.Request) string { return r.Header.Get("Range") }

func identityEncoding(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }

// report is what a client is told of an error.
type report struct {
	status  int
	code    string
	message string
	scan    string // "" if there is none
}

// s3Refusal is an error document of S3. The request id is what some clients print even when they cannot read the document.
func s3Refusal(_ *exchange, r report) (int, http.Header, []byte) {
	id := r.scan
	if id == "" {
		id = "modelgate"
	}
	h := http.Header{"Content-Type": {"application/xml"}, "X-Amz-Request-Id": {id}, "X-Amz-Id-2": {"modelgate"}}
	body := fmt.Sprintf("%s<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId><HostId>modelgate</HostId></Error>",
		xml.Header, escapeXML(r.code), escapeXML(r.message), escapeXML(id))
	return r.status, h, []byte(body)
}

func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // to memory
	return b.String()
}

// describes says whether an answer begins as a description does, and ends its body with errContent where it stops to be text. Else the body is
// left as it came.
func describes(res *http.Response, begins string) error {
	body := bufio.NewReaderSize(res.Body, 512)
	_, _ = body.Peek(1) // one that is shorter, or breaks, is for the client to see
	head, _ := body.Peek(body.Buffered())
	if begun := start(head); len(begun) > 0 && !bytes.ContainsAny(begun[:1], begins) || !isText(head) {
		return errContent
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{&plain{Reader: body, begins: begins}, res.Body}
	return nil
}

// start is what follows white space, which some stores send while they work.
func start(b []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
}

// plain reads text that begins with one of the given bytes.
type plain struct {
	io.Reader
	begins string
	begun  bool
}

// Read implements io.Reader.
func (p *plain) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if first := start(b[:n]); !p.begun && len(first) > 0 {
		if !bytes.ContainsAny(first[:1], p.begins) {
			return 0, errContent
		}
		p.begun = true
	}
	if !isText(b[:n]) {
		return 0, errContent
	}
	return n, err
}

// isText tells whether bytes can be part of XML or JSON: neither has control characters, which archives and models cannot do without.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
