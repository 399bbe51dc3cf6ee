package bucket

import (
	"strings"
	"testing"

	"modelgate/internal/model"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		uri  string
		want Address
		text string // "" is the URI itself
	}{
		{"s3://models/bert/model.bin", Address{model.S3, "", "models", "bert/model.bin"}, ""},
		{"s3://models/bert/", Address{model.S3, "", "models", "bert/"}, ""},
		{"s3://models", Address{model.S3, "", "models", ""}, "s3://models/"},
		{"S3://models/a", Address{model.S3, "", "models", "a"}, "s3://models/a"},
		{"s3://my.models/a//b/../c/./d", Address{model.S3, "", "my.models", "a//b/../c/./d"}, ""},
		{"s3://models//a", Address{model.S3, "", "models", "/a"}, ""},
		{"s3://models/a%20b?c#d", Address{model.S3, "", "models", "a%20b?c#d"}, ""},
		{"gs://my_models/ä/ö", Address{model.GCS, "", "my_models", "ä/ö"}, ""},
		{"az://models/a", Address{model.Azure, "", "models", "a"}, ""},
		{"https://acme.blob.core.windows.net/models/a%20b/c%23", Address{model.Azure, "acme", "models", "a b/c#"}, ""},
		{"https://ACME.blob.core.windows.net/models/a//../b", Address{model.Azure, "acme", "models", "a//../b"}, "https://acme.blob.core.windows.net/models/a//../b"},
		{"https://acme.blob.core.windows.net/$root/a", Address{model.Azure, "acme", "$root", "a"}, ""},
		{"https://acme.blob.core.windows.net/models/a+b", Address{model.Azure, "acme", "models", "a+b"}, "https://acme.blob.core.windows.net/models/a%2Bb"},
	} {
		got, err := Parse(c.uri)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.uri, got, err)
			continue
		}
		text := c.text
		if text == "" {
			text = c.uri
		}
		if got.String() != text || !IsBucket(c.uri) {
			t.Errorf("%s: is written %s", c.uri, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ uri, why string }{
		{"models/a", "has no scheme"},
		{"ftp://models/a", "is none of"},
		{"s3:///a", "is not the name of a bucket"},
		{"s3://user:secret@models/a", "is not the name of a bucket"},
		{"s3://a/b", "is not the name of a bucket"},
		{"s3://mod..els/b", "is not the name of a bucket"},
		{"s3://models:80/b", "is not the name of a bucket"},
		{"gs://Models/b", "is not the name of a bucket"},
		{"az://a--b/c", "is not the name of a bucket"},
		{"s3://models/" + strings.Repeat("k", 1025), "the key has 1025 bytes"},
		{"s3://models/a\x00b", "zero byte"},
		{"s3://models/a\xff", "is not UTF-8"},
		{"https://acme.blob.core.windows.net/models/a?sv=1&sig=SECRET", "holds a query"},
		{"https://acme.blob.core.windows.net/models/a?", "holds a query"},
		{"https://acme.blob.core.windows.net/models/a#b", "holds a fragment"},
		{"https://user@acme.blob.core.windows.net/models/a", "user name"},
		{"https://acme.blob.core.windows.net:8443/models/a", "is not below"},
		{"https://evil.example/acme.blob.core.windows.net/models", "is not below"},
		{"https://a.b.blob.core.windows.net/models/a", "is not the name of a storage account"},
		{"https://acme.blob.core.windows.net/models/%zz", "is not a URL"},
	} {
		a, err := Parse(c.uri)
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %+v, %v; want %q", c.uri, a, err, c.why)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error tells a signature: %v", c.uri, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"s3://models/a//b/../c", "gs://models/ä", "az://models/", "https://acme.blob.core.windows.net/models/a%2Fb%25", "s3://", "https://",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		a, err := Parse(uri)
		if err != nil {
			return
		}
		again, err := Parse(a.String())
		if err != nil || again != a {
			t.Errorf("%q is %+v, written %q, which is %+v, %v", uri, a, a, again, err)
		}
	})
}

func TestMarkers(t *testing.T) {
	for key, want := range map[string]bool{
		"bert/config.json": true, "MLmodel": true, "a/model.safetensors.index.json": true, "saved_model.pb": true,
		"config.json/": false, "a/config.json.bak": false, "model.safetensors": false, "config.json/weights": false,
	} {
		if IsMarker(key) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
}
