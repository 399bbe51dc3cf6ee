package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modelgate/internal/testenv"
)

// contender is a mirror of package indexes that can be started, with an empty folder.
type contender struct {
	name  string
	start func(ctx context.Context, upstream, dir string) (*mirror, error)
}

// mirrors are the contenders: ours and its peers.
func mirrors() []contender {
	return []contender{{"modelgate", startPackageGate}, {"proxpi", startProxpi}, {"devpi", startDevpi}}
}

// withMirror starts a mirror in front of a stand-in, measures something of it, and ends it.
func withMirror(ctx context.Context, c contender, x *packageIndex, f func(m *mirror) error) error {
	dir, err := os.MkdirTemp("", "modelgate-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	m, err := c.start(ctx, x.url, dir)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	defer m.stop()
	if err := f(m); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// Sizes of what is measured.
const (
	herdBytes   = 35 << 20
	warmBytes   = 100 << 20
	manyFiles   = 5000
	herdClients = 32
	pageClients = 8
	pagesFor    = 4 * time.Second
	jsonPage    = "application/vnd.pypi.simple.v1+json"
	bigProject  = "big" // which has one large wheel
)

// packageHerd has 32 clients ask at once for a wheel that nobody has asked for before.
func packageHerd(ctx context.Context) ([]row, error) {
	var rows []row
	for _, m := range mirrors() {
		x, err := startPackageIndex(herdBytes, 1)
		if err != nil {
			return nil, err
		}
		err = withMirror(ctx, m, x, func(gate *mirror) error {
			address, err := gate.fileOf(ctx, bigProject)
			if err != nil {
				return err
			}
			var elsewhere, failed int
			var mu sync.Mutex
			began := time.Now()
			u, err := gate.during(func() error {
				var wg sync.WaitGroup
				for range herdClients {
					wg.Go(func() {
						away, err := download(ctx, address, herdBytes)
						mu.Lock()
						defer mu.Unlock()
						if away {
							elsewhere++
						} else if err != nil {
							failed++
						}
					})
				}
				wg.Wait()
				return nil
			})
			took := time.Since(began)
			if err != nil {
				return err
			}
			fetches, bytes := x.fetched()
			rows = append(rows, row{
				"32 clients, one cold 35 MB wheel: " + m.name,
				fmt.Sprintf("%d fetches, %s upstream; peak memory %s; CPU %.2f s; %.1f s; %d sent elsewhere, %d failed",
					fetches, mib(bytes), mib(u.peak), u.cpu.Seconds(), took.Seconds(), elsewhere, failed),
				map[bool]string{true: "1 fetch, under 128 MiB, nobody sent elsewhere"}[m.name == "modelgate"],
				m.name != "modelgate" || fetches == 1 && u.peak < 128<<20 && elsewhere+failed == 0,
			})
			return nil
		})
		x.close()
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// download reads a wheel and throws it away. It follows no redirect to another host: away tells of one.
func download(ctx context.Context, address string, size int64) (away bool, err error) {
	client := &http.Client{
		Transport:     transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	for range 10 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false, err
		}
		req.Header.Set("User-Agent", "uv/0.13.9")
		resp, err := client.Do(req)
		if err != nil {
			return false, err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		to, locationErr := resp.Location()
		switch {
		case locationErr == nil && to.Host != req.URL.Host:
			return true, nil
		case locationErr == nil:
			address = to.String()
			continue
		case err != nil:
			return false, err
		case resp.StatusCode != http.StatusOK || n != size:
			return false, fmt.Errorf("%s and %d bytes", resp.Status, n)
		}
		return false, nil
	}
	return false, errors.New("too many redirects")
}

// packagePages compares requests for a page of 5,000 files, from 8 clients.
func packagePages(ctx context.Context) ([]row, error) {
	rates := map[string]map[string]float64{"plain": {}, "gzip": {}}
	for _, m := range mirrors() {
		x, err := startPackageIndex(1<<10, manyFiles)
		if err != nil {
			return nil, err
		}
		err = withMirror(ctx, m, x, func(gate *mirror) error {
			for encoding, by := range rates {
				header := http.Header{"Accept": {jsonPage}}
				if encoding == "gzip" {
					header.Set("Accept-Encoding", "gzip")
				}
				if err := getPage(ctx, http.DefaultTransport, gate.page("many"), header); err != nil { // warm
					return err
				}
				rate, err := pagePace(ctx, gate.page("many"), header)
				if err != nil {
					return err
				}
				by[m.name] = rate
			}
			return nil
		})
		x.close()
		if err != nil {
			return nil, err
		}
	}
	var rows []row
	for _, encoding := range []string{"plain", "gzip"} {
		by := rates[encoding]
		times := by["modelgate"] / max(by["proxpi"], 0.01)
		rows = append(rows, row{
			"page of 5,000 files in JSON, " + encoding + ", 8 clients",
			fmt.Sprintf("%.0f/s, proxpi %.1f/s, devpi %.1f/s: %.0f times proxpi", by["modelgate"], by["proxpi"], by["devpi"], times),
			"at least 20 times proxpi", times >= 20,
		})
	}
	return rows, nil
}

func pagePace(ctx context.Context, address string, header http.Header) (float64, error) {
	t := transport()
	defer t.CloseIdleConnections()
	until := time.Now().Add(pagesFor)
	began := time.Now()
	var mu sync.Mutex
	var done int
	var failed error
	var wg sync.WaitGroup
	for range pageClients {
		wg.Go(func() {
			for time.Now().Before(until) {
				err := getPage(ctx, t, address, header)
				mu.Lock()
				if err != nil {
					failed = err
					mu.Unlock()
					return
				}
				done++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return float64(done) / time.Since(began).Seconds(), failed
}

func getPage(ctx context.Context, t http.RoundTripper, address string, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header = header.Clone()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || n < 10_000) {
		err = fmt.Errorf("%s answers %s and %d bytes", address, resp.Status, n)
	}
	return err
}

// packageWarm compares a wheel of 100 MB that the gate has with nginx and the same file.
func packageWarm(ctx context.Context) ([]row, error) {
	x, err := startPackageIndex(warmBytes, 1)
	if err != nil {
		return nil, err
	}
	defer x.close()
	dir, err := os.MkdirTemp("", "modelgate-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	root := filepath.Join(dir, "www")
	if err := writeFile(filepath.Join(root, "wheel.whl"), x.wheel); err != nil {
		return nil, err
	}
	program, err := testenv.FindTool(ctx, "nginx")
	if err != nil {
		return nil, err
	}
	nginx, err := startNginx(ctx, program, root, dir)
	if err != nil {
		return nil, err
	}
	defer nginx.stop()
	var ours, theirs []time.Duration
	err = withMirror(ctx, mirrors()[0], x, func(gate *mirror) error {
		address, err := gate.fileOf(ctx, bigProject)
		if err != nil {
			return err
		}
		const each = 40 // downloads, since the clock of the system is coarse
		several := func(address string) func() error {
			return func() error {
				for range each {
					if away, err := download(ctx, address, warmBytes); err != nil || away {
						return fmt.Errorf("download %s: %w", address, err)
					}
				}
				return nil
			}
		}
		if err := several(address)(); err != nil { // warm
			return err
		}
		for range repetitions {
			o, err := gate.during(several(address))
			if err != nil {
				return err
			}
			n, err := nginx.during(several(nginx.url + "/wheel.whl"))
			if err != nil {
				return err
			}
			ours, theirs = append(ours, o.cpu), append(theirs, n.cpu)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ratio := median(ours).Seconds() / max(median(theirs).Seconds(), 1.0/ticks)
	return []row{{
		"warm 100 MB wheel, 40 times: CPU", fmt.Sprintf("%.2f s, nginx %.2f s, ratio %.2f", median(ours).Seconds(), median(theirs).Seconds(), ratio),
		"at most 1.3 times nginx", ratio <= 1.3,
	}}, nil
}

// packageInstalls compares uv's install of a list of popular packages from the real index: without a mirror, through a gate that knows
// nothing, and again.
func packageInstalls(ctx context.Context) ([]row, error) {
	python, err := testenv.FindPython(ctx, testenv.UV)
	if err != nil {
		return nil, err
	}
	ask := "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
	pip, err := testenv.FindPython(ctx, testenv.Pip26)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, pip, "-c", ask).Output()
	if err != nil {
		return nil, fmt.Errorf("ask pip for its index: %w", err)
	}
	index := strings.TrimRight(strings.TrimSpace(string(out)), "/") + "/"
	if set := os.Getenv("PIP_INDEX_URL"); set != "" {
		index = strings.TrimRight(set, "/") + "/"
	}
	dir, err := os.MkdirTemp("", "modelgate-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	gate, err := startPackageGate(ctx, index, dir)
	if err != nil {
		return nil, err
	}
	defer gate.stop()
	uv := filepath.Join(filepath.Dir(python), "uv")
	install := func(from string) (seconds float64, u usage, err error) {
		into := filepath.Join(dir, "into")
		defer func() { _ = os.RemoveAll(into) }() // scratch
		began := time.Now()
		u, err = gate.during(func() error {
			cmd := exec.CommandContext(ctx, uv, "pip", "install", "--no-cache", "--only-binary", ":all:",
				"--python", python, "--target", into, "--default-index", from, "--requirement", "internal/e2e/testdata/popular.txt")
			text, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("uv pip install from %s: %w: %s", from, err, lastLines(text))
			}
			return nil
		})
		return time.Since(began).Seconds(), u, err
	}
	cold, first, err := install(gate.simple)
	if err != nil {
		return nil, err
	}
	var without, warm []float64
	var again usage
	for range repetitions { // in turns: what else the machine does is then the same for both
		for _, from := range []string{index, gate.simple} {
			seconds, u, err := install(from)
			if err != nil {
				return nil, err
			}
			if from == index {
				without = append(without, seconds)
			} else {
				warm, again = append(warm, seconds), u
			}
		}
	}
	direct, kept := median(without), median(warm)
	return []row{
		{
			"install of popular packages, cold",
			fmt.Sprintf("%.1f s, without a mirror %.1f s, ratio %.2f; CPU of the gate %.1f s, peak memory %s", cold, direct, cold/direct, first.cpu.Seconds(), mib(first.peak)),
			"at most 1.3 times", cold <= 1.3*direct,
		},
		{
			"install of popular packages, warm",
			fmt.Sprintf("%.1f s, without a mirror %.1f s, ratio %.2f; CPU of the gate %.1f s", kept, direct, kept/direct, again.cpu.Seconds()),
			"faster than without", kept < direct,
		},
	}, nil
}
