package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// quick are limits that tests can wait for.
func quick() limits {
	return limits{
		header: 300 * time.Millisecond, handshake: 300 * time.Millisecond, idleInside: 300 * time.Millisecond,
		idleTunnel: 500 * time.Millisecond, tunnelsEnd: 300 * time.Millisecond,
	}
}

func TestWhoIsSilentIsNotWaitedFor(t *testing.T) {
	h := openWithin(t, Config{Policy: Policy{Ports: []int{8443}}, Dial: site(t, echo)}, quick())
	inspected := func() net.Conn { return h.connect(t, "a.models.example:443") }
	rows := []struct {
		what string
		conn func() net.Conn
	}{
		{"no request", func() net.Conn { return h.dial(t) }},
		{"half a request", func() net.Conn { c := h.dial(t); say(t, c, "CONNECT a.models.example:443 HT"); return c }},
		{"a CONNECT and nothing more", inspected},
		{"half a word", func() net.Conn { c := inspected(); say(t, c, "GE"); return c }},
		{"the beginning of TLS", func() net.Conn { c := inspected(); say(t, c, "\x16\x03\x01\x02\x00\x01"); return c }},
		{"a record of TLS that does not end", func() net.Conn {
			c := inspected()
			say(t, c, "\x16\x03\x01\xff\xff"+strings.Repeat("x", 100))
			return c
		}},
		{"half a request inside", func() net.Conn {
			c, err := h.secure(inspected(), "a.models.example")
			if err != nil {
				t.Fatal(err)
			}
			say(t, c, "GET / HTTP/1.1\r\nHost: a.mod")
			return c
		}},
		{"nothing after a request inside", func() net.Conn {
			c, err := h.secure(inspected(), "a.models.example")
			if err != nil {
				t.Fatal(err)
			}
			if status, _, _ := exchange(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\n\r\n"); status != "200 OK" {
				t.Fatal(status)
			}
			return c
		}},
		{"a tunnel without a byte", func() net.Conn { return h.connect(t, "any.example:8443") }},
	}
	for _, row := range rows {
		conn := row.conn()
		begin := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("%s: ended after %s", row.what, d)
		}
	}
	eventually(t, "nobody is counted any more", func() bool {
		h.server.crowd.mu.Lock()
		defer h.server.crowd.mu.Unlock()
		return h.server.crowd.count == 0 && len(h.server.crowd.by) == 0
	})
}

func TestATunnelInUseIsNotIdle(t *testing.T) {
	h := openWithin(t, Config{Dial: site(t, echo)}, quick())
	conn := h.connect(t, "any.example:443")
	for range 12 {
		say(t, conn, "x")
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestATunnelWhosePeerTakesNothingEnds(t *testing.T) {
	h := openWithin(t, Config{Dial: site(t, func(c net.Conn) {
		b := make([]byte, 1<<20)
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})}, quick())
	h.connect(t, "any.example:443") // it reads nothing
	eventually(t, "the tunnel ends", func() bool { return h.count(t, "modelgate_proxy_tunnels") == 0 })
}

func TestHeadersAreBounded(t *testing.T) {
	h := open(t, Config{})
	long := "X: " + strings.Repeat("x", 80<<10) + "\r\n"
	conn := h.dial(t)
	go func() {
		_, _ = io.WriteString(conn, "CONNECT a.models.example:443 HTTP/1.1\r\nHost: a.models.example:443\r\n"+long+"\r\n")
	}()
	if got := statusLine(t, conn); got != "HTTP/1.1 431 Request Header Fields Too Large" {
		t.Error(got)
	}
	c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.models.example\r\n"+long+"\r\n") }()
	if got := statusLine(t, c); got != "HTTP/1.1 431 Request Header Fields Too Large" {
		t.Error(got)
	}
	// What long tokens need does fit.
	c, err = h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := exchange(t, c, "GET /?x="+strings.Repeat("x", 30<<10)+" HTTP/1.1\r\nHost: a.models.example\r\nAuthorization: "+strings.Repeat("x", 20<<10)+"\r\n\r\n")
	if status != "200 OK" {
		t.Error(status)
	}
}

func TestTheCrowdIsBounded(t *testing.T) {
	for _, cfg := range []Config{{MaxPerClient: 3}, {MaxConnections: 3}} {
		cfg.Dial = site(t, echo)
		h := open(t, cfg)
		var list []net.Conn
		for range 3 {
			list = append(list, h.connect(t, "any.example:443"))
		}
		if text := hear(h.dial(t)); text != "" {
			t.Errorf("a connection too many is answered: %q", text)
		}
		_ = list[0].Close()
		eventually(t, "there is room again", func() bool {
			conn := h.dial(t)
			return strings.HasPrefix(connectOn(t, conn, "any.example:443", ""), "HTTP/1.1 200 ")
		})
	}
}

func TestShutdownLetsRequestsFinishAndTunnelsGoOnForAWhile(t *testing.T) {
	asked, finish := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-finish
		_, _ = io.WriteString(w, "finished")
	})
	within := usualLimits()
	within.tunnelsEnd = 400 * time.Millisecond
	h := openWithin(t, Config{Dial: site(t, echo), Doors: []Door{{Name: "models", Hosts: []string{"a.models.example"}, Handler: slow}}}, within)
	tunnel := h.connect(t, "any.example:443")
	silent := h.connect(t, "a.models.example:443")
	busy, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	idle, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	say(t, busy, "GET / HTTP/1.1\r\nHost: a.models.example\r\n\r\n")
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- h.end(context.Background()) }()
	if text := hear(silent); text != "" {
		t.Errorf("%q", text)
	}
	say(t, tunnel, "still")
	if _, err := io.ReadFull(tunnel, make([]byte, 5)); err != nil {
		t.Errorf("the tunnel has ended at once: %v", err)
	}
	eventually(t, "the proxy does not listen any more", func() bool {
		conn, err := net.Dial("tcp", h.address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case <-ended:
		t.Error("Shutdown does not wait for a request")
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	res, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, conn := range []net.Conn{tunnel, idle} {
		if text := hear(conn); text != "" {
			t.Errorf("%q", text)
		}
	}
	if n := h.count(t, "modelgate_proxy_tunnels"); n != 0 {
		t.Errorf("%v tunnels are left", n)
	}
}

func TestShutdownHasAnEndThoughNothingElseHas(t *testing.T) {
	asked := make(chan struct{})
	h := open(t, Config{
		Dial:           site(t, echo),
		WebSocketHosts: []string{"a.models.example"},
		Upgrade: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			_, _ = io.Copy(conn, conn)
		}),
		Doors: []Door{{Name: "models", Hosts: []string{"a.models.example"}, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
		})}},
	})
	h.connect(t, "any.example:443")
	for _, header := range []string{"", "Connection: Upgrade\r\nUpgrade: websocket\r\n"} {
		c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
		if err != nil {
			t.Fatal(err)
		}
		say(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\n"+header+"\r\n")
		if header != "" {
			if got := statusLine(t, c); !strings.HasPrefix(got, "HTTP/1.1 101") {
				t.Error(got)
			}
		}
	}
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := h.end(ctx); err == nil {
		t.Error("Shutdown says that all have finished")
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("Shutdown took %s", d)
	}
}

func TestWhoLeavesIsNotWorkedFor(t *testing.T) {
	asked, left := make(chan struct{}, 1), make(chan struct{}, 1)
	h := open(t, Config{Doors: []Door{{Name: "models", Hosts: []string{"a.models.example"}, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	})}}})
	c, err := h.secure(h.connect(t, "a.models.example:443"), "a.models.example")
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, "GET / HTTP/1.1\r\nHost: a.models.example\r\n\r\n")
	<-asked
	_ = c.Close()
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Error("the door is not told that the client has left")
	}
}

func TestManyHostsAtOnce(t *testing.T) {
	h := open(t, Config{Policy: Policy{Default: Inspect}})
	failed := make(chan error, 200)
	for n := range 200 {
		go func() {
			name := fmt.Sprintf("h%d.example", n)
			conn, err := net.Dial("tcp", h.address)
			if err != nil {
				failed <- err
				return
			}
			defer func() { _ = conn.Close() }()
			fmt.Fprintf(conn, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", name, name)
			b := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
			if _, err := io.ReadFull(conn, b); err != nil {
				failed <- err
				return
			}
			_, err = h.secure(conn, name)
			failed <- err
		}()
	}
	for range 200 {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}
