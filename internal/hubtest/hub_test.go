package hubtest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
)

// answer is what a request came back with. Redirects are not followed unless ask is told to.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask sends a request with headers given as name, value, name, value.
func ask(t *testing.T, follow bool, method, address string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if !follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body, err}
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("answer %d %q: %v", a.status, a.body, err)
	}
	return v
}

const small, large = `{"model_type": "bert"}`, "not really tensors, but as many as we need"

func newHub(t *testing.T, opts ...hubtest.Options) (*hubtest.Hub, *hubtest.Repo) {
	hub := hubtest.New(t, opts...)
	repo := hub.AddModel("org/name", hubtest.Files{
		"config.json": hubtest.Text(small), "model.safetensors": hubtest.Text(large), "sub/né#%41 file.txt": hubtest.Text("odd"),
	})
	return hub, repo
}

func TestSmallFilesAreBehindARelativeRedirect(t *testing.T) {
	hub, repo := newHub(t)
	a := ask(t, false, "HEAD", hub.URL+"/org/name/resolve/main/config.json")
	if a.status != http.StatusTemporaryRedirect || !strings.HasPrefix(a.header.Get("Location"), "/api/resolve-cache/models/org/name/") {
		t.Fatalf("status %d, Location %q", a.status, a.header.Get("Location"))
	}
	want := http.Header{
		"X-Repo-Commit": {repo.Head()}, "X-Linked-Etag": {`"` + hubtest.Text(small).GitSHA1() + `"`}, "X-Linked-Size": {"22"},
		"Etag": {`"` + hubtest.Text(small).GitSHA1() + `"`}, "Accept-Ranges": {"bytes"},
	}
	for k, v := range want {
		if diff := cmp.Diff(v, a.header.Values(k)); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
	if b := ask(t, true, "GET", hub.URL+"/org/name/resolve/main/config.json"); string(b.body) != small || b.header.Get("Etag") != a.header.Get("Etag") {
		t.Errorf("body %q, ETag %q", b.body, b.header.Get("Etag"))
	}
}

func TestGitSHA1IsWhatGitSays(t *testing.T) {
	// printf hello | git hash-object --stdin
	if got := hubtest.Text("hello").GitSHA1(); got != "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0" {
		t.Errorf("got %s", got)
	}
}

func TestLargeFilesAreBehindASignedAddressThatExpires(t *testing.T) {
	hub, _ := newHub(t, hubtest.Options{Lifetime: 300 * time.Millisecond})
	a := ask(t, false, "GET", hub.URL+"/org/name/resolve/main/model.safetensors", "Authorization", "Bearer hf_nobody")
	if a.status != http.StatusUnauthorized {
		t.Fatalf("a bad token got %d", a.status)
	}
	a = ask(t, false, "GET", hub.URL+"/org/name/resolve/main/model.safetensors")
	sum := sha256.Sum256([]byte(large))
	if a.status != http.StatusFound || a.header.Get("X-Linked-Etag") != `"`+hex.EncodeToString(sum[:])+`"` || a.header.Get("X-Xet-Hash") == "" {
		t.Fatalf("status %d, header %v", a.status, a.header)
	}
	signed := a.header.Get("Location")
	if !strings.HasPrefix(signed, hub.CDNURL) {
		t.Fatalf("Location %q", signed)
	}
	rows := map[string]struct {
		address, ranged string
		status          int
		body, span      string
	}{
		"whole":               {signed, "", 200, large, ""},
		"from the middle":     {signed, "bytes=10-", 206, large[10:], "bytes 10-41/42"},
		"one byte":            {signed, "bytes=0-0", 206, large[:1], "bytes 0-0/42"},
		"the last five":       {signed, "bytes=-5", 206, large[37:], "bytes 37-41/42"},
		"past the end":        {signed, "bytes=42-", 416, "", "bytes */42"},
		"signature cut short": {strings.Replace(signed, "Signature=", "Signature=0", 1), "", 403, "", ""},
		"other expiry":        {strings.Replace(signed, "Expires=1", "Expires=2", 1), "", 403, "", ""},
	}
	for name, row := range rows {
		b := ask(t, false, "GET", row.address, "Range", row.ranged)
		if b.status != row.status || row.body != "" && string(b.body) != row.body || b.header.Get("Content-Range") != row.span {
			t.Errorf("%s: %d %q %q", name, b.status, b.body, b.header.Get("Content-Range"))
		}
	}
	for ask(t, false, "GET", signed).status == 200 {
		time.Sleep(20 * time.Millisecond)
	}
	if b := ask(t, false, "GET", signed); b.status != http.StatusForbidden || !strings.Contains(string(b.body), "expired") {
		t.Errorf("after its time: %d %q", b.status, b.body)
	}
}

func TestFilesWithOddNamesAreFound(t *testing.T) {
	hub, repo := newHub(t)
	odd := url.PathEscape("né#%41 file.txt")
	for _, rev := range []string{"main", repo.Head(), repo.Head()[:7], "refs%2Fpr%2F1", "v1.0"} {
		repo.Tag("v1.0", repo.Head()).Branch("refs/pr/1", repo.Head())
		if a := ask(t, true, "GET", hub.URL+"/org/name/resolve/"+rev+"/sub/"+odd); string(a.body) != "odd" {
			t.Errorf("at %s: %d %q", rev, a.status, a.body)
		}
	}
}

func TestOutcomesAreTheHubs(t *testing.T) {
	hub, _ := newHub(t)
	hub.AddUser("alice", "hf_alice")
	hub.AddUser("bob", "hf_bob")
	files := hubtest.Files{"a.txt": hubtest.Text("a")}
	hub.AddModel("org/private", files).Private().Reader("alice")
	hub.AddModel("org/gated", files).Gated(hubtest.Manual).Reader("alice")
	hub.AddModel("org/off", files).Disabled()
	hub.AddModel("org/old", files).Rename("org/new")
	alice, bob := "Bearer hf_alice", "Bearer hf_bob"
	rows := []struct {
		name, path, auth string
		status           int
		code             string
	}{
		{"a repository that is not there, anonymous", "/api/models/org/none", "", 401, ""},
		{"a repository that is not there, with a token", "/api/models/org/none", bob, 404, "RepoNotFound"},
		{"a private one, anonymous", "/api/models/org/private", "", 401, ""},
		{"a private one, by a stranger", "/org/private/resolve/main/a.txt", bob, 404, "RepoNotFound"},
		{"a private one, by its reader", "/org/private/resolve/main/a.txt", alice, 307, ""},
		{"info of a gated one", "/api/models/org/gated", "", 200, ""},
		{"a file of a gated one, anonymous", "/org/gated/resolve/main/a.txt", "", 401, "GatedRepo"},
		{"a file of a gated one, by a stranger", "/org/gated/resolve/main/a.txt", bob, 403, "GatedRepo"},
		{"a file of a gated one, by its reader", "/org/gated/resolve/main/a.txt", alice, 307, ""},
		{"auth-check of a gated one, by a stranger", "/api/models/org/gated/auth-check", bob, 403, "GatedRepo"},
		{"a token that is nobody's", "/api/models/org/name", "Bearer hf_wrong", 401, ""},
		{"a disabled one", "/api/models/org/off", "", 403, ""},
		{"a file of a disabled one", "/org/off/resolve/main/a.txt", "", 403, ""},
		{"a revision that is not there", "/api/models/org/name/tree/nope", "", 404, "RevisionNotFound"},
		{"a file at a revision that is not there", "/org/name/resolve/nope/config.json", "", 404, "RevisionNotFound"},
		{"a file that is not there", "/org/name/resolve/main/nope.json", "", 404, "EntryNotFound"},
		{"a renamed one", "/org/old/resolve/main/a.txt", "", 307, ""},
		{"a dataset of a model's name", "/api/datasets/org/name", "", 401, ""},
	}
	for _, row := range rows {
		a := ask(t, false, "GET", hub.URL+row.path, "Authorization", row.auth)
		if a.status != row.status || a.header.Get("X-Error-Code") != row.code {
			t.Errorf("%s: %d %q, want %d %q", row.name, a.status, a.header.Get("X-Error-Code"), row.status, row.code)
		}
	}
	if a := ask(t, false, "GET", hub.URL+"/api/models/org/off"); a.header.Get("X-Error-Message") != "Access to this resource is disabled." {
		t.Errorf("disabled: %q", a.header.Get("X-Error-Message"))
	}
	if a := ask(t, false, "GET", hub.URL+"/api/models/org/old/tree/main?recursive=True"); a.header.Get("Location") != "/api/models/org/new/tree/main?recursive=True" {
		t.Errorf("renamed: %q", a.header.Get("Location"))
	}
}

func TestTreesAreCutIntoPagesByLink(t *testing.T) {
	hub, _ := newHub(t, hubtest.Options{PageSize: 2})
	address := hub.URL + "/api/models/org/name/tree/main?recursive=True"
	var paths []string
	for range 5 {
		a := ask(t, false, "GET", address)
		for _, e := range decode[[]map[string]any](t, a) {
			paths = append(paths, e["path"].(string))
		}
		link := a.header.Get("Link")
		if link == "" {
			break
		}
		address = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<")
	}
	if diff := cmp.Diff([]string{"config.json", "model.safetensors", "sub", "sub/né#%41 file.txt"}, paths); diff != "" {
		t.Error(diff)
	}
}

func TestFaultsStrikeAsTheyAreTold(t *testing.T) {
	const path = "/org/name/resolve/main/model.safetensors"
	read := func(hub *hubtest.Hub, headers ...string) answer {
		return ask(t, true, "GET", hub.URL+path, headers...)
	}
	hub, _ := newHub(t)
	rows := []struct {
		name  string
		fault hubtest.Fault
		check func(a answer) bool
	}{
		{"cut", hubtest.Fault{CutAfter: 7}, func(a answer) bool { return string(a.body) == large[:7] && a.err != nil }},
		{"other bytes", hubtest.Fault{Flip: 1}, func(a answer) bool { return len(a.body) == len(large) && string(a.body) != large }},
		{"another file", hubtest.Fault{Serve: hubtest.Text("evil")}, func(a answer) bool { return string(a.body) == "evil" }},
		{"a status", hubtest.Fault{Status: 503}, func(a answer) bool { return a.status == 503 }},
		{"too many", hubtest.Fault{Status: 429, RetryAfter: 9}, func(a answer) bool {
			return a.header.Get("Retry-After") == "9" && a.header.Get("RateLimit") == `"api";r=0;t=9`
		}},
		{"HTML", hubtest.Fault{Body: []byte("<html>")}, func(a answer) bool { return a.status == 200 && string(a.body) == "<html>" }},
		{"expired", hubtest.Fault{Expired: true}, func(a answer) bool { return a.status == 403 }},
		{"shorter than it says", hubtest.Fault{AddLength: 5}, func(a answer) bool { return errors.Is(a.err, io.ErrUnexpectedEOF) }},
		{"longer than it says", hubtest.Fault{AddLength: -5}, func(a answer) bool { return len(a.body) == len(large)-5 }},
		{"raw", hubtest.Fault{Raw: []byte("HTTP/1.1 200 OK\r\nX-Evil: a\r\nContent-Length: 2\r\n\r\nhi")}, func(a answer) bool { return string(a.body) == "hi" }},
		{"a header", hubtest.Fault{Header: http.Header{"X-Huge": {strings.Repeat("x", 9000)}}}, func(a answer) bool { return len(a.header.Get("X-Huge")) == 9000 }},
	}
	for _, row := range rows {
		row.fault.Host, row.fault.Times = hubtest.CDN, 1
		f := hub.Inject(row.fault)
		if a := read(hub); !row.check(a) || f.Fired() != 1 {
			t.Errorf("%s: struck %d times; %d %q %v", row.name, f.Fired(), a.status, a.body, a.err)
		}
		if a := read(hub); string(a.body) != large {
			t.Errorf("after %s: %d %q %v", row.name, a.status, a.body, a.err)
		}
	}
	hub.Inject(hubtest.Fault{Host: hubtest.CDN, NoRange: true, Times: 1})
	if a := read(hub, "Range", "bytes=3-4"); a.status != 200 || string(a.body) != large {
		t.Errorf("a range that is not kept to: %d %q", a.status, a.body)
	}
	hub.Inject(hubtest.Fault{Ranged: hubtest.WithRange, Flip: 4})
	if a := read(hub, "Range", "bytes=3-4"); string(a.body) == large[3:5] {
		t.Error("a range is as it should be, though a fault changes it")
	}
	if a := read(hub); string(a.body) != large {
		t.Error("the whole is changed, though the fault is for ranges")
	}
	hub.Heal()
	hub.Inject(hubtest.Fault{Redirect: "http://169.254.169.254/latest/meta-data"})
	if a := ask(t, false, "GET", hub.URL+path); a.header.Get("Location") != "http://169.254.169.254/latest/meta-data" {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
}

func TestAHubThatIsAwayRefusesConnections(t *testing.T) {
	hub, _ := newHub(t)
	hub.Stop(hubtest.Main)
	req, err := http.NewRequestWithContext(t.Context(), "GET", hub.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if err := hub.Resume(hubtest.Main); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, false, "GET", hub.URL+"/api/models/org/name"); a.status != 200 {
		t.Errorf("back again: %d", a.status)
	}
}

func TestTheQuotaOfAWindowIsKept(t *testing.T) {
	hub, _ := newHub(t)
	hub.Limit(2, time.Hour)
	var got []int
	for range 3 {
		got = append(got, ask(t, false, "GET", hub.URL+"/api/models/org/name").status)
	}
	if diff := cmp.Diff([]int{200, 200, 429}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRequestsAreRemembered(t *testing.T) {
	hub, _ := newHub(t)
	hub.AddUser("alice", "hf_alice")
	ask(t, true, "GET", hub.URL+"/org/name/resolve/main/model.safetensors", "Authorization", "Bearer hf_alice")
	if n := hub.Count(hubtest.CDN, "GET", "org/name/model.safetensors"); n != 1 {
		t.Errorf("%d requests at the content network", n)
	}
	if n := hub.Served(hubtest.CDN, "model.safetensors"); n != int64(len(large)) {
		t.Errorf("%d bytes served", n)
	}
	if diff := cmp.Diff([]string{"hf_alice"}, hub.Tokens(hubtest.Main)); diff != "" {
		t.Error(diff)
	}
}

func TestSyntheticFilesAreTheSameHoweverTheyAreRead(t *testing.T) {
	c := hubtest.Safetensors(100_003, 7)
	whole, err := io.ReadAll(c.NewReader())
	if err != nil || int64(len(whole)) != c.Size() {
		t.Fatalf("read %d of %d bytes: %v", len(whole), c.Size(), err)
	}
	for _, off := range []int64{0, 1, 7, 8, 100, 4093, c.Size() - 3} {
		for _, n := range []int{1, 3, 8, 17, 1000} {
			part := make([]byte, min(int64(n), c.Size()-off))
			if _, err := c.ReadAt(part, off); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if !bytes.Equal(part, whole[off:off+int64(len(part))]) {
				t.Errorf("%d bytes at %d differ", n, off)
			}
		}
	}
	sum := sha256.Sum256(whole)
	if c.SHA256() != hex.EncodeToString(sum[:]) {
		t.Error("digest differs")
	}
	if other := hubtest.Safetensors(100_003, 8); other.SHA256() == c.SHA256() {
		t.Error("the seed makes no difference")
	}
}
