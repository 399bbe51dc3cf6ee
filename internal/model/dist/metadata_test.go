package dist

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestLicensesOfMetadata(t *testing.T) {
	for _, row := range []struct {
		what, text string
		want       []string
	}{
		{"an expression says all", "Name: a\nLicense-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: BSD License\n", []string{"MIT OR Apache-2.0"}},
		{"else classifiers do", "License: see file\nClassifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: X\nClassifier: License :: OSI Approved\n", []string{"MIT License"}},
		{"else a short text", "License: BSD\r\n\r\nLicense: GPL\n", []string{"BSD"}},
		{"a long text is none", "License: " + strings.Repeat("x", 200) + "\n", nil},
		{"nor is UNKNOWN", "License: UNKNOWN\n", nil},
		{"what stands in the body is none", "Name: a\n\nLicense: MIT\n", nil},
	} {
		if got := ParseMetadata([]byte(row.text)).Licenses(); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

func TestMetadataInArchives(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"a/b.dist-info/METADATA", "demo-1.0.dist-info/METADATA"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("Name: " + name + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := ArchiveMetadata(bytes.NewReader(b.Bytes()), int64(b.Len()), "demo-1.0-py3-none-any.whl")
	if err != nil || ParseMetadata(text).Name != "demo-1.0.dist-info/METADATA" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"demo-1.0.zip", "demo-1.0.tar.gz", "demo-1.0.tar.bz2"} {
		if text, err := ArchiveMetadata(bytes.NewReader(b.Bytes()), int64(b.Len()), name); err == nil {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func FuzzArchiveMetadata(f *testing.F) {
	f.Add([]byte("Name: a\n"))
	f.Add([]byte("PK\x05\x06"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"a-1.whl", "a-1.zip", "a-1.tar.gz"} {
			if text, err := ArchiveMetadata(bytes.NewReader(b), int64(len(b)), name); err == nil && len(text) > maxMetadata {
				t.Errorf("%d bytes", len(text))
			}
		}
		if n := len(ParseMetadata(b).Classifiers); n > maxClassifiers {
			t.Errorf("%d classifiers", n)
		}
	})
}
