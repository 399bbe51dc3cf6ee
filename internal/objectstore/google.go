package objectstore

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream/bucket"
)

// Names of the hosts of Google Cloud Storage. The group is the bucket, which may hold dots; where there is none it stands in the path.
var gcsForms = []*regexp.Regexp{
	regexp.MustCompile(`^(?:(.+)\.)?storage\.googleapis\.com$`),
	regexp.MustCompile(`^(?:(.+)\.)?storage\.mtls\.googleapis\.com$`),
	regexp.MustCompile(`^(?:(.+)\.)?storage\.[a-z0-9-]+\.rep(?:\.mtls)?\.googleapis\.com$`),
	regexp.MustCompile(`^(?:(.+)\.)?storage-[a-z0-9-]+\.p\.googleapis\.com$`), // private service connect
	regexp.MustCompile(`^(?:(.+)\.)?commondatastorage\.googleapis\.com$`),
	regexp.MustCompile(`^storage-download\.googleapis\.com$`),
	regexp.MustCompile(`^storage\.cloud\.google\.com$`),
	regexp.MustCompile(`^firebasestorage\.googleapis\.com$`),
	regexp.MustCompile(`^[a-z0-9-]+-apidata\.googleusercontent\.com$`), // where browsers are sent to
}

// googleAPIs is the host of many services of Google's; the storage is one of them.
const googleAPIs = "www.googleapis.com"

// gcsLabel matches the label by which hosts of the storage are told from those of other services.
var gcsLabel = regexp.MustCompile(`(?:^|\.)(?:firebase|commondata)?storage(?:-[a-z0-9-]+)?\.(?:.+\.)?googleapis\.com$`)

// isGCSHost tells whether a host is one of Google's storage, in a form that is known or not.
func isGCSHost(host string) bool {
	_, ok := gcsBucketOf(host)
	return ok || gcsLabel.MatchString(host)
}

// gcsBucketOf reads the name of a host of Google's own.
func gcsBucketOf(host string) (name string, ok bool) {
	if host == "c.storage.googleapis.com" || host == googleAPIs {
		return "", true
	}
	for _, form := range gcsForms {
		if m := form.FindStringSubmatch(host); m != nil {
			if len(m) > 1 {
				name = m[1]
			}
			return name, true
		}
	}
	return "", false
}

// hasGCSSignature tells whether a request is signed as clients of Google's storage sign.
func hasGCSSignature(r *http.Request) bool {
	a := r.Header.Get("Authorization")
	q := r.URL.Query()
	return strings.HasPrefix(a, "GOOG4-") || strings.HasPrefix(a, "GOOG1 ") || q.Has("X-Goog-Signature") || q.Has("GoogleAccessId") && q.Has("Signature")
}

// gcsAPI matches the paths of the JSON API, that of Firebase included. The groups are what is done, the bucket and what follows it.
var gcsAPI = regexp.MustCompile(`^/(?:(download|upload|resumable/upload)/)?(?:storage/v[0-9][a-z0-9_]*|v0)/b(?:/([^/]+)(?:/(.*))?)?/?$`)

// Sub-resources of the XML API that describe objects.
var gcsDescribing = []string{"acl", "tagging", "retention", "legal-hold", "uploadId"}

// parseGCS reads a request to Google's storage, or to what speaks its protocol. Endpoint is "" for Google's own; name is the bucket if it
// stands in the host.
func (d *Door) parseGCS(r *http.Request, endpoint, name string) (asked, error) {
	a := asked{dialect: gcsXML(), endpoint: endpoint, address: bucket.Address{Provider: model.GCS, Bucket: name}, version: r.URL.Query().Get("generation")}
	a.private = r.Header.Get("X-Goog-Encryption-Key") != ""
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, "/google."):
		return a.remoteCall(path), nil
	case name != "":
		return a.objectOf(r, keyOf), nil
	case path == "/batch" || strings.HasPrefix(path, "/batch/"):
		a.dialect = gcsJSON()
		return d.batchOf(a, r), nil
	}
	if m := gcsAPI.FindStringSubmatch(path); m != nil {
		return a.resourceOf(r, m[1], m[2], m[3]), nil
	}
	if host, _ := splitPort(r.URL.Host); host == googleAPIs {
		return a, errForeign
	}
	return a.objectOf(r, func(u *url.URL) (key string, err error) {
		a.address.Bucket, key, err = splitPath(u)
		return key, err
	}), nil
}

// describing is the class of a request that asks for no content, or changes something.
func describing(method string) class {
	switch method {
	case http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch:
		return classWrite
	default:
		return classMetadata
	}
}

// objectOf reads a request to the XML API, whose path is bucket and key, or the key alone.
func (a *asked) objectOf(r *http.Request, read func(*url.URL) (string, error)) asked {
	key, err := read(r.URL)
	a.address.Key = key
	switch {
	case err != nil:
		a.class, a.reason = classUnknown, "the path is not properly escaped"
	case r.Method != http.MethodGet:
		a.class = describing(r.Method)
	case a.address.Bucket == "" || key == "":
		a.class = classList
	case hasAny(r.URL.Query(), gcsDescribing):
		a.class = classMetadata
	default:
		a.class = classBytes
	}
	return *a
}

// resourceOf reads a request to the JSON API. What is done is "download", one of uploading, or "" for a resource, which is content if it is
// asked for as media.
func (a *asked) resourceOf(r *http.Request, action, name, rest string) asked {
	a.dialect = gcsJSON()
	kind, object, _ := strings.Cut(rest, "/")
	var err error
	if a.address.Bucket, err = url.PathUnescape(name); err == nil && kind == "o" {
		a.address.Key, err = url.PathUnescape(object)
	}
	query := r.URL.Query()
	content := action == "download"
	for _, alt := range append(query["alt"], query["$alt"]...) {
		content = content || strings.EqualFold(strings.TrimSpace(alt), "media")
	}
	switch {
	case err != nil:
		a.class, a.reason = classUnknown, "the path is not properly escaped"
	case r.Method != http.MethodGet:
		a.class = describing(r.Method)
	case name == "" || kind == "o" && object == "":
		a.class = classList
	case !content:
		a.class = classMetadata
	case kind != "o" || strings.Contains(object, "/"):
		a.class, a.reason = classUnknown, "content is asked for of what is no object; the name of an object is one segment of the path"
	default:
		a.class = classBytes
	}
	return *a
}

// remoteCall reads the path of a remote procedure call: service and method. What gives content cannot be held back there.
func (a *asked) remoteCall(path string) asked {
	a.dialect = gcsRPC()
	service, method, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case a.endpoint != "": // anybody's
		a.class, a.reason = classUnknown, "gRPC is passed to Google alone"
	case service == "google.storage.control.v2.StorageControl", service == "google.longrunning.Operations":
		a.class = classWrite // what comes back is in frames; it tells of buckets and folders
	case service == "google.storage.v2.Storage" && !strings.Contains(method, "Read"):
		a.class = classWrite
	default:
		a.class, a.reason = classUnknown, "objects cannot be read by gRPC through modelgate: use the JSON API"
	}
	return *a
}

// gcsFreedom reads the signature of a request to Google's storage. Tokens stand for the client, and signatures of URLs sign no header that they
// do not list; those made with HMAC keys are made as S3's are.
func gcsFreedom(r *http.Request) freedom {
	q := r.URL.Query()
	if q.Has("X-Goog-Signature") {
		return signedHeaders(q.Get("X-Goog-SignedHeaders"))
	}
	if list, ok := strings.CutPrefix(r.Header.Get("Authorization"), "GOOG4-"); ok {
		return headerSignature(list)
	}
	return s3Freedom(r)
}

// storedEncoding asks for the bytes as they are stored: Google decodes what is stored under gzip for whoever does not take it.
func storedEncoding(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }

// gcsXML is the dialect of the XML API, gcsJSON that of the JSON API, gcsRPC that of remote procedure calls.
func gcsXML() dialect {
	return dialect{
		name: "gcs xml", identity: "gcs", busy: "SlowDown", freedom: gcsFreedom, rangeOf: standardRange, raw: storedEncoding, decodes: true,
		refusal: gcsXMLRefusal, describing: "<",
	}
}

func gcsJSON() dialect {
	d := gcsXML()
	d.name, d.busy, d.refusal, d.describing = "gcs json", "backendError", gcsJSONRefusal, "{["
	return d
}

func gcsRPC() dialect {
	d := gcsXML()
	d.name, d.refusal, d.framed = "gcs rpc", gcsRPCRefusal, true
	return d
}

// gcsXMLRefusal is S3's document, with the request id where Google has it.
func gcsXMLRefusal(x *exchange, r report) (int, http.Header, []byte) {
	status, h, body := s3Refusal(x, r)
	h.Del("X-Amz-Id-2")
	h["X-Guploader-Uploadid"] = h["X-Amz-Request-Id"]
	h.Del("X-Amz-Request-Id")
	return status, h, body
}

// gcsJSONRefusal is an error document of Google's APIs. The error must be an object: clients break on one that is a string.
func gcsJSONRefusal(_ *exchange, r report) (int, http.Header, []byte) {
	type detail struct {
		Message string `json:"message"`
		Domain  string `json:"domain"`
		Reason  string `json:"reason"`
	}
	type document struct {
		Code    int      `json:"code"`
		Message string   `json:"message"`
		Errors  []detail `json:"errors"`
	}
	reason := r.code
	if r.status == http.StatusForbidden {
		reason = "forbidden"
	}
	body, _ := json.Marshal(map[string]document{ // of strings and numbers
		"error": {Code: r.status, Message: r.message, Errors: []detail{{Message: r.message, Domain: "global", Reason: reason}}},
	})
	h := http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
	if r.scan != "" {
		h.Set("X-Guploader-Uploadid", r.scan)
	}
	return r.status, h, body
}

// Status codes of gRPC.
const (
	rpcDenied      = "7"
	rpcUnavailable = "14"
)

// gcsRPCRefusal is an answer of gRPC that has a header alone. Its status stands there, whatever that of HTTP is.
func gcsRPCRefusal(_ *exchange, r report) (int, http.Header, []byte) {
	status := rpcDenied
	if r.status >= http.StatusInternalServerError {
		status = rpcUnavailable
	}
	message := strings.ReplaceAll(reply.Line(r.message, 500), "%", "%25")
	return http.StatusOK, http.Header{"Content-Type": {"application/grpc"}, "Grpc-Status": {status}, "Grpc-Message": {message}}, nil
}
