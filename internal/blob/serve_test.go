package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modelgate/internal/model"
)

// pattern is endless content that costs no memory: the byte at an offset follows from the offset.
type pattern struct {
	off, size int64
}

var block = func() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
}()

func (p *pattern) Read(b []byte) (int, error) {
	if p.off >= p.size {
		return 0, io.EOF
	}
	at := p.off % int64(len(block))
	n := copy(b[:min(int64(len(b)), p.size-p.off)], block[at:])
	p.off += int64(n)
	return n, nil
}

func patternWant(size int64) Want {
	sum := sha256.New()
	_, _ = io.Copy(sum, &pattern{size: size})
	return Want{Digest: model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum.Sum(nil))), Size: size}
}

// serve gives out a blob as a door would.
func serve(s *Store, want Want, open Opener) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Get(r.Context(), want, open)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = c.Close() }()
		var body io.ReadSeeker = c
		if f := c.File(); f != nil {
			body = f
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, body)
	}
}

func TestServedWithRanges(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	content, want := noise(300_000, 1)
	var opens atomic.Int64
	srv := httptest.NewServer(serve(s, want, from(content, &opens)))
	defer srv.Close()
	for range 2 { // arriving, and on disk
		for header, part := range map[string][]byte{
			"": content, "bytes=0-0": content[:1], "bytes=100-": content[100:], "bytes=299990-400000": content[299_990:], "bytes=-5": content[299_995:],
		} {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, srv.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if header != "" {
				req.Header.Set("Range", header)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || !bytes.Equal(got, part) {
				t.Errorf("%q: %d bytes, want %d, %v", header, len(got), len(part), err)
			}
		}
		s.fetching.Wait()
	}
	if opens.Load() != 1 {
		t.Errorf("%d fetches", opens.Load())
	}
}

func TestWrongBytesAreNotServedWhole(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	content, want := noise(300_000, 1)
	content[7] ^= 1
	var opens atomic.Int64
	srv := httptest.NewServer(serve(s, want, from(content, &opens)))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusOK && err == nil || len(got) >= len(content) {
		t.Errorf("%s: %d bytes, %v", res.Status, len(got), err)
	}
}

// TestFollowersCostLittleMemory holds what 32 readers of one arriving blob allocate to far less than a buffer each.
func TestFollowersCostLittleMemory(t *testing.T) {
	const size, readers = 32 << 20, 32
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	want := patternWant(size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var opens atomic.Int64
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			c, err := s.Get(context.Background(), want, func(_ context.Context, off int64) (io.ReadCloser, error) {
				opens.Add(1)
				return io.NopCloser(&pattern{off: off, size: size}), nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			buf, sum := make([]byte, 32<<10), sha256.New()
			if n, err := io.CopyBuffer(sum, struct{ io.Reader }{c}, buf); n != size || err != nil || hex.EncodeToString(sum.Sum(nil)) != want.Digest.Hex() {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	group.Wait()
	s.fetching.Wait()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d MiB were allocated", got>>20)
	}
	if opens.Load() != 1 {
		t.Errorf("%d fetches", opens.Load())
	}
}

// BenchmarkCold32Clients has 32 clients download one blob of 256 MiB that nobody asked for before, over HTTP. It reports the peak
// resident memory of the process, which holds clients and upstream as well.
func BenchmarkCold32Clients(b *testing.B) {
	const size, clients = 256 << 20, 32
	want := patternWant(size)
	for b.Loop() {
		s, err := Open(Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		var opens atomic.Int64
		srv := httptest.NewServer(serve(s, want, func(_ context.Context, off int64) (io.ReadCloser, error) {
			opens.Add(1)
			return io.NopCloser(&pattern{off: off, size: size}), nil
		}))
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				n, err := download(srv)
				if n != size || err != nil {
					b.Errorf("%d bytes, %v", n, err)
				}
			})
		}
		group.Wait()
		srv.Close()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(opens.Load()), "fetches")
	}
	b.SetBytes(size * clients)
	b.ReportMetric(float64(peakMemory(b))/(1<<20), "MiB-peak")
}

// BenchmarkWarm has one client download a blob of 1 GiB that is on disk. Compare the bytes per second with those of
// BenchmarkWarmWithoutFile: the difference is sendfile.
func BenchmarkWarm(b *testing.B) { warm(b, true) }

// BenchmarkWarmWithoutFile is BenchmarkWarm through Content.Read.
func BenchmarkWarmWithoutFile(b *testing.B) { warm(b, false) }

func warm(b *testing.B, file bool) {
	const size = 1 << 30
	s, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	want := patternWant(size)
	open := func(_ context.Context, off int64) (io.ReadCloser, error) {
		return io.NopCloser(&pattern{off: off, size: size}), nil
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Get(r.Context(), want, open)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = c.Close() }()
		if f := c.File(); f != nil && file {
			http.ServeContent(w, r, "x.bin", time.Time{}, f)
			return
		}
		http.ServeContent(w, r, "x.bin", time.Time{}, c)
	}))
	defer srv.Close()
	if _, err := download(srv); err != nil {
		b.Fatal(err)
	}
	s.fetching.Wait()
	b.SetBytes(size)
	for b.Loop() {
		if n, err := download(srv); n != size || err != nil {
			b.Fatalf("%d bytes, %v", n, err)
		}
	}
}

func download(srv *httptest.Server) (int64, error) {
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	return io.Copy(io.Discard, res.Body)
}

// peakMemory is the peak resident memory of this process in bytes, or 0 where the system does not tell.
func peakMemory(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
