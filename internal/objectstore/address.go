package objectstore

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/model"
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
	// private says that credentials of the gate's own cannot read that state of the object.
	private bool
	// reason is why the class is unknown, for the client.
	reason string
}

// identity names provider, endpoint and bucket as the stores of package bucket do, so that a state of an object has one name whoever reads it.
func (a asked) identity() string {
	parts := []string{a.dialect.identity, a.endpoint}
	if a.address.Provider == model.Azure {
		parts = append(parts, a.address.Account)
	}
	return strings.Join(append(parts, a.address.Bucket), "\n")
}

// told is what an answer's header tells of the object, without its size. Not every way to ask Azure tells the version, so it counts only if
// it was asked for.
func (a asked) told(h http.Header) bucket.Info {
	info := bucket.Told(a.address.Provider, h)
	if a.address.Provider == model.Azure && a.version == "" {
		info.VersionID = ""
	}
	return info
}

// errForeign means that a request is not for a store.
var errForeign = errors.New("not a request to an object store")

// parse reads a request. Its URL must be whole.
func (d *Door) parse(r *http.Request) (asked, error) {
	host, port := hostPort(r.URL)
	if e, ok := d.endpoint(host, port); ok {
		return d.parseAt(r, e, bucketOf(host, e))
	}
	if place, ok := s3PlaceOf(host); ok {
		return parseS3(r, place)
	}
	if name, ok := gcsBucketOf(host); ok {
		return d.parseGCS(r, "", name)
	}
	if place, ok := azurePlaceOf(host); ok {
		return d.parseAzure(r, place), nil
	}
	const reason = "this form of host name is not known"
	switch {
	case isS3Host(host):
		return asked{class: classUnknown, dialect: s3XML(), reason: reason}, nil
	case isGCSHost(host):
		return asked{class: classUnknown, dialect: gcsXML(), reason: reason}, nil
	case isAzureHost(host):
		return asked{class: classUnknown, dialect: azureBlob(), reason: reason}, nil
	}
	endpoint := strings.ToLower(r.URL.Host)
	switch {
	case hasS3Signature(r):
		return parseS3(r, s3Place{endpoint: endpoint})
	case hasGCSSignature(r):
		return d.parseGCS(r, endpoint, "")
	case hasAzureSignature(r):
		return d.parseAzure(r, azurePlace{endpoint: endpoint}), nil
	}
	return asked{}, errForeign
}

// parseAt reads a request to an endpoint that is configured. What stands in the host before the endpoint's name is the bucket or, of Azure,
// the account.
func (d *Door) parseAt(r *http.Request, e Endpoint, first string) (asked, error) {
	endpoint := strings.ToLower(e.Host)
	switch e.Provider {
	case model.GCS:
		return d.parseGCS(r, endpoint, first)
	case model.Azure:
		account := strings.TrimSuffix(first, "-secondary")
		return d.parseAzure(r, azurePlace{endpoint: endpoint, account: account, inPath: first == ""}), nil
	default:
		return parseS3(r, s3Place{endpoint: endpoint, bucket: first})
	}
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
		return withoutDot(name), port
	}
	return withoutDot(host), 0
}

// withoutDot is a host in lower case, without the dot of the root.
func withoutDot(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

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
