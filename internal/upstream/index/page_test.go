package index

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata")

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const at = "https://index.example.test/simple/demo/"

// rewritten is what the door of the tests changes: every address, and the release 2.0, which is blocked.
func rewritten(p *Page) func(int) Rewrite {
	return func(i int) Rewrite {
		f := p.Files[i]
		to := Rewrite{URL: "../../files/up/demo/" + f.SHA256().Hex() + "/" + url.PathEscape(f.Filename)}
		if f.Version() == "2.0" {
			to.Yanked = "modelgate scan 3f1c0e5a-5d0b-4c59-9d0e-0f5e8f0d7a11 blocked: known malicious"
		}
		if f.Provenance != "" && !strings.Contains(f.Provenance, "://") {
			to.Provenance = to.URL + ".provenance"
		}
		return to
	}
}

func TestPagesPassWithAllTheySay(t *testing.T) {
	for _, in := range []string{"full.json", "html-only.html"} {
		doc, err := os.ReadFile(filepath.Join("testdata", in))
		if err != nil {
			t.Fatal(err)
		}
		parse := parseJSON
		if strings.HasSuffix(in, ".html") {
			parse = parseHTML
		}
		p, err := parse("demo", address(t, at), doc)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		asJSON := p.JSON(rewritten(p))
		if !json.Valid(asJSON) {
			t.Errorf("%s: what is written is no JSON: %s", in, asJSON)
		}
		for suffix, got := range map[string][]byte{".out.json": asJSON, ".out.html": p.HTML(rewritten(p))} {
			name := filepath.Join("testdata", in+suffix)
			if *update {
				if err := os.WriteFile(name, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	}
}

func TestAnEntryIsRead(t *testing.T) {
	doc, err := os.ReadFile("testdata/full.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseJSON("demo", address(t, at), doc)
	if err != nil {
		t.Fatal(err)
	}
	f := p.Files[0]
	want := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	if f.Filename != "demo-1.0-py3-none-any.whl" || f.URL != "https://files.example.test/aa/demo-1.0-py3-none-any.whl" || f.Size != 1234 ||
		!f.Uploaded.Equal(want) || !f.HasMetadata || len(f.MetadataSHA256) != 64 || f.SHA256() == "" {
		t.Errorf("entry: %+v", f)
	}
	if p.APIVersion != "1.4" || p.Status != "archived" || p.StatusReason == "" || len(p.Dropped) != 4 {
		t.Errorf("page: version %s, status %s (%s), dropped %q", p.APIVersion, p.Status, p.StatusReason, p.Dropped)
	}
}

func TestPagesThatAreNone(t *testing.T) {
	for name, doc := range map[string]string{
		"an error in HTML":          "<p>Service unavailable",
		"nothing":                   "",
		"JSON without files":        `{"name": "demo"}`,
		"files that are no list":    `{"files": {}}`,
		"an entry that is a string": `{"files": ["x"]}`,
		"a list":                    `[]`,
		"broken JSON":               `{"files": [`,
		"a later major version":     `{"meta": {"api-version": "2.0"}, "files": []}`,
	} {
		if p, err := parseJSON("demo", address(t, at), []byte(doc)); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for name, doc := range map[string]string{
		"nothing":               "",
		"plain text":            "Service unavailable",
		"a later major version": `<html><meta name="pypi:repository-version" content="2.0">`,
	} {
		if p, err := parseHTML("demo", address(t, at), []byte(doc)); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// FuzzJSON holds the writer to the reader: whatever page is read is written as JSON that says the same but for the addresses.
func FuzzJSON(f *testing.F) {
	doc, err := os.ReadFile("testdata/full.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"a\"":[1,{"b":"}"}],"files":[{"url":"x/a-1.0.zip","filename":"a-1.0.zip","url":"y/a-1.0.zip","yanked":false}]}`))
	base := address(f, at)
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := parseJSON("demo", base, doc)
		if err != nil {
			return
		}
		out := p.JSON(func(i int) Rewrite {
			return Rewrite{URL: fmt.Sprintf("f/%d/%s", i, url.PathEscape(p.Files[i].Filename)), Yanked: "why"}
		})
		if !json.Valid(out) {
			t.Fatalf("%q becomes %q", doc, out)
		}
		again, err := parseJSON("demo", base, out)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", doc, out, err)
		}
		if len(again.Files) != len(p.Files) || len(again.head) != len(p.head) {
			t.Fatalf("%q becomes %q", doc, out)
		}
		for _, file := range again.Files {
			if !file.Yanked || !strings.HasPrefix(file.URL, at+"f/") {
				t.Fatalf("an entry leads to %s, yanked: %v, in %q", file.URL, file.Yanked, out)
			}
		}
		_ = p.HTML(func(int) Rewrite { return Rewrite{URL: "x"} })
	})
}

func FuzzHTML(f *testing.F) {
	doc, err := os.ReadFile("testdata/html-only.html")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`<a href=a-1.0.zip href='//evil.test/a-1.0.zip' data-"x=1>a</a>`))
	base := address(f, at)
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := parseHTML("demo", base, doc)
		if err != nil {
			return
		}
		to := func(i int) Rewrite { return Rewrite{URL: "f/" + url.PathEscape(p.Files[i].Filename), Yanked: "why"} }
		if out := p.JSON(to); !json.Valid(out) {
			t.Fatalf("%q becomes %q", doc, out)
		}
		again, err := parseHTML("demo", base, p.HTML(to))
		if err != nil {
			t.Fatalf("%q becomes %q: %v", doc, p.HTML(to), err)
		}
		for _, file := range again.Files {
			if !strings.HasPrefix(file.URL, at+"f/") {
				t.Fatalf("an entry leads to %s in %q", file.URL, p.HTML(to))
			}
		}
		if len(again.Files) != len(p.Files) {
			t.Fatalf("%d entries become %d: %q", len(p.Files), len(again.Files), p.HTML(to))
		}
	})
}
