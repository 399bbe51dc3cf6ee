package e2e

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"modelgate/internal/indextest"
	"modelgate/internal/scanner/scantest"
)

// bombWheel is a wheel of a few kilobytes in which one file unpacks to gigabytes.
func bombWheel(t *testing.T, project string) indextest.File {
	t.Helper()
	f := indextest.Wheel(project, "1.0", map[string]string{project + "/__init__.py": ""})
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4 << 30
	zeros := make([]byte, 1<<20)
	for range size / len(zeros) {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := zip.NewReader(bytes.NewReader(f.Bytes), int64(len(f.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, member := range old.File {
		if err := z.Copy(member); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := z.CreateRaw(&zip.FileHeader{Name: project + "/data.bin", Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(raw, &packed); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Bytes = out.Bytes()
	return f
}

// sdistOf is a source distribution that holds one entry of any name.
func sdistOf(project, name string) indextest.File {
	return indextest.File{
		Name:  project + "-1.0.tar.gz",
		Bytes: scantest.Gzip(scantest.BuildTar(scantest.TarEntry{Name: project + "-1.0/PKG-INFO", Content: []byte(indextest.Metadata(project, "1.0"))}, scantest.TarEntry{Name: name, Content: []byte("x")})),
	}
}

// TestHostilePackagesAreAnsweredClearly asks for what a hostile or failing index serves. Each gets its answer and a line in the log, none is
// kept, and a good project beside them is served throughout.
func TestHostilePackagesAreAnsweredClearly(t *testing.T) {
	g, index := packageGate(t)
	plain := func(project string) indextest.File {
		return indextest.Wheel(project, "1.0", map[string]string{project + "/__init__.py": "x = 1\n"})
	}
	good := plain("good")
	index.Add("good", good)
	cut := plain("cut")
	cut.Bytes = cut.Bytes[:len(cut.Bytes)-40]
	flipped := plain("flipped")
	flipped.Claimed = bytes.Clone(flipped.Bytes)
	flipped.Bytes = append(bytes.Clone(flipped.Bytes[:len(flipped.Bytes)-1]), 'x')
	swapped := plain("swapped")
	swapped.Claimed, swapped.Bytes = swapped.Bytes, indextest.Wheel("swapped", "1.0", map[string]string{"swapped/a.py": "y = 2\n"}).Bytes
	htmlFile := plain("html-file")
	htmlFile.Bytes = []byte("<!doctype html><title>Error</title>" + strings.Repeat("<p>Service unavailable", 50))
	page := plain("page")
	dead, slow := plain("dead"), plain("slow")
	lies := indextest.Wheel("lies", "1.0", map[string]string{"lies/a.py": "x = 1\n", "lies-1.0.dist-info/RECORD": "lies/a.py,sha256=" + strings.Repeat("A", 43) + ",6\n"})
	swappedName := indextest.File{Name: "othername-1.0-py3-none-any.whl", Bytes: good.Bytes}
	for _, row := range []struct {
		what, project string
		file          indextest.File
		prepare       func(name string)
		status        int
		says          string // in the answer
		warns         string // threat in the scan
	}{
		{"a wheel that ends early", "cut", cut, nil, 403, "blocked: ", ""},
		{"a wheel with a byte that is another", "flipped", flipped, nil, 403, "error: not scanned", ""},
		{"another wheel than the index tells of", "swapped", swapped, nil, 403, "error: not scanned", ""},
		{"an error page with the digest that the index tells of", "html-file", htmlFile, nil, 403, "Package Archive Is Readable", ""},
		{"an error page instead of a wheel, as a success", "page", page, func(n string) { index.Fail(n, -1) }, 403, "error: not scanned", ""},
		{"an upstream that dies", "dead", dead, func(n string) { index.Fail(n, 500) }, 403, "error: not scanned", ""},
		{"an upstream that is slow", "slow", slow, func(n string) { index.Drip(n, 3*time.Second) }, 200, "", ""},
		{"a RECORD that lies", "lies", lies, nil, 200, "", "MG-PKG-106"},
		{"a bomb", "bomb", bombWheel(t, "bomb"), nil, 403, "blocked: ", ""},
		{"a path that leads outside", "outside", sdistOf("outside", "../outside/x"), nil, 403, "blocked: ", ""},
		{"an absolute path", "absolute", sdistOf("absolute", "/etc/x"), nil, 403, "blocked: ", ""},
		{"a wheel of another name", "renamed", swappedName, nil, 200, "", "MG-PKG-107"},
	} {
		index.Add(row.project, row.file)
		path := fileOf(t, g, row.project, row.file)
		if row.prepare != nil {
			row.prepare(row.file.Name)
		}
		a := ask(t, "GET", g.url+path)
		if a.status != row.status || !strings.Contains(a.reason+a.body, row.says) {
			t.Errorf("%s: %d %s %.300q", row.what, a.status, a.reason, a.body)
		}
		if a.status != http.StatusOK && (strings.Contains(a.body, "PK\x03\x04") || a.header.Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s: the answer is %q", row.what, a.header.Get("Content-Type"))
		}
		scan := a.header.Get("X-Modelgate-Scan")
		if scan == "" {
			t.Fatalf("%s: no scan is named", row.what)
		}
		for end := time.Now().Add(5 * time.Second); !strings.Contains(g.log.String(), `"scan":"`+scan+`"`); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the log does not tell of the scan %s", row.what, scan)
			}
		}
		if row.warns != "" && !strings.Contains(modelgate(t, g, "get-scan", scan, "--output", "json"), row.warns) {
			t.Errorf("%s: the scan does not warn", row.what)
		}
		if b := ask(t, "GET", g.url+fileOf(t, g, "good", good)); b.status != http.StatusOK || b.body != string(good.Bytes) {
			t.Errorf("after %s, the good project: %d", row.what, b.status)
		}
	}
	// What failed is not kept: once the index is well again, the file comes.
	index.Fail(dead.Name, 0)
	index.Fail(page.Name, 0)
	flipped.Bytes, flipped.Claimed = flipped.Claimed, nil
	index.Replace("flipped", flipped)
	for project, file := range map[string]indextest.File{"dead": dead, "page": page, "flipped": flipped} {
		path := fileOf(t, g, project, file)
		var a answer
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && a.status != http.StatusOK; time.Sleep(200 * time.Millisecond) {
			a = ask(t, "GET", g.url+path)
		}
		if a.status != http.StatusOK || a.body != string(file.Bytes) {
			t.Errorf("%s, when the index is well again: %d %s", project, a.status, a.reason)
		}
	}
}

// TestNamesThatLookAlikeAreNotConfused asks for one project by all its spellings, and for names that only look like it.
func TestNamesThatLookAlikeAreNotConfused(t *testing.T) {
	g, index := packageGate(t)
	index.Add("demo-x", indextest.Wheel("demo-x", "1.0", nil))
	for _, same := range []string{"demo-x", "Demo_X", "DEMO.x", "demo--x", "demo-_.x"} {
		if a := ask(t, "GET", g.url+"/pypi/simple/"+same+"/"); a.status != http.StatusOK && a.status != http.StatusMovedPermanently {
			t.Errorf("%q: %d", same, a.status)
		}
	}
	for _, other := range []string{"d%D0%B5mo-x", "demo%E2%80%90x", "%EF%BD%84emo-x", "demo-x%E2%80%8B", "demo-x%00", "demo%20x", "-demo-x", "demo-x%2F..%2Fother"} {
		if a := ask(t, "GET", g.url+"/pypi/simple/"+other+"/"); a.status != http.StatusNotFound {
			t.Errorf("%q: %d", other, a.status)
		}
	}
	for _, asked := range index.Asked() {
		if asked != "demo-x" {
			t.Errorf("the index was asked for %q", asked)
		}
	}
	// A page may not smuggle in files of names that only look like the project's.
	evil := fmt.Sprintf("d%cmo_x-2.0-py3-none-any.whl", 'е')
	index.Add("demo-x", indextest.File{Name: evil, Bytes: evilWheel("2.0").Bytes})
	time.Sleep(10 * time.Millisecond)
	if a := ask(t, "GET", g.url+fileOf(t, g, "demo-x", indextest.File{Name: url.PathEscape(evil)})); a.status != http.StatusForbidden {
		t.Errorf("a file of a name that looks alike: %d %s", a.status, a.reason)
	}
}
