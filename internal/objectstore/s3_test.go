package objectstore

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"modelgate/internal/model"
)

// request is a request as the proxy hands it over: its URL is whole.
func request(t *testing.T, method, address string, header ...string) *http.Request {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "/", nil)
	r.URL, r.Host = u, u.Host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestEverySpellingOfAnObjectIsOneAddress(t *testing.T) {
	d := &Door{Config: Config{Endpoints: []Endpoint{
		{Provider: model.S3, Host: "store.example:9000", PathStyle: true},
		{Provider: model.S3, Host: "objects.example"},
	}}}
	for _, address := range []string{
		"https://my.bucket.s3.amazonaws.com/a//b%2F../c",
		"https://my.bucket.s3.eu-west-1.amazonaws.com/a//b%2F../c",
		"https://my.bucket.s3-eu-west-1.amazonaws.com/a//b%2F../c",
		"https://s3.amazonaws.com/my.bucket/a//b%2F../c",
		"https://s3.eu-west-1.amazonaws.com/my.bucket/a//b%2F../c",
		"https://s3-us-gov-west-1.amazonaws.com/my.bucket/a//b%2f../c",
		"https://my.bucket.s3.dualstack.eu-west-1.amazonaws.com/a//b%2F../c",
		"https://s3-fips.dualstack.us-east-1.amazonaws.com/my.bucket/a//b%2F../c",
		"https://my.bucket.s3-accelerate.amazonaws.com/a//b%2F../c",
		"https://my.bucket.s3-accelerate.dualstack.amazonaws.com/a//b%2F../c",
		"http://my.bucket.s3-website-us-east-1.amazonaws.com/a//b%2F../c",
		"http://my.bucket.s3-website.eu-central-1.amazonaws.com/a//b%2F../c",
		"https://my.bucket.s3.cn-north-1.amazonaws.com.cn/a//b%2F../c",
		"https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com/my.bucket/a//b%2F../c",
		"https://my.bucket.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com/a//b%2F../c",
	} {
		a, err := d.parse(request(t, "GET", address))
		if err != nil || a.class != classBytes || a.address.String() != "s3://my.bucket/a//b/../c" || a.endpoint != "" {
			t.Errorf("%s: %q of %q, %s, %v", address, a.address, a.endpoint, a.class, err)
		}
	}
	for address, endpoint := range map[string]string{
		"https://store.example:9000/my.bucket/k": "store.example:9000",
		"https://my.bucket.objects.example/k":    "objects.example",
	} {
		a, err := d.parse(request(t, "GET", address))
		if err != nil || a.address.String() != "s3://my.bucket/k" || a.endpoint != endpoint {
			t.Errorf("%s: %q of %q, %v", address, a.address, a.endpoint, err)
		}
	}
}

func TestWhatARequestToS3Is(t *testing.T) {
	d := &Door{}
	const host = "https://b.s3.amazonaws.com"
	for _, row := range []struct {
		method, path string
		want         class
	}{
		{"GET", "/k", classBytes},
		{"GET", "/k?versionId=1&partNumber=2&response-content-type=text/plain", classBytes},
		{"GET", "/k?x-id=GetObject", classBytes},
		{"GET", "/dir/", classBytes},
		{"HEAD", "/k", classMetadata},
		{"GET", "/k?acl", classMetadata},
		{"GET", "/k?attributes", classMetadata},
		{"GET", "/", classList},
		{"GET", "/?list-type=2&prefix=k", classList},
		{"PUT", "/k", classWrite},
		{"POST", "/k?uploads", classWrite},
		{"DELETE", "/k", classWrite},
		{"POST", "/k?select&select-type=2", classUnknown},
		{"GET", "/k?torrent", classUnknown},
		{"QUERY", "/k", classUnknown},
	} {
		if a, err := d.parse(request(t, row.method, host+row.path)); err != nil || a.class != row.want {
			t.Errorf("%s %s: %s, want %s (%v)", row.method, row.path, a.class, row.want, err)
		}
	}
	if a, err := d.parse(request(t, "GET", "https://b.s3-new-thing.of.amazonaws.com/k")); err != nil || a.class != classUnknown {
		t.Errorf("a form of host that is not known: %s, %v", a.class, err)
	}
	if _, err := d.parse(request(t, "GET", "https://sts.amazonaws.com/")); err == nil || d.Knows("sts.amazonaws.com", 443) {
		t.Error("another service is taken for a store")
	}
}

func TestASignatureIsRecognisedOnAnyHost(t *testing.T) {
	for _, r := range []*http.Request{
		request(t, "GET", "https://minio.example/b/k", "Authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"),
		request(t, "GET", "https://minio.example/b/k", "Authorization", "AWS key:signature"),
		request(t, "GET", "https://minio.example/b/k?X-Amz-Signature=a&X-Amz-SignedHeaders=host"),
		request(t, "GET", "https://minio.example/b/k?AWSAccessKeyId=a&Signature=b&Expires=1"),
	} {
		d := &Door{}
		if a, err := d.parse(r); err != nil || !d.Takes(r) || a.address.String() != "s3://b/k" || a.endpoint != "minio.example" {
			t.Errorf("%s: %q of %q, %v", r.URL, a.address, a.endpoint, err)
		}
	}
	if (&Door{}).Takes(request(t, "GET", "https://site.example/b/k", "Authorization", "Bearer x")) {
		t.Error("a token is taken for a signature")
	}
}

func TestWhatASignatureLeavesFree(t *testing.T) {
	v4 := func(signed string) *http.Request {
		return request(t, "GET", "https://b.s3.amazonaws.com/k", "Authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders="+signed+", Signature=c")
	}
	part := v4("host;x-amz-date")
	part.URL.RawQuery = "partNumber=1"
	for why, row := range map[string]struct {
		request *http.Request
		want    freedom
	}{
		"nothing is signed":                  {request(t, "GET", "https://b.s3.amazonaws.com/k"), all},
		"a header signature without a range": {v4("host;x-amz-date"), all},
		"a header signature over a range":    {v4("host;range;x-amz-date"), freedom{match: true, encoding: true}},
		"over range and condition":           {v4("host;if-match;range"), freedom{encoding: true}},
		"a header signature that lists nothing": {
			request(t, "GET", "https://b.s3.amazonaws.com/k", "Authorization", "AWS4-HMAC-SHA256 nonsense"), freedom{},
		},
		"presigned":              {request(t, "GET", "https://b.s3.amazonaws.com/k?X-Amz-Signature=a&X-Amz-SignedHeaders=host"), all},
		"presigned with a range": {request(t, "GET", "https://b.s3.amazonaws.com/k?X-Amz-Signature=a&X-Amz-SignedHeaders=host%3Brange"), freedom{match: true, encoding: true}},
		"presigned of version 2": {request(t, "GET", "https://b.s3.amazonaws.com/k?AWSAccessKeyId=a&Signature=b"), all},
		"version 2":              {request(t, "GET", "https://b.s3.amazonaws.com/k", "Authorization", "AWS key:signature"), all},
		"a part by its number":   {part, freedom{}},
	} {
		if got := s3Freedom(row.request); got != row.want {
			t.Errorf("%s: %+v", why, got)
		}
	}
}
