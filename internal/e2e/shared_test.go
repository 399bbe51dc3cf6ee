package e2e

import (
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// redis is a real server on loopback that can go away and come back.
type redis struct {
	program, addr string
	cmd           *exec.Cmd
}

func startRedis(t *testing.T) *redis {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &redis{program: testenv.Tool(t, "redis-server"), addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	t.Cleanup(r.stop)
	return r
}

func (r *redis) start(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(r.program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", r.addr, time.Second); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Fatal("redis-server does not answer")
}

func (r *redis) stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // the signal ends it
	r.cmd = nil
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	w := newWorld(t)
	r := startRedis(t)
	on, _ := through(t, w, "MODELGATE_REDIS_URL=redis://"+r.addr)
	check := func(when string, seed uint64) {
		t.Helper()
		id := "org/redis-" + when
		content := hubtest.Safetensors(20_000, seed)
		w.add(id, hubtest.Files{"model.safetensors": content}, w.AddModel)
		if got := ask(t, "GET", on.fileURL(id, "model.safetensors")); got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != content.SHA256() {
			t.Errorf("a new model %s: %d %.300s", when, got.status, got.body)
		}
		if got := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")); got.status != http.StatusForbidden {
			t.Errorf("the evil model %s: %d", when, got.status)
		}
	}
	check("with", 71)
	r.stop()
	check("without", 72)
	r.start(t)
	check("again", 73)
}

func TestTwoGatewaysScanOnce(t *testing.T) {
	w := newWorld(t)
	r := startRedis(t)
	one, _ := through(t, w, "MODELGATE_REDIS_URL=redis://"+r.addr)
	two, _ := through(t, w, "MODELGATE_REDIS_URL=redis://"+r.addr)
	content := hubtest.Safetensors(100_000, 74)
	w.add(slowID, hubtest.Files{"model.safetensors": content}, w.AddModel)
	hold := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: slowID, Delay: 2 * time.Second, Times: 1})
	var all sync.WaitGroup
	answers := make([]answer, 2)
	for i, on := range []target{one, two} {
		all.Go(func() {
			got, err := attempt(t.Context(), "GET", on.fileURL(slowID, "model.safetensors"), "")
			if err != nil {
				t.Error(err)
			}
			answers[i] = got
		})
	}
	all.Wait()
	for i, got := range answers {
		if got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != content.SHA256() {
			t.Errorf("gateway %d: %d %.300s", i, got.status, got.body)
		}
	}
	if a, b := answers[0].header.Get("X-Modelgate-Scan"), answers[1].header.Get("X-Modelgate-Scan"); a != b || a == "" || hold.Fired() != 1 {
		t.Errorf("scans %q and %q, held %d times", a, b, hold.Fired())
	}
}
