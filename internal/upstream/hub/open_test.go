package hub

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/upstream"
)

func read(rc io.ReadCloser, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rc.Close() }()
	return io.ReadAll(rc)
}

func contentOf(c hubtest.Content) []byte {
	b, _ := io.ReadAll(c.NewReader())
	return b
}

func TestOpen(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	for path, content := range files {
		whole := contentOf(content)
		size := int64(len(whole))
		for _, row := range []struct{ off, n int64 }{{0, -1}, {0, size}, {0, 1}, {size / 2, -1}, {size / 3, size / 3}, {size - 1, 1}} {
			if row.off < 0 || row.n == 0 || size == 0 && row.n >= 0 {
				continue
			}
			end := size
			if row.n >= 0 {
				end = row.off + row.n
			}
			got, err := read(c.Open(t.Context(), "", models("org/name"), commit, path, row.off, row.n))
			if err != nil || !bytes.Equal(got, whole[row.off:end]) {
				t.Errorf("%s from %d, %d bytes: got %d, %v", path, row.off, row.n, len(got), err)
			}
		}
	}
	_, err := c.Open(t.Context(), "", models("org/name"), commit, "none", 0, -1)
	wantError(t, "no such file", err, 404, "EntryNotFound")
	_, err = c.Open(t.Context(), "", models("org/name"), commit, "config.json", 1000, -1)
	wantError(t, "behind the end", err, 416, "")
	for _, r := range h.Requests() {
		if r.Host == hubtest.CDN && r.Token() != "" {
			t.Error("the content network was told the token")
		}
	}
}

func TestTokensStayOnTheHub(t *testing.T) {
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddUser("gate", "hf_gate")
	r := h.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS([]byte("weights")), "a": hubtest.Text("1")}).Private().Reader("ann", "gate")
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Token = "hf_gate" })
	for _, tok := range []Token{"hf_ann", ""} {
		for _, path := range []string{"w.bin", "a"} {
			if _, err := read(c.Open(t.Context(), tok, models("org/name"), r.Head(), path, 0, -1)); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if got := h.Tokens(hubtest.Main); !cmp.Equal(got, []string{"hf_ann", "hf_gate"}) {
		t.Errorf("the hub was told %v", got)
	}
	if got := h.Tokens(hubtest.CDN); len(got) > 0 {
		t.Errorf("the content network was told %v", got)
	}
}

func TestAnswersToRangesAreChecked(t *testing.T) {
	rangeOf := func(s string) http.Header { return http.Header{"Content-Range": {s}} }
	for _, row := range []struct {
		why    string
		off, n int64
		fault  hubtest.Fault
		ok     bool
	}{
		{"no fault", 100, 50, hubtest.Fault{Header: http.Header{}}, true},
		{"the range moved by one", 100, 50, hubtest.Fault{Header: rangeOf("bytes 101-150/3145728")}, false},
		{"a range that begins too early", 100, 50, hubtest.Fault{Header: rangeOf("bytes 99-149/3145728")}, false},
		{"a longer range", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-150/3145728")}, false},
		{"a shorter range", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-148/3145728")}, false},
		{"a shorter rest", 100, -1, hubtest.Fault{Header: rangeOf("bytes 100-200/3145728")}, false},
		{"a rest of unknown size", 100, -1, hubtest.Fault{Header: rangeOf("bytes 100-200/*")}, false},
		{"no range said", 100, 50, hubtest.Fault{Header: http.Header{"Content-Range": nil}}, false},
		{"another unit", 100, 50, hubtest.Fault{Header: rangeOf("lines 100-149/3145728")}, false},
		{"nonsense", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-149")}, false},
		{"negative numbers", 100, 50, hubtest.Fault{Header: rangeOf("bytes -100-149/3145728")}, false},
		{"numbers without end", 100, 50, hubtest.Fault{Header: rangeOf("bytes 99999999999999999999-149/3145728")}, false},
		{"a range behind the end", 100, 50, hubtest.Fault{Header: rangeOf("bytes 100-149/120")}, false},
		{"a server without ranges", 100, 50, hubtest.Fault{NoRange: true}, true},
		{"a server without ranges, on", 100, -1, hubtest.Fault{NoRange: true}, true},
		{"encoded bytes", 0, -1, hubtest.Fault{Header: http.Header{"Content-Encoding": {"br"}}}, false},
		{"encoded range", 100, 50, hubtest.Fault{Header: http.Header{"Content-Encoding": {"gzip"}}}, false},
		{"identity", 0, -1, hubtest.Fault{Header: http.Header{"Content-Encoding": {"identity"}}}, true},
		{"always forbidden", 0, -1, hubtest.Fault{Status: 403}, false},
		{"forbidden once", 0, -1, hubtest.Fault{Status: 403, Times: 1}, true},
		{"expired once", 100, 50, hubtest.Fault{Expired: true, Times: 1}, true},
		{"a header with a line in it", 0, -1, hubtest.Fault{Raw: []byte("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: x\r\n\r\n")}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			h := hubtest.New(t)
			r, files := some(h)
			c, _ := newClient(t, h)
			row.fault.Host = hubtest.CDN
			fault := h.Inject(row.fault)
			whole := contentOf(files["model.safetensors"])
			want := whole[row.off:]
			if row.n >= 0 {
				want = want[:row.n]
			}
			got, err := read(c.Open(t.Context(), "", models("org/name"), r.Head(), "model.safetensors", row.off, row.n))
			if row.ok != (err == nil) || row.ok && !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			var refused *Error
			if errors.As(err, &refused) {
				t.Errorf("what the content network says is not the hub's word: %v", err)
			}
			if fault.Fired() == 0 {
				t.Error("the fault did not strike")
			}
		})
	}
}

func TestSkippingIsBounded(t *testing.T) {
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"w.bin": hubtest.Synthetic(20<<20, 1)})
	h.Inject(hubtest.Fault{Host: hubtest.CDN, NoRange: true})
	c, _ := newClient(t, h)
	if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "w.bin", 18<<20, 10); !errors.Is(err, errNoRanges) {
		t.Errorf("ten bytes by reading 18 MiB: %v", err)
	}
}

func TestFilesOfAnotherCommitAreRefused(t *testing.T) {
	h := hubtest.New(t)
	r, _ := some(h)
	h.Inject(hubtest.Fault{Path: "/resolve/", Header: http.Header{"X-Repo-Commit": {strings.Repeat("b", 40)}}})
	c, _ := newClient(t, h)
	if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "config.json", 0, -1); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
}

func TestHostileRedirectsOfFiles(t *testing.T) {
	for _, to := range []string{"http://evil.example/x", "http://169.254.169.254/latest/", "http://10.0.0.1/", "ftp://127.0.0.1/", "//evil.example/x"} {
		h := hubtest.New(t)
		r, _ := some(h)
		h.Inject(hubtest.Fault{Path: "/resolve/", Redirect: to})
		c, _ := newClient(t, h)
		if _, err := c.Open(t.Context(), "", models("org/name"), r.Head(), "model.safetensors", 0, -1); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: %v", to, err)
		}
	}
}
