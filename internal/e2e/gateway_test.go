package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/testenv"
)

// programKey names the environment variable that holds the path of the program under test. If it is not set, TestMain builds
// the program and sets it.
const programKey = "MODELGATE_E2E_PROGRAM"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun installs the clients, so that no test is late because of them, builds the program, if there is none yet, and runs
// the tests.
func buildAndRun(m *testing.M) int {
	if err := testenv.All(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "install clients for tests:", err)
		return 1
	}
	if os.Getenv(programKey) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "modelgate-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	program := filepath.Join(dir, "modelgate")
	build := exec.Command("go", "build", "-o", program, "./cmd/modelgate")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build modelgate: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(programKey, program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// gateway is a running modelgate.
type gateway struct {
	url  string
	data string
	env  []string
	wrap []string // a program, with its arguments, that runs the gateway
	log  *output

	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
}

// output is what a program has written so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startGateway starts modelgate in front of an endpoint and waits until it is ready. Further settings are NAME=value.
func startGateway(t *testing.T, endpoint string, settings ...string) *gateway {
	t.Helper()
	g := prepareGateway(t, endpoint, settings...)
	g.start(t)
	return g
}

// prepareGateway is startGateway without the start. The gateway ends with the test; if the test has failed, its log is shown.
func prepareGateway(t *testing.T, endpoint string, settings ...string) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	g := &gateway{url: "http://" + addr, data: t.TempDir(), log: &output{}}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !strings.HasPrefix(name, "MODELGATE_") && !strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			g.env = append(g.env, kv)
		}
	}
	g.env = append(g.env, "MODELGATE_LISTEN="+addr, "MODELGATE_DATA_DIR="+g.data, "MODELGATE_HUGGINGFACE_ENDPOINT="+endpoint)
	g.env = append(g.env, settings...)
	t.Cleanup(func() {
		g.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", tail(g.log.String(), 12_000))
		}
	})
	return g
}

// start runs the program with its settings and data, and waits until it answers.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	args := append(slices.Clone(g.wrap), os.Getenv(programKey), "serve")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = g.env, g.data, g.log, g.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	g.cmd, g.ended = cmd, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // stop ends it, by a signal
	}()
	deadline := time.After(30 * time.Second)
	for {
		got, err := attempt(t.Context(), http.MethodGet, g.url+"/readyz", "")
		if err == nil && got.status == http.StatusOK {
			return
		}
		select {
		case <-time.After(30 * time.Millisecond):
			continue
		case <-ended:
		case <-deadline:
			g.stop(syscall.SIGKILL)
		}
		t.Fatalf("the gateway did not become ready:\n%s", tail(g.log.String(), 12_000))
	}
}

// stop sends the program a signal and waits for its end, which it is given twenty seconds for.
func (g *gateway) stop(how syscall.Signal) {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Signal(how) // it may have ended by itself
	select {
	case <-g.ended:
	case <-time.After(20 * time.Second):
		_ = g.cmd.Process.Kill()
		<-g.ended
	}
	g.cmd = nil
}

// tail is the end of a text.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// through is the target of clients that go through a gateway of the test's own.
func through(t *testing.T, w *world, settings ...string) (target, *gateway) {
	t.Helper()
	g := startGateway(t, w.URL, settings...)
	return target{w, g.url, true}, g
}
