package hub

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/hubtest"
	"modelgate/internal/scanner/source"
)

// rangesOf opens a file that is read by range.
func rangesOf(t *testing.T, f *fixture, path string) source.Content {
	t.Helper()
	c, err := f.origin.Open(t.Context(), f.file(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.(interface{ Blocks() []finding.Block }); !ok {
		t.Fatalf("%s is not read by range", path)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// settled waits until the content network has noted so many requests: it does so after the last byte.
func settled(t *testing.T, h *hubtest.Hub, n int) {
	t.Helper()
	for range 200 {
		if h.Count(hubtest.CDN, "", "") >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func blocksOf(t *testing.T, c source.Content) []finding.Block {
	t.Helper()
	b, ok := c.(interface{ Blocks() []finding.Block })
	if !ok {
		t.Fatal("no blocks")
	}
	return b.Blocks()
}

func TestLargeFilesAreReadByRange(t *testing.T) {
	f := newFixture(t)
	whole := contentOf(f.files[large])
	c := rangesOf(t, f, large)
	f.hub.Forget()
	for _, off := range []int64{0, 10 << 20, 20<<20 - 100, 5 << 20} {
		buf := make([]byte, 100)
		if _, err := c.ReadAt(buf, off); err != nil || !bytes.Equal(buf, whole[off:off+100]) {
			t.Errorf("at %d: %v", off, err)
		}
	}
	settled(t, f.hub, 4)
	if main, cdn := f.hub.Count(hubtest.Main, "", ""), f.hub.Count(hubtest.CDN, "GET", ""); main != 1 || cdn != 4 {
		t.Errorf("%d requests to the hub and %d to the content network for four ranges", main, cdn)
	}
	if n := f.hub.Served(hubtest.CDN, ""); n > 4*200<<10 {
		t.Errorf("%d bytes came", n)
	}
	if got, err := f.download(t, large, blocksOf(t, c)); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("download after the scan: %d bytes, %v", len(got), err)
	}
	again, err := f.origin.Open(t.Context(), f.file(t, large))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if _, ok := again.(interface{ Blocks() []finding.Block }); ok {
		t.Error("a file that is on disk is read by range")
	}
}

func TestRangesOnBadDays(t *testing.T) {
	for why, row := range map[string]struct {
		fault hubtest.Fault
		fail  bool
	}{
		"the address expires":            {hubtest.Fault{Host: hubtest.CDN, Skip: 1, Expired: true, Times: 1}, false},
		"a range is cut":                 {hubtest.Fault{Host: hubtest.CDN, Skip: 1, CutAfter: 1000, Times: 1}, false},
		"ranges are cut again and again": {hubtest.Fault{Host: hubtest.CDN, Skip: 1, CutAfter: 1000}, true},
		"another range comes":            {hubtest.Fault{Host: hubtest.CDN, Skip: 1, Header: map[string][]string{"Content-Range": {"bytes 0-65535/20971520"}}}, true},
		"it is redirected elsewhere":     {hubtest.Fault{Host: hubtest.CDN, Skip: 1, Times: 1, Status: 302, Header: map[string][]string{"Location": {"http://evil.example"}}}, false},
		"the connection breaks":          {hubtest.Fault{Host: hubtest.CDN, Skip: 1, Hangup: true, Times: 1}, false},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			fault := f.hub.Inject(row.fault)
			whole := contentOf(f.files[large])
			c := rangesOf(t, f, large)
			buf := make([]byte, 100)
			for _, off := range []int64{0, 10 << 20} {
				_, err := c.ReadAt(buf, off)
				if failed := err != nil; failed != (row.fail && off > 0) || !failed && !bytes.Equal(buf, whole[off:off+100]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
			if fault.Fired() == 0 {
				t.Error("the fault did not strike")
			}
		})
	}
}

func TestAddressThatExpiresWhileItIsUsed(t *testing.T) {
	f := newFixture(t, hubtest.Options{Lifetime: 200 * time.Millisecond})
	c := rangesOf(t, f, large)
	buf := make([]byte, 10)
	for _, off := range []int64{0, 10 << 20} {
		if _, err := c.ReadAt(buf, off); err != nil {
			t.Errorf("at %d: %v", off, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func TestOtherBytesToRangesThanToTheStream(t *testing.T) {
	f := newFixture(t)
	fault := f.hub.Inject(hubtest.Fault{Host: hubtest.CDN, Path: large, Ranged: hubtest.WithRange, Flip: 100})
	c := rangesOf(t, f, large)
	if _, err := c.ReadAt(make([]byte, 200), 0); err != nil {
		t.Fatal(err)
	}
	if fault.Fired() == 0 {
		t.Fatal("the fault did not strike")
	}
	got, err := f.download(t, large, blocksOf(t, c))
	if !errors.Is(err, blob.ErrMismatch) || int64(len(got)) >= f.files[large].Size() {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestServerWithoutRanges(t *testing.T) {
	f := newFixture(t)
	f.hub.Inject(hubtest.Fault{Host: hubtest.CDN, NoRange: true})
	whole := contentOf(f.files[large])
	c := rangesOf(t, f, large)
	f.hub.Forget()
	for _, off := range []int64{0, 10 << 20, 5 << 20, 20<<20 - 100} {
		buf := make([]byte, 100)
		if _, err := c.ReadAt(buf, off); err != nil || !bytes.Equal(buf, whole[off:off+100]) {
			t.Errorf("at %d: %v", off, err)
		}
	}
	if got, err := f.download(t, large, blocksOf(t, c)); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("download after the scan: %d bytes, %v", len(got), err)
	}
	settled(t, f.hub, 3)
	if n := f.hub.Count(hubtest.CDN, "", ""); n != 3 {
		t.Errorf("%d requests: one to begin with, one that shows that ranges are not known, one for the whole", n)
	}
}
