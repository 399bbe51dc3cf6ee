package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
)

// crowd is how many slow clients there are: ten thousand, or as many as the system lets one process have.
func crowd(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(10_000, limit.Cur-min(limit.Cur, 500)))
}

func TestTenThousandSlowClientsHinderNobody(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	content := hubtest.Safetensors(256<<10, 61)
	w.add("org/slow-readers", hubtest.Files{"model.safetensors": content}, w.AddModel)
	path := "/org/slow-readers/resolve/main/model.safetensors"
	if got := ask(t, "GET", on.endpoint+path); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	n := crowd(t)
	conns := make([]net.Conn, n)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i := range conns {
		c, err := slowConn(t.Context(), strings.TrimPrefix(on.endpoint, "http://"))
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		conns[i] = c
		request := "GET " + path + " HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n"
		if i%4 == 0 {
			request = request[:len(request)-2] // never says that its header is complete
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	for i := range 20 { // others, meanwhile
		got := ask(t, "GET", on.endpoint+path)
		if got.status != http.StatusOK || len(got.body) != int(content.Size()) {
			t.Fatalf("request %d beside the crowd: %d, %d bytes, %v", i, got.status, len(got.body), got.err)
		}
	}
	if rss := memory(t, g); rss > 1<<30 {
		t.Errorf("the gateway holds %d MiB for %d clients", rss>>20, n)
	}
	for i, c := range conns { // and at last they read
		if i%4 == 0 || i%50 != 1 {
			continue
		}
		if err := readAnswer(c, content.Size()); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

// slowConn connects with room for a few KiB of what is not read yet.
func slowConn(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 20 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		var setErr error
		err := c.Control(func(fd uintptr) { setErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(err, setErr)
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// readAnswer reads an answer to its end.
func readAnswer(c net.Conn, size int64) error {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != size || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d, %d of %d bytes: %w", resp.StatusCode, n, size, err)
	}
	return nil
}

// memory is the resident set of the gateway's process in bytes.
func memory(t *testing.T, g *gateway) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the process has no resident set")
	return 0
}

func TestACrowdBeforeAFirstScanCausesOne(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	content := hubtest.Safetensors(100_000, 62)
	w.add(slowID, hubtest.Files{"model.safetensors": content}, w.AddModel)
	hold := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: slowID, Delay: 2 * time.Second, Times: 1})
	var all sync.WaitGroup
	var mu sync.Mutex
	scans := map[string]int{}
	for range 200 {
		all.Go(func() {
			got, err := attempt(t.Context(), "GET", on.fileURL(slowID, "model.safetensors"), "")
			if err != nil || got.status != http.StatusOK || int64(len(got.body)) != content.Size() {
				t.Errorf("%d, %d bytes, %v", got.status, len(got.body), err)
			}
			mu.Lock()
			defer mu.Unlock()
			scans[got.header.Get("X-Modelgate-Scan")]++
		})
	}
	all.Wait()
	if len(scans) != 1 || hold.Fired() != 1 {
		t.Errorf("scans %v", scans)
	}
	if n := w.Served(hubtest.CDN, slowID); n > 2*content.Size()+1<<16 {
		t.Errorf("%d bytes served by the content network", n)
	}
}
