package download

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
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
	"modelgate/internal/verdictcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the door with a real gate, in front of a site.
type world struct {
	door      *httptest.Server
	mu        sync.Mutex
	asked     []string // methods and ranges that the site was asked with
	downloads []model.Download
}

// open makes a world whose site answers with serve.
func open(t *testing.T, serve http.HandlerFunc) *world {
	t.Helper()
	w := &world{}
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.Header.Get("Range"))
		w.mu.Unlock()
		serve(rw, r)
	}))
	t.Cleanup(site.Close)
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
	door, err := New(Config{
		Relay: relay, Gate: g, Blobs: blobs, Pickled: scanner.Pickled, Log: zerolog.Nop(), PublicURL: "https://gate.example",
		Record: func(d model.Download) { w.mu.Lock(); w.downloads = append(w.downloads, d); w.mu.Unlock() },
	})
	must(t, err)
	w.door = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(site.URL, "http://")
		r.Host = r.URL.Host
		door.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.door.Close)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask asks the door; what was read comes back with an error too.
func (w *world) ask(t *testing.T, method, path string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.door.URL+path, http.NoBody)
	must(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res, text, err
}

const (
	evilText = "cposix\nsystem\n(S'true'\ntR."
	evil     = "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."
)

func zipOf(name, content string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func packed(content string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, content)
	_ = z.Close()
	return b.Bytes()
}

// tensors is a model of so many bytes whose header is all that a scan reads.
func tensors(n int) []byte {
	header := fmt.Sprintf(`{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, n, n)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	r := rand.New(rand.NewPCG(7, 7))
	for range n {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

var picture = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{1, 2, 3, 0}, 50_000)...)

func TestWhatIsAModelByItsContentIsRefusedWhateverItIsCalled(t *testing.T) {
	type answer struct {
		status int
		header map[string]string
		body   []byte
	}
	for why, a := range map[string]answer{
		"a pickle":                         {200, nil, []byte(evil)},
		"a pickle that is text":            {200, nil, []byte(evilText)},
		"a pickle that is called a page":   {200, map[string]string{"Content-Type": "text/html"}, []byte(evilText)},
		"a pickle that is called a film":   {200, map[string]string{"Content-Type": "video/mp4"}, []byte(evil)},
		"a pickle under an error":          {404, nil, []byte(evil)},
		"a pickle in an archive":           {200, nil, zipOf("m/data.pkl", evil)},
		"a pickle that is packed":          {200, nil, packed(evil)},
		"a pickle under gzip":              {200, map[string]string{"Content-Encoding": "gzip"}, packed(evil)},
		"a pickle under gzip, as text":     {200, map[string]string{"Content-Encoding": "gzip"}, packed(evilText)},
		"a pickle under gzip twice":        {200, map[string]string{"Content-Encoding": "gzip"}, packed(string(packed(evil)))},
		"a pickle of unknown length":       {200, map[string]string{"Transfer-Encoding": "chunked"}, []byte(evil)},
		"something under another encoding": {200, map[string]string{"Content-Encoding": "br"}, []byte("whatever")},
	} {
		w := open(t, func(rw http.ResponseWriter, _ *http.Request) {
			for name, value := range a.header {
				rw.Header().Set(name, value)
			}
			rw.WriteHeader(a.status)
			_, _ = rw.Write(a.body)
		})
		for _, method := range []string{"GET", "POST"} {
			res, text, err := w.ask(t, method, "/x", "Accept-Encoding", "gzip")
			if err != nil || res.StatusCode != 403 || bytes.Contains(text, []byte("posix")) || !strings.HasPrefix(res.Status, "403 modelgate ") {
				t.Errorf("%s by %s: %s %.60q %v", why, method, res.Status, text, err)
			}
			if a.header["Content-Encoding"] != "br" && res.Header.Get("X-Modelgate-Scan") == "" {
				t.Errorf("%s by %s: no scan is named", why, method)
			}
		}
	}
}

func TestWhatIsNoModelPassesAsItCame(t *testing.T) {
	for why, body := range map[string][]byte{
		"a page":                   []byte("<html>" + strings.Repeat("x", 300_000)),
		"text of another alphabet": []byte(strings.Repeat("привет ", 30_000)),
		"text of two bytes each":   {0xff, 0xfe, 'h', 0, 'i', 0},
		"nothing":                  {},
		"a picture":                picture,
		"a document":               append([]byte("%PDF-1.7\n"), picture...),
		"a program":                append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 5000)...),
		"bytes of no known format": tensors(3000)[200:],
	} {
		w := open(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Own", "kept")
			_, _ = rw.Write(body)
		})
		res, got, err := w.ask(t, "GET", "/x")
		if err != nil || res.StatusCode != 200 || !bytes.Equal(got, body) || res.Header.Get("X-Own") != "kept" {
			t.Errorf("%s: %s, %d of %d bytes, %v", why, res.Status, len(got), len(body), err)
		}
	}
}

func TestALargeModelIsJudgedByRanges(t *testing.T) {
	content := tensors(4 << 20)
	w := open(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Etag", `"1"`)
		http.ServeContent(rw, r, "model.safetensors", time.Time{}, bytes.NewReader(content))
	})
	for range 2 {
		res, got, err := w.ask(t, "GET", "/model.safetensors?token=secret")
		if err != nil || res.StatusCode != 200 || !bytes.Equal(got, content) || res.Header.Get("X-Modelgate-Scan") == "" {
			t.Fatalf("%s %d %v", res.Status, len(got), err)
		}
	}
	res, got, err := w.ask(t, "GET", "/model.safetensors", "Range", "bytes=1000-1999")
	if err != nil || res.StatusCode != 206 || !bytes.Equal(got, content[1000:2000]) {
		t.Errorf("%s %d %v", res.Status, len(got), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) > 8 {
		t.Errorf("the site was asked %d times: %q", len(w.asked), w.asked)
	}
	for _, d := range w.downloads {
		if strings.Contains(d.Version.Name, "secret") {
			t.Error("a secret is recorded")
		}
	}
}

func TestBypassRangesOfABlockedFile(t *testing.T) {
	content := []byte(evil + strings.Repeat("x", 2<<20))
	for _, etag := range []string{"", `"1"`} {
		w := open(t, func(rw http.ResponseWriter, r *http.Request) {
			if etag != "" {
				rw.Header().Set("Etag", etag)
			}
			http.ServeContent(rw, r, "x", time.Unix(1e9, 0), bytes.NewReader(content))
		})
		for _, ranges := range []string{"bytes=0-0", "bytes=5-9", "bytes=1000000-", "bytes=-1", "bytes=0-0,5-9", "bytes=0-1048575"} {
			if res, got, err := w.ask(t, "GET", "/x", "Range", ranges); err != nil || res.StatusCode != 403 || !bytes.HasPrefix(got, []byte("modelgate ")) {
				t.Errorf("%s of a file with entity tag %s: %s %.40q %v", ranges, etag, res.Status, got, err)
			}
		}
	}
}

func TestBypassAnObjectThatChangesAfterItsScan(t *testing.T) {
	honest := tensors(2 << 20)
	var mu sync.Mutex
	evilNow := false
	w := open(t, func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		content := honest
		if evilNow {
			content = append([]byte(evil), honest[len(evil):]...)
		}
		mu.Unlock()
		rw.Header().Set("Etag", `"1"`) // the host lies: the tag stays
		http.ServeContent(rw, r, "x", time.Time{}, bytes.NewReader(content))
	})
	if res, got, err := w.ask(t, "GET", "/x"); err != nil || res.StatusCode != 200 || len(got) != len(honest) {
		t.Fatal(res.Status, err)
	}
	mu.Lock()
	evilNow = true
	mu.Unlock()
	if _, got, err := w.ask(t, "GET", "/x"); err == nil || len(got) > 0 {
		t.Errorf("%d bytes came: %.30q", len(got), got)
	}
	if res, _, err := w.ask(t, "GET", "/x"); err != nil || res.StatusCode != 403 {
		t.Errorf("after the quarantine: %s %v", res.Status, err)
	}
}

func TestAPictureThatEndsAsAnArchiveIsCutAndThenJudged(t *testing.T) {
	body := append(bytes.Clone(picture), zipOf("m/data.pkl", evil)...)
	w := open(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(body) })
	if _, got, err := w.ask(t, "GET", "/x.png"); err == nil || bytes.Contains(got, []byte("PK\x05\x06")) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if res, _, err := w.ask(t, "GET", "/x.png"); err != nil || res.StatusCode != 403 {
		t.Errorf("%s %v", res.Status, err)
	}
}

func TestTextThatTurnsIsCut(t *testing.T) {
	w := open(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "hello\n")
		_ = http.NewResponseController(rw).Flush()
		time.Sleep(2 * lookFor)
		_, _ = io.WriteString(rw, evil)
	})
	if _, got, err := w.ask(t, "GET", "/x"); err == nil || string(got) != "hello\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestEventsAreNotHeld(t *testing.T) {
	go1 := make(chan struct{})
	w := open(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "data: 1\n\n")
		_ = http.NewResponseController(rw).Flush()
		<-go1
		_, _ = io.WriteString(rw, "data: 2\n\n")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.door.URL+"/events", http.NoBody)
	must(t, err)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, 9)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Fatalf("%q %v", first, err)
	}
	close(go1)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: 2\n\n" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestAHostThatCannotBeReached(t *testing.T) {
	w := open(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if res, text, err := w.ask(t, "POST", "/x"); err != nil || res.StatusCode != 502 || !strings.HasPrefix(string(text), "modelgate: ") {
		t.Errorf("%s %q %v", res.Status, text, err)
	}
}

func FuzzLook(f *testing.F) {
	for _, seed := range []string{evil, evilText, "<html>", "\xff\xfeh\x00", string(picture[:100])} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := begin(io.NopCloser(bytes.NewReader(body)))
		head, _ := b.look(isText)
		if len(body) <= lookAt && !bytes.Equal(head, body) {
			t.Fatalf("looked at %d of %d bytes", len(head), len(body))
		}
		_ = isText(inflated(head))
		got, err := io.ReadAll(&tailed{body: b, x: &exchange{Request: httptest.NewRequest("GET", "/", nil)}, suspect: func() {}})
		if err == nil && !bytes.Equal(got, body) {
			t.Fatalf("%d of %d bytes", len(got), len(body))
		}
	})
}
