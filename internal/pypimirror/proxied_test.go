package pypimirror

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"modelgate/internal/auth"
	"modelgate/internal/indextest"
	"modelgate/internal/model"
	"modelgate/internal/upstream/index"
)

// gateAddress is the gate's own address in tests of requests that come through the proxy.
const gateAddress = "http://gate.example:8080"

// askSite asks for an address of an index, or of a host of its files, as a client of the proxy.
func (s *stand) askSite(method, address string, caller auth.Principal, headers ...string) answer {
	s.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	rest := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "rest "+r.URL.String())
	})
	r := httptest.NewRequest(method, address, nil)
	r.URL, r.Host = u, u.Host
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.door.Proxied(gateAddress, rest).ServeHTTP(w, r.WithContext(auth.With(context.WithoutCancel(r.Context()), caller)))
	res := w.Result()
	return answer{res, w.Body.String()}
}

func TestThroughTheProxyPagesKeepTheIndexsAddressesAndFilesAreJudged(t *testing.T) {
	s := newStand(t)
	good := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": ""})
	good.Meta, good.Origin = []byte("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"), []byte(`{"version":1}`)
	evil := indextest.Wheel("demo", "2.0", map[string]string{"demo/__init__.py": "evil"})
	s.index.Add("demo", good, evil)
	s.gate.blocked[evil.Name] = "Load Time Code Execution Check"
	nobody := auth.Principal{}

	page := s.askSite("GET", s.index.URL+"demo/", nobody, "Accept", string(formJSON))
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, `"url":"`+s.index.FilesURL()+good.Name+`"`) || strings.Contains(page.body, "../../files") {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
	if html := s.askSite("GET", s.index.URL+"demo/", nobody).body; !strings.Contains(html, `href="`+s.index.FilesURL()+good.Name+`#sha256=`) {
		t.Errorf("in HTML: %s", html)
	}
	if moved := s.askSite("GET", s.index.URL+"Demo", nobody); moved.StatusCode != http.StatusMovedPermanently || moved.Header.Get("Location") != "demo/" {
		t.Errorf("another spelling: %d to %q", moved.StatusCode, moved.Header.Get("Location"))
	}

	got := s.askSite("GET", s.index.FilesURL()+good.Name, nobody)
	if got.StatusCode != http.StatusOK || got.body != string(good.Bytes) || got.Header.Get("X-Modelgate-Scan") == "" {
		t.Errorf("the good file: %d, %d bytes", got.StatusCode, len(got.body))
	}
	if meta := s.askSite("GET", s.index.FilesURL()+good.Name+".metadata", nobody); meta.body != string(good.Meta) {
		t.Errorf("its metadata: %d %q", meta.StatusCode, meta.body)
	}
	refused := s.askSite("GET", s.index.FilesURL()+evil.Name, nobody)
	scan := s.gate.scans[evil.Name].String()
	if refused.StatusCode != http.StatusForbidden || refused.Header.Get("X-Modelgate-Scan") != scan || !strings.Contains(refused.body, gateAddress+"/ui/scans/"+scan) {
		t.Errorf("the evil file: %d %s", refused.StatusCode, refused.body)
	}
	if page := s.askSite("GET", s.index.URL+"demo/", nobody); !strings.Contains(page.body, scan) {
		t.Errorf("the release is not yanked: %s", page.body)
	}
	if mirror := s.ask("GET", "/pypi/simple/demo/"); !strings.Contains(mirror.body, "../../files/") {
		t.Errorf("the mirror's page has other addresses: %s", mirror.body)
	}
}

func TestThroughTheProxyWhatNoPageListsIsRefusedAndAllElseIsPassedOn(t *testing.T) {
	s := newStand(t)
	good := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": ""})
	s.index.Add("demo", good)
	nobody := auth.Principal{}
	s.askSite("GET", s.index.URL+"demo/", nobody) // which tells where the files are
	site := strings.TrimSuffix(s.index.URL, "/simple/")
	for _, address := range []string{
		s.index.FilesURL() + "demo-1.1-py3-none-any.whl", s.index.FilesURL() + "other-1.0.tar.gz", s.index.FilesURL() + "elsewhere/" + good.Name,
		s.index.FilesURL() + good.Name + "?other=1", s.index.FilesURL() + "demo-1.1-py3-none-any.whl.metadata", site + "/demo-1.0.tar.gz",
	} {
		got := s.askSite("GET", address, nobody)
		if got.StatusCode != http.StatusForbidden || got.Header.Get("X-Error-Message") != "modelgate blocked: not listed by its index" {
			t.Errorf("%s: %d %s", address, got.StatusCode, got.body)
		}
	}
	for _, address := range []string{
		site + "/pypi/demo/json", s.index.URL, s.index.URL + "demo/more/", s.index.FilesURL() + "notes.txt", "http://unknown.example/" + good.Name,
		site + "/pypi/simple/demo/",
	} {
		if got := s.askSite("GET", address, nobody); got.StatusCode != http.StatusTeapot || got.body != "rest "+address {
			t.Errorf("%s: %d %s", address, got.StatusCode, got.body)
		}
	}
	if got := s.askSite("POST", site+"/legacy/", nobody); got.StatusCode != http.StatusTeapot {
		t.Errorf("an upload: %d", got.StatusCode)
	}
	s.askSite("GET", s.index.FilesURL()+good.Name, nobody)
	if got := s.askSite("GET", s.index.FilesURL()+good.Name+"?w=3", nobody); got.StatusCode != http.StatusOK {
		t.Errorf("after a wait: %d %s", got.StatusCode, got.body)
	}
}

func TestThroughTheProxyANameBelongsToOneIndex(t *testing.T) {
	own := indextest.New(t)
	s := newStand(t, func(_ *Config, c *index.Config) {
		c.Upstreams = append([]index.Upstream{{Name: "own", URL: own.URL, Private: true, Claims: []string{"acme-*"}}}, c.Upstreams...)
	})
	file := indextest.Wheel("acme-tools", "9.0", map[string]string{"acme_tools/__init__.py": ""})
	s.index.Add("acme-tools", file) // an impostor
	mine := indextest.Wheel("acme-tools", "1.0", map[string]string{"acme_tools/__init__.py": ""})
	own.Add("acme-tools", mine)
	other := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": ""})
	s.index.Add("demo", other)
	nobody := auth.Principal{}

	if got := s.askSite("GET", own.URL+"acme-tools/", nobody); got.StatusCode != http.StatusOK {
		t.Errorf("its own index: %d %s", got.StatusCode, got.body)
	}
	if got := s.askSite("GET", s.index.URL+"acme-tools/", nobody); got.StatusCode != http.StatusNotFound || !strings.Contains(got.Header.Get("X-Error-Message"), "another index") {
		t.Errorf("the other index: %d %s", got.StatusCode, got.body)
	}
	s.askSite("GET", s.index.URL+"demo/", nobody)
	if got := s.askSite("GET", s.index.FilesURL()+file.Name, nobody); got.StatusCode != http.StatusForbidden || got.Header.Get("X-Error-Message") != "modelgate blocked: name claim" {
		t.Errorf("the impostor's file: %d %s", got.StatusCode, got.body)
	}
	if got := s.askSite("GET", own.FilesURL()+mine.Name, nobody); got.StatusCode != http.StatusOK {
		t.Errorf("the right file: %d %s", got.StatusCode, got.body)
	}
	if s.index.Count("acme-tools") > 0 {
		t.Error("the other index was told of a private name")
	}
}

func TestThroughTheProxyTheCallersNameIsRecorded(t *testing.T) {
	s := newStand(t)
	good := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": ""})
	s.index.Add("demo", good)
	caller := auth.Principal{Name: "ci", Groups: map[model.Source]string{model.PyPI: "strict"}}
	s.askSite("GET", s.index.URL+"demo/", caller)
	s.askSite("GET", s.index.FilesURL()+good.Name, caller)
	if len(s.downloads) != 1 || s.downloads[0].Who != "ci" {
		t.Errorf("%+v", s.downloads)
	}
	if s.gate.group != "strict" {
		t.Errorf("judged by group %q", s.gate.group)
	}
}

func FuzzAddressesBehindTheProxy(f *testing.F) {
	for _, path := range []string{"/simple/demo/", "/files/demo-1.0-py3-none-any.whl.metadata", "/a/demo-1.0.tar.gz?w=1&x=2", "/%2e%2e/demo-1.0.zip", "//x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse("https://files.example" + path)
		if err != nil {
			return
		}
		var a address
		a.siteFile(u)
		if a.at != nil && (a.filename == "" || strings.ContainsAny(a.filename, "/\\") || !strings.HasSuffix(a.at.Path, a.filename) || a.at.Host != u.Host) {
			t.Errorf("%q is read as %q at %q", path, a.filename, a.at)
		}
	})
}
