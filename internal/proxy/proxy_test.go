package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

func TestAKnownHostIsAnsweredByItsDoor(t *testing.T) {
	h := open(t, Config{})
	rows := []struct{ ask, want string }{
		{"https://a.models.example/x//y%2Fz?q=1", "models: GET https://a.models.example/x//y%2Fz?q=1 HTTP/1.1 \"\""},
		{"https://a.models.example/../%2e%2e//a", "models: GET https://a.models.example/../%2e%2e//a HTTP/1.1 \"\""},
		{"http://a.models.example/plain", "models: GET http://a.models.example/plain HTTP/1.1 \"\""},
		{"http://a.models.example:8080/plain", "models: GET http://a.models.example:8080/plain HTTP/1.1 \"\""},
	}
	for _, row := range rows {
		if status, text := h.get(t, row.ask); status != 200 || text != row.want {
			t.Errorf("%s: %d %s", row.ask, status, text)
		}
	}
	if n := h.count(t, "modelgate_proxy_requests_total", "models"); n != 4 {
		t.Errorf("%v requests are counted", n)
	}
}

func TestAnUnknownHostIsTunnelledAndWhatCameEarlyIsNotLost(t *testing.T) {
	h := open(t, Config{Dial: site(t, func(c net.Conn) {
		b := make([]byte, 5)
		_, _ = io.ReadFull(c, b)
		fmt.Fprintf(c, "you said %s", b)
	})})
	conn := h.dial(t)
	say(t, conn, "CONNECT site.example:443 HTTP/1.1\r\nHost: site.example:443\r\n\r\nhello")
	if text := hear(conn); text != "HTTP/1.1 200 Connection established\r\n\r\nyou said hello" {
		t.Errorf("%q", text)
	}
}

func TestTheEndOfOneWayOfATunnelIsPassedOn(t *testing.T) {
	h := open(t, Config{Dial: site(t, func(c net.Conn) {
		text, _ := io.ReadAll(c) // until the client has said all
		fmt.Fprintf(c, "%d bytes", len(text))
	})})
	conn := h.connect(t, "site.example:443")
	say(t, conn, strings.Repeat("x", 3<<20))
	_ = conn.(*net.TCPConn).CloseWrite()
	if text := hear(conn); text != "3145728 bytes" {
		t.Errorf("%q", text)
	}
	eventually(t, "the tunnel is closed", func() bool { return h.count(t, "modelgate_proxy_tunnels") == 0 })
}

func TestATunnelThatCannotBeMadeSaysWhy(t *testing.T) {
	rows := map[string]struct {
		err  error
		want string
	}{
		"a private address": {fmt.Errorf("x: %w", upstream.ErrRefused), "HTTP/1.1 403 modelgate does not connect to addresses like that of the host"},
		"nobody there":      {errors.New("x"), "HTTP/1.1 502 the host cannot be reached"},
		"no such name":      {&net.DNSError{IsNotFound: true}, "HTTP/1.1 502 the name of the host is unknown"},
		"too late":          {context.DeadlineExceeded, "HTTP/1.1 504 the host does not answer in time"},
	}
	for name, row := range rows {
		h := open(t, Config{Dial: func(context.Context, string, int) (net.Conn, error) { return nil, row.err }})
		if got := connectOn(t, h.dial(t), "site.example:443", ""); got != row.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatIsDoneWithAConnection(t *testing.T) {
	here, there := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.2.0.1")
	p, err := newPolicy(Policy{
		Rules: []Rule{
			{Action: Refuse, Hosts: []string{"*.bad.example"}, From: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}},
			{Action: Tunnel, Hosts: []string{"hub.example"}, Users: []string{"operator"}},
			{Action: Inspect, Ports: []int{8443}},
		},
		Ports: []int{8443}, AllowHosts: []string{"192.0.2.1"}, RefuseHosts: []string{"refused.example"}, TunnelHosts: []string{"*.pinned.example"},
	}, func(t target) bool {
		return t.host == "hub.example" || t.host == "x.pinned.example" || t.host == "refused.example"
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		what, to string
		from     client
		want     Action
	}{
		{"a host that nothing is said of", "any.example:443", client{}, Tunnel},
		{"a known source", "hub.example:443", client{}, Inspect},
		{"a known source in capitals with a dot", "HUB.Example.:443", client{}, Inspect},
		{"a known source for an account with a rule", "hub.example:443", client{name: "operator"}, Tunnel},
		{"a known source whose clients pin certificates", "x.pinned.example:443", client{}, Tunnel},
		{"a pattern is not the name itself", "pinned.example:443", client{}, Tunnel},
		{"a known source that is refused", "refused.example:443", client{}, Refuse},
		{"a rule for clients from here", "a.bad.example:443", client{address: here}, Refuse},
		{"the same for clients from there", "a.bad.example:443", client{address: there}, Tunnel},
		{"a port of a rule", "any.example:8443", client{}, Inspect},
		{"another port", "any.example:22", client{}, Refuse},
		{"an address", "198.51.100.1:443", client{}, Refuse},
		{"an address at a port of a rule that names no host", "198.51.100.1:8443", client{}, Refuse},
		{"an address that is allowed", "192.0.2.1:443", client{}, Tunnel},
		{"the same address within IPv6", "[::ffff:192.0.2.1]:443", client{}, Tunnel},
		{"an address of IPv6", "[2001:db8::1]:443", client{}, Refuse},
	}
	for _, row := range rows {
		to, err := parseTarget(row.to, 0)
		if err != nil {
			t.Errorf("%s: %v", row.what, err)
			continue
		}
		if got := p.decide(to, row.from); got.action != row.want {
			t.Errorf("%s: %s, since %s", row.what, got.action, got.why)
		}
	}
}

func TestNamesHaveOneSpelling(t *testing.T) {
	same := map[string]target{
		"Example.ORG:443": {"example.org", 443}, "example.org.:443": {"example.org", 443}, "bücher.example:443": {"xn--bcher-kva.example", 443},
		"[::1]:443": {"::1", 443}, "[0:0:0:0:0:0:0:1]:443": {"::1", 443}, "[::ffff:7f00:1]:443": {"127.0.0.1", 443}, "a_b.example:1": {"a_b.example", 1},
		"Ｅxample.org:443": {"example.org", 443}, "example。org:443": {"example.org", 443},
	}
	for text, want := range same {
		if got, err := parseTarget(text, 0); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", ":443", "example.org", "example.org:", "example.org:0", "example.org:65536", "example.org:-1", "example.org:443x", "example.org:443:443",
		"a b:443", "a/b:443", "a@b:443", "a%00b:443", "a\x00b:443", "..:443", "a..b:443", ".a:443", "example.org..:443",
		"127.1:443", "0x7f.1:443", "2130706433:443", "0x7f000001:443", "127.0.0.0x1:443", "127.0.0.08:443", "１２７.0.0.1:443",
		"[fe80::1%25eth0]:443", "[::1:443", "::1]:443", "[a]:443", strings.Repeat("a", 64) + ":443", strings.Repeat("a.", 130) + "b:443",
	} {
		if got, err := parseTarget(text, 0); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestTheProxysOwnFiles(t *testing.T) {
	h := open(t, Config{PrivateNames: []string{"*.corp.example"}})
	rows := []struct {
		request, status, holds string
	}{
		{"GET /ca.pem HTTP/1.1\r\nHost: gate:3128\r\n\r\n", "200 OK", "-----BEGIN CERTIFICATE-----"},
		{"HEAD /ca.pem HTTP/1.1\r\nHost: gate:3128\r\n\r\n", "200 OK", ""},
		{"GET /proxy.pac HTTP/1.1\r\nHost: gate:3128\r\n\r\n", "200 OK", `"PROXY gate:3128; DIRECT"`},
		{"GET /proxy.pac HTTP/1.0\r\n\r\n", "200 OK", `"PROXY ` + h.address},
		{"GET /proxy.pac HTTP/1.1\r\nHost: x;alert(1)\r\n\r\n", "200 OK", `"PROXY xalert1; DIRECT"`},
		{"GET / HTTP/1.1\r\nHost: gate:3128\r\n\r\n", "400 ", "HTTPS_PROXY"},
		{"GET /ui/ HTTP/1.1\r\nHost: gate:3128\r\n\r\n", "400 ", "HTTPS_PROXY"},
		{"POST /ca.pem HTTP/1.1\r\nHost: gate:3128\r\nContent-Length: 0\r\n\r\n", "400 ", "proxy"},
	}
	for _, row := range rows {
		conn := h.dial(t)
		say(t, conn, row.request)
		if text := hear(&shortly{conn}); !strings.HasPrefix(text, "HTTP/1.") || !strings.HasPrefix(text[9:], row.status) || !strings.Contains(text, row.holds) {
			t.Errorf("%q: %q", row.request, text)
		}
	}
}

// shortly is a connection that is at its end when nothing has come for half a second.
type shortly struct{ net.Conn }

func (c *shortly) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	return c.Conn.Read(p)
}

func accounts(t *testing.T) *auth.Accounts {
	t.Helper()
	a := &auth.Accounts{}
	for _, p := range []auth.Principal{{Name: "alice", Groups: map[model.Source]string{model.S3: "Research"}}, {Name: "bob"}} {
		if err := a.Add(p, p.Name+"-token-of-some-length"); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestWhoMayUseTheProxy(t *testing.T) {
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := auth.From(r.Context())
		fmt.Fprintf(w, "%s %s %q", p.Name, p.Group(model.S3), r.Header.Values("Proxy-Authorization"))
	})
	h := open(t, Config{Accounts: accounts(t), Doors: []Door{{Name: "models", Hosts: []string{"hub.example"}, Handler: seen}}})
	ask := func(header string) (connect, plain string) {
		plain = "GET http://hub.example/ HTTP/1.1\r\nHost: hub.example\r\n" + header + "\r\n"
		conn := h.dial(t)
		connect = connectOn(t, conn, "hub.example:443", header)
		if strings.HasPrefix(connect, "HTTP/1.1 200") {
			c, err := h.secure(conn, "hub.example")
			if err != nil {
				t.Fatal(err)
			}
			// What is sent inside does not change whose the connection is, and goes nowhere.
			_, connect, _ = exchange(t, c, "GET / HTTP/1.1\r\nHost: hub.example\r\nProxy-Authorization: Bearer bob-token-of-some-length\r\n\r\n")
		}
		status, body, head := exchange(t, h.dial(t), plain)
		if !strings.HasPrefix(status, "200") {
			body = status + " " + head.Get("Proxy-Authenticate")
		}
		return connect, body
	}
	rows := []struct{ what, header, who string }{
		{"a password", "Proxy-Authorization: Basic YW55Ym9keTphbGljZS10b2tlbi1vZi1zb21lLWxlbmd0aA==\r\n", `alice Research []`},
		{"a bearer", "Proxy-Authorization: bearer bob-token-of-some-length\r\n", `bob  []`},
		{"nothing", "", ""},
		{"another password", "Proxy-Authorization: Basic YW55Ym9keTpub25l\r\n", ""},
		{"a name alone", "Proxy-Authorization: Basic YWxpY2UtdG9rZW4tb2Ytc29tZS1sZW5ndGg=\r\n", ""},
		{"no Base64", "Proxy-Authorization: Basic !\r\n", ""},
		{"an empty token", "Proxy-Authorization: Bearer \r\n", ""},
		{"the header for the host", "Authorization: Bearer bob-token-of-some-length\r\n", ""},
		{"two of them", "Proxy-Authorization: Bearer bob-token-of-some-length\r\nProxy-Authorization: Bearer alice-token-of-some-length\r\n", ""},
	}
	for _, row := range rows {
		connect, plain := ask(row.header)
		if row.who != "" && (connect != row.who || plain != row.who) ||
			row.who == "" && (!strings.HasPrefix(connect, "HTTP/1.1 407 ") || !strings.HasPrefix(plain, "407 ") || !strings.Contains(plain, `Basic realm="modelgate"`)) {
			t.Errorf("%s: %q, and in plain HTTP %q", row.what, connect, plain)
		}
	}
}

func TestClientsOfOtherNetworksAreRefused(t *testing.T) {
	h := open(t, Config{Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if got := connectOn(t, h.dial(t), "a.models.example:443", ""); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
		t.Error(got)
	}
	if status, _ := h.get(t, "http://a.models.example/"); status != http.StatusForbidden {
		t.Error(status)
	}
}

func TestTheProtocolIsHTTP1UnlessAClientSpeaksNothingElseWhereThatIsExpected(t *testing.T) {
	h := open(t, Config{H2Hosts: []string{"h2.models.example"}})
	rows := []struct {
		what, host string
		offers     []string
		want       string // "" if there is no handshake
	}{
		{"both on offer", "a.models.example", []string{"h2", "http/1.1"}, "http/1.1"},
		{"nothing on offer", "a.models.example", nil, ""},
		{"HTTP/2 alone", "a.models.example", []string{"h2"}, "none"},
		{"both on offer where HTTP/2 may be", "h2.models.example", []string{"h2", "http/1.1"}, "http/1.1"},
		{"HTTP/2 alone where it may be", "h2.models.example", []string{"h2"}, "h2"},
	}
	for _, row := range rows {
		c, err := h.secure(h.connect(t, row.host+":443"), row.host, row.offers...)
		if got := c.ConnectionState().NegotiatedProtocol; (err == nil) != (row.want != "none") || err == nil && got != row.want {
			t.Errorf("%s: %q %v", row.what, got, err)
		}
	}
	if n := h.count(t, "modelgate_proxy_handshakes_total", "alpn"); n != 1 {
		t.Errorf("%v handshakes are counted for their protocols", n)
	}
	if last := h.server.Failures().Last(); len(last) != 1 || !strings.Contains(last[0].Advice, "proxy.h2_hosts") {
		t.Errorf("%+v", last)
	}
	// The server inside really speaks it.
	tr := &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: h.address}), TLSClientConfig: &tls.Config{RootCAs: h.roots}, Protocols: new(http.Protocols),
	}
	tr.Protocols.SetHTTP2(true)
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get("https://h2.models.example/x")
	if err != nil {
		t.Fatal(err)
	}
	if text := hear(res.Body); text != `models: GET https://h2.models.example/x HTTP/2.0 ""` {
		t.Error(text)
	}
}

func TestSessionsAreResumed(t *testing.T) {
	h := open(t, Config{})
	cache := tls.NewLRUClientSessionCache(1)
	for n := range 2 {
		conn := h.connect(t, "a.models.example:443")
		c := tls.Client(conn, &tls.Config{RootCAs: h.roots, ServerName: "a.models.example", ClientSessionCache: cache})
		if status, _, _ := exchange(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\nConnection: close\r\n\r\n"); status != "200 OK" {
			t.Fatal(status)
		}
		if got := c.ConnectionState().DidResume; got != (n == 1) {
			t.Errorf("connection %d is resumed: %v", n+1, got)
		}
	}
}

func TestClientsThatDoNotTrustTheAuthorityAreCountedAndAdvised(t *testing.T) {
	h := open(t, Config{})
	rows := []struct{ agent, client, advice string }{
		{"curl/7.88.1", "curl", "CURL_CA_BUNDLE"},
		{"Boto3/1.44.5 md/Botocore#1.44.5 ua/2.0", "aws", "AWS_CA_BUNDLE"},
		{"gcloud-python/3.17.1  gl-python/3.11.7", "google-cloud-storage", "REQUESTS_CA_BUNDLE"},
		{"unknown/1; hf_hub/2.4.0", "huggingface_hub", "SSL_CERT_FILE"},
		{"Go-http-client/1.1", "go", "SSL_CERT_FILE"},
		{"", "unnamed", "modelgate ca"},
		{"whoever/1", "other", "modelgate ca"},
	}
	for _, row := range rows {
		conn := h.dial(t)
		header := ""
		if row.agent != "" {
			header = "User-Agent: " + row.agent + "\r\n"
		}
		connectOn(t, conn, "a.models.example:443", header)
		if err := tls.Client(conn, &tls.Config{ServerName: "a.models.example"}).Handshake(); err == nil {
			t.Fatal("the authority is trusted")
		}
		_ = conn.Close()
		eventually(t, row.client+" is counted", func() bool {
			return h.count(t, "modelgate_proxy_handshake_failures_total", "untrusted", row.client) == 1
		})
		if last := h.server.Failures().Last()[0]; !strings.Contains(last.Advice, row.advice) || last.Host != "a.models.example" {
			t.Errorf("%s: %+v", row.agent, last)
		}
	}
}

func TestClientsThatLookAtTheCertificateLastAreCounted(t *testing.T) {
	h := open(t, Config{})
	conn := h.dial(t)
	connectOn(t, conn, "a.models.example:443", "User-Agent: Wget/1.21.3\r\n")
	c, err := h.secure(conn, "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	eventually(t, "it is counted", func() bool { return h.count(t, "modelgate_proxy_handshake_failures_total", "left", "wget") == 1 })
	if last := h.server.Failures().Last()[0]; !strings.Contains(last.Advice, "WGETRC") {
		t.Errorf("%+v", last)
	}
	// Who has asked for something, and who is just slow, is not.
	c, err = h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\n\r\n")
	_ = c.Close()
	time.Sleep(50 * time.Millisecond)
	if n := len(h.server.Failures().Last()); n != 1 {
		t.Errorf("%d failures", n)
	}
}

func TestFailuresAreKeptButNotForEverAndToldOnceAnHour(t *testing.T) {
	f := newFailures()
	now := time.Now()
	if !f.add(Failure{Time: now, Host: "a"}) || f.add(Failure{Time: now.Add(time.Minute), Host: "a"}) || !f.add(Failure{Time: now.Add(2 * time.Hour), Host: "a"}) {
		t.Error("the log is told too often, or not at all")
	}
	for n := range 5000 {
		f.add(Failure{Time: now, Host: fmt.Sprint(n)})
	}
	if got := f.Last(); len(got) != mostFailures || got[0].Host != "4999" || len(f.told) > mostTold {
		t.Errorf("%d are kept, %d are told", len(got), len(f.told))
	}
}

func TestADoorIsChosenByHostThenByTheMarksOfTheRequest(t *testing.T) {
	h := open(t, Config{Policy: Policy{Default: Inspect}, Doors: []Door{
		{Name: "hub", Hosts: []string{"hub.example"}, Handler: told("hub")},
		{Name: "learned", Knows: func(host string, port int) bool { return host == "files.example" && port == 443 }, Handler: told("learned")},
		{Name: "marks", Takes: func(r *http.Request) bool { return r.URL.Query().Has("X-Sig") }, Handler: told("marks")},
	}})
	for ask, want := range map[string]string{
		"https://hub.example/?X-Sig=1": "hub", "https://files.example/": "learned", "https://any.example/?X-Sig=1": "marks", "https://any.example/": "web",
	} {
		if status, text := h.get(t, ask); status != 200 || !strings.HasPrefix(text, want+": ") {
			t.Errorf("%s: %d %s", ask, status, text)
		}
	}
}

func TestOpenDoorsAreTold(t *testing.T) {
	h := open(t, Config{
		Policy: Policy{TunnelHosts: []string{"hub.example", "*.files.example", "other.example", "x.cdn.example"}, Rules: []Rule{{Action: Tunnel, Hosts: []string{"*.site.example"}}}},
		Doors:  []Door{{Name: "hub", Hosts: []string{"hub.example", "a.files.example", "*.cdn.example", "*.site.example"}, Handler: told("hub")}},
	})
	if got := h.server.OpenDoors(); !slices.Equal(got, []string{"hub.example", "*.files.example", "x.cdn.example", "*.site.example"}) {
		t.Errorf("%q", got)
	}
}

func TestLargeAnswersComeWhole(t *testing.T) {
	pieces := []int{1, 100, 16 << 10, 16<<10 + 1, 70_000, 128 << 10, 300_000, 1 << 20}
	door := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for n, size := range pieces {
			_, _ = io.WriteString(w, strings.Repeat(string(rune('a'+n)), size))
			_ = http.NewResponseController(w).Flush()
		}
	})
	h := open(t, Config{Doors: []Door{{Name: "models", Hosts: []string{"a.models.example"}, Handler: door}}})
	status, text := h.get(t, "https://a.models.example/")
	for n, size := range pieces {
		want := strings.Repeat(string(rune('a'+n)), size)
		if !strings.HasPrefix(text, want) {
			t.Fatalf("%d: piece %d of %d bytes is not whole", status, n, size)
		}
		text = text[size:]
	}
	if text != "" {
		t.Errorf("%d bytes too many", len(text))
	}
}
