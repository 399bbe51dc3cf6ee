package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/proxy"
	"modelgate/internal/proxy/authority"
	"modelgate/internal/testenv"
	"modelgate/internal/upstream"
)

// proxyUnderTest is the argument by which this program becomes the forward proxy that is measured: package proxy as modelgate runs it, with
// a door that passes everything on, so that the proxy is measured and no door.
const proxyUnderTest = "-proxy-under-test"

// serveProxyUnderTest is a forward proxy that inspects localhost and tunnels to 127.0.0.1.
func serveProxyUnderTest() error {
	dir, port := os.Getenv("BENCH_PROXY_DIR"), os.Getenv("BENCH_PROXY_PORT")
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	ca, err := authority.Open(dir)
	if err != nil {
		return err
	}
	client, err := upstream.New(upstream.Config{CABundle: os.Getenv("BENCH_PROXY_ROOTS")})
	if err != nil {
		return err
	}
	relay, err := client.NewRelay(upstream.RelayConfig{AllowPrivate: true})
	if err != nil {
		return err
	}
	pass := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.Pass(w, r, nil, func(err error) { http.Error(w, err.Error(), http.StatusBadGateway) })
	})
	s, err := proxy.New(proxy.Config{
		Authority: ca, Web: pass, Dial: relay.Dial, MaxPerClient: 10_000, Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel),
		Policy: proxy.Policy{Default: proxy.Inspect, Ports: []int{n}, AllowHosts: []string{"127.0.0.1"}, TunnelHosts: []string{"127.0.0.1"}},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(grace)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func startProxyUnderTest(ctx context.Context, dir string, site *secureSite) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, proxyUnderTest)
	cmd.Env = append(os.Environ(), "BENCH_PROXY_DIR="+dir, "BENCH_PROXY_PORT="+strconv.Itoa(site.port), "BENCH_PROXY_ROOTS="+site.certFile)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the proxy did not say where it listens: %w", err)
	}
	return &process{cmd: cmd, url: strings.TrimSpace(address)}, nil
}

// startSquid starts Squid with ssl-bump for everything, without a cache.
func startSquid(ctx context.Context, dir string, site *secureSite) (*process, error) {
	squid, err := testenv.FindTool(ctx, "squid")
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp(dir, "squid-*")
	if err != nil {
		return nil, err
	}
	const generator = "/usr/lib/squid/security_file_certgen"
	if out, err := exec.CommandContext(ctx, generator, "-c", "-s", filepath.Join(home, "certs"), "-M", "4MB").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w: %s", err, out)
	}
	if _, err := authority.Open(home); err != nil {
		return nil, err
	}
	_, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`http_port 127.0.0.1:%[2]s ssl-bump tls-cert=%[1]s/ca.pem tls-key=%[1]s/ca-key.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program %[3]s -s %[1]s/certs -M 4MB
sslcrtd_children 1
ssl_bump bump all
http_access allow all
cache deny all
tls_outgoing_options cafile=%[4]s
access_log none
cache_log %[1]s/cache.log
cache_store_log none
pid_filename none
coredump_dir %[1]s
visible_hostname bench
shutdown_lifetime 0 seconds
`, home, port, generator, site.certFile)
	file := filepath.Join(home, "squid.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	if err := giveToSquid(dir, home); err != nil {
		return nil, err
	}
	return startPeer(exec.CommandContext(ctx, squid, "-N", "-f", file), net.JoinHostPort("127.0.0.1", port))
}

// giveToSquid lets the account that Squid changes to, when root starts it, read and write its folder.
func giveToSquid(dir, home string) error {
	if os.Geteuid() != 0 {
		return nil // it runs as we do
	}
	account, err := user.Lookup("proxy")
	if err != nil {
		return fmt.Errorf("account of Squid: %w", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(home, 0o755)); err != nil {
		return err
	}
	return filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, -1))
	})
}

// startMitmproxy starts mitmdump, which passes large bodies on while they come.
func startMitmproxy(ctx context.Context, dir string, site *secureSite) (*process, error) {
	python, err := testenv.FindPython(ctx, testenv.Mitmproxy)
	if err != nil {
		return nil, err
	}
	_, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(python), "mitmdump"), "-q", "--listen-host", "127.0.0.1", "--listen-port", port,
		"--set", "confdir="+filepath.Join(dir, "mitmproxy"), "--set", "stream_large_bodies=1m", "--set", "ssl_verify_upstream_trusted_ca="+site.certFile)
	return startPeer(cmd, net.JoinHostPort("127.0.0.1", port))
}

// startPeer starts a proxy and waits until it listens.
func startPeer(cmd *exec.Cmd, address string) (*process, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, url: address}
	for range 400 {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return p, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("it does not listen: %s", said.String())
}
