package objectstore

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/upstream/bucket"
)

// class is what kind of request it is.
type class string

// The classes of requests.
const (
	classBytes    class = "bytes"
	classMetadata class = "metadata" // HEAD, and what describes an object
	classList     class = "list"
	classWrite    class = "write"
	classUnknown  class = "unknown" // not understood, so not answered
)

// asked is what a request asks for.
type asked struct {
	class   class
	dialect dialect
	address bucket.Address
	// endpoint is the host that has the bucket; "" is the provider's own, whatever name of it was used.
	endpoint string
	version  string // version id, generation or snapshot that is named
	// reason is why the class is unknown, for the client.
	reason string
}

// identity names provider, endpoint and bucket as the stores of package bucket do, so that a state of an object has one name whoever reads it.
func (a asked) identity() string {
	return strings.Join([]string{a.dialect.identity, a.endpoint, a.address.Bucket}, "\n")
}

// errForeign means that a request is not for a store.
var errForeign = errors.New("not a request to an object store")

// parse reads a request. Its URL must be whole.
func (d *Door) parse(r *http.Request) (asked, error) {
	host, port := hostPort(r.URL)
	if e, ok := d.endpoint(host, port); ok {
		return parseS3(r, s3Place{endpoint: strings.ToLower(r.URL.Host), bucket: bucketOf(host, e)})
	}
	if place, ok := s3PlaceOf(host); ok {
		return parseS3(r, place)
	}
	if isS3Host(host) {
		return asked{class: classUnknown, dialect: s3XML(), reason: "this form of host name is not known"}, nil
	}
	if hasS3Signature(r) {
		return parseS3(r, s3Place{endpoint: strings.ToLower(r.URL.Host)})
	}
	return asked{}, errForeign
}

// endpoint finds the endpoint that is configured for a host, or for the host below which a bucket's own name stands.
func (d *Door) endpoint(host string, port int) (Endpoint, bool) {
	for _, e := range d.Endpoints {
		name, number := splitPort(e.Host)
		if number != 0 && number != port {
			continue
		}
		if host == name || !e.PathStyle && strings.HasSuffix(host, "."+name) {
			return e, true
		}
	}
	return Endpoint{}, false
}

// bucketOf is the bucket that stands in a host before the name of its endpoint, "" if it stands in the path.
func bucketOf(host string, e Endpoint) string {
	name, _ := splitPort(e.Host)
	bucket, ok := strings.CutSuffix(host, "."+name)
	if !ok {
		return ""
	}
	return bucket
}

func splitPort(host string) (string, int) {
	if name, text, err := net.SplitHostPort(host); err == nil {
		port, err := strconv.Atoi(text)
		if err != nil {
			return strings.ToLower(name), -1
		}
		return strings.ToLower(name), port
	}
	return strings.ToLower(host), 0
}

func hostPort(u *url.URL) (string, int) {
	host, port := splitPort(u.Host)
	if port == 0 {
		port = 443
		if u.Scheme == "http" {
			port = 80
		}
	}
	return host, port
}

// splitPath cuts an escaped path into bucket and key, decoded. A key is exact bytes: "//", "." and ".." are ordinary.
func splitPath(u *url.URL) (bucket, key string, err error) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	if bucket, err = url.PathUnescape(first); err != nil {
		return "", "", err
	}
	key, err = url.PathUnescape(rest)
	return bucket, key, err
}

// keyOf is the key that is the whole path.
func keyOf(u *url.URL) (string, error) {
	return url.PathUnescape(strings.TrimPrefix(u.EscapedPath(), "/"))
}
