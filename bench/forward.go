package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sizes of what is measured of forward proxies.
const (
	forwardBytes = 1 << 30
	newHosts     = 200
	idleTunnels  = 5000
	idleMemory   = 128 << 20
)

// secureSite is a site with TLS that gives zeros: localhost, and 127.0.0.1.
type secureSite struct {
	server   *http.Server
	port     int
	certFile string
}

func startSecureSite(dir string) (*secureSite, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench site"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	s := &secureSite{certFile: filepath.Join(dir, "site.pem")}
	if err := os.WriteFile(s.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	piece := make([]byte, 1<<20)
	s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left, err := strconv.Atoi(r.URL.Query().Get("bytes"))
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(left))
		for ; left > 0; left -= len(piece) {
			if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
				return
			}
		}
	})}
	secure := tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	go func() { _ = s.server.Serve(secure) }()
	return s, nil
}

// secureClient goes through a proxy and takes any certificate: what a client verifies is no part of what is measured.
func secureClient(proxy string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxy}), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true,
	}}
}

// drain fetches so many bytes and throws them away.
func drain(ctx context.Context, c *http.Client, host string, port, size int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s:%d/?bytes=%d", host, port, size), nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 256<<10))
	if err == nil && n != int64(size) {
		err = fmt.Errorf("%d of %d bytes came: %s", n, size, res.Status)
	}
	return err
}

// cpuOf is the CPU that a proxy needs for one large answer: the least of some tries, after one that warms up.
func cpuOf(ctx context.Context, p *process, host string, port, tries int) (time.Duration, error) {
	c := secureClient(p.url)
	defer c.CloseIdleConnections()
	if err := drain(ctx, c, host, port, 1<<20); err != nil {
		return 0, err
	}
	best := time.Duration(-1)
	for range tries {
		u, err := p.during(func() error { return drain(ctx, c, host, port, forwardBytes) })
		if err != nil {
			return 0, err
		}
		if best < 0 || u.cpu < best {
			best = u.cpu
		}
	}
	return best, nil
}

// forwardProxy measures the forward proxy beside Squid and mitmproxy: large answers that are inspected, tunnels, hosts that are new, and
// tunnels that idle.
func forwardProxy(ctx context.Context) ([]row, error) {
	dir, err := os.MkdirTemp("", "bench-proxy-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	site, err := startSecureSite(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = site.server.Close() }()
	ours, err := startProxyUnderTest(ctx, dir, site)
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	inspected, err := cpuOf(ctx, ours, "localhost", site.port, 3)
	if err != nil {
		return nil, fmt.Errorf("inspected: %w", err)
	}
	tunnelled, err := cpuOf(ctx, ours, "127.0.0.1", site.port, 3)
	if err != nil {
		return nil, fmt.Errorf("tunnelled: %w", err)
	}
	rows := []row{{
		"forward proxy: tunnel, 1 GiB", fmt.Sprintf("%s of CPU, inspected %s", tunnelled, inspected), "half of what is inspected at most", 2*tunnelled <= inspected,
	}}
	for _, peer := range []struct {
		name  string
		times int
		start func(context.Context, string, *secureSite) (*process, error)
	}{{"Squid, ssl-bump", 2, startSquid}, {"mitmproxy, streaming", 3, startMitmproxy}} {
		p, err := peer.start(ctx, dir, site)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", peer.name, err)
		}
		theirs, err := cpuOf(ctx, p, "localhost", site.port, 3)
		p.stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", peer.name, err)
		}
		rows = append(rows, row{
			"forward proxy: inspected, 1 GiB, beside " + peer.name, fmt.Sprintf("%s of CPU, %s there (%.2f)", inspected, theirs, inspected.Seconds()/theirs.Seconds()),
			fmt.Sprintf("1/%d at most", peer.times), time.Duration(peer.times)*inspected <= theirs,
		})
	}
	u, err := ours.during(func() error { return manyHosts(ctx, ours.url, site.port) })
	if err != nil {
		return nil, fmt.Errorf("new hosts: %w", err)
	}
	each := u.cpu / newHosts
	rows = append(rows, row{fmt.Sprintf("forward proxy: %d new hosts at once", newHosts), fmt.Sprintf("%s of CPU each", each), "2ms at most", each <= 2*time.Millisecond})
	idle, err := idleRow(ctx, dir, site)
	return append(rows, idle), err
}

// manyHosts makes a connection to each of many hosts that the proxy has not seen, all at the same time.
func manyHosts(ctx context.Context, proxy string, port int) error {
	failed := make(chan error, newHosts)
	for n := range newHosts {
		go func() {
			host := fmt.Sprintf("h%d.bench.example", n)
			conn, err := connectThrough(ctx, proxy, net.JoinHostPort(host, strconv.Itoa(port)))
			if err == nil {
				err = errors.Join(tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: host}).HandshakeContext(ctx), conn.Close())
			}
			failed <- err
		}()
	}
	var err error
	for range newHosts {
		err = errors.Join(err, <-failed)
	}
	return err
}

// connectThrough asks a proxy for a connection.
func connectThrough(ctx context.Context, proxy, to string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(ctx, "tcp", proxy)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to); err != nil {
		return nil, err
	}
	head := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
	if _, err := io.ReadFull(conn, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200 ") {
		return nil, fmt.Errorf("CONNECT is answered with %q: %w", head, err)
	}
	return conn, conn.SetDeadline(time.Time{})
}

// idleRow measures the memory of a proxy that holds many tunnels through which nothing passes.
func idleRow(ctx context.Context, dir string, site *secureSite) (row, error) {
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return row{}, err
	}
	var mu sync.Mutex
	var held []net.Conn
	defer func() {
		_ = sink.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range held {
			_ = c.Close()
		}
	}()
	go func() {
		for {
			conn, err := sink.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, conn)
			mu.Unlock()
		}
	}()
	at := *site
	at.port = sink.Addr().(*net.TCPAddr).Port
	p, err := startProxyUnderTest(ctx, dir, &at)
	if err != nil {
		return row{}, err
	}
	defer p.stop()
	for range idleTunnels {
		conn, err := connectThrough(ctx, p.url, sink.Addr().String())
		if err != nil {
			return row{}, err
		}
		mu.Lock()
		held = append(held, conn)
		mu.Unlock()
	}
	u, err := usageOf(p.cmd.Process.Pid)
	if err != nil {
		return row{}, err
	}
	return row{
		fmt.Sprintf("forward proxy: %d idle tunnels", idleTunnels), fmt.Sprintf("%d MiB, %d KiB each", u.peak>>20, u.peak/idleTunnels>>10), "128 MiB at most", u.peak <= idleMemory,
	}, nil
}
