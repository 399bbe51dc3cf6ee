package hfmirror

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"modelgate/internal/auth"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

// gateAddress is the gate's own address in tests of requests that come through the proxy.
const gateAddress = "http://gate.example:8080"

// throughProxy has a stand's door answer as it does behind the proxy: the connection of the client was for site.
func throughProxy(t *testing.T, s *stand, site string, content bool, caller auth.Principal) {
	t.Helper()
	door, ok := s.Config.Handler.(*Door)
	if !ok {
		t.Fatal("the stand has no door")
	}
	answer := door.Proxied(gateAddress)
	if content {
		answer = door.Content(gateAddress)
	}
	scheme, host, _ := strings.Cut(site, "://")
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := *r.URL
		u.Scheme, u.Host = scheme, host
		r = r.WithContext(auth.With(context.WithoutCancel(r.Context()), caller))
		r.URL, r.Host = &u, host
		answer.ServeHTTP(w, r)
	}))
	s.Close()
	s.Server = own
}

func TestThroughTheProxyClientsAreToldTheHubsAddressAndPeopleTheGates(t *testing.T) {
	s := newStand(t)
	files := hubtest.Files{"model.safetensors": hubtest.Safetensors(3000, 1)}
	for _, name := range []string{"a", "b", "c", "d"} {
		files[name+".txt"] = hubtest.Text(name)
	}
	s.hub.AddModel("org/name", files)
	s.hub.AddModel("org/evil", hubtest.Files{"x.bin": hubtest.Bytes(hubtest.InertPickle())})
	s.gate.block("org/evil")
	throughProxy(t, s, "https://huggingface.co", false, auth.Principal{})

	page := s.ask("GET", "/api/models/org/name/tree/main")
	page.is(t, http.StatusOK)
	if link := page.Header.Get("Link"); !strings.HasPrefix(link, "<https://huggingface.co/api/models/org/name/tree/main?") {
		t.Errorf("the next page is at %q", link)
	}
	if strings.Contains(string(page.body), "xetHash") {
		t.Errorf("a listing leads to Xet: %s", page.body)
	}
	head := s.ask("HEAD", "/org/name/resolve/main/model.safetensors")
	head.is(t, http.StatusOK, "X-Xet-Hash", "", "X-Xet-Refresh-Route", "", "Link", "", "Location", "")
	if got := s.ask("GET", "/org/name/resolve/main/model.safetensors"); got.StatusCode != http.StatusOK || hubtest.Bytes(got.body).SHA256() != files["model.safetensors"].SHA256() {
		t.Errorf("%d, %d bytes", got.StatusCode, len(got.body))
	}
	batch := s.send("POST", "/org/name.git/info/lfs/objects/batch",
		strings.NewReader(`{"operation":"download","objects":[{"oid":"`+files["model.safetensors"].SHA256()+`","size":3000}]}`))
	batch.is(t, http.StatusOK)
	mustContain(t, string(batch.body), `"href":"https://huggingface.co/org/name/resolve/`)

	refused := s.ask("GET", "/org/evil/resolve/main/x.bin")
	refused.is(t, http.StatusForbidden, "X-Modelgate-Scan", s.gate.scan.String())
	if url, _ := refused.text("scan_url"); url != gateAddress+"/ui/scans/"+s.gate.scan.String() {
		t.Errorf("the scan is told to be at %q", url)
	}
	mustContain(t, refused.Header.Get("X-Error-Message"), s.gate.scan.String())
	s.ask("GET", "/api/models/org/name/xet-read-token/main").is(t, http.StatusForbidden, "X-Error-Message", xetSentence, "X-Error-Code", "")
	s.ask("GET", "/api/models?search=name").is(t, http.StatusOK)
}

func TestThroughTheProxyTheCallersGroupJudgesAndNoPathChoosesOne(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text("{}")})
	throughProxy(t, s, "https://huggingface.co", false, auth.Principal{Name: "ci", Groups: map[model.Source]string{model.HuggingFace: "strict"}})
	s.ask("GET", "/org/name/resolve/main/config.json", "X-Forwarded-For", "10.9.9.9", "X-Forwarded-Host", "evil.example").is(t, http.StatusOK)
	s.ask("GET", "/g/lax/org/name/resolve/main/config.json").is(t, http.StatusNotFound)
	asked := s.gate.requests()
	if len(asked) != 1 || asked[0].Group != "strict" || asked[0].Owner != "ci" {
		t.Errorf("the gate was asked %+v", asked)
	}
}

func TestThroughTheProxyAHubMayHaveAPath(t *testing.T) {
	s := newStand(t, func(c *Config) { c.Endpoint = "https://mirror.example/hub/" })
	s.hub.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text("{}")})
	throughProxy(t, s, "https://mirror.example", false, auth.Principal{})
	s.ask("GET", "/hub/org/name/resolve/main/config.json").is(t, http.StatusOK)
	s.ask("GET", "/org/name/resolve/main/config.json").is(t, http.StatusNotFound)
	s.ask("GET", "/hubs/org/name/resolve/main/config.json").is(t, http.StatusNotFound)
	s.ask("GET", "/hub/"+strings.Repeat("x", maxPath)).is(t, http.StatusBadRequest)
}

func TestTheContentNetworkIsClosedAndSaysWhy(t *testing.T) {
	for host, sentence := range map[string]string{
		"cdn-lfs.huggingface.co": contentSentence, "us.aws.cdn.hf.co": contentSentence, "cas-server.xethub.hf.co": xetSentence,
	} {
		s := newStand(t)
		throughProxy(t, s, "https://"+host, true, auth.Principal{})
		for _, path := range []string{"/repos/aa/bb/" + strings.Repeat("0", 64) + "?Signature=x", "/", "/v2/reconstructions/1"} {
			got := s.ask("GET", path)
			got.is(t, http.StatusForbidden, "X-Error-Message", sentence, "X-Error-Code", "")
			if message, _ := got.text("error"); message != sentence || !strings.Contains(got.Status, "modelgate") {
				t.Errorf("%s%s: %s %q", host, path, got.Status, message)
			}
		}
		if len(s.gate.requests()) > 0 || len(s.hub.Requests()) > 0 {
			t.Errorf("%s: somebody was asked", host)
		}
	}
}

func TestHostsOfTheContentNetwork(t *testing.T) {
	for host, want := range map[string]bool{
		"cdn-lfs.huggingface.co": true, "cdn-lfs-us-1.huggingface.co": true, "cdn-lfs-eu-1.hf.co": true, "us.aws.cdn.hf.co": true,
		"cas-bridge.xethub.hf.co": true, "transfer.xethub.hf.co": true,
		"huggingface.co": false, "cdn-lfs.example.org": false, "cdn-lfs.huggingface.co.example.org": false, "cdn.hf.co": false,
		"evilxethub.hf.co": false, "router.huggingface.co": false, "": false,
	} {
		if IsContentHost(host) != want {
			t.Errorf("%q: want %v", host, want)
		}
	}
}
