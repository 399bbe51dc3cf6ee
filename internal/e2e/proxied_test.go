package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/indextest"
	"modelgate/internal/proxy/authority"
	"modelgate/internal/testenv"
)

// Names of the stand-ins in the internet of these tests.
const (
	hubHost     = "huggingface.co"
	contentHost = "cdn-lfs.huggingface.co"
	indexHost   = "index.example"
	filesHost   = "files.example"
)

// internet is all that the gate can reach: stand-ins by their names, over TLS, behind a parent proxy.
type internet struct {
	parent string // address of the proxy
	bundle string // file with the certificate that stands behind all sites
}

// newInternet gives sites, which are addresses of http, names.
func newInternet(t *testing.T, sites map[string]string) internet {
	t.Helper()
	ca, err := authority.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(sites[r.In.Host])
			if err != nil || to.Host == "" {
				t.Errorf("somebody asks for %s", r.In.Host)
			}
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
	})
	front.TLS = &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.Leaf(h.ServerName) }}
	front.StartTLS()
	t.Cleanup(front.Close)
	parent := httptest.NewServer(connectAll(front.Listener.Addr().String()))
	t.Cleanup(parent.Close)
	bundle := filepath.Join(t.TempDir(), "internet.pem")
	if err := os.WriteFile(bundle, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return internet{parent: parent.URL, bundle: bundle}
}

// connectAll is a proxy that connects every name to one address.
func connectAll(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusBadRequest)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, early, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(there, early); _ = there.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(here, there)
	})
}

// behindProxy starts a gateway whose forward proxy is the only way to an internet, and returns what clients are set to.
func behindProxy(t *testing.T, at internet, settings ...string) (g *gateway, env []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	g = startGateway(t, "https://"+hubHost, append([]string{
		"MODELGATE_PROXY_LISTEN=" + proxy, "MODELGATE_UPSTREAM_PROXY=" + at.parent, "MODELGATE_UPSTREAM_CA_BUNDLE=" + at.bundle,
	}, settings...)...)
	got := ask(t, http.MethodGet, "http://"+proxy+"/ca.pem")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(got.body), 0o600); err != nil {
		t.Fatal(err)
	}
	return g, []string{
		"HTTPS_PROXY=http://" + proxy, "https_proxy=http://" + proxy,
		"SSL_CERT_FILE=" + ca, "REQUESTS_CA_BUNDLE=" + ca, "PIP_CERT=" + ca, "CURL_CA_BUNDLE=" + ca,
	}
}

func TestTheHubThroughTheForwardProxy(t *testing.T) {
	hub := hubtest.New(t)
	at := newInternet(t, map[string]string{hubHost: hub.URL, contentHost: hub.CDNURL})
	hub.URL, hub.CDNURL = "https://"+hubHost, "https://"+contentHost // as it knows itself
	good := hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`), "model.safetensors": hubtest.Safetensors(300_000, 1)}
	hub.AddModel(modelID, good)
	hub.AddModel(evilID, hubtest.Files{"config.json": hubtest.Text("{}"), "pytorch_model.bin": hubtest.Bytes(hubtest.InertPickle())})
	g, settings := behindProxy(t, at)
	for _, env := range hubs { // 2.4 and 0.36 have hf_xet
		t.Run(env, func(t *testing.T) {
			c := newClient(t, "https://"+hubHost, settings...)
			var got map[string]any
			c.python(t, env, "snapshots.py", &got, []labelled{{"good", arguments{"repo_id": modelID}}, {"evil", arguments{"repo_id": evilID}}})
			files, _ := got["good"].(map[string]any)
			for path, sum := range digests(good) {
				if files[path] != sum {
					t.Errorf("%s of the good model: %v", path, got["good"])
				}
			}
			if text, _ := got["evil"].(string); !strings.Contains(text, "Blocked by modelgate: "+evilID) || !uuids.MatchString(text) {
				t.Errorf("the evil model: %v", got["evil"])
			}
		})
	}
	curl := newClient(t, "", settings...).run(t, "", testenv.Tool(t, "curl"), "-sSi", "https://"+contentHost+"/repos/x")
	if !strings.Contains(curl.stdout, " 403 modelgate ") {
		t.Errorf("the content network: %s", curl.all())
	}
	curl = newClient(t, "", settings...).run(t, "", testenv.Tool(t, "curl"), "-sS", "https://"+hubHost+"/"+evilID+"/resolve/main/pytorch_model.bin")
	if !strings.Contains(curl.stdout, `"scan_url":"`+g.url+"/ui/scans/") {
		t.Errorf("the refusal: %s", curl.all())
	}
	for _, r := range hub.Requests() {
		if agent := r.Header.Get("User-Agent"); r.Host == hubtest.CDN && !strings.HasPrefix(agent, "modelgate/") {
			t.Errorf("%s went around the gate for %s", agent, r.Path)
		}
	}
}

func TestPackagesThroughTheForwardProxy(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			index := indextest.New(t)
			at := newInternet(t, map[string]string{indexHost: strings.TrimSuffix(index.URL, "/simple/"), filesHost: strings.TrimSuffix(index.FilesURL(), "/files/")})
			good, evil := goodWheel("1.0"), evilWheel("2.0")
			good.At, evil.At = "https://"+filesHost+"/files/", "https://"+filesHost+"/files/"
			index.Add("demo", good, evil)
			_, settings := behindProxy(t, at, "MODELGATE_PYPI_UPSTREAM=https://"+indexHost+"/simple/", "MODELGATE_PYPI_PAGE_TTL=1ms")
			install := func(requirement string) (text, into string, err error) {
				into = t.TempDir()
				cmd := i.command(t, "https://"+indexHost+"/simple/", into, requirement)
				cmd.Env = append([]string{
					"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NO_COLOR=1", "PIP_CONFIG_FILE=/dev/null", "PIP_NO_INPUT=1", "UV_NO_PROGRESS=1", "COLUMNS=400",
				}, settings...)
				out, err := cmd.CombinedOutput()
				return string(out), into, err
			}
			text, _, err := install("demo==2.0")
			m := scanInText.FindStringSubmatch(text)
			if err == nil || m == nil {
				t.Fatalf("the evil release: %v\n%s", err, text)
			}
			text, into, err := install("demo")
			if err != nil {
				t.Fatalf("the good release: %v\n%s", err, text)
			}
			if b, err := os.ReadFile(filepath.Join(into, "demo", "__init__.py")); err != nil || !strings.Contains(string(b), "1.0") {
				t.Errorf("installed %q: %v", b, err)
			}
			for _, h := range index.Headers() {
				if agent := h.Get("User-Agent"); !strings.HasPrefix(agent, "modelgate/") {
					t.Errorf("%s went around the gate", agent)
				}
			}
		})
	}
}
