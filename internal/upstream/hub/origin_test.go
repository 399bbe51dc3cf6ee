package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// fixture is a hub with a small and a large file, and what stands before it.
type fixture struct {
	hub    *hubtest.Hub
	files  hubtest.Files
	client *Client
	blobs  *blob.Store
	origin *Origin
}

const (
	small  = "config.json"
	medium = "tokenizer.bin" // whole, but larger than what the scanner compares itself
	large  = "model.safetensors"
)

func newFixture(t *testing.T, opts ...hubtest.Options) *fixture {
	t.Helper()
	f := &fixture{hub: hubtest.New(t, opts...)}
	f.files = hubtest.Files{small: hubtest.Text(`{"a": 1}`), medium: hubtest.Synthetic(2<<20, 3), large: hubtest.Synthetic(20<<20, 2)}
	r := f.hub.AddModel("org/name", f.files)
	f.client, _ = newClient(t, f.hub)
	var err error
	if f.blobs, err = blob.Open(blob.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.blobs.Close() })
	f.origin = &Origin{Client: f.client, Repo: models("org/name"), Commit: r.Head(), Blobs: f.blobs}
	if _, err := f.client.Resolve(t.Context(), "", models("org/name"), r.Head()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) file(t *testing.T, path string) model.File {
	t.Helper()
	files, err := f.origin.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f model.File) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("no file %s", path)
	}
	return files[i]
}

// download gets a file as a door does.
func (f *fixture) download(t *testing.T, path string, blocks []finding.Block) ([]byte, error) {
	t.Helper()
	file := f.file(t, path)
	c, err := f.blobs.Get(t.Context(), blob.Want{Digest: file.Digest, Size: file.Size, Blocks: blocks},
		f.client.Opener("", f.origin.Repo, f.origin.Commit, path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return io.ReadAll(c)
}

func TestScanAndDownloadShareOneFetch(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{small, medium} {
		file := f.file(t, path)
		f.hub.Forget()
		c, err := f.origin.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, file.Size)
		if _, err := c.ReadAt(got, 0); err != nil || !bytes.Equal(got, contentOf(f.files[path])) {
			t.Errorf("%s: %v", path, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if got, err := f.download(t, path, nil); err != nil || !bytes.Equal(got, contentOf(f.files[path])) {
			t.Errorf("%s: %v", path, err)
		}
		if n := f.hub.Count(hubtest.Main, "GET", "/resolve/"); n != 1 {
			t.Errorf("%s was fetched %d times", path, n)
		}
	}
}

func TestDownloadIsResumedWithAFreshAddress(t *testing.T) {
	f := newFixture(t, hubtest.Options{Lifetime: time.Hour})
	f.hub.Inject(hubtest.Fault{Host: hubtest.CDN, CutAfter: 5 << 20, Times: 2})
	f.file(t, large)
	f.hub.Forget()
	got, err := f.download(t, large, nil)
	if err != nil || !bytes.Equal(got, contentOf(f.files[large])) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	settled(t, f.hub, 3)
	if main, cdn := f.hub.Count(hubtest.Main, "GET", "/resolve/"), f.hub.Count(hubtest.CDN, "GET", ""); main != 3 || cdn != 3 {
		t.Errorf("%d addresses, %d streams", main, cdn)
	}
	if n := f.hub.Served(hubtest.CDN, ""); n > 22<<20 {
		t.Errorf("%d bytes came for 20 MiB", n)
	}
}

func TestWrongBytesAreNeverWhole(t *testing.T) {
	f := newFixture(t)
	for path, host := range map[string]hubtest.Host{small: hubtest.Main, medium: hubtest.CDN, large: hubtest.CDN} {
		fault := f.hub.Inject(hubtest.Fault{Host: host, Method: "GET", Path: path, Flip: 5})
		got, err := f.download(t, path, nil)
		if !errors.Is(err, blob.ErrMismatch) || int64(len(got)) >= f.files[path].Size() {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
		if file := f.file(t, path); f.blobs.Has(file.Digest, file.Size) {
			t.Errorf("%s: wrong bytes were kept", path)
		}
		fault.Remove()
		if got, err := f.download(t, path, nil); err != nil || !bytes.Equal(got, contentOf(f.files[path])) {
			t.Errorf("%s, when it is well again: %v", path, err)
		}
	}
}

// TestPagesAreNotTakenForWrongBytes has something else answer in the place of files, longer and shorter than they are.
func TestPagesAreNotTakenForWrongBytes(t *testing.T) {
	f := newFixture(t)
	page := bytes.Repeat([]byte("please wait "), 300_000)
	for path, host := range map[string]hubtest.Host{small: hubtest.Main, medium: hubtest.CDN, large: hubtest.CDN} {
		f.file(t, path)
		for _, body := range [][]byte{page, page[:5]} {
			fault := f.hub.Inject(hubtest.Fault{Host: host, Method: "GET", Path: path, Body: body})
			if got, err := f.download(t, path, nil); err == nil || errors.Is(err, blob.ErrMismatch) || len(got) > 0 {
				t.Errorf("%s: %d bytes, %v", path, len(got), err)
			}
			if c, err := f.origin.Open(t.Context(), f.file(t, path)); err == nil {
				if _, err := c.ReadAt(make([]byte, 5), 0); err == nil {
					t.Errorf("%s: the page was scanned", path)
				}
			}
			fault.Remove()
		}
	}
}

func TestScanOfWrongBytes(t *testing.T) {
	f := newFixture(t)
	for path, host := range map[string]hubtest.Host{small: hubtest.Main, medium: hubtest.CDN} {
		file := f.file(t, path)
		f.hub.Inject(hubtest.Fault{Host: host, Method: "GET", Path: path, Flip: 5})
		c, err := f.origin.Open(t.Context(), file)
		if path == medium {
			if !errors.Is(err, source.ErrChanged) || !errors.Is(err, blob.ErrMismatch) {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, file.Size)
		if _, err := c.ReadAt(got, 0); err != nil || bytes.Equal(got, contentOf(f.files[path])) {
			t.Errorf("%s: the scanner does not see what came: %v", path, err)
		}
		_ = c.Close()
	}
}

func TestScanWithoutBlobs(t *testing.T) {
	f := newFixture(t)
	f.origin.Blobs = nil
	for _, path := range []string{small, large} {
		c := rangesOf(t, f, path)
		buf := make([]byte, 8)
		if _, err := c.ReadAt(buf, 0); err != nil || !bytes.Equal(buf, contentOf(f.files[path])[:8]) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestRefusedScan(t *testing.T) {
	f := newFixture(t)
	_, err := f.origin.Open(t.Context(), model.File{Path: "none", Size: 5, Digest: f.file(t, medium).Digest})
	wantError(t, "no such file", err, 404, "EntryNotFound")
	f.hub.Stop(hubtest.CDN)
	if _, err := f.origin.Open(t.Context(), f.file(t, medium)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("content network is down: %v", err)
	}
}

func TestScanWaitsForWhatItNeedsToKnow(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t)
	h.AddOrganization("good", true, "")
	r := h.AddModel("good/name", hubtest.Files{small: hubtest.Text("{}")})
	c, _ := newClient(t, h)
	c.askLimit = 200 * time.Millisecond
	h.Limit(1, 2*time.Second) // longer than who asks for a HEAD can wait
	o := &Origin{Client: c, Repo: models("good/name"), Commit: r.Head()}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := o.Metadata(ctx)
	if err != nil || m.LicenseUnknown || m.Verified == nil || !*m.Verified {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestBigScanWaitsForItsQuota reads a hundred files through a quota of sixty a second, while others ask too.
func TestBigScanWaitsForItsQuota(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t)
	files := hubtest.Files{}
	for i := range 100 {
		files[fmt.Sprintf("%d.txt", i)] = hubtest.Text(fmt.Sprint(i))
	}
	r := h.AddModel("org/name", files)
	c, _ := newClient(t, h)
	commit := r.Head()
	h.Limit(60, time.Second)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := worker; i < 100; i += 4 {
				path := fmt.Sprintf("%d.txt", i)
				if got, err := read(c.Open(t.Context(), "", models("org/name"), commit, path, 0, -1)); err != nil || string(got) != fmt.Sprint(i) {
					t.Errorf("%s: %q, %v", path, got, err)
				}
			}
		})
	}
	group.Wait()
	refused := 0
	for _, q := range h.Requests() {
		if q.Status == 429 {
			refused++
		}
	}
	if refused > 12 { // those that were under way when the quota ran out, for each of some windows
		t.Errorf("%d requests were refused", refused)
	}
}
