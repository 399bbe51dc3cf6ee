package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modelgate/internal/upstream"
)

func TestBypassAnotherHostInsideThanInConnect(t *testing.T) {
	h := open(t, Config{Policy: Policy{Default: Inspect, Ports: []int{8443}}, H2Hosts: []string{"a.models.example"}})
	rows := []struct {
		what, connect, sni, host string
		status                   int // 0: there is no handshake
	}{
		{"all the same", "a.models.example:443", "a.models.example", "a.models.example", 200},
		{"another spelling", "A.Models.Example.:443", "a.models.example", "a.MODELS.example:443", 200},
		{"no name in TLS", "a.models.example:443", "", "a.models.example", 200},
		{"another host inside", "a.models.example:443", "a.models.example", "b.models.example", 421},
		{"another port inside", "a.models.example:443", "a.models.example", "a.models.example:8443", 421},
		{"the usual port inside of another", "a.models.example:8443", "a.models.example", "a.models.example", 421},
		{"another name in TLS", "a.models.example:443", "b.models.example", "a.models.example", 0},
		{"another name in TLS and inside", "a.models.example:443", "b.models.example", "b.models.example", 0},
		{"an outer name that hides the inner one", "a.models.example:443", "public.ech.example", "a.models.example", 0},
		{"an address inside", "a.models.example:443", "a.models.example", "127.0.0.1", 421},
		{"no host inside", "a.models.example:443", "a.models.example", "", 400},
	}
	for _, row := range rows {
		for _, protocol := range []string{"http/1.1", "h2"} {
			conn := h.connect(t, row.connect)
			c := tls.Client(conn, &tls.Config{RootCAs: h.roots, ServerName: row.sni, InsecureSkipVerify: true, NextProtos: []string{protocol}})
			err := c.Handshake()
			if row.status == 0 {
				if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
					t.Errorf("%s, %s: %v", row.what, protocol, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", row.what, protocol, err)
				continue
			}
			if protocol == "h2" {
				if got := overHTTP2(t, c, row.host); got != row.status && row.host != "" {
					t.Errorf("%s, h2: %d", row.what, got)
				}
				continue
			}
			status, body, _ := exchange(t, c, "GET / HTTP/1.1\r\nHost: "+row.host+"\r\n\r\n")
			if !strings.HasPrefix(status, fmt.Sprint(row.status)) || (row.status != 200) == strings.HasPrefix(body, "models: ") {
				t.Errorf("%s: %s %q", row.what, status, body)
			}
		}
	}
}

// overHTTP2 asks on a connection that was made, and returns the status.
func overHTTP2(t *testing.T, conn net.Conn, host string) int {
	t.Helper()
	tr := &http.Transport{
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Protocols:      new(http.Protocols),
	}
	tr.Protocols.SetHTTP2(true)
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Do(&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "a.models.example", Path: "/"}, Host: host})
	if err != nil {
		t.Errorf("over HTTP/2 to %q: %v", host, err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestBypassASessionThatIsResumedUnderAnotherName(t *testing.T) {
	h := open(t, Config{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := tls.NewLRUClientSessionCache(1)
		secure := func(name string) error {
			c := tls.Client(h.connect(t, "a.models.example:443"), &tls.Config{
				InsecureSkipVerify: true, ServerName: name, ClientSessionCache: oneSession{cache}, MaxVersion: version,
			})
			if err := c.Handshake(); err != nil {
				return err
			}
			exchange(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\nConnection: close\r\n\r\n") // tickets come with the answer
			return nil
		}
		if err := secure("a.models.example"); err != nil {
			t.Fatal(err)
		}
		if err := secure("b.models.example"); err == nil {
			t.Errorf("version %x: a session of one name is good for another", version)
		}
	}
}

// oneSession offers the same session to every name.
type oneSession struct{ tls.ClientSessionCache }

func (s oneSession) Get(string) (*tls.ClientSessionState, bool) { return s.ClientSessionCache.Get("x") }

func (s oneSession) Put(_ string, session *tls.ClientSessionState) {
	s.ClientSessionCache.Put("x", session)
}

func TestBypassASecondRequestWithAnotherHost(t *testing.T) {
	h := open(t, Config{})
	c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, "GET /1 HTTP/1.1\r\nHost: a.models.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: b.models.example\r\n\r\nGET /3 HTTP/1.1\r\nHost: a.models.example\r\n\r\n")
	text := hear(c)
	if !strings.Contains(text, "models: GET https://a.models.example/1 ") || !strings.Contains(text, "HTTP/1.1 421 ") || strings.Contains(text, "/2") || strings.Contains(text, "/3") {
		t.Errorf("%q", text)
	}
}

func TestBypassAnAddressInPlaceOfAName(t *testing.T) {
	h := open(t, Config{Policy: Policy{Default: Tunnel}})
	for _, to := range []string{"127.0.0.1:443", "[::1]:443", "8.8.8.8:443", "[::ffff:127.0.0.1]:443", "[64:ff9b::7f00:1]:443"} {
		if got := connectOn(t, h.dial(t), to, ""); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
			t.Errorf("%s: %s", to, got)
		}
		if status, body, _ := exchange(t, h.dial(t), "GET http://"+strings.TrimSuffix(to, ":443")+"/ HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(status, "403 ") {
			t.Errorf("%s: %s %s", to, status, body)
		}
	}
	for _, to := range []string{"127.1:443", "2130706433:443", "0x7f.1:443", "127.0.0.1.:443"} {
		if got := connectOn(t, h.dial(t), to, ""); strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("%s: %s", to, got)
		}
	}
}

func TestBypassAnOddPort(t *testing.T) {
	h := open(t, Config{})
	for _, to := range []string{"a.models.example:22", "a.models.example:80", "a.models.example:25", "a.models.example:4443"} {
		if got := connectOn(t, h.dial(t), to, ""); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
			t.Errorf("%s: %s", to, got)
		}
	}
	if status, _ := h.get(t, "http://site.example:25/"); status != http.StatusForbidden {
		t.Error(status)
	}
}

func TestBypassAConnectThatIsNone(t *testing.T) {
	h := open(t, Config{Policy: Policy{Default: Inspect}})
	for _, line := range []string{
		"CONNECT /x HTTP/1.1\r\nHost: a.models.example:443", "CONNECT me@a.models.example:443 HTTP/1.1\r\nHost: a.models.example:443",
		"CONNECT a.models.example:443/x HTTP/1.1\r\nHost: a.models.example:443", "CONNECT a.models.example HTTP/1.1\r\nHost: a.models.example",
		"CONNECT http://a.models.example:443 HTTP/1.1\r\nHost: a.models.example:443", "CONNECT a.models.example:443?x HTTP/1.1\r\nHost: a.models.example:443",
		"GET https://a.models.example/ HTTP/1.1\r\nHost: a.models.example", "GET ftp://a.models.example/ HTTP/1.1\r\nHost: a.models.example",
		"GET http://me@a.models.example/ HTTP/1.1\r\nHost: a.models.example", "GET http:///x HTTP/1.1\r\nHost: a.models.example",
	} {
		conn := h.dial(t)
		say(t, conn, line+"\r\n\r\n")
		if got := statusLine(t, conn); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%s: %s", line, got)
		}
	}
	// The address says which host is meant, whatever the Host header says.
	if status, body, _ := exchange(t, h.dial(t), "GET http://a.models.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n"); status != "200 OK" || !strings.Contains(body, "http://a.models.example/ ") {
		t.Error(status, body)
	}
}

func TestBypassOtherProtocolsInATunnel(t *testing.T) {
	h := open(t, Config{})
	for name, first := range map[string]string{
		"SSH": "SSH-2.0-OpenSSH_9.2\r\n", "a VPN": "\x00\x0e8\x01\x02\x03\x04\x05\x06", "HTTP/2 in clear": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a long word": strings.Repeat("A", 30), "TLS of old": "\x80\x2e\x01\x00\x02\x00", "an alert": "\x15\x03\x01\x00\x02", "a blank": " GET / HTTP/1.1\r\n\r\n",
		"lower case": "get / HTTP/1.1\r\nHost: a.models.example\r\n\r\n", "WebSocket frames": "\x81\x05hello",
	} {
		conn := h.connect(t, "a.models.example:443")
		say(t, conn, first)
		if text := hear(conn); text != "" {
			t.Errorf("%s: %q", name, text)
		}
	}
	if n := h.count(t, "modelgate_proxy_handshakes_total", "not_tls"); n < 7 {
		t.Errorf("%v are counted", n)
	}
}

func TestBypassPlainHTTPInATunnelMeetsTheSameDoor(t *testing.T) {
	h := open(t, Config{})
	conn := h.connect(t, "a.models.example:443")
	status, body, _ := exchange(t, conn, "GET /x HTTP/1.1\r\nHost: a.models.example:443\r\n\r\n")
	if status != "200 OK" || !strings.HasPrefix(body, "models: GET http://a.models.example:443/x ") {
		t.Error(status, body)
	}
}

func TestBypassAClientHelloTogetherWithConnect(t *testing.T) {
	h := open(t, Config{})
	conn := h.dial(t)
	// The first thing that TLS writes is the ClientHello: it goes out together with CONNECT.
	first := &together{Conn: conn, before: "CONNECT a.models.example:443 HTTP/1.1\r\nHost: a.models.example:443\r\n\r\n"}
	c, err := h.secure(first, "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	if status, body, _ := exchange(t, c, "GET /x HTTP/1.1\r\nHost: a.models.example\r\n\r\n"); status != "200 OK" || !strings.HasPrefix(body, "models: ") {
		t.Error(status, body)
	}
}

// together writes a text before the first bytes, in one piece with them, and takes the answer to it from what is read.
type together struct {
	net.Conn
	before string
	once   sync.Once
	after  int
}

func (c *together) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(append([]byte(c.before), p...))
	n -= len(c.before)
	c.before = ""
	return n, err
}

func (c *together) Read(p []byte) (int, error) {
	c.once.Do(func() {
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		_, _ = io.ReadFull(c.Conn, answer)
	})
	return c.Conn.Read(p)
}

func TestBypassTheFirstBytesInPieces(t *testing.T) {
	h := open(t, Config{})
	conn := h.connect(t, "a.models.example:443")
	for _, piece := range []string{"G", "E", "T ", "/x HTTP/1.1\r\nHost: a.models.example:443\r\n\r\n"} {
		say(t, conn, piece)
		time.Sleep(20 * time.Millisecond)
	}
	if got := statusLine(t, conn); got != "HTTP/1.1 200 OK" {
		t.Error(got)
	}
}

func TestBypassHTTP3IsNotAdvertised(t *testing.T) {
	door := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", `h3=":443"; ma=86400`)
		switch r.URL.Path {
		case "/status":
			w.WriteHeader(http.StatusTeapot)
		case "/flush":
			_ = http.NewResponseController(w).Flush()
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Alt-Svc", `h3=":443"`)
		case "/nothing":
			return
		}
		_, _ = io.WriteString(w, "x")
	}
	h := open(t, Config{Doors: []Door{{Name: "models", Hosts: []string{"a.models.example"}, Handler: http.HandlerFunc(door)}}, H2Hosts: []string{"a.models.example"}})
	for _, path := range []string{"/", "/status", "/flush", "/early", "/nothing"} {
		c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
		if err != nil {
			t.Fatal(err)
		}
		say(t, c, "GET "+path+" HTTP/1.1\r\nHost: a.models.example\r\nConnection: close\r\n\r\n")
		if text := hear(c); !strings.HasPrefix(text, "HTTP/1.1 ") || strings.Contains(strings.ToLower(text), "alt-svc") {
			t.Errorf("%s: %q", path, text)
		}
	}
}

func TestBypassATunnelWithinATunnel(t *testing.T) {
	h := open(t, Config{})
	for _, request := range []string{
		"CONNECT a.models.example:443 HTTP/1.1\r\nHost: a.models.example:443\r\n\r\n",
		"CONNECT b.example:443 HTTP/1.1\r\nHost: a.models.example\r\n\r\n",
		"CONNECT / HTTP/1.1\r\nHost: a.models.example\r\n\r\n",
	} {
		c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
		if err != nil {
			t.Fatal(err)
		}
		if status, body, _ := exchange(t, c, request); !strings.HasPrefix(status, "400 ") || strings.HasPrefix(body, "models: ") {
			t.Errorf("%q: %s %s", request, status, body)
		}
	}
}

func TestBypassAnotherMethodThanTheOneThatIsLookedAt(t *testing.T) {
	h := open(t, Config{})
	for _, name := range []string{"X-HTTP-Method-Override", "x-http-method", "X-METHOD-OVERRIDE"} {
		c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
		if err != nil {
			t.Fatal(err)
		}
		status, body, _ := exchange(t, c, "POST /x HTTP/1.1\r\nHost: a.models.example\r\nContent-Length: 0\r\n"+name+": GET\r\n\r\n")
		if !strings.HasPrefix(status, "403 ") || strings.HasPrefix(body, "models: ") {
			t.Errorf("%s: %s %s", name, status, body)
		}
	}
}

func TestBypassWebSocket(t *testing.T) {
	upgraded := make(chan string, 4)
	up := func(w http.ResponseWriter, r *http.Request) {
		upgraded <- r.URL.String()
		w.WriteHeader(http.StatusNoContent)
	}
	h := open(t, Config{WebSocketHosts: []string{"ws.models.example"}, Upgrade: http.HandlerFunc(up), Policy: Policy{Default: Inspect}})
	rows := []struct{ what, host, header, status string }{
		{"a host that is not listed", "a.models.example", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "403"},
		{"a host that no door knows", "any.example", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "403"},
		{"without a word in Connection", "a.models.example", "Upgrade: websocket\r\n", "403"},
		{"several", "ws.models.example", "Connection: Upgrade\r\nUpgrade: websocket, h2c, x\r\n", "403"},
		{"another protocol", "ws.models.example", "Connection: Upgrade\r\nUpgrade: connect-udp\r\n", "403"},
		{"a host that is listed", "ws.models.example", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", "204"},
		{"HTTP/2 in clear, which nobody hears", "a.models.example", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", "200"},
	}
	for _, row := range rows {
		c, err := h.secure(h.connect(t, row.host+":443"), row.host)
		if err != nil {
			t.Fatal(err)
		}
		status, body, _ := exchange(t, c, "GET /x HTTP/1.1\r\nHost: "+row.host+"\r\n"+row.header+"\r\n")
		if !strings.HasPrefix(status, row.status+" ") || row.status != "200" && strings.HasPrefix(body, "models: ") {
			t.Errorf("%s: %s %s", row.what, status, body)
		}
	}
	if len(upgraded) != 1 {
		t.Errorf("%d connections have changed their protocol", len(upgraded))
	}
}

// TestBypassShapesOfRequestSmuggling sends what two readers may cut into requests differently: through the proxy to a site that writes down
// the bytes that arrive there. Whatever the proxy makes of it, what it sends on has one reading.
func TestBypassShapesOfRequestSmuggling(t *testing.T) {
	const inner = "GET /smuggled HTTP/1.1\r\nHost: a.example.com\r\n\r\n"
	length := fmt.Sprint(len(inner))
	rows := []struct {
		what, request string
		arrives       bool // one request, of which there is no doubt
	}{
		{"both lengths", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: " + length + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{"both lengths, the other way around", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x", len(inner)) + "\r\n" + inner + "\r\n0\r\n\r\n", true},
		{"two lengths", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 0\r\nContent-Length: " + length + "\r\n\r\n" + inner, false},
		{"a list of lengths", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 0, " + length + "\r\n\r\n" + inner, false},
		{"a length with a sign", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: +0\r\n\r\n" + inner, false},
		{"a coding that nobody knows", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: xchunked\r\nContent-Length: " + length + "\r\n\r\n" + inner, false},
		{"a coding after a blank", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding : chunked\r\nContent-Length: " + length + "\r\n\r\n" + inner, false},
		{"a coding with a tab", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding:\tchunked\r\nContent-Length: " + length + "\r\n\r\n0\r\n\r\n", true},
		{"two codings", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", false},
		{"a folded line", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", true},
		{"a chunk with an extension", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"\r\n\"\r\nx\r\n0\r\n\r\n", false},
		{"a chunk with an honest extension", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", true},
		{"a chunk that ends in a bare line feed", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", false},
		{"a chunk of a huge length", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx\r\n0\r\n\r\n", false},
		{"a trailer that is a header", "POST /x HTTP/1.1\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\nTrailer: Host\r\n\r\n0\r\nHost: b.example\r\n\r\n", true},
		{"a carriage return in a header", "GET /x HTTP/1.1\r\nHost: a.example.com\r\nX: a\rGET /smuggled HTTP/1.1\r\n\r\n", false},
		{"a NUL in a header", "GET /x HTTP/1.1\r\nHost: a.example.com\r\nX: a\x00b\r\n\r\n", false},
		{"two hosts", "GET /x HTTP/1.1\r\nHost: a.example.com\r\nHost: b.example\r\n\r\n", false},
		{"a GET with a body", "GET /x HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: " + length + "\r\n\r\n" + inner, true},
		{"a line with two blanks", "GET  /x HTTP/1.1\r\nHost: a.example.com\r\n\r\n", false},
		{"the version of long ago", "GET /x HTTP/0.9\r\nHost: a.example.com\r\n\r\n", false},
		{"a header without a colon", "GET /x HTTP/1.1\r\nHost: a.example.com\r\nX\r\n\r\n", false},
		{"a first line that is folded", "GET /x HTTP/1.1\r\n Host: a.example.com\r\n\r\n", false},
	}
	var mu sync.Mutex
	var seen []string
	stand := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && r.URL.Path == "/x" { // it has come in part, and its connection ends with it
			return
		}
		seen = append(seen, fmt.Sprintf("%s %s %s %d %v", r.Method, r.Host, r.URL.Path, len(body), r.Header["Transfer-Encoding"]))
	}))
	defer stand.Close()
	relay := relayTo(t, stand)
	door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.Pass(w, r, nil, func(error) { w.WriteHeader(http.StatusBadGateway) })
	})
	h := open(t, Config{Doors: []Door{{Name: "models", Hosts: []string{"a.example.com"}, Handler: door}}})
	for _, row := range rows {
		seen = nil
		c, err := h.secure(h.connect(t, "a.example.com:443"), "a.example.com")
		if err != nil {
			t.Fatal(err)
		}
		say(t, c, row.request)
		text := hear(&shortlyTLS{c})
		_ = c.Close()
		mu.Lock()
		for _, request := range seen {
			if strings.Contains(request, "/smuggled") || !strings.Contains(request, " a.example.com /x ") {
				t.Errorf("%s: the site is asked for %q", row.what, request)
			}
		}
		if !strings.HasPrefix(text, "HTTP/1.1 ") || (len(seen) == 1) != row.arrives || row.arrives != strings.HasPrefix(text, "HTTP/1.1 200") {
			t.Errorf("%s: %q arrive, and the answer is %.60q", row.what, seen, text)
		}
		mu.Unlock()
	}
}

// shortlyTLS is at its end when nothing has come for a while.
type shortlyTLS struct{ *tls.Conn }

func (c *shortlyTLS) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	return c.Conn.Read(p)
}

// relayTo is a relay for which every name is that of one server.
func relayTo(t *testing.T, to *httptest.Server) *upstream.Relay {
	t.Helper()
	bundle := writeFile(t, pemOf(to.Certificate().Raw))
	client, err := upstream.New(upstream.Config{CABundle: bundle, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	through := httptest.NewServer(parentTo(to.Listener.Addr().String()))
	t.Cleanup(through.Close)
	relay, err := client.NewRelay(upstream.RelayConfig{Parent: through.URL, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	return relay
}

func TestBypassTargetsThatTheProxyMustNotConnectTo(t *testing.T) {
	client, err := upstream.New(upstream.Config{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	relay, err := client.NewRelay(upstream.RelayConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	pass := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.Pass(w, r, nil, func(err error) { http.Error(w, upstream.Cause(err), http.StatusForbidden) })
	})
	all := []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00::1", "0.0.0.0", "100.64.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1"}
	h := open(t, Config{Dial: relay.Dial, Pass: pass, Policy: Policy{AllowHosts: all}})
	port := h.address[strings.LastIndexByte(h.address, ':')+1:]
	for _, host := range append(slices.Clone(all), "localhost") {
		to := net.JoinHostPort(host, "443")
		if got := connectOn(t, h.dial(t), to, ""); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
			t.Errorf("%s: %s", to, got)
		}
		if status, body, _ := exchange(t, h.dial(t), "GET http://"+net.JoinHostPort(host, port)+"/ HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(status, "403 ") {
			t.Errorf("%s: %s %s", host, status, body)
		}
	}
}

func TestBypassPinnedCertificates(t *testing.T) {
	// Who pins certificates is let through unseen only where the operator says so, and the start says what that opens.
	h := open(t, Config{Policy: Policy{TunnelHosts: []string{"a.models.example"}}, Dial: site(t, echo)})
	if got := h.server.OpenDoors(); len(got) != 1 || got[0] != "a.models.example" {
		t.Errorf("%q", got)
	}
	conn := h.connect(t, "a.models.example:443")
	say(t, conn, "pinned")
	b := make([]byte, 6)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "pinned" {
		t.Errorf("%q %v", b, err)
	}
}

func TestBypassANameOfDNSOverHTTPS(t *testing.T) {
	h := open(t, Config{Policy: Policy{RefuseHosts: []string{"*.dns.example", "dns.example"}}})
	for _, host := range []string{"dns.example", "a.dns.example"} {
		if got := connectOn(t, h.dial(t), host+":443", ""); !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, "proxy.refuse_hosts") {
			t.Errorf("%s: %s", host, got)
		}
		if status, _ := h.get(t, "http://"+host+"/dns-query"); status != http.StatusForbidden {
			t.Errorf("%s: %d", host, status)
		}
	}
}
