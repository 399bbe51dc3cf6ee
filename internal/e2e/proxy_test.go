package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"modelgate/internal/testenv"
)

// greeting is what files.site.example says.
const greeting = "hello from the site\n"

// sites is all that the gate reaches through its parent proxy: whatever name is asked for, it is one site, whose certificates an authority
// of its own has signed. A name has no address here, so nothing leaves the machine.
type sites struct {
	roots  string // file of the authority
	parent string // address of the proxy
	git    string // folder of the repositories
	mu     sync.Mutex
	asked  []string // names that the parent was asked for
	inside []string // protocols of upgraded connections
}

func newSites(t *testing.T) *sites {
	t.Helper()
	i := &sites{roots: filepath.Join(t.TempDir(), "roots.pem"), git: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "the internet"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"*.site.example"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(i.answer))
	site.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	site.StartTLS()
	t.Cleanup(site.Close)
	parent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.connect(w, r, site.Listener.Addr().String()) }))
	t.Cleanup(parent.Close)
	i.parent = parent.URL
	return i
}

// connect is the parent proxy.
func (i *sites) connect(w http.ResponseWriter, r *http.Request, to string) {
	i.mu.Lock()
	i.asked = append(i.asked, r.Host)
	i.mu.Unlock()
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	there, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		ways.Go(func() { _, _ = io.Copy(way[0], way[1]); _, _ = way[0].Close(), way[1].Close() })
	}
	ways.Wait()
}

// answer is every site.
func (i *sites) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Alt-Svc", `h3=":443"; ma=86400`)
	switch host, _, _ := strings.Cut(r.Host, "."); host {
	case "files":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, greeting)
	case "git":
		i.serveGit(w, r)
	case "registry":
		serveNpm(w, r)
	case "ws":
		i.upgrade(w, r)
	default:
		http.NotFound(w, r)
	}
}

// serveGit speaks the protocol of git, by git's own program for that.
func (i *sites) serveGit(w http.ResponseWriter, r *http.Request) {
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"), Env: []string{"GIT_PROJECT_ROOT=" + i.git, "GIT_HTTP_EXPORT_ALL=1"}}
	h.ServeHTTP(w, r)
}

// upgrade changes to a protocol that sends back what comes, or answers with a body that nobody may have.
func (i *sites) upgrade(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" || r.URL.Path != "/socket" {
		_, _ = io.WriteString(w, strings.Repeat("no socket ", 100))
		return
	}
	i.mu.Lock()
	i.inside = append(i.inside, r.Header.Get("Upgrade"))
	i.mu.Unlock()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAlt-Svc: h3\r\n\r\n")
	_, _ = io.Copy(conn, conn)
}

// npmTarball is a package of two files.
func npmTarball() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range []struct{ name, text string }{ // in one order: each request is answered with the same bytes
		{"package/package.json", `{"name": "greeting", "version": "1.0.0"}`},
		{"package/index.js", "module.exports = 'hello'\n"},
	} {
		_ = w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), ModTime: time.Unix(1_700_000_000, 0)})
		_, _ = io.WriteString(w, f.text)
	}
	_, _ = w.Close(), z.Close()
	return b.Bytes()
}

func serveNpm(w http.ResponseWriter, r *http.Request) {
	tarball := npmTarball()
	if strings.HasSuffix(r.URL.Path, ".tgz") {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), bytes.NewReader(tarball))
		return
	}
	sum := sha512.Sum512(tarball)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"name": "greeting", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"name": "greeting", "version": "1.0.0",
		"dist": {"tarball": "https://registry.site.example/greeting/-/greeting-1.0.0.tgz", "integrity": "sha512-%s"}}}}`, base64.StdEncoding.EncodeToString(sum[:]))
}

// egress is a gate whose forward proxy inspects everything, in front of an internet.
type egress struct {
	*gateway
	*sites
	proxy string // host and port
	env   string // file that a shell reads: the variables of modelgate ca --env
}

func newEgress(t *testing.T, settings ...string) *egress {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &egress{sites: newSites(t), proxy: l.Addr().String(), env: filepath.Join(t.TempDir(), "proxy.env")}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e.gateway = startGateway(t, "https://hub.site.example", append([]string{
		"MODELGATE_PROXY_LISTEN=" + e.proxy, "MODELGATE_PROXY_DEFAULT=inspect", "MODELGATE_PROXY_PARENT=" + e.parent, "MODELGATE_UPSTREAM_CA_BUNDLE=" + e.roots,
	}, settings...)...)
	cmd := exec.CommandContext(t.Context(), os.Getenv(programKey), "ca", "--env")
	cmd.Env, cmd.Dir = e.gateway.env, e.data
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("modelgate ca --env: %v", err)
	}
	if err := os.WriteFile(e.env, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

// bundle is the file that the variables point to.
func (e *egress) bundle() string { return filepath.Join(e.data, "ca-bundle.pem") }

// run runs a program with the variables, or with those of the proxy alone, in an empty home.
func (e *egress) run(t *testing.T, trusting bool, dir string, extra []string, args ...string) (string, error) {
	t.Helper()
	script := `. "$0"; `
	if !trusting {
		script += `unset SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE AWS_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT NODE_EXTRA_CA_CERTS NPM_CONFIG_CAFILE; `
		extra = nil
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script + `exec "$@"`, e.env}, args...)...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "GIT_TERMINAL_PROMPT=0"}, extra...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, tail(stderr.String(), 1500))
	}
	return string(out), err
}

// rejected is how many handshakes clients have given up, by the name that the counter gives to the client.
func (e *egress) rejected(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, m := range regexp.MustCompile(`modelgate_proxy_handshake_failures_total\{client="([^"]*)",reason="(?:untrusted|left)"\} (\d+)`).FindAllStringSubmatch(ask(t, http.MethodGet, e.url+"/metrics").body, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		out[m[1]] += n
	}
	return out
}

// tool is a client of the forward proxy.
type tool struct {
	name    string
	counted string   // as what the counter knows it
	extra   []string // settings that no variable of modelgate ca stands for
	args    []string
	want    string // what its output holds
}

func (e *egress) tools(t *testing.T, dir string) []tool {
	t.Helper()
	const address = "https://files.site.example/hello.txt"
	python := testenv.Python(t, testenv.Web)
	node, undici := testenv.Undici(t)
	goget := filepath.Join(t.TempDir(), "goget")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", goget, "./testdata/goget")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build a client: %v\n%s", err, out)
	}
	wgetrc := filepath.Join(t.TempDir(), "wgetrc")
	if err := os.WriteFile(wgetrc, []byte("ca_certificate = "+e.bundle()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := []tool{
		{name: "curl", counted: "curl", args: []string{testenv.Tool(t, "curl"), "-sS", "--fail", address}},
		{name: "wget", counted: "wget", extra: []string{"WGETRC=" + wgetrc}, args: []string{testenv.Tool(t, "wget"), "-q", "--tries=1", "-O-", address}},
		{name: "requests", counted: "unnamed", args: []string{python, "-c", "import requests,sys; r=requests.get(sys.argv[1]); r.raise_for_status(); print(r.text)", address}},
		{name: "httpx", counted: "unnamed", args: []string{python, "-c", "import httpx,sys; r=httpx.get(sys.argv[1]); r.raise_for_status(); print(r.text)", address}},
		{name: "urllib", counted: "unnamed", args: []string{python, "-c", "import urllib.request,sys; print(urllib.request.urlopen(sys.argv[1]).read().decode())", address}},
		{name: "aiohttp", counted: "aiohttp", args: []string{python, "-c", `import aiohttp,asyncio,sys
async def main():
    async with aiohttp.ClientSession(trust_env=True) as s:
        async with s.get(sys.argv[1]) as r:
            r.raise_for_status(); print(await r.text())
asyncio.run(main())`, address}},
		{name: "Go", counted: "go", args: []string{goget, address}},
		{name: "undici", counted: "unnamed", args: []string{node, "-e", `const u = require(process.argv[1]);
u.setGlobalDispatcher(new u.EnvHttpProxyAgent());
u.fetch(process.argv[2]).then(async r => { console.log(await r.text()); process.exit(r.ok ? 0 : 1) }, e => { console.error(e); process.exit(1) })`, undici, address}},
		{name: "git", counted: "git", args: []string{testenv.Tool(t, "git"), "clone", "-q", "https://git.site.example/repo.git", "--", "clone"}, want: "-"},
		{name: "npm", counted: "unnamed", args: []string{testenv.Tool(t, "npm"), "pack", "--registry", "https://registry.site.example/", "--fetch-retries=0", "greeting"}, want: "greeting-1.0.0.tgz"},
	}
	if java, err := exec.LookPath("java"); err == nil {
		host, port, err := net.SplitHostPort(e.proxy)
		if err != nil {
			t.Fatal(err)
		}
		store := filepath.Join(dir, "truststore")
		pem := filepath.Join(e.data, "ca.pem")
		if out, err := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-keystore", store, "-storepass", "changeit", "-alias", "modelgate", "-file", pem).CombinedOutput(); err != nil {
			t.Fatalf("keytool: %v\n%s", err, out)
		}
		list = append(list, tool{name: "Java", counted: "unnamed", extra: []string{"JDK_JAVA_OPTIONS=-Djavax.net.ssl.trustStore=" + store + " -Djavax.net.ssl.trustStorePassword=changeit"}, args: []string{
			java, "-Dhttps.proxyHost=" + host, "-Dhttps.proxyPort=" + port, testdata(t, "Get.java"), address,
		}})
	}
	for n := range list {
		if list[n].want == "" {
			list[n].want = greeting
		}
	}
	return list
}

// makeRepository makes what git clones over plain HTTP.
func (i *sites) makeRepository(t *testing.T) {
	t.Helper()
	work := t.TempDir()
	git := testenv.Tool(t, "git")
	if err := os.WriteFile(filepath.Join(work, "README"), []byte(greeting), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", work},
		{"-C", work, "add", "README"},
		{"-C", work, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "one"},
		{"clone", "-q", "--bare", work, filepath.Join(i.git, "repo.git")},
		{"-C", filepath.Join(i.git, "repo.git"), "update-server-info"},
	} {
		if out, err := exec.CommandContext(t.Context(), git, args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

func TestEveryClientWorksThroughTheProxyWithTheVariablesOfCA(t *testing.T) {
	e := newEgress(t)
	e.makeRepository(t)
	for _, c := range e.tools(t, t.TempDir()) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			before := e.rejected(t)
			if out, err := e.run(t, false, dir, c.extra, c.args...); err == nil || strings.Contains(out, greeting) {
				t.Errorf("it works without trusting the authority: %s", out)
			}
			after := e.rejected(t)
			for deadline := time.Now().Add(5 * time.Second); after[c.counted] <= before[c.counted] && time.Now().Before(deadline); after = e.rejected(t) {
				time.Sleep(50 * time.Millisecond)
			}
			if after[c.counted] <= before[c.counted] {
				t.Errorf("its refusal is not counted as that of %s: before %v, after %v", c.counted, before, after)
			}
			dir = t.TempDir()
			out, err := e.run(t, true, dir, c.extra, c.args...)
			if c.name == "git" {
				text, _ := os.ReadFile(filepath.Join(dir, "clone", "README"))
				out = string(text) + c.want
			}
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%v: %q", err, out)
			}
			if now := e.rejected(t); !maps.Equal(now, after) {
				t.Errorf("it is counted though it trusts the authority: before %v, after %v", after, now)
			}
		})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range []string{"files.site.example:443", "git.site.example:443", "registry.site.example:443"} {
		if !strings.Contains(strings.Join(e.asked, " "), name) {
			t.Errorf("the parent proxy was never asked for %s", name)
		}
	}
}

// TestWhatAClientSeesIsToldByCheck is modelgate ca --check with and without trust.
func TestWhatAClientSeesIsToldByCheck(t *testing.T) {
	e := newEgress(t)
	program := os.Getenv(programKey)
	out, err := e.run(t, true, t.TempDir(), nil, program, "ca", "--check", "https://files.site.example/")
	if err != nil || !strings.Contains(out, "name      files.site.example\n") || !strings.Contains(out, "modelgate certificate authority") || !strings.Contains(out, "protocol  http/1.1\n") || !strings.Contains(out, "trusted   yes") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = e.run(t, false, t.TempDir(), nil, program, "ca", "--check", "https://files.site.example/")
	if err == nil || !strings.Contains(out, "trusted   no: x509: certificate signed by unknown authority") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWebSocketsPassWhereTheyMay(t *testing.T) {
	e := newEgress(t, "MODELGATE_PROXY_WEBSOCKET_HOSTS=ws.site.example")
	connect := func(host string) *tls.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", e.proxy)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", host, host)
		if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))); err != nil {
			t.Fatal(err)
		}
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: host})
	}
	request := func(host, path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	}
	c := connect("ws.site.example")
	_, _ = io.WriteString(c, request("ws.site.example", "/socket"))
	head := make([]byte, len("HTTP/1.1 101 Switching Protocols\r\n"))
	if _, err := io.ReadFull(c, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		t.Fatalf("%q %v", head, err)
	}
	_, _ = io.WriteString(c, "ping and pong")
	var text strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(text.String(), "ping and pong") {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("%q %v", text.String(), err)
		}
		text.Write(b)
	}
	if strings.Contains(text.String(), "Alt-Svc") {
		t.Errorf("%q", text.String())
	}
	_ = c.Close()
	// An answer that does not change the protocol has no body, and other hosts are refused.
	for _, row := range []struct{ host, path, want string }{{"ws.site.example", "/other", "HTTP/1.1 200 "}, {"files.site.example", "/socket", "HTTP/1.1 403 "}} {
		c := connect(row.host)
		_, _ = io.WriteString(c, request(row.host, row.path))
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		text, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(text), row.want) || strings.Contains(string(text), "no socket") || strings.Contains(string(text), greeting) {
			t.Errorf("%s%s: %q", row.host, row.path, text)
		}
		_ = c.Close()
	}
}

// TestThePACFileIsUnderstood has Node.js run the file as browsers do.
func TestThePACFileIsUnderstood(t *testing.T) {
	e := newEgress(t, "MODELGATE_PROXY_DEFAULT=tunnel", "MODELGATE_PROXY_PRIVATE_NAMES=*.corp.example", "MODELGATE_PROXY_REFUSE_HOSTS=doh.example")
	pac := ask(t, http.MethodGet, "http://"+e.proxy+"/proxy.pac").body
	script := `function dnsDomainIs(h, d) { return h.endsWith(d) } function isPlainHostName(h) { return !h.includes('.') }
` + pac + `
for (const h of ['huggingface.co', 'HUGGINGFACE.co', 'any.example', 'wiki.corp.example', 'printer', 'doh.example', 'bucket.s3.amazonaws.com']) console.log(FindProxyForURL('https://' + h + '/', h))`
	out, err := exec.CommandContext(t.Context(), testenv.Tool(t, "node"), "-e", script).CombinedOutput()
	gate := "PROXY " + e.proxy
	want := strings.Join([]string{gate, gate, gate + "; DIRECT", "DIRECT", "DIRECT", gate, gate}, "\n") + "\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nis not\n%s", err, out, want)
	}
}

// TestAHostWhoseCertificateIsWrongIsRefusedWithTheReason asks for a name that the site has no certificate for.
func TestAHostWhoseCertificateIsWrongIsRefusedWithTheReason(t *testing.T) {
	e := newEgress(t)
	address := &url.URL{Scheme: "http", Host: e.proxy}
	c := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := c.Get("https://other.example/")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusBadGateway || !strings.Contains(string(text), "certificate") {
		t.Errorf("%s %q %v", res.Status, text, err)
	}
}
