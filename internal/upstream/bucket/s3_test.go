package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream"
)

// fakeS3 is a bucket of S3 in memory, whose answers can be spoiled.
type fakeS3 struct {
	t *testing.T
	*httptest.Server

	mu       sync.Mutex
	objects  map[string]*fakeObject
	requests []*http.Request
	sent     int64
	// spoil, if set, may answer in place of the bucket; it returns false if it leaves that to it.
	spoil func(w http.ResponseWriter, r *http.Request) bool
}

type fakeObject struct {
	size    int64
	at      func(off int64) byte
	etag    string
	time    time.Time
	version string
	header  http.Header
}

func text(s string) *fakeObject {
	sum := sha256.Sum256([]byte(s))
	return &fakeObject{
		size: int64(len(s)), at: func(off int64) byte { return s[off] }, etag: fmt.Sprintf("%x", sum[:16]),
		time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), header: http.Header{},
	}
}

func newFakeS3(t *testing.T) *fakeS3 {
	f := &fakeS3{t: t, objects: map[string]*fakeObject{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	if f.spoil != nil && f.spoil(w, r) {
		return
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/models/")
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case key == "":
		f.list(w, r)
	default:
		f.object(w, r, key)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (f *fakeS3) object(w http.ResponseWriter, r *http.Request, key string) {
	o := f.objects[key]
	if o == nil {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if tag := r.Header.Get("If-Match"); tag != "" && tag != `"`+o.etag+`"` {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	h := w.Header()
	for name, values := range o.header {
		h[name] = values
	}
	h.Set("ETag", `"`+o.etag+`"`)
	h.Set("Last-Modified", o.time.Format(http.TimeFormat))
	if o.version != "" {
		h.Set("X-Amz-Version-Id", o.version)
	}
	first, last, status := int64(0), o.size-1, http.StatusOK
	if rng := r.Header.Get("Range"); rng != "" {
		if _, err := fmt.Sscanf(rng, "bytes=%d-%d", &first, &last); err != nil {
			f.t.Errorf("range %q", rng)
		}
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, o.size))
	}
	h.Set("Content-Length", fmt.Sprint(last-first+1))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	for off := first; off <= last; {
		part := make([]byte, min(64<<10, last-off+1))
		for i := range part {
			part[i] = o.at(off + int64(i))
		}
		n, err := w.Write(part)
		off, f.sent = off+int64(n), f.sent+int64(n)
		if err != nil {
			return
		}
	}
}

// list gives two objects a page, out of order.
func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	type row struct{ Key, LastModified, ETag, Size string }
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		EncodingType          string
		IsTruncated           bool
		NextContinuationToken string
		Contents              []row
	}{EncodingType: "url"}
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
			keys = append(keys, key)
		}
	}
	sortDown(keys)
	start := 0
	if token := r.URL.Query().Get("continuation-token"); token != "" {
		_, _ = fmt.Sscanf(token, "t%d", &start)
	}
	for i := start; i < len(keys) && i < start+2; i++ {
		o := f.objects[keys[i]]
		page.Contents = append(page.Contents, row{
			url.QueryEscape(keys[i]), o.time.Format("2006-01-02T15:04:05.123Z"), `"` + o.etag + `"`, fmt.Sprint(o.size),
		})
	}
	if start+2 < len(keys) {
		page.IsTruncated, page.NextContinuationToken = true, fmt.Sprintf("t%d", start+2)
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func sortDown(keys []string) {
	for i := range keys {
		for j := i + 1; j < len(keys); j++ {
			if keys[i] < keys[j] {
				keys[i], keys[j] = keys[j], keys[i]
			}
		}
	}
}

func (f *fakeS3) counted() (requests int, sent int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests), f.sent
}

// testKeys are any keys: the fake checks no signature.
func testKeys() Credentials { return Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"} }

func newStores(t *testing.T, provider model.Source, address string, c Credentials) *Stores {
	t.Helper()
	out, err := upstream.New(upstream.Config{StallTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	pattern := "*"
	if provider == model.Azure {
		pattern = "*/*"
	}
	s, err := New(Config{
		Upstream:  out,
		Endpoints: []Endpoint{{Provider: provider, URL: address, PathStyle: true, Default: true}},
		Buckets:   []Registration{{Provider: provider, Pattern: pattern, Credentials: c}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// find finds the origin of a URI.
func find(t *testing.T, s *Stores, uri string) *Origin {
	t.Helper()
	o, err := tryFind(t.Context(), s, uri)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func tryFind(ctx context.Context, s *Stores, uri string) (*Origin, error) {
	a, err := Parse(uri)
	if err != nil {
		return nil, err
	}
	return s.Find(ctx, a, "")
}

// read reads a file of an origin whole.
func read(ctx context.Context, o *Origin, name string) (string, error) {
	f, err := o.File(ctx, name)
	if err != nil {
		return "", err
	}
	c, err := o.Open(ctx, f)
	if err != nil {
		return "", err
	}
	got := make([]byte, f.Size)
	if _, err = c.ReadAt(got, 0); errors.Is(err, io.EOF) {
		err = nil
	}
	return string(got), err
}

func TestS3KeysAreExactBytes(t *testing.T) {
	f := newFakeS3(t)
	s := newStores(t, model.S3, f.URL, testKeys())
	for _, key := range []string{"a/b", "a//b", "/a", "a/../b", "./a", "ä ö+%2F?x=#y", "a&b=c;d"} {
		f.objects[key] = text("content of " + key)
		o := find(t, s, "s3://models/"+key)
		if got, err := read(t.Context(), o, o.path(key)); err != nil || got != "content of "+key {
			t.Errorf("%q: %q, %v", key, got, err)
		}
	}
	for _, r := range f.requests {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIATEST/") || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s %s: %v", r.Method, r.URL, r.Header)
		}
	}
}

func TestS3PrefixIsAVersion(t *testing.T) {
	f := newFakeS3(t)
	s := newStores(t, model.S3, f.URL, testKeys())
	for _, name := range []string{"bert/config.json", "bert/a/../weights.bin", "bert//x", "bert/ü", "bert2/other"} {
		f.objects[name] = text(name)
	}
	f.objects["bert/"] = text("")
	// Without a slash at its end, as there is no object of that name.
	o := find(t, s, "s3://models/bert")
	files, err := o.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Path)
		if got, err := read(t.Context(), o, file.Path); err != nil || got != "bert/"+file.Path {
			t.Errorf("%s: %q, %v", file.Path, got, err)
		}
	}
	if got := strings.Join(names, " "); got != "/x a/../weights.bin config.json ü" {
		t.Errorf("files %s", got)
	}
	if v := o.Version(); v.Name != "s3://models/bert/" || v.Source != model.S3 || len(v.Revision) != 64 {
		t.Errorf("version %+v", v)
	}
}

func TestS3VersionsFollowTheObjects(t *testing.T) {
	f := newFakeS3(t)
	s := newStores(t, model.S3, f.URL, testKeys())
	f.objects["m/a"], f.objects["m/b"] = text("a"), text("b")
	revision := func() string { return find(t, s, "s3://models/m/").Version().Revision }
	pin := func(uri, name string) string {
		file, err := find(t, s, uri).File(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return file.Pin
	}
	before, pinOfA := revision(), pin("s3://models/m/", "a")
	if revision() != before {
		t.Error("the same objects are another version")
	}
	if pin("s3://models/m/a", "a") != pinOfA {
		t.Error("an object by itself is not the same bytes as in its prefix")
	}
	for name, change := range map[string]func(){
		"an object comes":            func() { f.objects["m/c"] = text("c") },
		"an object goes":             func() { delete(f.objects, "m/b") },
		"an object is written anew":  func() { f.objects["m/b"] = text("B") },
		"the same bytes are written": func() { f.objects["m/b"].time = f.objects["m/b"].time.Add(time.Second) },
		"an object is renamed":       func() { f.objects["m/d"] = f.objects["m/b"]; delete(f.objects, "m/b") },
	} {
		f.objects = map[string]*fakeObject{"m/a": text("a"), "m/b": text("b")}
		change()
		if revision() == before {
			t.Errorf("%s: the version is the same", name)
		}
		if pin("s3://models/m/", "a") != pinOfA {
			t.Errorf("%s: the other object is read again", name)
		}
	}
}

func TestS3ObjectThatIsReplaced(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fakeS3)
	}{
		{"other bytes", func(f *fakeS3) { f.objects["m"] = text("evil bytes here") }},
		{"the same entity tag, written later", func(f *fakeS3) { f.objects["m"].time = f.objects["m"].time.Add(time.Minute) }},
		{"the same entity tag, longer", func(f *fakeS3) {
			longer := text("good bytes here, and more")
			longer.etag = f.objects["m"].etag
			f.objects["m"] = longer
		}},
		{"another encoding", func(f *fakeS3) { f.objects["m"].header.Set("Content-Encoding", "gzip") }},
		{"removed", func(f *fakeS3) { delete(f.objects, "m") }},
		{"another version id", func(f *fakeS3) { f.objects["m"].version = "v2" }},
	} {
		f := newFakeS3(t)
		s := newStores(t, model.S3, f.URL, testKeys())
		f.objects["m"] = text("good bytes here")
		f.objects["m"].version = "v1"
		o := find(t, s, "s3://models/m")
		c.change(f)
		if got, err := read(t.Context(), o, "m"); !errors.Is(err, source.ErrChanged) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestS3AnswersThatAreNotWhatWasAsked(t *testing.T) {
	const size = 3 << 20 // larger than what is read at once
	answer := func(status int, header map[string]string, body []byte) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				return false
			}
			for name, value := range header {
				w.Header().Set(name, value)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(status)
			_, _ = w.Write(body)
			return true
		}
	}
	good := func(more ...string) map[string]string {
		h := map[string]string{"ETag": `"tag"`, "Content-Range": fmt.Sprintf("bytes 0-65535/%d", size)}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	block := bytes.Repeat([]byte("x"), 64<<10)
	for _, c := range []struct {
		name  string
		spoil func(http.ResponseWriter, *http.Request) bool
		want  error // nil: fine
	}{
		{"the range", answer(206, good(), block), nil},
		{"all of it", answer(200, map[string]string{"ETag": `"tag"`}, bytes.Repeat([]byte("x"), size)), upstream.ErrRange},
		{"another range", answer(206, good("Content-Range", fmt.Sprintf("bytes 1-65536/%d", size)), block), upstream.ErrRange},
		{"no range", answer(206, good("Content-Range", ""), block), upstream.ErrRange},
		{"several ranges", answer(206, good("Content-Range", "", "Content-Type", "multipart/byteranges; boundary=x"), block), upstream.ErrRange},
		{"another total", answer(206, good("Content-Range", "bytes 0-65535/70000"), block), source.ErrChanged},
		{"an unknown total", answer(206, good("Content-Range", "bytes 0-65535/*"), block), source.ErrChanged},
		{"fewer bytes than stated", answer(206, good(), block[:100]), upstream.ErrRange},
		{"no entity tag", answer(206, good("ETag", ""), block), ErrAnswer},
		{"encoded", answer(206, good("Content-Encoding", "br"), block), source.ErrChanged},
		{"a redirect elsewhere", answer(307, map[string]string{"Location": "http://127.0.0.1:1/"}, nil), nil},
		{"an empty success", answer(204, good(), nil), ErrAnswer},
	} {
		f := newFakeS3(t)
		s := newStores(t, model.S3, f.URL, testKeys())
		o := text("")
		o.size, o.etag, o.at = size, "tag", func(int64) byte { return 'x' }
		f.objects["m"] = o
		origin := find(t, s, "s3://models/m")
		f.spoil = c.spoil
		content, err := origin.Open(t.Context(), model.File{Path: "m"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = content.ReadAt(make([]byte, 1000), 0)
		switch {
		case c.name == "the range":
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case err == nil || c.want != nil && !errors.Is(err, c.want):
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestS3BadDays(t *testing.T) {
	f := newFakeS3(t)
	s := newStores(t, model.S3, f.URL, testKeys())
	f.objects["m"] = text(strings.Repeat("bytes ", 1000))
	o := find(t, s, "s3://models/m")
	failures := 0
	f.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		switch failures++; failures {
		case 1:
			refuse(w, http.StatusInternalServerError, "InternalError")
		case 2:
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
		case 3: // cut after a while
			w.Header().Set("ETag", `"`+f.objects["m"].etag+`"`)
			w.Header().Set("Content-Length", "6000")
			_, _ = io.WriteString(w, strings.Repeat("bytes ", 300))
			_ = http.NewResponseController(w).Flush()
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.Close()
			}
		default:
			return false
		}
		return true
	}
	if got, err := read(t.Context(), o, "m"); err != nil || got != strings.Repeat("bytes ", 1000) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	last := f.requests[len(f.requests)-1]
	if got := last.Header.Get("Range"); got == "" || got == "bytes=0-5999" {
		t.Errorf("after the cut it asked for %q", got)
	}
}

func TestS3Errors(t *testing.T) {
	f := newFakeS3(t)
	for _, c := range []struct {
		name, uri, code string
		creds           Credentials
		spoil           func(http.ResponseWriter, *http.Request) bool
	}{
		{"no such key", "s3://models/nothing", "NO_SUCH_KEY", testKeys(), nil},
		{"no such bucket", "s3://nowhere/nothing", "NO_SUCH_BUCKET", testKeys(), nil},
		{"denied", "s3://models/m", "ACCESS_DENIED", testKeys(), denied},
		{"no credentials", "s3://models/m", "MISSING_CREDENTIALS", Credentials{Anonymous: true}, denied},
		{"archived", "s3://models/", "INVALID_OBJECT_STATE", testKeys(), func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusForbidden, "InvalidObjectState")
			return true
		}},
	} {
		f.spoil = c.spoil
		_, err := tryFind(t.Context(), newStores(t, model.S3, f.URL, c.creds), c.uri)
		var e *Error
		if !errors.As(err, &e) || e.ErrorCode() != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func denied(w http.ResponseWriter, _ *http.Request) bool {
	refuse(w, http.StatusForbidden, "AccessDenied")
	return true
}

func TestS3RegionIsFound(t *testing.T) {
	f := newFakeS3(t)
	f.objects["m"] = text("in Frankfurt")
	f.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/s3/") {
			return false
		}
		w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
		w.WriteHeader(http.StatusMovedPermanently)
		return true
	}
	o := find(t, newStores(t, model.S3, f.URL, testKeys()), "s3://models/m")
	if got, err := read(t.Context(), o, "m"); err != nil || got != "in Frankfurt" {
		t.Errorf("%q, %v", got, err)
	}
	if requests, _ := f.counted(); requests != 3 {
		t.Errorf("%d requests, want one more than were answered", requests)
	}
}

func TestS3RegionsWithoutEnd(t *testing.T) {
	f := newFakeS3(t)
	n := 0
	f.spoil = func(w http.ResponseWriter, _ *http.Request) bool {
		n++
		w.Header().Set("X-Amz-Bucket-Region", fmt.Sprintf("nowhere-%d", n))
		w.WriteHeader(http.StatusMovedPermanently)
		return true
	}
	s := newStores(t, model.S3, f.URL, testKeys())
	for range 10 {
		if _, err := tryFind(t.Context(), s, "s3://models/m"); err == nil {
			t.Fatal("found")
		}
	}
	if n > 2*maxRegions {
		t.Errorf("%d requests", n)
	}
}

func TestS3HostileListings(t *testing.T) {
	page := func(rows, rest string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprintf(w, "<ListBucketResult>%s%s</ListBucketResult>", rows, rest)
			return true
		}
	}
	row := func(key, size string) string {
		return "<Contents><Key>" + key + "</Key><ETag>x</ETag><Size>" + size + "</Size></Contents>"
	}
	for _, c := range []struct {
		name  string
		spoil func(http.ResponseWriter, *http.Request) bool
		want  error
	}{
		{"keys of another prefix", page(row("other/a", "1"), ""), ErrAnswer},
		{"a negative size", page(row("m/a", "-1"), ""), ErrAnswer},
		{"a key twice", page(row("m/a", "1")+row("m/a", "1"), ""), ErrAnswer},
		{"the same page for ever", page(row("m/a", "1"), "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"), ErrAnswer},
		{"no way to go on", page(row("m/a", "1"), "<IsTruncated>true</IsTruncated>"), ErrAnswer},
		{"no XML", page("<", ""), ErrAnswer},
		{"another document", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, "<html><body>Please wait</body></html>")
			return true
		}, ErrAnswer},
		{"an entity", page("<!DOCTYPE x [<!ENTITY a 'b'>]>"+row("&a;", "1"), ""), ErrAnswer},
	} {
		f := newFakeS3(t)
		f.spoil = c.spoil
		if _, err := tryFind(t.Context(), newStores(t, model.S3, f.URL, testKeys()), "s3://models/m/"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestS3StatesDigestsThatOnlyAmazonIsBelieved(t *testing.T) {
	f := newFakeS3(t)
	f.objects["m"] = text("bytes")
	sum := sha256.Sum256([]byte("bytes"))
	f.objects["m"].header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
	o := find(t, newStores(t, model.S3, f.URL, testKeys()), "s3://models/m")
	if got := o.objects[0].SHA256; got != model.Digest(fmt.Sprintf("sha256:%x", sum)) {
		t.Errorf("stated %q", got)
	}
	if file, err := o.File(t.Context(), "m"); err != nil || file.Digest != "" || file.Pin == "" {
		t.Errorf("%+v, %v", file, err)
	}
	f.objects["m"].header.Set("X-Amz-Checksum-Type", "COMPOSITE")
	o = find(t, newStores(t, model.S3, f.URL, testKeys()), "s3://models/m")
	if got := o.objects[0].SHA256; got != "" {
		t.Errorf("a digest of digests is taken for one: %q", got)
	}
}

func TestPinsDiffer(t *testing.T) {
	out, err := upstream.New(upstream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	info := Info{Size: 1, ETag: "x", LastModified: time.Unix(100, 0)}
	version := info
	version.VersionID = "1"
	seen := map[string]string{}
	for _, c := range []struct {
		name, bucket, endpoint, key string
		info                        Info
	}{
		{"an object", "models", "", "a/b", info},
		{"another bucket", "model", "", "sa/b", info},
		{"another endpoint", "models", "http://store:9000", "a/b", info},
		{"another key", "models", "", "a/c", info},
		{"another version", "models", "", "a/b", version},
		{"another size", "models", "", "a/b", Info{Size: 2, ETag: "x", LastModified: time.Unix(100, 0)}},
		{"another time", "models", "", "a/b", Info{Size: 1, ETag: "x", LastModified: time.Unix(101, 0)}},
	} {
		pin := Pin(newS3(out, c.bucket, Endpoint{URL: c.endpoint}, "", nil, false), c.key, c.info)
		if before, ok := seen[pin]; ok {
			t.Errorf("%s has the pin of %s", c.name, before)
		}
		seen[pin] = c.name
	}
}

func TestS3Addresses(t *testing.T) {
	for _, c := range []struct{ bucket, endpoint, region, host, path string }{
		{"models", "", "", "https://models.s3.us-east-1.amazonaws.com", "/a"},
		{"models", "", "cn-north-1", "https://models.s3.cn-north-1.amazonaws.com.cn", "/a"},
		{"my.models", "", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/my.models/a"},
		{"my.models", "https://store.example:9000", "", "https://my.models.store.example:9000", "/a"},
	} {
		s := newS3(nil, c.bucket, Endpoint{URL: c.endpoint}, c.region, nil, false)
		host, err := s.address(s.region)
		if err != nil || host != c.host || s.ask("GET", "a", nil).path != c.path {
			t.Errorf("%+v: %s %s, %v", c, host, s.ask("GET", "a", nil).path, err)
		}
	}
}
