package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/dns/dnsmessage"
)

// names is a resolver that answers from a table: the answers of a name one after the other, the last one again and again.
type names struct {
	mu    sync.Mutex
	table map[string][]string
	asked int
}

// resolver answers over a pipe in the process: nothing leaves it.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go n.serve(there)
		return here, nil
	}}
}

// serve answers as DNS does over a stream (RFC 1035, 4.2.2), which is what the resolver speaks on what is no packet connection.
func (n *names) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		var size [2]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return
		}
		query := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := io.ReadFull(r, query); err != nil {
			return
		}
		answer := n.answer(query)
		if _, err := conn.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)); err != nil {
			return
		}
	}
}

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.TrimSuffix(q.Name.String(), ".")
	list := n.table[name]
	if len(list) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	}
	if len(list) > 0 && q.Type == dnsmessage.TypeA {
		n.asked++
		for text := range strings.SplitSeq(list[0], " ") {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()},
			})
		}
		if len(list) > 1 {
			n.table[name] = list[1:]
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func newRelay(t *testing.T, client Config, cfg RelayConfig) *Relay {
	t.Helper()
	client.Registerer = prometheus.NewRegistry()
	c, err := New(client)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.NewRelay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func get(t *testing.T, r *Relay, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBypassRebinding(t *testing.T) {
	reached := 0
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer inner.Close()
	port := portOf(t, inner.URL)
	// The name has a public address at first. 192.0.2.1 is nobody's; who connects to it is cut off by its own patience.
	n := &names{table: map[string][]string{"rebind.example": {"192.0.2.1", "127.0.0.1"}, "both.example": {"127.0.0.1 192.0.2.1"}, "inner.example": {"169.254.169.254"}}}
	r := newRelay(t, Config{}, RelayConfig{Resolver: n.resolver(t)})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		conn, err := r.Dial(ctx, "rebind.example", port)
		cancel()
		if err == nil {
			_ = conn.Close()
			t.Error("a name that has become ours is connected to")
		}
	}
	if n.asked < 2 {
		t.Errorf("the name is looked up %d times", n.asked)
	}
	for _, name := range []string{"rebind.example", "inner.example", "localhost", "127.0.0.1"} {
		if _, err := get(t, r, fmt.Sprintf("http://%s/", net.JoinHostPort(name, strconv.Itoa(port)))); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := r.Dial(ctx, "both.example", port); err == nil {
		_ = conn.Close()
		t.Error("one private address among others is connected to")
	}
	if reached != 0 {
		t.Errorf("the inner server is reached %d times", reached)
	}
}

func TestBypassTheGatesOwnListeners(t *testing.T) {
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "own") }))
	defer own.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") }))
	defer other.Close()
	n := &names{table: map[string][]string{"us.example": {"127.0.0.1"}, "us2.example": {"127.9.9.9"}}}
	r := newRelay(t, Config{}, RelayConfig{AllowPrivate: true, Own: []int{portOf(t, own.URL)}, Resolver: n.resolver(t)})
	for _, host := range []string{"127.0.0.1", "localhost", "us.example", "us2.example", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1.2.3"} {
		if _, err := get(t, r, fmt.Sprintf("http://%s:%d/", host, portOf(t, own.URL))); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if text, err := get(t, r, fmt.Sprintf("http://us.example:%d/", portOf(t, other.URL))); text != "other" {
		t.Errorf("%q %v", text, err)
	}
}

func TestPrivateAddressesAreRefusedInEveryForm(t *testing.T) {
	r := newRelay(t, Config{}, RelayConfig{Exempt: func(host string, port int) bool { return host == "store.example" && port == 9000 }})
	for _, address := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1",
		"::1", "::", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "::7f00:1",
	} {
		if err := r.checkAddress("any.example", 443, net.JoinHostPort(address, "443")); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
		if err := r.checkAddress("store.example", 443, net.JoinHostPort(address, "443")); !errors.Is(err, ErrRefused) {
			t.Errorf("%s at another port of an exempt host: %v", address, err)
		}
		if err := r.checkAddress("Store.example.", 9000, net.JoinHostPort(address, "9000")); err != nil {
			t.Errorf("%s of an exempt host: %v", address, err)
		}
	}
	for _, address := range []string{"8.8.8.8", "2606:4700::1111", "172.32.0.1", "100.128.0.1"} {
		if err := r.checkAddress("any.example", 443, net.JoinHostPort(address, "443")); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// parent is a proxy that clients must name themselves to, and that has every name at one address.
type parent struct {
	to   string
	mu   sync.Mutex
	seen []string
}

func (p *parent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.Host)
	p.mu.Unlock()
	if r.Header.Get("Proxy-Authorization") != "Basic bWU6c2VjcmV0" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		fmt.Fprintf(w, "parent: %s %s %q", r.Method, r.URL, r.Header.Values("Proxy-Authorization"))
		return
	}
	there, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 fine\r\nX: y\r\n\r\n")
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		ways.Go(func() { _, _ = io.Copy(way[0], way[1]); _, _ = way[0].Close(), way[1].Close() })
	}
	ways.Wait()
}

func writePEM(t *testing.T, servers ...*httptest.Server) string {
	t.Helper()
	var text []byte
	for _, s := range servers {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
	}
	name := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestEverythingGoesThroughTheParent(t *testing.T) {
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", `h3=":443"`)
		fmt.Fprintf(w, "site: %s %q", r.Host, r.Header.Values("Proxy-Authorization"))
	}))
	defer site.Close()
	for _, scheme := range []string{"http", "https"} {
		p := &parent{to: site.Listener.Addr().String()}
		through := httptest.NewUnstartedServer(p)
		if scheme == "https" {
			through.StartTLS()
		} else {
			through.Start()
		}
		defer through.Close()
		bundle := writePEM(t, site)
		address := strings.Replace(through.URL, "://", "://me:secret@", 1)
		direct := func(host string) bool { return host == "direct.example" }
		r := newRelay(t, Config{CABundle: bundle}, RelayConfig{Parent: address, Bypass: direct, Resolver: (&names{}).resolver(t)})
		if !r.HasParent() {
			t.Error("it has a parent")
		}
		if text, err := get(t, r, "https://a.example.com/"); text != `site: a.example.com []` {
			t.Errorf("%s: inspected: %q %v", scheme, text, err)
		}
		if text, err := get(t, r, "http://plain.example/x"); text != `parent: GET http://plain.example/x ["Basic bWU6c2VjcmV0"]` {
			t.Errorf("%s: plain: %q %v", scheme, text, err)
		}
		conn, err := r.Dial(t.Context(), "tunnel.example.com", 443)
		if err != nil {
			t.Fatalf("%s: tunnel: %v", scheme, err)
		}
		c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Errorf("%s: tunnel: %v", scheme, err)
		}
		_ = c.Close()
		if _, err := r.Dial(t.Context(), "direct.example", 443); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s: a host without the parent: %v", scheme, err)
		}
		before := len(p.seen)
		for _, host := range []string{"127.0.0.1", "169.254.169.254", "[::1]", "localhost", "a.localhost"} {
			if _, err := get(t, r, "https://"+host+"/"); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: %s: %v", scheme, host, err)
			}
			if _, err := r.Dial(t.Context(), strings.Trim(host, "[]"), 443); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: tunnel to %s: %v", scheme, host, err)
			}
		}
		if len(p.seen) != before {
			t.Errorf("the parent is asked for what is not allowed: %q", p.seen[before:])
		}
		// Without the right password nothing is reached.
		r = newRelay(t, Config{CABundle: bundle}, RelayConfig{Parent: through.URL})
		if text, err := get(t, r, "https://a.example.com/"); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %q %v", scheme, text, err)
		}
		if _, err := r.Dial(t.Context(), "a.example.com", 443); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "407") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestAParentThatTalksTooMuchOrNotAtAll(t *testing.T) {
	for what, says := range map[string]string{
		"nothing": "", "no HTTP": "SSH-2.0-x\r\n", "a header without an end": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100_000), "a refusal": "HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		served.Go(func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, says)
			_ = conn.Close()
		})
		r := newRelay(t, Config{}, RelayConfig{Parent: "http://" + l.Addr().String()})
		if conn, err := r.Dial(t.Context(), "a.example", 443); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v %v", what, conn, err)
		}
		_ = l.Close()
		served.Wait()
	}
}

func TestWhatAParentSendsEarlyIsNotLost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nhello")
		_ = conn.Close()
	}()
	r := newRelay(t, Config{}, RelayConfig{Parent: "http://" + l.Addr().String()})
	conn, err := r.Dial(t.Context(), "a.example", 443)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if text, err := io.ReadAll(conn); string(text) != "hello" {
		t.Errorf("%q %v", text, err)
	}
}

func TestWhyAHostGivesNoAnswer(t *testing.T) {
	site := httptest.NewTLSServer(http.NotFoundHandler())
	defer site.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	n := &names{table: map[string][]string{"a.example.com": {"127.0.0.1"}, "a.example.org": {"127.0.0.1"}}}
	trusting := newRelay(t, Config{CABundle: writePEM(t, site)}, RelayConfig{AllowPrivate: true, Resolver: n.resolver(t)})
	system := newRelay(t, Config{}, RelayConfig{AllowPrivate: true, Resolver: n.resolver(t)})
	strict := newRelay(t, Config{}, RelayConfig{Resolver: n.resolver(t)})
	rows := []struct {
		what    string
		relay   *Relay
		address string
		want    string
	}{
		{"an unknown authority", system, site.URL, "unknown authority"},
		{"another name", trusting, fmt.Sprintf("https://a.example.org:%d/", portOf(t, site.URL)), "for another name"},
		{"no TLS", trusting, strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS"},
		{"nobody there", trusting, gone.URL, "refuses connections"},
		{"no such name", trusting, "https://none.example/", "unknown"},
		{"a private address", strict, plain.URL, "does not connect to addresses like that"},
	}
	for _, row := range rows {
		_, err := get(t, row.relay, row.address)
		if got := Cause(err); err == nil || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q: %v", row.what, got, err)
		}
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", row.what, err)
		}
	}
	if text, err := get(t, trusting, fmt.Sprintf("https://a.example.com:%d/", portOf(t, site.URL))); err != nil {
		t.Errorf("what is in order: %q %v", text, err)
	}
}
