package objectstore

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"modelgate/internal/model"
)

// FuzzParse holds the reading of requests to this: whatever is asked of a store's host is of one class, what is content has a bucket and a key,
// and what asks Google for media is content or not understood.
func FuzzParse(f *testing.F) {
	for _, address := range []string{
		"https://my.bucket.s3.amazonaws.com/a//b%2F../c?versionId=1",
		"https://storage.googleapis.com/storage/v1/b/b/o/a%2Fb?alt=media",
		"https://storage.googleapis.com/download/storage/v1/b/b/o/k",
		"https://storage.googleapis.com/google.storage.v2.Storage/ReadObject",
		"https://firebasestorage.googleapis.com/v0/b/b/o/k?%24alt=media",
		"https://acct.blob.core.windows.net/box/k?comp=query",
		"https://acct.dfs.core.windows.net/box?resource=filesystem",
		"http://emulator.example:1/%zz",
		"http://azurite.example:2//acct//k",
	} {
		f.Add("GET", address)
		f.Add("POST", address)
	}
	d := &Door{Config: Config{Endpoints: []Endpoint{
		{Provider: model.GCS, Host: "emulator.example:1", PathStyle: true}, {Provider: model.Azure, Host: "azurite.example:2", PathStyle: true},
	}}}
	f.Fuzz(func(t *testing.T, method, address string) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL, r.Host = method, u, u.Host
		a, err := d.parse(r)
		host, port := hostPort(u)
		switch {
		case errors.Is(err, errForeign):
			if d.Knows(host, port) && host != googleAPIs {
				t.Fatalf("%s is known and foreign", address)
			}
		case err != nil:
			t.Fatal(err)
		case a.class == "" || a.dialect.refusal == nil:
			t.Fatalf("%s has no class or dialect: %+v", address, a)
		case a.class == classUnknown && a.reason == "":
			t.Fatalf("%s is not understood, and nobody says why", address)
		case a.class == classBytes && (a.address.Bucket == "" || a.address.Key == "" || method != http.MethodGet):
			t.Fatalf("%s %s is content of %q", method, address, a.address)
		case method == http.MethodGet && a.dialect.name == "gcs json" && u.Query().Get("alt") == "media" && a.class == classMetadata:
			t.Fatalf("%s asks for media, and is %s", address, a.class)
		}
	})
}

// FuzzBatch holds requests that are sent together to this: they pass as they came, and none of them passes that is content by its first line.
func FuzzBatch(f *testing.F) {
	const part = "--x\r\nContent-Type: application/http\r\n\r\n"
	f.Add(part + "GET /storage/v1/b/b/o/k HTTP/1.1\r\n\r\n--x--")
	f.Add(part + "GET /storage/v1/b/b/o/k?alt=media HTTP/1.1\r\n\r\n--x--")
	f.Add(part + "GET /b/k\r\n" + part + "\x80--x--")
	d := &Door{}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "https://storage.googleapis.com/batch/storage/v1", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/mixed; boundary=x")
		a, err := d.parse(r)
		if err != nil || a.class != classWrite && a.class != classUnknown {
			t.Fatalf("%s, %v", a.class, err)
		}
		if got := textOf(r.Body); got != body {
			t.Fatalf("the body is left as %q", got)
		}
		if a.class == classWrite && strings.Contains(body, part+"GET /storage/v1/b/b/o/k?alt=media") && strings.Index(body, "--x") == 0 {
			t.Fatal("content passes")
		}
	})
}
