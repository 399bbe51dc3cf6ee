package objectstore

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/model"
)

func TestEverySpellingOfAnObjectOfGoogleIsOneAddress(t *testing.T) {
	d := &Door{Config: Config{Endpoints: []Endpoint{
		{Provider: model.GCS, Host: "emulator.example:4443", PathStyle: true},
	}}}
	for _, address := range []string{
		"https://storage.googleapis.com/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=media",
		"https://storage.googleapis.com/storage/v1/b/my.bucket/o/a%2f%2fb%2F..%2Fc?%24alt=media",
		"https://storage.googleapis.com/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=json&alt=media",
		"https://storage.googleapis.com/download/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=media",
		"https://storage.googleapis.com/download/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc",
		"https://www.googleapis.com/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=media",
		"https://www.googleapis.com/download/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=media",
		"https://0012-apidata.googleusercontent.com/download/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?jk=x",
		"https://firebasestorage.googleapis.com/v0/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=media&token=x",
		"https://storage.googleapis.com/my.bucket/a//b/../c",
		"https://storage.googleapis.com./my.bucket/a//b%2F../c",
		"https://my.bucket.storage.googleapis.com/a//b%2F../c",
		"https://storage.cloud.google.com/my.bucket/a//b/../c",
		"https://commondatastorage.googleapis.com/my.bucket/a//b/../c",
		"https://my.bucket.commondatastorage.googleapis.com/a//b/../c",
		"https://c.storage.googleapis.com/my.bucket/a//b/../c",
		"https://storage-download.googleapis.com/my.bucket/a//b/../c",
		"https://storage.mtls.googleapis.com/my.bucket/a//b/../c",
		"https://storage.me-central2.rep.googleapis.com/my.bucket/a//b/../c",
		"https://storage.me-central2.rep.googleapis.com/storage/v1/b/my.bucket/o/a%2F%2Fb%2F..%2Fc?alt=MEDIA",
		"https://storage-x.p.googleapis.com/my.bucket/a//b/../c",
	} {
		a, err := d.parse(request(t, "GET", address))
		if err != nil || a.class != classBytes || a.address.String() != "gs://my.bucket/a//b/../c" || a.identity() != "gcs\n\nmy.bucket" {
			t.Errorf("%s: %q, %s, %q, %v", address, a.address, a.class, a.identity(), err)
		}
		if host, _ := hostPort(request(t, "GET", address).URL); !d.Knows(host, 443) {
			t.Errorf("%s is not known", host)
		}
	}
	for _, address := range []string{
		"http://emulator.example:4443/storage/v1/b/my.bucket/o/k?alt=media",
		"http://emulator.example:4443/my.bucket/k",
	} {
		a, err := d.parse(request(t, "GET", address))
		if err != nil || a.class != classBytes || a.address.String() != "gs://my.bucket/k" || a.identity() != "gcs\nemulator.example:4443\nmy.bucket" {
			t.Errorf("%s: %q, %s, %q, %v", address, a.address, a.class, a.identity(), err)
		}
	}
}

func TestWhatARequestToGoogleIs(t *testing.T) {
	d := &Door{}
	for _, row := range []struct {
		method, address string
		want            class
	}{
		{"GET", "storage.googleapis.com/storage/v1/b/b/o/k", classMetadata},
		{"GET", "storage.googleapis.com/storage/v1/b/b/o/k?alt=json", classMetadata},
		{"GET", "storage.googleapis.com/storage/v1/b/b/o/k/acl", classMetadata},
		{"GET", "storage.googleapis.com/storage/v1/b/b", classMetadata},
		{"GET", "storage.googleapis.com/storage/v1/b/b/storageLayout", classMetadata},
		{"GET", "storage.googleapis.com/storage/v1/b", classList},
		{"GET", "storage.googleapis.com/storage/v1/b/b/o?prefix=x", classList},
		{"GET", "storage.googleapis.com/storage/v1/b/b/o/a/b?alt=media", classUnknown},
		{"GET", "storage.googleapis.com/storage/v1/b/b/acl/x?alt=media", classUnknown},
		{"HEAD", "storage.googleapis.com/b1/k", classMetadata},
		{"GET", "storage.googleapis.com/b1/k?acl", classMetadata},
		{"GET", "storage.googleapis.com/b1?prefix=k", classList},
		{"GET", "storage.googleapis.com/b1/k?generation=1", classBytes},
		{"PUT", "storage.googleapis.com/b1/k", classWrite},
		{"POST", "storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=media&name=k", classWrite},
		{"PUT", "storage.googleapis.com/resumable/upload/storage/v1/b/b/o?upload_id=k", classWrite},
		{"POST", "storage.googleapis.com/storage/v1/b/b/o/k/rewriteTo/b/b/o/k2", classWrite},
		{"POST", "storage.googleapis.com/storage/v1/b/b/o/k/compose", classWrite},
		{"DELETE", "storage.googleapis.com/storage/v1/b/b/o/k", classWrite},
		{"POST", "storage.googleapis.com/google.storage.control.v2.StorageControl/GetStorageLayout", classWrite},
		{"POST", "storage.googleapis.com/google.storage.v2.Storage/GetObject", classWrite},
		{"POST", "storage.googleapis.com/google.storage.v2.Storage/BidiWriteObject", classWrite},
		{"POST", "storage.googleapis.com/google.storage.v2.Storage/ReadObject", classUnknown},
		{"POST", "storage.googleapis.com/google.storage.v2.Storage/BidiReadObject", classUnknown},
		{"POST", "storage.googleapis.com/google.storage.v9.Other/Method", classUnknown},
		{"GET", "my.storage-new.thing.googleapis.com/k", classUnknown},
	} {
		if a, err := d.parse(request(t, row.method, "https://"+row.address)); err != nil || a.class != row.want {
			t.Errorf("%s %s: %s, want %s (%v)", row.method, row.address, a.class, row.want, err)
		}
	}
	for _, host := range []string{"bigquery.googleapis.com", "storagetransfer.googleapis.com", "bigquerystorage.googleapis.com", "lh3.googleusercontent.com"} {
		if d.Knows(host, 443) {
			t.Errorf("%s is taken for a store", host)
		}
	}
	if _, err := d.parse(request(t, "GET", "https://www.googleapis.com/oauth2/v1/certs")); !errors.Is(err, errForeign) {
		t.Errorf("another service of the same host: %v", err)
	}
}

func TestWhatASignatureOfGoogleLeavesFree(t *testing.T) {
	const address = "https://storage.googleapis.com/b1/k"
	for why, row := range map[string]struct {
		request *http.Request
		want    freedom
	}{
		"nothing is signed":                   {request(t, "GET", address), all},
		"a token":                             {request(t, "GET", address, "Authorization", "Bearer x", "Range", "bytes=1-2"), all},
		"a signed URL":                        {request(t, "GET", address+"?X-Goog-Signature=a&X-Goog-SignedHeaders=host"), all},
		"a signed URL with a range":           {request(t, "GET", address+"?X-Goog-Signature=a&X-Goog-SignedHeaders=host%3Brange"), freedom{match: true, encoding: true}},
		"a signed URL of version 2":           {request(t, "GET", address+"?GoogleAccessId=a&Signature=b&Expires=1"), all},
		"a key, as S3's":                      {request(t, "GET", address, "Authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host;range, Signature=b"), freedom{match: true, encoding: true}},
		"a key, as Google's":                  {request(t, "GET", address, "Authorization", "GOOG4-HMAC-SHA256 Credential=a, SignedHeaders=host;range, Signature=b"), freedom{match: true, encoding: true}},
		"a key of version 1":                  {request(t, "GET", address, "Authorization", "GOOG1 a:b"), all},
		"a header signature without its list": {request(t, "GET", address, "Authorization", "GOOG4-RSA-SHA256 nonsense"), freedom{}},
	} {
		if got := gcsFreedom(row.request); got != row.want {
			t.Errorf("%s: %+v", why, got)
		}
	}
	for _, r := range []*http.Request{
		request(t, "GET", "https://cdn.example/b1/k?X-Goog-Signature=a"),
		request(t, "GET", "https://cdn.example/b1/k?GoogleAccessId=a&Signature=b"),
		request(t, "GET", "https://cdn.example/b1/k", "Authorization", "GOOG4-RSA-SHA256 x"),
	} {
		d := &Door{}
		if a, err := d.parse(r); err != nil || !d.Takes(r) || a.address.String() != "gs://b1/k" || a.endpoint != "cdn.example" {
			t.Errorf("%s: %q of %q, %v", r.URL, a.address, a.endpoint, err)
		}
	}
}

func TestRequestsThatAreSentTogetherPassOnlyIfNoneAsksForContent(t *testing.T) {
	part := func(text string) string {
		return "--x\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\n" + text + "\r\n"
	}
	d := &Door{}
	for why, row := range map[string]struct {
		body string
		want class
	}{
		"metadata and a removal":  {part("GET /storage/v1/b/b/o/k HTTP/1.1\r\nAccept: */*\r\n") + part("DELETE /storage/v1/b/b/o/k HTTP/1.1\r\n\r\n") + "--x--", classWrite},
		"a line without protocol": {part("GET /storage/v1/b/b/o/k") + "--x--", classWrite},
		"content in JSON's API":   {part("GET /storage/v1/b/b/o/k HTTP/1.1\r\n") + part("GET /storage/v1/b/b/o/k?alt=media HTTP/1.1\r\n") + "--x--", classUnknown},
		"content, the short way":  {part("GET /storage/v1/b/b/o/k?alt=media") + "--x--", classUnknown},
		"content of XML's API":    {part("GET /b1/k HTTP/1.1\r\n") + "--x--", classUnknown},
		"content of another host": {part("GET https://b1.storage.googleapis.com/k HTTP/1.1\r\n") + "--x--", classUnknown},
		"a batch in a batch":      {part("POST /batch/storage/v1 HTTP/1.1\r\n") + "--x--", classUnknown},
		"no request":              {part("\x80\x04nothing") + "--x--", classUnknown},
		"another kind of part":    {"--x\r\nContent-Type: text/plain\r\n\r\nGET /storage/v1/b/b/o/k HTTP/1.1\r\n--x--", classUnknown},
		"an encoded part":         {"--x\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: base64\r\n\r\nR0VU\r\n--x--", classUnknown},
		"no end":                  {part("GET /storage/v1/b/b/o/k HTTP/1.1\r\n"), classUnknown},
	} {
		r := request(t, "POST", "https://storage.googleapis.com/batch/storage/v1", "Content-Type", `multipart/mixed; boundary="x"`)
		r.Body = readerOf(row.body)
		a, err := d.parse(r)
		if err != nil || a.class != row.want {
			t.Errorf("%s: %s (%s), want %s, %v", why, a.class, a.reason, row.want, err)
		}
		if kept := textOf(r.Body); kept != row.body {
			t.Errorf("%s: the body is left as %q", why, kept)
		}
	}
}

func TestGooglesDocumentsNameTheScan(t *testing.T) {
	x := &exchange{Request: request(t, "GET", "https://storage.googleapis.com/b1/k")}
	const scan = "5d0c0000-0000-0000-0000-000000000000"
	r := report{status: 403, code: "AccessDenied", message: `refused <"k"> 100 %. Scan ` + scan, scan: scan}

	status, h, body := gcsJSONRefusal(x, r)
	var document struct {
		Error struct {
			Code    int
			Message string
			Errors  []struct{ Message, Domain, Reason string }
		}
	}
	if err := json.Unmarshal(body, &document); err != nil || status != 403 || document.Error.Code != 403 || document.Error.Message != r.message ||
		len(document.Error.Errors) != 1 || document.Error.Errors[0].Reason != "forbidden" || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("JSON: %d %s %v", status, body, err)
	}
	status, h, body = gcsXMLRefusal(x, r)
	if status != 403 || h.Get("X-Guploader-Uploadid") != scan || h.Get("X-Amz-Request-Id") != "" || !strings.Contains(string(body), "<Code>AccessDenied</Code>") ||
		strings.Contains(string(body), `<"k">`) {
		t.Errorf("XML: %d %v %s", status, h, body)
	}
	status, h, body = gcsRPCRefusal(x, r)
	if status != 200 || h.Get("Grpc-Status") != "7" || !strings.Contains(h.Get("Grpc-Message"), "100 %25") || len(body) != 0 {
		t.Errorf("gRPC: %d %v", status, h)
	}
}
