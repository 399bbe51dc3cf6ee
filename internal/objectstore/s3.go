package objectstore

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/bucket"
)

// s3Place is what the host of a request to S3 tells.
type s3Place struct {
	endpoint string // "" is Amazon's own
	bucket   string // "" stands in the path
}

// Forms of the names of S3's hosts, without the domain of the partition. The group is the bucket; it may hold dots, so it is cut off at what
// follows it, never at the first dot.
var s3Forms = []*regexp.Regexp{
	regexp.MustCompile(`^(?:(.+)\.)?s3(?:-fips)?(?:\.dualstack)?(?:[.-][a-z0-9-]+)?$`), // regional, legacy, dual-stack, FIPS
	regexp.MustCompile(`^(.+)\.s3-accelerate(?:\.dualstack)?$`),
	regexp.MustCompile(`^(.+--x-s3)\.s3express-[a-z0-9-]+\.[a-z0-9-]+$`),
	regexp.MustCompile(`^(.+)\.s3-website[.-][a-z0-9-]+$`),
	regexp.MustCompile(`^(.+)\.s3-accesspoint(?:-fips)?(?:\.dualstack)?\.[a-z0-9-]+$`), // the bucket is the access point's name
	regexp.MustCompile(`^(.+\.mrap)\.accesspoint\.s3-global$`),
	regexp.MustCompile(`^(.+)\.s3-object-lambda(?:-fips)?\.[a-z0-9-]+$`),
	regexp.MustCompile(`^(.+)\.s3-outposts(?:-fips)?\.[a-z0-9-]+$`),
	regexp.MustCompile(`^(?:(.+)\.)?bucket\.vpce-[a-z0-9-]+\.s3\.[a-z0-9-]+\.vpce$`),
	regexp.MustCompile(`^(.+)\.accesspoint\.vpce-[a-z0-9-]+\.s3\.[a-z0-9-]+\.vpce$`),
}

// s3Label matches the label by which S3's hosts are told from those of other services.
var s3Label = regexp.MustCompile(`(?:^|\.)s3(?:[.-]|express-|$)`)

// amazon cuts the domain of a partition off a host.
func amazon(host string) (string, bool) {
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn"} {
		if rest, ok := strings.CutSuffix(host, domain); ok {
			return rest, true
		}
	}
	return "", false
}

// isS3Host tells whether a host is one of S3's, in a form that is known or not.
func isS3Host(host string) bool {
	rest, ok := amazon(host)
	return ok && s3Label.MatchString(rest)
}

// s3PlaceOf reads the name of a host of S3's own.
func s3PlaceOf(host string) (s3Place, bool) {
	rest, ok := amazon(host)
	if !ok {
		return s3Place{}, false
	}
	for _, form := range s3Forms {
		if m := form.FindStringSubmatch(rest); m != nil {
			return s3Place{bucket: m[1]}, true
		}
	}
	return s3Place{}, false
}

// hasS3Signature tells whether a request is signed as clients of S3 sign.
func hasS3Signature(r *http.Request) bool {
	a := r.Header.Get("Authorization")
	if strings.HasPrefix(a, "AWS4-") || strings.HasPrefix(a, "AWS ") {
		return true
	}
	q := r.URL.Query()
	return q.Has("X-Amz-Signature") || q.Has("AWSAccessKeyId") && q.Has("Signature")
}

// Sub-resources of objects that describe them, and of buckets that list.
var (
	s3Describing = []string{"acl", "tagging", "attributes", "retention", "legal-hold", "uploadId", "annotation", "annotations"}
	s3Refused    = []string{"torrent", "select", "restore-output"}
)

// parseS3 reads a request to S3 or to what speaks its protocol.
func parseS3(r *http.Request, place s3Place) (asked, error) {
	a := asked{dialect: s3XML(), endpoint: place.endpoint, address: bucket.Address{Provider: model.S3, Bucket: place.bucket}}
	var err error
	if place.bucket == "" {
		a.address.Bucket, a.address.Key, err = splitPath(r.URL)
	} else {
		a.address.Key, err = keyOf(r.URL)
	}
	query := r.URL.Query()
	a.version = query.Get("versionId")
	a.private = r.Header.Get("X-Amz-Server-Side-Encryption-Customer-Key") != ""
	switch {
	case err != nil:
		a.class, a.reason = classUnknown, "the path is not properly escaped"
	case hasAny(query, s3Refused):
		a.class, a.reason = classUnknown, "content that a store makes of an object cannot be judged"
	case r.Method == http.MethodHead, r.Method == http.MethodOptions:
		a.class = classMetadata
	case r.Method == http.MethodPut, r.Method == http.MethodPost, r.Method == http.MethodDelete, r.Method == http.MethodPatch:
		a.class = classWrite
	case r.Method != http.MethodGet:
		a.class, a.reason = classUnknown, "the method is not one of S3"
	case a.address.Bucket == "" || a.address.Key == "":
		a.class = classList
	case hasAny(query, s3Describing):
		a.class = classMetadata
	default:
		a.class = classBytes
	}
	return a, nil
}

func hasAny(q url.Values, names []string) bool {
	for _, n := range names {
		if q.Has(n) {
			return true
		}
	}
	return false
}
