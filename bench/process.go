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
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement, with its children.
type process struct {
	cmd *exec.Cmd
	url string
}

// usage is what a process and its children have used so far.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes of resident memory, the largest process
}

// ticks is how many clock ticks a second has in /proc; it is 100 on every Linux that Go runs on.
const ticks = 100

// usageOf reads /proc of a process and of its direct children.
func usageOf(pid int) (usage, error) {
	var total usage
	pids := []int{pid}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err == nil {
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return usage{}, fmt.Errorf("read CPU time: %w", err)
		}
		_, rest, ok := strings.Cut(string(stat), ") ") // the name may hold anything
		fields := strings.Fields(rest)
		if !ok || len(fields) < 13 {
			return usage{}, errors.New("read CPU time: /proc has another form")
		}
		for _, f := range fields[11:13] { // utime and stime
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return usage{}, fmt.Errorf("read CPU time: %w", err)
			}
			total.cpu += time.Duration(n) * time.Second / ticks
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return usage{}, fmt.Errorf("read memory: %w", err)
		}
		for line := range strings.Lines(string(status)) {
			if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 10, 64)
				total.peak = max(total.peak, n<<10)
			}
		}
	}
	return total, nil
}

// during measures what the process uses while f runs.
func (p *process) during(f func() error) (usage, error) {
	before, err := usageOf(p.cmd.Process.Pid)
	if err != nil {
		return usage{}, err
	}
	if err := f(); err != nil {
		return usage{}, err
	}
	after, err := usageOf(p.cmd.Process.Pid)
	return usage{cpu: after.cpu - before.cpu, peak: after.peak}, err
}

// stop ends the process.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// startGate starts bin/modelgate in front of a Hub.
func startGate(ctx context.Context, hub, dir string) (*process, error) {
	cmd := exec.CommandContext(ctx, "bin/modelgate", "serve")
	cmd.Env = append(os.Environ(), "MODELGATE_LISTEN=127.0.0.1:0", "MODELGATE_DATA_DIR="+dir,
		"MODELGATE_HUGGINGFACE_ENDPOINT="+hub, "MODELGATE_LOG_LEVEL=warn")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start bin/modelgate (make build): %w", err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), "HF_ENDPOINT="); ok {
			go func() { // keep the pipe empty
				for lines.Scan() {
				}
			}()
			return &process{cmd: cmd, url: url}, nil
		}
	}
	return nil, errors.New("bin/modelgate did not say where it listens")
}

// startNginx serves a folder with nginx, one worker for each processor, as it comes.
func startNginx(ctx context.Context, nginx, root, dir string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log %[1]s/error.log; user root;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; open_file_cache max=1000;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen %[2]s; root %[3]s; } }
`, dir, addr, root)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, nginx, "-c", file, "-p", dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start nginx: %w", err)
	}
	for range 100 {
		resp, err := http.Get("http://" + addr + "/")
		if err == nil {
			_ = resp.Body.Close()
			return &process{cmd: cmd, url: "http://" + addr}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("nginx does not answer: %s", said.String())
}
