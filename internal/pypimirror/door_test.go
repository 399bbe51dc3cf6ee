package pypimirror

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/indextest"
	"modelgate/internal/model"
	"modelgate/internal/upstream/index"
)

func TestPagesLeadHereAndFilesFollowTheirVerdict(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": "x = 1\n"})
	s.index.Add("demo", wheel)
	a := s.ask("GET", s.address("demo", wheel.Name))
	if a.StatusCode != http.StatusOK || a.body != string(wheel.Bytes) || a.Header.Get("X-Modelgate-Scan") == "" || a.Header.Get("Etag") == "" {
		t.Errorf("file: %d, %d bytes, %v", a.StatusCode, len(a.body), a.Header)
	}
	part := s.ask("GET", s.address("demo", wheel.Name), "Range", "bytes=10-19")
	if part.StatusCode != http.StatusPartialContent || part.body != string(wheel.Bytes[10:20]) {
		t.Errorf("range: %d %q", part.StatusCode, part.body)
	}
	for range 3 {
		meta := s.ask("GET", s.address("demo", wheel.Name)+".metadata")
		if meta.StatusCode != http.StatusOK || meta.body != string(wheel.Meta) {
			t.Errorf("metadata: %d %q", meta.StatusCode, meta.body)
		}
	}
	if n := s.index.Count(wheel.Name + ".metadata"); n != 1 {
		t.Errorf("the metadata were fetched %d times", n)
	}
	if head := s.ask("HEAD", s.address("demo", wheel.Name)); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(wheel.Bytes)) || head.body != "" {
		t.Errorf("HEAD: %d, %d bytes", head.StatusCode, head.ContentLength)
	}
	if n := s.index.Count(wheel.Name); n != 1 {
		t.Errorf("the file was fetched %d times", n)
	}
}

func TestABlockedFileIsRefusedOnTheWireAsClientsShowIt(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "2.0", nil)
	s.index.Add("demo", wheel)
	s.gate.blocked[wheel.Name] = "Load Time Code Execution Check"
	path := s.address("demo", wheel.Name)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: gate.test\r\n\r\n", path)
	all, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	scan := s.gate.scans[wheel.Name].String()
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	first, _, _ := strings.Cut(head, "\r\n")
	if want := "HTTP/1.1 403 modelgate scan " + scan + " blocked: Load Time Code Execution Check"; first != want {
		t.Errorf("status line %q, want %q", first, want)
	}
	for _, want := range []string{"Content-Type: application/problem+json\r\n", "Cache-Control: no-store", "X-Modelgate-Scan: " + scan, "Connection: close", "X-Error-Code: ModelgateBlocked"} {
		if !strings.Contains(head+"\r\n", want) {
			t.Errorf("%q is not in\n%s", want, head)
		}
	}
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != 403 || !strings.Contains(p.Detail, scan) || !strings.Contains(p.Detail, wheel.Name) ||
		p.Type != "http://gate.test/ui/rules/load-time-code-execution-check" || p.Instance != "/scans/"+scan {
		t.Errorf("document %s: %v", body, err)
	}
	if head := s.ask("HEAD", path); head.StatusCode != http.StatusForbidden || !strings.Contains(head.Status, scan) || head.body != "" {
		t.Errorf("HEAD: %s", head.Status)
	}
}

func TestABlockedReleaseIsYankedAndRefusedWhole(t *testing.T) {
	s := newStand(t)
	bad, sister := indextest.Wheel("demo", "2.0", nil), indextest.Sdist("demo", "2.0", nil)
	good := indextest.Wheel("demo", "1.0", nil)
	sister.Yanked = "by its author"
	s.index.Add("demo", good, bad, sister)
	s.gate.blocked[bad.Name] = "Executable Path Configuration"
	page := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON)).body
	if strings.Contains(page, "modelgate scan") {
		t.Error("something is yanked before its verdict")
	}
	bads, sisters, goods := s.address("demo", bad.Name), s.address("demo", sister.Name), s.address("demo", good.Name)
	s.ask("GET", bads)
	scan := s.gate.scans[bad.Name].String()
	reason := "modelgate scan " + scan + " blocked: Executable Path Configuration"
	after := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON))
	if strings.Count(after.body, reason) != 2 || !strings.Contains(after.body, reason+"; upstream: by its author") {
		t.Errorf("page:\n%s", after.body)
	}
	for path, want := range map[string]int{sisters: 403, sisters + ".metadata": 403, bads + ".metadata": 403, goods: 200, goods + ".metadata": 200} {
		a := s.ask("GET", path)
		if a.StatusCode != want || want == 403 && !strings.Contains(a.Status, scan) {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	if s.index.Count(sister.Name) != 0 {
		t.Error("the sister was fetched")
	}
}

func TestPagesAreNegotiated(t *testing.T) {
	s := newStand(t)
	s.index.Add("demo", indextest.Wheel("demo", "1.0", nil))
	pip := "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
	for accept, want := range map[string]string{
		"": "text/html; charset=utf-8", "*/*": "text/html; charset=utf-8", pip: string(formJSON),
		"text/html": "text/html; charset=utf-8", "application/vnd.pypi.simple.latest+json": string(formJSON),
		"application/vnd.pypi.simple.v1+html":                  string(formHTML),
		"text/html, application/vnd.pypi.simple.v1+json":       string(formJSON),
		"application/vnd.pypi.simple.v1+json;q=0.1, text/html": "text/html; charset=utf-8",
		"application/vnd.pypi.simple.v1+json;q=0, */*":         string(formHTML),
		"application/*": string(formJSON), "text/*": "text/html; charset=utf-8", "image/png": "", "application/json": "",
	} {
		headers := []string{}
		if accept != "" {
			headers = []string{"Accept", accept}
		}
		a := s.ask("GET", "/pypi/simple/demo/", headers...)
		if want == "" {
			if a.StatusCode != http.StatusNotAcceptable {
				t.Errorf("%q: %d", accept, a.StatusCode)
			}
		} else if got := a.Header.Get("Content-Type"); got != want || a.StatusCode != http.StatusOK {
			t.Errorf("%q: %d %q, want %q", accept, a.StatusCode, got, want)
		}
		if a.Header.Get("Vary") != varies {
			t.Errorf("%q: Vary %q", accept, a.Header.Get("Vary"))
		}
	}
	if a := s.ask("GET", "/pypi/simple/demo/?format=application/vnd.pypi.simple.v1%2Bjson", "Accept", "text/html"); a.Header.Get("Content-Type") != string(formJSON) {
		t.Errorf("?format=: %q", a.Header.Get("Content-Type"))
	}
}

func TestPagesAreRevalidatedAndCompressed(t *testing.T) {
	s := newStand(t)
	for i := range 40 {
		s.index.Add("demo", indextest.Wheel("demo", fmt.Sprintf("1.%d", i), nil))
	}
	plain := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON))
	packed := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON), "Accept-Encoding", "br, gzip")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.body || packed.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("compressed: %v, %q", err, packed.Header.Get("Content-Encoding"))
	}
	for _, tag := range []string{plain.Header.Get("Etag"), packed.Header.Get("Etag"), `"x", ` + plain.Header.Get("Etag")} {
		if a := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON), "If-None-Match", tag); a.StatusCode != http.StatusNotModified || a.body != "" {
			t.Errorf("%s: %d", tag, a.StatusCode)
		}
	}
	s.index.Add("demo", indextest.Wheel("demo", "3.0", nil))
	time.Sleep(5 * time.Millisecond)
	if a := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON), "If-None-Match", plain.Header.Get("Etag")); a.StatusCode != http.StatusOK {
		t.Errorf("a page that changed: %d", a.StatusCode)
	}
}

func TestAddresses(t *testing.T) {
	s := newStand(t)
	s.index.Add("demo-x", indextest.Wheel("demo-x", "1.0", nil))
	for path, want := range map[string]string{
		"/pypi/simple/demo-x": "301 demo-x/", "/pypi/simple/Demo.X/": "301 ../demo-x/", "/pypi/simple/demo__x?a=b": "301 demo-x/?a=b",
		"/pypi/simple/demo-x/": "200", "/g/team%20a/pypi/simple/demo-x/": "200", "/pypi/simple/": "200", "/pypi/simple/none/": "404",
		"/pypi/simple/a%2Fb/": "404", "/pypi/simple/..%2f/": "404", "/pypi/": "404", "/pypi/pypi/demo-x/json": "404", "/pypi/simple/demo-x/1.0/": "404",
		"/pypi/files/up/demo-x/00/demo_x-1.0-py3-none-any.whl": "404", "/pypi/files/other/demo-x/00/demo_x-1.0-py3-none-any.whl": "404",
		"/pypi/files/up/demo-x/00/..%2f..%2fetc": "404", "/pypi/files/up/Demo/00/x.whl": "404", "/pypi/simple/%zz/": "400",
	} {
		if path == "/pypi/simple/%zz/" { // which no client of ours can send
			continue
		}
		a := s.ask("GET", path)
		got := fmt.Sprint(a.StatusCode)
		if to := a.Header.Get("Location"); to != "" {
			got += " " + to
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		if a := s.ask(method, "/pypi/simple/demo-x/"); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, a.StatusCode)
		}
	}
	for _, asked := range s.index.Asked() {
		if asked != "demo-x" && asked != "none" {
			t.Errorf("the index was asked for %q", asked)
		}
	}
}

func TestClientsAreKeptInTheirOwnWay(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "1.0", nil)
	s.index.Add("demo", wheel)
	path := s.address("demo", wheel.Name)
	s.gate.after = time.Second
	start := time.Now()
	a := s.ask("GET", path, "User-Agent", "pip/26.3 {}")
	if a.StatusCode != http.StatusOK || time.Since(start) < time.Second {
		t.Errorf("pip: %s", a.Status)
	}
	s.gate.after = time.Hour
	// The hold of this stand is five seconds, which is one silent step of the others.
	a = s.ask("GET", path, "User-Agent", "poetry/2.5.1")
	if a.StatusCode != http.StatusTemporaryRedirect || a.Header.Get("Location") != wheel.Name+"?w=1" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("poetry: %s %q", a.Status, a.Header.Get("Location"))
	}
	scan := s.gate.scans[wheel.Name].String()
	for _, agent := range []string{"poetry/2.5.1", "uv/0.13.9"} {
		a = s.ask("GET", path+"?w=500", "User-Agent", agent)
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Status, "modelgate scan "+scan+" pending: try again later") {
			t.Errorf("%s: %s", agent, a.Status)
		}
	}
}

func TestVerdictsThatAreNoneKeepTheGateShut(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "1.0", nil)
	s.index.Add("demo", wheel)
	s.gate.errored[wheel.Name] = true
	a := s.ask("GET", s.address("demo", wheel.Name))
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Status, "error: not scanned") {
		t.Errorf("%s", a.Status)
	}
}

func TestBytesThatAreNotThoseAnnouncedNeverPass(t *testing.T) {
	s := newStand(t)
	swapped := indextest.Wheel("demo", "1.0", nil)
	swapped.Claimed = append([]byte("x"), swapped.Bytes[1:]...)
	longer := indextest.Wheel("demo", "2.0", nil)
	longer.Claimed = longer.Bytes[:len(longer.Bytes)-1]
	cut := indextest.Wheel("demo", "3.0", nil)
	page := indextest.Wheel("demo", "4.0", nil)
	noHash := indextest.Wheel("demo", "5.0", nil)
	noHash.Hash, noHash.NoSize = "none", true
	md5 := indextest.Sdist("demo", "6.0", nil)
	md5.Hash = "md5"
	s.index.Add("demo", swapped, longer, cut, page, noHash, md5)
	s.index.Cut(cut.Name, 100)
	s.index.Fail(page.Name, http.StatusInternalServerError)
	for name, want := range map[string]int{swapped.Name: 502, longer.Name: 502, cut.Name: 200, page.Name: 502, noHash.Name: 200, md5.Name: 200} {
		a := s.ask("GET", s.address("demo", name))
		if a.StatusCode != want {
			t.Errorf("%s: %s, want %d", name, a.Status, want)
		}
		if want != 200 && strings.Contains(a.body, "PK\x03\x04") {
			t.Errorf("%s: bytes came", name)
		}
	}
}

func TestOneFetchServesEverybodyWhoAsks(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "1.0", map[string]string{"demo/data.bin": strings.Repeat("data", 1<<18)})
	s.index.Add("demo", wheel)
	path := s.address("demo", wheel.Name)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if a := s.ask("GET", path); a.StatusCode != http.StatusOK || a.body != string(wheel.Bytes) {
				t.Errorf("%s, %d bytes", a.Status, len(a.body))
			}
		}()
	}
	wg.Wait()
	if n := s.index.Count(wheel.Name); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestAnIndexThatFailsIsNoVerdict(t *testing.T) {
	s := newStand(t)
	s.index.Add("demo", indextest.Wheel("demo", "1.0", nil))
	for status, want := range map[int]int{500: 502, 503: 502, 401: 502, 403: 502, 404: 404, 410: 404, -1: 502} {
		name := fmt.Sprintf("demo-%d", status+1000)
		s.index.Fail(name, status)
		a := s.ask("GET", "/pypi/simple/"+name+"/")
		if a.StatusCode != want || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d of the index: %s", status, a.Status)
		}
	}
	s.ask("GET", "/pypi/simple/demo/")
	s.index.Fail("demo", 500)
	time.Sleep(5 * time.Millisecond)
	if a := s.ask("GET", "/pypi/simple/demo/"); a.StatusCode != http.StatusOK {
		t.Errorf("an older page: %s", a.Status)
	}
}

// two is a stand with a private index, which claims names, in front of a public one.
func two(t *testing.T) (*stand, *indextest.Index) {
	private := indextest.New(t)
	private.Want("gate:secret")
	s := newStand(t, func(_ *Config, ix *index.Config) {
		ix.Upstreams = append([]index.Upstream{{
			Name: "internal", URL: private.URL, Private: true, Claims: []string{"acme-*", "Model_Security.Client"}, Username: "gate", Password: "secret",
		}}, ix.Upstreams...)
	})
	return s, private
}

func TestAPrivateNameIsNeverAskedOfThePublic(t *testing.T) {
	s, private := two(t)
	for _, name := range []string{"acme-lib", "model-security-client"} {
		s.index.Add(name, indextest.Wheel(name, "99.0", nil)) // higher than anything that is private
		for _, spelling := range []string{name, strings.ReplaceAll(strings.ToUpper(name), "-", "_")} {
			if a := s.ask("GET", "/pypi/simple/"+spelling+"/"); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusMovedPermanently {
				t.Errorf("%s, which the owner does not have: %s", spelling, a.Status)
			}
		}
		for _, status := range []int{500, 401, 403} {
			private.Fail(name, status)
			time.Sleep(2 * time.Millisecond)
			if a := s.ask("GET", "/pypi/simple/"+name+"/"); a.StatusCode != http.StatusBadGateway && a.StatusCode != http.StatusNotFound {
				t.Errorf("%s, whose owner fails with %d: %s", name, status, a.Status)
			}
		}
		public := s.ask("GET", "/pypi/files/up/"+name+"/"+strings.Repeat("0", 64)+"/x-99.0-py3-none-any.whl")
		if public.StatusCode != http.StatusForbidden {
			t.Errorf("a file of the public index under the name %s: %s", name, public.Status)
		}
		if s.index.Count(name) != 0 {
			t.Errorf("the public index was asked for %s", name)
		}
	}
}

func TestANameThatAPrivateIndexHadStaysIts(t *testing.T) {
	s, private := two(t)
	wheel := indextest.Wheel("tool", "1.0", nil)
	private.Add("tool", wheel)
	s.index.Add("tool", indextest.Wheel("tool", "99.0", nil))
	if a := s.ask("GET", s.address("tool", wheel.Name)); a.StatusCode != http.StatusOK || a.body != string(wheel.Bytes) {
		t.Errorf("%s", a.Status)
	}
	private.Remove("tool")
	time.Sleep(5 * time.Millisecond)
	if a := s.ask("GET", "/pypi/simple/tool/"); a.StatusCode != http.StatusNotFound || s.index.Count("tool") != 0 {
		t.Errorf("after the owner dropped it: %s, the public index was asked %d times", a.Status, s.index.Count("tool"))
	}
	// A name that the private index does not have, and nobody claims, is the public one's; one of which it says nothing is nobody's.
	s.index.Add("other", indextest.Wheel("other", "1.0", nil))
	if a := s.ask("GET", "/pypi/simple/other/"); a.StatusCode != http.StatusOK {
		t.Errorf("a public name: %s", a.Status)
	}
	s.index.Add("third", indextest.Wheel("third", "1.0", nil))
	private.Fail("third", 500)
	if a := s.ask("GET", "/pypi/simple/third/"); a.StatusCode != http.StatusBadGateway || s.index.Count("third") != 0 {
		t.Errorf("a name of which the private index says nothing: %s", a.Status)
	}
}

func TestNamesOfOurOwnClientsAreNeverAskedOfAnIndex(t *testing.T) {
	s := newStand(t)
	for _, name := range []string{"model-security-client", "airs-schemas", "modelscan-pai"} {
		wheel := indextest.Wheel(name, "99.0", nil)
		s.index.Add(name, wheel)
		if a := s.ask("GET", "/pypi/simple/"+name+"/"); a.StatusCode != http.StatusNotFound || s.index.Count(name) != 0 {
			t.Errorf("%s: %s, the index was asked %d times", name, a.Status, s.index.Count(name))
		}
		if a := s.ask("GET", "/pypi/files/up/"+name+"/"+strings.Repeat("0", 64)+"/"+wheel.Name); a.StatusCode == http.StatusOK || s.index.Count(name) != 0 {
			t.Errorf("%s: its file: %s", name, a.Status)
		}
	}
}

func TestIndexesThatSpeakHTMLAreServedInBoth(t *testing.T) {
	s := newStand(t)
	s.index.HTMLOnly = true
	wheel := indextest.Wheel("demo", "1.0", nil)
	s.index.Add("demo", wheel)
	a := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON))
	var page struct {
		Meta  map[string]string `json:"meta"`
		Files []struct {
			Filename string
			Hashes   map[string]string
		}
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Files) != 1 || page.Files[0].Hashes["sha256"] == "" || page.Meta["api-version"] != "1.0" {
		t.Errorf("%v: %s", err, a.body)
	}
	if f := s.ask("GET", s.address("demo", wheel.Name)); f.StatusCode != http.StatusOK || f.body != string(wheel.Bytes) {
		t.Errorf("file: %s", f.Status)
	}
}

func TestDownloadsAreRecorded(t *testing.T) {
	s := newStand(t)
	good, bad := indextest.Wheel("demo", "1.0", nil), indextest.Wheel("demo", "2.0", nil)
	s.index.Add("demo", good, bad)
	s.gate.blocked[bad.Name] = "Known Malicious Package"
	s.ask("GET", s.address("demo", good.Name), "User-Agent", "pip/26.3")
	s.ask("GET", s.address("demo", bad.Name))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.downloads) != 2 || s.downloads[0].Outcome != "ALLOWED" || s.downloads[1].Outcome != "BLOCKED" || s.downloads[0].Scan == uuid.Nil ||
		s.downloads[0].Path != good.Name || s.downloads[0].Client != "pip/26.3" || s.downloads[0].Bytes != int64(len(good.Bytes)) {
		t.Errorf("%+v", s.downloads)
	}
}

func TestWhatThePageTellsYanksAtOnce(t *testing.T) {
	var known atomic.Bool
	s := newStand(t, func(_ *Config, ix *index.Config) {
		ix.Advisories = func(project, version string) []model.Advisory {
			if project == "demo" && version == "2.0" && known.Load() {
				return []model.Advisory{{ID: "MAL-2026-2144", Malicious: true}}
			}
			return nil
		}
	})
	good, bad, sister := indextest.Wheel("demo", "1.0", nil), indextest.Wheel("demo", "2.0", nil), indextest.Sdist("demo", "2.0", nil)
	s.index.Add("demo", good, bad, sister)
	before := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON))
	if strings.Contains(before.body, "modelgate scan") {
		t.Error("something is yanked before anybody knows")
	}
	known.Store(true)
	s.gate.rules("other")
	after := s.ask("GET", "/pypi/simple/demo/", "Accept", string(formJSON))
	scan := s.gate.scans["2"].String()
	reason := "modelgate scan " + scan + " blocked: known malicious MAL-2026-2144"
	if strings.Count(after.body, reason) != 2 || after.Header.Get("Etag") == before.Header.Get("Etag") {
		t.Errorf("page:\n%s", after.body)
	}
	for _, f := range []indextest.File{bad, sister} {
		path := s.address("demo", f.Name)
		for _, path := range []string{path, path + ".metadata"} {
			if a := s.ask("GET", path); a.Status != "403 "+reason || !strings.Contains(a.body, "MAL-2026-2144") {
				t.Errorf("%s: %s %s", path, a.Status, a.body)
			}
		}
		if s.index.Count(f.Name) != 0 {
			t.Errorf("%s was fetched", f.Name)
		}
	}
	if a := s.ask("GET", s.address("demo", good.Name)); a.StatusCode != http.StatusOK {
		t.Errorf("the good release: %s", a.Status)
	}
}
