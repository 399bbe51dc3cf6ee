package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// world is a gateway in front of a stand-in Hub, and nginx beside it with the same file.
type world struct {
	hub    *hubtest.Hub
	gate   *process
	nginx  *process
	path   string // of the file at the gate, by commit
	sha256 string
	size   int64
	close  func()
}

const small = `{"model_type": "bert", "hidden_size": 384}`

// build makes a world whose one model has a safetensors file of a size and a small file. Without nginx it is left out.
func build(ctx context.Context, size int64, withNginx bool) (_ *world, err error) {
	dir, err := os.MkdirTemp("", "modelgate-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{}
	w.close = func() {
		for _, p := range []*process{w.gate, w.nginx} {
			if p != nil {
				p.stop()
			}
		}
		if w.hub != nil {
			w.hub.Close()
		}
		_ = os.RemoveAll(dir)
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.hub, err = hubtest.Start(hubtest.Options{}); err != nil {
		return nil, err
	}
	big := hubtest.Safetensors(size, 1)
	repo := w.hub.AddModel("bench/model", hubtest.Files{"config.json": hubtest.Text(small), "model.safetensors": big})
	w.path = "/bench/model/resolve/" + repo.Head() + "/"
	w.sha256, w.size = big.SHA256(), big.Size()
	if w.gate, err = startGate(ctx, w.hub.URL, filepath.Join(dir, "data")); err != nil {
		return nil, err
	}
	if !withNginx {
		return w, nil
	}
	root := filepath.Join(dir, "www")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, "config.json"), []byte(small), 0o644); err != nil {
		return nil, err
	}
	if err := write(filepath.Join(root, "model.safetensors"), big, big.Size()); err != nil {
		return nil, err
	}
	nginx, err := testenv.FindTool(ctx, "nginx")
	if err != nil {
		return nil, err
	}
	if w.nginx, err = startNginx(ctx, nginx, root, dir); err != nil {
		return nil, err
	}
	return w, os.Chmod(dir, 0o755)
}

func write(name string, content io.ReaderAt, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.NewSectionReader(content, 0, size))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// repetitions are how often each side is measured; the median counts.
const repetitions = 5

// warmDownload compares a download of 1 GiB that the gate has, with nginx and the same file.
func warmDownload(ctx context.Context) ([]row, error) {
	w, err := build(ctx, 1<<30, true)
	if err != nil {
		return nil, err
	}
	defer w.close()
	ours, theirs := w.gate.url+w.path+"model.safetensors", w.nginx.url+"/model.safetensors"
	client := &http.Client{Transport: transport()}
	for _, url := range []string{ours, theirs} { // warm both, and check both
		sum, err := fetch(ctx, client, url)
		if err != nil {
			return nil, err
		}
		if sum != w.sha256 {
			return nil, fmt.Errorf("%s gave other bytes", url)
		}
	}
	w.hub.Forget()
	discard := func(url string) func() error {
		return func() error { return one(ctx, client, http.MethodGet, url) }
	}
	var cpuOurs, cpuTheirs []time.Duration
	for range repetitions {
		u, err := w.gate.during(discard(ours))
		if err != nil {
			return nil, err
		}
		n, err := w.nginx.during(discard(theirs))
		if err != nil {
			return nil, err
		}
		cpuOurs, cpuTheirs = append(cpuOurs, u.cpu), append(cpuTheirs, n.cpu)
	}
	asked := len(w.hub.Requests())
	peak, err := fresh(ctx, w, ours)
	if err != nil {
		return nil, err
	}
	ratio := median(cpuOurs).Seconds() / max(median(cpuTheirs).Seconds(), 1.0/ticks)
	return []row{
		{"warm 1 GiB GET: CPU", fmt.Sprintf("%.2f s, nginx %.2f s, ratio %.2f", median(cpuOurs).Seconds(), median(cpuTheirs).Seconds(), ratio), "at most 1.3 times nginx", ratio <= 1.3},
		{"warm 1 GiB GET: requests upstream", fmt.Sprint(asked), "0", asked == 0},
		{"warm 1 GiB GET: peak memory of a fresh gateway", mib(peak), "under 64 MiB", peak < 64<<20},
	}, nil
}

// fresh restarts the gateway and measures its peak memory over one warm download.
func fresh(ctx context.Context, w *world, _ string) (int64, error) {
	w.gate.stop()
	gate, err := startGate(ctx, w.hub.URL, dataDir(w.gate))
	if err != nil {
		return 0, err
	}
	w.gate = gate
	client := &http.Client{Transport: transport()}
	u, err := gate.during(func() error {
		return one(ctx, client, http.MethodGet, gate.url+w.path+"model.safetensors")
	})
	return u.peak, err
}

// dataDir is the folder that a gateway was started with.
func dataDir(p *process) string {
	for _, v := range p.cmd.Env {
		if len(v) > 19 && v[:19] == "MODELGATE_DATA_DIR=" {
			return v[19:]
		}
	}
	return ""
}

// smallRequests compares HEAD and GET of a small file at a commit with nginx.
func smallRequests(ctx context.Context) ([]row, error) {
	w, err := build(ctx, 1<<20, true)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if _, err := fetch(ctx, &http.Client{Transport: transport()}, w.gate.url+w.path+"config.json"); err != nil {
		return nil, err
	}
	w.hub.Forget()
	var rows []row
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		var ours, theirs []float64
		var cpuOurs, cpuTheirs []float64
		for range 3 {
			o, cpu, err := w.gate.pace(ctx, method, w.gate.url+w.path+"config.json")
			if err != nil {
				return nil, err
			}
			ours, cpuOurs = append(ours, o), append(cpuOurs, cpu)
			n, cpu, err := w.nginx.pace(ctx, method, w.nginx.url+"/config.json")
			if err != nil {
				return nil, err
			}
			theirs, cpuTheirs = append(theirs, n), append(cpuTheirs, cpu)
		}
		ratio := median(ours) / median(theirs)
		rows = append(rows, row{
			"warm " + method + " of a small file, 16 connections",
			fmt.Sprintf("%.0f/s (%.0f µs CPU each), nginx %.0f/s (%.0f µs), ratio %.2f", median(ours), median(cpuOurs), median(theirs), median(cpuTheirs), ratio),
			"at least half of nginx's rate", ratio >= 0.5,
		})
	}
	asked := len(w.hub.Requests())
	return append(rows, row{"warm small requests: requests upstream", fmt.Sprint(asked), "0", asked == 0}), nil
}

// coldClients has 32 clients ask at once for a file that the gate does not have.
func coldClients(ctx context.Context) ([]row, error) {
	const clients, size = 32, 256 << 20
	w, err := build(ctx, size, false)
	if err != nil {
		return nil, err
	}
	defer w.close()
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	u, err := w.gate.during(func() error {
		for range clients {
			wg.Go(func() {
				sum, err := fetch(ctx, &http.Client{Transport: transport()}, w.gate.url+w.path+"model.safetensors")
				if err == nil && sum != w.sha256 {
					err = fmt.Errorf("a client got other bytes")
				}
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	served := w.hub.Served(hubtest.CDN, "")
	extra := served - w.size
	return []row{
		{"32 clients, one cold 256 MiB file: bytes fetched upstream", fmt.Sprintf("%s, of them %d KiB by the scan", mib(served), extra>>10), "once the file, and under 1 MiB to scan it", extra >= 0 && extra < 1<<20},
		{"32 clients, one cold 256 MiB file: peak memory", mib(u.peak), "under 128 MiB", u.peak < 128<<20},
		{"32 clients, one cold 256 MiB file: CPU", fmt.Sprintf("%.1f s for %d GiB delivered, every client's bytes verified", u.cpu.Seconds(), clients*size>>30), "", true},
	}, nil
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
