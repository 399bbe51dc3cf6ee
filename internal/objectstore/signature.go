package objectstore

import (
	"net/http"
	"slices"
	"strings"
)

// freedom is what a client's signature leaves free: what the gate may change in a request that it makes in the client's name.
type freedom struct {
	// add: a Range may be added to a request that has none. change: the one that it has may be replaced, or dropped.
	add, change bool
	// match: If-Match may be added.
	match bool
	// encoding: Accept-Encoding may be set.
	encoding bool
}

// all is the freedom of what is not signed, or signed by a token that stands for the client and not for the request.
var all = freedom{add: true, change: true, match: true, encoding: true}

// s3Freedom reads the signature of a request to S3. Measured: header signatures of version 4 sign each header that the client lists, and what
// is not listed may be added; what is presigned signs the host alone unless it says otherwise; version 2 signs no range.
func s3Freedom(r *http.Request) freedom {
	q := r.URL.Query()
	free := all
	if list, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-"); ok {
		free = headerSignature(list)
	} else if q.Has("X-Amz-Signature") {
		free = signedHeaders(q.Get("X-Amz-SignedHeaders"))
	}
	if q.Has("partNumber") { // a range that cannot be changed without its signature
		return freedom{}
	}
	return free
}

// headerSignature reads the value of an Authorization header of version 4. What lists nothing leaves nothing free.
func headerSignature(value string) freedom {
	_, list, ok := strings.Cut(value, "SignedHeaders=")
	if !ok {
		return freedom{}
	}
	list, _, _ = strings.Cut(list, ",")
	return signedHeaders(list)
}

// signedHeaders is the freedom that a list of signed headers leaves.
func signedHeaders(list string) freedom {
	signed := strings.Split(strings.ToLower(strings.TrimSpace(list)), ";")
	has := func(name string) bool { return slices.Contains(signed, name) }
	return freedom{add: !has("range"), change: !has("range"), match: !has("if-match"), encoding: !has("accept-encoding")}
}

// ranged tells whether a request asks for a part.
func ranged(r *http.Request) bool {
	return r.Header.Get("Range") != "" || r.Header.Get("X-Ms-Range") != "" || r.Header.Get("X-Amz-Range") != "" || r.URL.Query().Has("partNumber")
}
