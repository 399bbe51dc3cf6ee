package bucket

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/buckettest"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// standIn is a store of somebody else's making, with a bucket named "models".
type standIn struct {
	name   string
	stores *Stores
	put    func(key string, content []byte)
	uri    func(key string) string
}

func standIns(t *testing.T) []standIn {
	s3, gcs, azure := buckettest.StartS3(t), buckettest.StartGCS(t), buckettest.StartAzure(t)
	s3.Bucket("models", false)
	s3.Bucket("versioned", true)
	gcs.Bucket("models", false)
	azure.Container("models")
	blob := func(key string) string {
		return Address{Provider: model.Azure, Account: buckettest.AzureAccount, Bucket: "models", Key: key}.String()
	}
	putBlob := func(key string, content []byte) { azure.Put("models", key, content) }
	return []standIn{
		{
			"S3", newStores(t, model.S3, s3.URL, testKeys()),
			func(key string, content []byte) { s3.Put("models", key, content) },
			func(key string) string { return "s3://models/" + key },
		},
		{
			"S3 with versions", newStores(t, model.S3, s3.URL, testKeys()),
			func(key string, content []byte) { s3.Put("versioned", key, content) },
			func(key string) string { return "s3://versioned/" + key },
		},
		{
			"GCS", newStores(t, model.GCS, gcs.URL, Credentials{Anonymous: true}),
			func(key string, content []byte) { gcs.Put("models", key, content) },
			func(key string) string { return "gs://models/" + key },
		},
		{"Azure by key", newStores(t, model.Azure, azure.URL, Credentials{AccountKey: buckettest.AzureKey}), putBlob, blob},
		{"Azure by signature", newStores(t, model.Azure, azure.URL, Credentials{SAS: azure.SAS("models")}), putBlob, blob},
	}
}

// TestStandIns holds all stores to one contract.
func TestStandIns(t *testing.T) {
	for _, s := range standIns(t) {
		t.Run(s.name, func(t *testing.T) {
			testReading(t, s)
			testPrefix(t, s)
			testReplaced(t, s)
			testMissing(t, s)
		})
	}
}

func testReading(t *testing.T, s standIn) {
	large := []byte(strings.Repeat("0123456789abcdef", 200<<10))
	for _, key := range []string{"plain", "a/deep/key", "space and ä+%2F?x=#y;&'()", "a/b.c/.d", "empty"} {
		content := append([]byte(key), large...)
		if key == "empty" {
			content = nil
		}
		s.put(key, content)
		o := find(t, s.stores, addressOf(t, s, key))
		name := o.path(key)
		if got, err := read(t.Context(), o, name); err != nil || got != string(content) {
			t.Errorf("%s: %d bytes of %d, %v", key, len(got), len(content), err)
		}
		if len(content) == 0 {
			continue
		}
		store, a, err := s.stores.Store(t.Context(), o.address)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range [][2]int64{{0, 1}, {10, 100}, {int64(len(content)) - 1, 1}, {5, -1}} {
			body, err := store.Open(t.Context(), a.Key, o.objects[0].Info, span[0], span[1])
			if err != nil {
				t.Errorf("%s: %v: %v", key, span, err)
				continue
			}
			got := make([]byte, len(content))
			n := 0
			for err == nil {
				var m int
				m, err = body.Read(got[n:])
				n += m
			}
			_ = body.Close()
			want := content[span[0]:]
			if span[1] >= 0 {
				want = want[:span[1]]
			}
			if string(got[:n]) != string(want) {
				t.Errorf("%s: %v gives %d bytes, %v", key, span, n, err)
			}
		}
	}
}

// addressOf is the URI of a key. Azure's is a URL, and escaped.
func addressOf(t *testing.T, s standIn, key string) string {
	t.Helper()
	uri := s.uri(key)
	if a, err := Parse(uri); err != nil || a.Key != key {
		t.Fatalf("%s: %+v, %v", uri, a, err)
	}
	return uri
}

func testPrefix(t *testing.T, s standIn) {
	for _, key := range []string{"bert/config.json", "bert/model.bin", "bert/sub/ü x.txt", "bert2/other"} {
		s.put(key, []byte("content of "+key))
	}
	o := find(t, s.stores, s.uri("bert"))
	if o.address.Key != "bert/" {
		t.Fatalf("found %s", o.address)
	}
	files, err := o.Files(t.Context())
	if err != nil || len(files) != 3 {
		t.Fatalf("files %+v, %v", files, err)
	}
	for _, f := range files {
		if got, err := read(t.Context(), o, f.Path); err != nil || got != "content of bert/"+f.Path {
			t.Errorf("%s: %q, %v", f.Path, got, err)
		}
	}
	before := o.Version()
	if again := find(t, s.stores, s.uri("bert/")).Version(); again != before {
		t.Errorf("%+v is %+v the second time", before, again)
	}
	s.put("bert/config.json", []byte("other content"))
	if after := find(t, s.stores, s.uri("bert/")).Version(); after == before || after.Name != before.Name {
		t.Errorf("%+v after an object was written anew", after)
	}
}

func testReplaced(t *testing.T, s standIn) {
	s.put("replaced", []byte("good bytes"))
	listed := find(t, s.stores, s.uri("replaced"))
	s.put("replaced", []byte("evil bytes"))
	got, err := read(t.Context(), listed, "replaced")
	switch {
	case s.name == "S3 with versions" && (err != nil || got != "good bytes"): // the version is still there
		t.Errorf("%q, %v", got, err)
	case s.name != "S3 with versions" && !errors.Is(err, source.ErrChanged):
		t.Errorf("%q, %v", got, err)
	}
}

func testMissing(t *testing.T, s standIn) {
	var e *Error
	if _, err := tryFind(t.Context(), s.stores, s.uri("nothing")); !errors.As(err, &e) || e.ErrorCode() != "NO_SUCH_KEY" {
		t.Errorf("no such key: %v", err)
	}
	bucket := strings.NewReplacer("//models/", "//nowhere/", "/models/", "/nowhere/", "//versioned/", "//nowhere/").Replace(s.uri("nothing"))
	_, err := tryFind(t.Context(), s.stores, bucket)
	switch {
	case !errors.As(err, &e):
		t.Errorf("no such bucket: %v", err)
	case s.name == "Azure by signature": // it is for one container
	case e.ErrorCode() != "NO_SUCH_BUCKET" && s.name != "GCS":
		t.Errorf("no such bucket: %v, %s", err, e.ErrorCode())
	}
}

// TestWrongKeyOfAzureIsRefused shows that the stand-in looks at signatures.
func TestWrongKeyOfAzureIsRefused(t *testing.T) {
	azure := buckettest.StartAzure(t)
	azure.Container("models")
	azure.Put("models", "m", []byte("x"))
	s := newStores(t, model.Azure, azure.URL, Credentials{AccountKey: "AAAA"})
	var e *Error
	uri := Address{Provider: model.Azure, Account: buckettest.AzureAccount, Bucket: "models", Key: "m"}.String()
	if _, err := tryFind(t.Context(), s, uri); !errors.As(err, &e) || e.ErrorCode() != "ACCESS_DENIED" {
		t.Errorf("%v", err)
	}
}
