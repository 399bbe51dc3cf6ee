package objectstore

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/upstream/bucket"
)

// verifying is an object whose store takes a request only with the range that its signature is made for, which stands in the signature.
func verifying(o *object) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		asked := r.Header.Get("Range") + r.Header.Get("X-Ms-Range")
		_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "signed-for:")
		if signed != "" && signed != asked && (signed != "none" || asked != "") || strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey") && r.Header.Get("If-Match") != "" {
			rw.WriteHeader(http.StatusForbidden)
			_, _ = rw.Write([]byte("<Error><Code>SignatureDoesNotMatch</Code></Error>"))
			return
		}
		o.ServeHTTP(rw, r)
	}
}

const (
	v4Ranged = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;range;x-amz-date, Signature=signed-for:"
	v4Whole  = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-amz-date, Signature=c"
)

func TestSignedRequestsForTheWholeAreJudged(t *testing.T) {
	clean, bad := tensors(300_000), append([]byte(evil), make([]byte, 1000)...)
	for why, way := range map[string]way{
		"S3, without a range":          {model.S3, "/box/model.bin", []string{"Authorization", v4Whole}},
		"S3, a range that covers it":   {model.S3, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=0-52428799", "Range", "bytes=0-52428799"}},
		"Google, a range that covers":  {model.GCS, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=0-52428799", "Range", "bytes=0-52428799"}},
		"Azure's key, without a range": {model.Azure, "/acct/box/model.bin", []string{"Authorization", "SharedKey acct:signed-for:none"}},
		"Azure's key, the first piece": {model.Azure, "/acct/box/model.bin", []string{"Authorization", "SharedKey acct:signed-for:bytes=0-33554431", "X-Ms-Range", "bytes=0-33554431"}},
		"Azure's key, signed briefly":  {model.Azure, "/acct/box/model.bin", []string{"Authorization", "SharedKeyLite acct:signed-for:none"}},
	} {
		w := open(t, way.provider, verifying(newObject(clean)))
		for range 2 {
			res, got, err := w.ask(t, "GET", way.path, way.header...)
			if err != nil || res.StatusCode >= 300 || !bytes.Equal(got, clean) || res.Header.Get("X-Modelgate-Scan") == "" {
				t.Errorf("%s: %s, %d of %d bytes, %v", why, res.Status, len(got), len(clean), err)
			}
		}
		w = open(t, way.provider, verifying(newObject(bad)))
		for range 2 {
			res, text, err := w.ask(t, "GET", way.path, way.header...)
			if trouble := refused(res, text, err); trouble != "" {
				t.Errorf("%s: a bad one: %s", why, trouble)
			}
		}
	}
}

func TestSignedPartsOfWhatNobodyCanReadAreRefused(t *testing.T) {
	for why, way := range map[string]way{
		"S3":     {model.S3, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=8388608-16777215", "Range", "bytes=8388608-16777215"}},
		"Google": {model.GCS, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=8388608-16777215", "Range", "bytes=8388608-16777215"}},
		"Azure":  {model.Azure, "/acct/box/model.bin", []string{"Authorization", "SharedKey acct:signed-for:bytes=8388608-9000000", "X-Ms-Range", "bytes=8388608-9000000"}},
	} {
		w := open(t, way.provider, verifying(newObject(large())))
		res, text, err := w.ask(t, "GET", way.path, way.header...)
		if trouble := refused(res, text, err); trouble != "" || !strings.Contains(string(text), "register read credentials for ") || !strings.HasSuffix(res.Status, "no read credentials") {
			t.Errorf("%s: %s %s", why, trouble, text)
		}
	}
}

// registered are the buckets of the tests, which can be read with credentials of the gate's own.
func registered(provider model.Source) bucket.Registration {
	r := bucket.Registration{Provider: provider, Pattern: "box", Credentials: bucket.Credentials{Anonymous: true}}
	if provider == model.Azure {
		r.Pattern = "acct/box"
	}
	return r
}

// ownObject adds to an object what the gate's own reads of Google's storage ask besides.
func ownObject(o *object) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/storage/v1/b/") && r.URL.Query().Get("alt") != "media" {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write([]byte(`{"name":"model.bin","generation":"1","size":"` + strconv.Itoa(len(o.content)) + `"}`))
			return
		}
		verifying(o)(rw, r)
	}
}

func TestSignedPartsOfWhatTheGateCanReadAreJudged(t *testing.T) {
	clean := tensors(300_000)
	for why, way := range map[string]way{
		"S3":     {model.S3, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=1000-1999", "Range", "bytes=1000-1999"}},
		"Google": {model.GCS, "/box/model.bin", []string{"Authorization", v4Ranged + "bytes=1000-1999", "Range", "bytes=1000-1999"}},
		"Azure":  {model.Azure, "/acct/box/model.bin", []string{"Authorization", "SharedKey acct:signed-for:bytes=1000-1999", "X-Ms-Range", "bytes=1000-1999"}},
	} {
		w := open(t, way.provider, ownObject(newObject(clean)), registered(way.provider))
		res, got, err := w.ask(t, "GET", way.path, way.header...)
		if err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, clean[1000:2000]) {
			t.Errorf("%s: %s %q %v", why, res.Status, got, err)
		}
		w = open(t, way.provider, ownObject(newObject(append([]byte(evil), make([]byte, 9000)...))), registered(way.provider))
		res, text, err := w.ask(t, "GET", way.path, way.header...)
		if trouble := refused(res, text, err); trouble != "" {
			t.Errorf("%s: a bad one: %s", why, trouble)
		}
	}
}

func TestAHeadStartsTheScanOfWhatTheGateCanRead(t *testing.T) {
	for why, way := range map[string]way{
		"S3":     {model.S3, "/box/model.bin", nil},
		"Google": {model.GCS, "/box/model.bin", nil},
		"Azure":  {model.Azure, "/acct/box/model.bin", nil},
	} {
		w := open(t, way.provider, ownObject(newObject(tensors(300_000))), registered(way.provider))
		res, _, err := w.ask(t, "HEAD", way.path)
		if err != nil || res.StatusCode != 200 || res.ContentLength < 300_000 || res.Header.Get("X-Modelgate-Scan") != "" {
			t.Fatalf("%s: %s %v", why, res.Status, err)
		}
		isRead := func(q string) bool { return strings.HasPrefix(q, "GET") }
		for until := time.Now().Add(10 * time.Second); !slices.ContainsFunc(w.questions(), isRead); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s: nothing is read after a HEAD", why)
			}
		}
		w = open(t, way.provider, ownObject(newObject(tensors(300_000))))
		_, _, _ = w.ask(t, "HEAD", way.path)
		w.wait.Wait()
		if q := w.questions(); len(q) != 1 {
			t.Errorf("%s: of what is not registered %q is asked", why, q)
		}
	}
}
