package objectstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/bucket"
	"modelgate/internal/verdictcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is the door with a real gate, in front of a store that answers as the test says.
type world struct {
	door      *httptest.Server
	site      string // host and port of the store
	mu        sync.Mutex
	asked     []string // methods and ranges that the store was asked with
	downloads []model.Download
	wait      sync.WaitGroup
}

// open makes a world whose store speaks a provider's protocol, with the bucket, or the account, in the path.
func open(t *testing.T, provider model.Source, serve http.HandlerFunc, registered ...bucket.Registration) *world {
	t.Helper()
	w := &world{}
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")+r.Header.Get("X-Ms-Range")))
		w.mu.Unlock()
		serve(rw, r)
	}))
	t.Cleanup(site.Close)
	w.site = strings.TrimPrefix(site.URL, "http://")
	ctx, dir := context.Background(), t.TempDir()
	record, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "record.db"), Instance: "test"})
	must(t, err)
	t.Cleanup(func() { _ = record.Close() })
	must(t, record.EnsureGroups(ctx, policy.DefaultGroups(policy.Balanced), nil))
	cache, err := verdictcache.Open(ctx, verdictcache.Options{})
	must(t, err)
	t.Cleanup(func() { _ = cache.Close() })
	g := gate.New(gate.Config{Store: record, Cache: cache, Engine: scanner.New(source.DefaultLimits()), Timeout: time.Minute, MaxFiles: 100})
	t.Cleanup(g.Close)
	blobs, err := blob.Open(blob.Config{Dir: filepath.Join(dir, "blobs"), Log: zerolog.Nop()})
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	out, err := upstream.New(upstream.Config{})
	must(t, err)
	relay, err := out.NewRelay(upstream.RelayConfig{AllowPrivate: true})
	must(t, err)
	t.Cleanup(relay.Close)
	stores, err := bucket.New(bucket.Config{
		Upstream: out, Buckets: registered,
		Endpoints: []bucket.Endpoint{{Provider: provider, URL: site.URL, PathStyle: true, Default: true}},
	})
	must(t, err)
	t.Cleanup(stores.Close)
	door, err := New(Config{
		Relay: relay, Gate: g, Blobs: blobs, Pickled: scanner.Pickled, Stores: stores, Endpoints: []Endpoint{{Provider: provider, Host: w.site, PathStyle: true}},
		Log: zerolog.Nop(), PublicURL: "https://gate.example",
		Record: func(d model.Download) { w.mu.Lock(); w.downloads = append(w.downloads, d); w.mu.Unlock() },
	})
	must(t, err)
	w.door = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.wait.Add(1)
		defer w.wait.Done()
		r.URL.Scheme, r.URL.Host = "http", w.site
		r.Host = r.URL.Host
		door.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.door.Close)
	return w
}

// ask asks the door; what was read comes back with an error too.
func (w *world) ask(t *testing.T, method, path string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.door.URL, http.NoBody)
	must(t, err)
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	req.URL.RawPath = req.URL.Path
	if req.URL.Path, err = url.PathUnescape(req.URL.Path); err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil { // it was cut before a byte of it came
		return &http.Response{Status: "cut", Header: http.Header{}}, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res, text, err
}

// questions are what the store was asked since the last time.
func (w *world) questions() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.asked
	w.asked = nil
	return out
}

// object is what a store has of one name, in the words of all three providers.
type object struct {
	mu       sync.Mutex
	content  []byte
	etag     string
	modified time.Time
	encoding string
}

func newObject(content []byte) *object {
	return &object{content: content, etag: `"1"`, modified: time.Unix(1_700_000_000, 0)}
}

// ServeHTTP answers for the object whatever it is called.
func (o *object) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := rw.Header()
	h.Set("Etag", o.etag)
	h.Set("X-Goog-Generation", strings.Trim(o.etag, `"`))
	h.Set("Content-Type", "application/octet-stream")
	if v := r.Header.Get("X-Ms-Range"); v != "" {
		r.Header.Set("Range", v)
	}
	if o.encoding != "" {
		h.Set("Content-Encoding", o.encoding)
		h.Set("X-Goog-Stored-Content-Encoding", o.encoding)
		if r.Header.Get("Range") == "" {
			h.Set("Content-Length", strconv.Itoa(len(o.content))) // net/http leaves it to us then
		}
	}
	http.ServeContent(rw, r, "", o.modified, bytes.NewReader(o.content))
}

const evil = "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."

// large is a pickle that does what evil does, and then takes ten million bytes.
func large() []byte {
	const n = 10_000_000
	b := binary.LittleEndian.AppendUint32([]byte("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R0B"), n)
	return append(append(b, bytes.Repeat([]byte("kept"), n/4)...), "0N."...)
}

// tensors is a model of so many bytes whose header is all that a scan reads.
func tensors(n int) []byte {
	header := fmt.Sprintf(`{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, n, n)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range n {
		b = append(b, byte(i*i>>3))
	}
	return b
}

func packed(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(content)
	_ = z.Close()
	return b.Bytes()
}

// way is how a client of a provider asks for an object.
type way struct {
	provider model.Source
	path     string
	header   []string
}

// ways are all of those whose signatures leave the range free.
func ways() map[string]way {
	return map[string]way{
		"S3, presigned":       {model.S3, "/box/model.bin?X-Amz-Signature=a&X-Amz-SignedHeaders=host", nil},
		"S3, anonymous":       {model.S3, "/box/model.bin", nil},
		"Google's JSON API":   {model.GCS, "/storage/v1/b/box/o/model.bin?alt=media", []string{"Authorization", "Bearer x", "Accept-Encoding", "gzip"}},
		"Google's downloads":  {model.GCS, "/download/storage/v1/b/box/o/model.bin?alt=media", []string{"Authorization", "Bearer x"}},
		"Google's XML API":    {model.GCS, "/box/model.bin?X-Goog-Signature=a&X-Goog-SignedHeaders=host", nil},
		"Azure, by signature": {model.Azure, "/acct/box/model.bin?sv=1&sp=r&sig=x", nil},
		"Azure, by token":     {model.Azure, "/acct/box/model.bin", []string{"Authorization", "Bearer x"}},
	}
}
