package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"modelgate/internal/proxy/authority"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a proxy that runs, and what tests need to talk to it.
type house struct {
	server   *Server
	address  string
	roots    *x509.CertPool
	client   *http.Client // trusts the authority, and uses the proxy
	registry *prometheus.Registry
	end      func(context.Context) error // Shutdown, once
}

// open runs a proxy until the end of the test. Its door "models" answers for *.models.example, says what it was asked, and so does the one
// for everything else.
func open(t *testing.T, cfg Config) *house { return openWithin(t, cfg, usualLimits()) }

func openWithin(t *testing.T, cfg Config, within limits) *house {
	t.Helper()
	ca, err := authority.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{roots: x509.NewCertPool(), registry: prometheus.NewRegistry()}
	cfg.Authority, cfg.Log, cfg.Registerer = ca, zerolog.Nop(), h.registry
	if cfg.Web == nil {
		cfg.Web = told("web")
	}
	if cfg.Doors == nil {
		cfg.Doors = []Door{{Name: "models", Hosts: []string{"*.models.example"}, Handler: told("models")}}
	}
	if cfg.Dial == nil {
		cfg.Dial = func(_ context.Context, host string, _ int) (net.Conn, error) {
			return nil, fmt.Errorf("test reaches for %s", host)
		}
	}
	if h.server, err = newServer(cfg, within); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = l.Addr().String()
	h.roots.AppendCertsFromPEM(ca.PEM())
	tr := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: h.address}),
		TLSClientConfig: &tls.Config{RootCAs: h.roots}, ForceAttemptHTTP2: true,
	}
	h.client = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	done := make(chan error, 1)
	go func() { done <- h.server.Serve(l) }()
	var once sync.Once
	h.end = func(ctx context.Context) (err error) {
		once.Do(func() {
			tr.CloseIdleConnections()
			err = h.server.Shutdown(ctx)
			if e := <-done; !errors.Is(e, http.ErrServerClosed) {
				t.Errorf("Serve ended with %v", e)
			}
		})
		return err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.end(ctx) // tests that are about the end look at its error
	})
	return h
}

// told is a door that answers with what it was asked.
func told(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		fmt.Fprintf(w, "%s: %s %s %s %q", name, r.Method, r.URL, r.Proto, body)
	})
}

// dial connects to the proxy.
func (h *house) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// say sends text.
func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil && !os.IsTimeout(err) {
		t.Logf("cannot say %.40q: %v", text, err)
	}
}

// hear is all that comes until the end; the text is cut where the connection breaks.
func hear(conn io.Reader) string {
	text, _ := io.ReadAll(conn)
	return string(text)
}

// connect makes a tunnel and fails if the proxy does not.
func (h *house) connect(t *testing.T, to string) net.Conn {
	t.Helper()
	conn := h.dial(t)
	if status := connectOn(t, conn, to, ""); status != "HTTP/1.1 200 Connection established" {
		t.Fatalf("CONNECT %s: %s", to, status)
	}
	return conn
}

// connectOn asks for a tunnel on a connection and returns the status line. Header lines end in \r\n.
func connectOn(t *testing.T, conn net.Conn, to, header string) string {
	t.Helper()
	say(t, conn, "CONNECT "+to+" HTTP/1.1\r\nHost: "+to+"\r\n"+header+"\r\n")
	return statusLine(t, conn)
}

// statusLine reads an answer's header byte by byte, so that nothing behind it is lost, and returns its first line.
func statusLine(t *testing.T, conn net.Conn) string {
	t.Helper()
	var head strings.Builder
	b := make([]byte, 1)
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		if _, err := conn.Read(b); err != nil {
			return strings.TrimSpace(head.String() + " " + err.Error())
		}
		head.Write(b)
	}
	line, _, _ := strings.Cut(head.String(), "\r\n")
	return line
}

// secure makes TLS on a tunnel, for a name, with these protocols on offer.
func (h *house) secure(conn net.Conn, name string, protocols ...string) (*tls.Conn, error) {
	c := tls.Client(conn, &tls.Config{RootCAs: h.roots, ServerName: name, NextProtos: protocols})
	return c, c.Handshake()
}

// exchange sends a request as it is written and reads one answer.
func exchange(t *testing.T, conn net.Conn, request string) (status, body string, header http.Header) {
	t.Helper()
	say(t, conn, request)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error(), "", nil
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		text = append(text, " "+err.Error()...)
	}
	return res.Status, string(text), res.Header
}

// get asks through the proxy.
func (h *house) get(t *testing.T, address string) (int, string) {
	t.Helper()
	res, err := h.client.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// count is the value of a counter whose labels have these values, in any order.
func (h *house) count(t *testing.T, name string, values ...string) float64 {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			fits := 0
			for _, l := range m.GetLabel() {
				for _, v := range values {
					if l.GetValue() == v {
						fits++
					}
				}
			}
			if fits == len(values) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// eventually waits for something to become true.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for range 500 {
		if true() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: not so after five seconds", what)
}

// site is a server that everything is dialled to.
func site(t *testing.T, serve func(net.Conn)) func(context.Context, string, int) (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return func(ctx context.Context, _ string, _ int) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}
}

// echo sends back what comes.
func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }
