package objectstore

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	secret       = "a secret of the gate's"
)

// signed is a request that the provider's own signer has signed, as a server gets it.
func signed(t *testing.T, address string, presigned bool) *http.Request {
	t.Helper()
	r := request(t, http.MethodGet, address, "Range", "bytes=0-9", "X-Amz-Content-Sha256", emptyPayload)
	s := signer.NewSigner(func(o *signer.SignerOptions) { o.DisableURIPathEscaping = true })
	keys := aws.Credentials{AccessKeyID: "research", SecretAccessKey: secret}
	if presigned {
		r.URL.RawQuery += "&X-Amz-Expires=60"
		r.Header = http.Header{}
		out, _, err := s.PresignHTTP(context.Background(), keys, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if r.URL, err = url.Parse(out); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := s.SignHTTP(context.Background(), keys, r, emptyPayload, "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

func check(r *http.Request, secret string, now time.Time) error {
	s, err := readV4(r)
	if err != nil {
		return err
	}
	return s.verify(r, secret, now)
}

func TestSignaturesOfTheProvidersSignerAreVerified(t *testing.T) {
	for _, address := range []string{
		"http://127.0.0.1:9000/models/a/b.bin?versionId=1&x-id=GetObject",
		"http://127.0.0.1:9000/models/a%20b%2Bc/%C3%A4//%24.bin?x=1",
		"http://127.0.0.1:9000/models?list-type=2&prefix=a%2Fb&encoding-type=url&empty=",
	} {
		for _, presigned := range []bool{false, true} {
			r := signed(t, address, presigned)
			if err := check(r, secret, time.Now()); err != nil {
				t.Errorf("%s (presigned %t): %v", address, presigned, err)
			}
			if check(r, secret+"x", time.Now()) == nil {
				t.Errorf("%s (presigned %t): another secret", address, presigned)
			}
			if check(r, secret, time.Now().Add(16*time.Minute)) == nil {
				t.Errorf("%s (presigned %t): it is old", address, presigned)
			}
			if check(r, secret, time.Now().Add(-16*time.Minute)) == nil {
				t.Errorf("%s (presigned %t): it is from the future", address, presigned)
			}
		}
	}
}

func TestWhatIsSignedCannotBeChanged(t *testing.T) {
	for why, change := range map[string]func(*http.Request){
		"the key":          func(r *http.Request) { r.URL.Path += "x" },
		"the query":        func(r *http.Request) { r.URL.RawQuery += "&versionId=2" },
		"the method":       func(r *http.Request) { r.Method = http.MethodDelete },
		"the host":         func(r *http.Request) { r.Host = "other.example" },
		"a signed header":  func(r *http.Request) { r.Header.Set("Range", "bytes=0-") },
		"the date":         func(r *http.Request) { r.Header.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format(v4Time)) },
		"the headers":      func(r *http.Request) { replaceIn(r, "SignedHeaders=host;", "SignedHeaders=") },
		"the scope":        func(r *http.Request) { replaceIn(r, "/s3/", "/ec2/") },
		"the signature":    func(r *http.Request) { replaceIn(r, "Signature=", "Signature=0") },
		"there is none":    func(r *http.Request) { r.Header.Del("Authorization") },
		"another version":  func(r *http.Request) { r.Header.Set("Authorization", "AWS research:c2ln") },
		"a date of no day": func(r *http.Request) { r.Header.Set("X-Amz-Date", "today") },
	} {
		r := signed(t, "http://127.0.0.1:9000/models/a?versionId=1", false)
		change(r)
		if check(r, secret, time.Now()) == nil {
			t.Errorf("%s was changed, and the signature holds", why)
		}
	}
}

func replaceIn(r *http.Request, old, text string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, text, 1))
}

func FuzzReadV4(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/20261124/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature=00", "20261124T000000Z", "a=b")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/b/k", RawQuery: query}, Host: "h", Header: http.Header{
			"Authorization": {authorization}, "X-Amz-Date": {date},
		}}
		if check(r, "a secret that nobody knows", time.Now()) == nil {
			t.Error("it holds")
		}
	})
}
