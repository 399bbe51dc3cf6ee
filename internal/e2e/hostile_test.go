package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

func TestHostileListsOfFilesOpenNothing(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	honest := hubtest.Safetensors(3000, 301)
	sha := honest.SHA256()
	entry := func(path, oid string, size any) string {
		return fmt.Sprintf(`{"type":"file","path":%q,"oid":"%040d","size":%v,"lfs":{"oid":%q,"size":%v,"pointerSize":134}}`, path, 1, size, oid, size)
	}
	good := entry("model.bin", sha, honest.Size())
	bodies := map[string]string{
		"nothing":                "",
		"an empty list":          "[]",
		"an object":              "{}",
		"null":                   "null",
		"numbers":                "[1,2,3]",
		"cut in the middle":      "[" + good[:40],
		"a page for people":      "<html>",
		"a path that climbs":     "[" + good + "," + entry("../../../../tmp/evil", sha, 10) + "]",
		"an absolute path":       "[" + good + "," + entry("/etc/passwd", sha, 10) + "]",
		"a path with NUL":        "[" + good + `,{"type":"file","path":"a\u0000b","oid":"` + strings.Repeat("0", 40) + `","size":1}]`,
		"a negative size":        "[" + entry("model.bin", sha, -1) + "]",
		"a size beyond all":      "[" + entry("model.bin", sha, "99999999999999999999") + "]",
		"a huge size":            "[" + entry("model.bin", sha, int64(1)<<60) + "]",
		"a digest that is none":  "[" + entry("model.bin", "zz", honest.Size()) + "]",
		"the digest of another":  "[" + entry("model.bin", on.contents[wideID]["model.safetensors"].SHA256(), honest.Size()) + "]",
		"one path, two digests":  "[" + good + "," + entry("model.bin", strings.Repeat("a", 64), honest.Size()) + "]",
		"sizes that differ":      `[{"type":"file","path":"model.bin","oid":"` + strings.Repeat("0", 40) + `","size":5,"lfs":{"oid":"` + sha + `","size":7,"pointerSize":134}}]`,
		"a hundred thousand [":   strings.Repeat("[", 100_000),
		"the file is not listed": "[" + entry("other.bin", sha, 10) + "]",
	}
	i := 0
	for name, body := range bodies {
		i++
		id := fmt.Sprintf("hostile/list%d", i)
		// What is really there is evil: only a list that lies could make it pass for the honest file.
		repo := w.AddModel(id, hubtest.Files{"model.bin": hubtest.Bytes(append(hubtest.InertPickle(), make([]byte, 3000)...))})
		for _, part := range []string{"/tree/", "/paths-info/"} {
			w.Inject(hubtest.Fault{Host: hubtest.Main, Path: id + part, Body: []byte(body), Status: 200, Header: http.Header{"Content-Type": {"application/json"}}})
		}
		got, err := attempt(t.Context(), "GET", on.endpoint+"/"+id+"/resolve/"+repo.Head()+"/model.bin", "")
		if err == nil && got.err == nil && got.status < 400 {
			t.Errorf("%s: %d, %d bytes", name, got.status, len(got.body))
		}
		if err == nil && got.status == http.StatusInternalServerError {
			t.Errorf("%s: the gate does not know what to say: %s", name, got.body)
		}
	}
	w.Heal()
	if got := ask(t, "GET", on.fileURL("tiny", "config.json")); got.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if strings.Contains(g.log.String(), "panic") {
		t.Error("something panicked")
	}
}

func TestHostileFactsOfARepositoryOpenNothing(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	rows := map[string]string{
		"a commit that is none":    `{"id":"%s","sha":"main"}`,
		"a commit with a path":     `{"id":"%s","sha":"../../../org/tiny"}`,
		"a commit with a new line": `{"id":"%s","sha":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nX-Evil: 1"}`,
		"no commit":                `{"id":"%s"}`,
		"a number":                 `{"id":"%s","sha":12}`,
		"not JSON":                 `<html>%s`,
	}
	i := 0
	for name, body := range rows {
		i++
		id := fmt.Sprintf("hostile/facts%d", i)
		w.AddModel(id, hubtest.Files{"config.json": hubtest.Text("{}")})
		w.Inject(hubtest.Fault{Host: hubtest.Main, Path: "/api/models/" + id, Body: fmt.Appendf(nil, body, id), Status: 200, Header: http.Header{"Content-Type": {"application/json"}}})
		for _, method := range []string{"HEAD", "GET"} {
			got, err := attempt(t.Context(), method, on.fileURL(id, "config.json"), "")
			if err == nil && (got.status == http.StatusInternalServerError || got.header.Get("X-Evil") != "" || strings.Contains(got.header.Get("X-Repo-Commit"), "..")) {
				t.Errorf("%s, %s: %d %v %s", name, method, got.status, got.header, got.body)
			}
		}
	}
	if strings.Contains(g.log.String(), "panic") {
		t.Error("something panicked")
	}
}

func TestHostileRequestsAreAnsweredAndForgotten(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	requests := []string{
		"GET /org/evil/resolve/main/../../../../etc/passwd HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /org/model/resolve/main/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /org/model/resolve/main/a%00b HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /org/model/resolve/main%0d%0aX-Evil:%201/config.json HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /org/model%0d%0aX-Evil:1/resolve/main/config.json HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /g/%0d%0aX-Evil:1/org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /g/none/org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /g/../org/evil/resolve/main/pytorch_model.bin HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /api/models/..%2f..%2fapi%2fwhoami-v2 HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /api/models/org/model/tree/" + strings.Repeat("a", 7000) + " HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /" + strings.Repeat("a/", 2000) + "resolve/main/x HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
		"GET /api/models?x=" + strings.Repeat("%ff", 1500) + " HTTP/1.1\r\nHost: g\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\nRange: bytes=" + strings.Repeat("0-0,", 2000) + "1-1\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\nRange: bytes=18446744073709551616-\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer \x01\x02\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " + strings.Repeat("t", 50_000) + "\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: \"><script>\r\n\r\n",
		"GET /org/model/resolve/main/config.json HTTP/1.1\r\nHost: g\r\nX-Huge: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"POST /api/models/org/model/paths-info/main HTTP/1.1\r\nHost: g\r\nContent-Length: 99999999999\r\n\r\n",
		"POST /org/model.git/info/lfs/objects/batch HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n[[[[[",
		"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: g\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	}
	for _, request := range requests {
		head := request[:min(len(request), 100)]
		status, text := raw(t, g, request)
		if status == http.StatusInternalServerError || strings.Contains(text, "root:") || strings.Contains(text, "\nX-Evil") {
			t.Errorf("%q: %.300s", head, text)
		}
	}
	for _, r := range on.Requests() {
		if strings.Contains(r.Path, "..") || strings.Contains(strings.ToLower(r.Path), "%2e%2e") || strings.Contains(r.Path, "whoami") {
			t.Errorf("%s %s went upstream", r.Method, r.Path)
		}
	}
	if got := ask(t, "GET", on.fileURL(modelID, "config.json")); got.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if strings.Contains(g.log.String(), "panic") {
		t.Error("something panicked")
	}
}

// raw writes bytes on a connection and returns the status, 0 if there is none, and the beginning of what comes back.
func raw(t *testing.T, g *gateway, request string) (status int, text string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, request) }() // the gate may hang up before all is written
	head := make([]byte, 4096)
	n, _ := bufio.NewReader(c).Read(head) // nothing is an answer too
	text = string(head[:n])
	_, _ = fmt.Sscanf(text, "HTTP/1.1 %d", &status)
	return status, text
}

func TestSideTrafficIsAnsweredAtOnce(t *testing.T) {
	on, _ := through(t, newWorld(t))
	on.Stop(hubtest.Main)
	if got := ask(t, "HEAD", on.endpoint+"/api/telemetry/huggingface_hub"); got.status != http.StatusNoContent {
		t.Errorf("telemetry: %d", got.status)
	}
	for _, route := range []string{"/buckets/org/b/resolve/x", "/api/buckets/org/b/tree"} {
		if got := ask(t, "GET", on.endpoint+route); got.status != http.StatusNotFound || got.header.Get("X-Error-Code") != "" || !strings.Contains(got.body, `"error"`) {
			t.Errorf("%s: %d %v %s", route, got.status, got.header, got.body)
		}
	}
}

func TestABodyThatTricklesReachesItsClient(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	content := hubtest.Safetensors(3<<20, 311)
	w.add("org/trickle", hubtest.Files{"model.safetensors": content}, w.AddModel)
	w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: "org/trickle", Rate: 600_000})
	for _, env := range hubs {
		var got map[string]string
		newClient(t, on.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT=4").python(t, env, "download.py", &got,
			[]labelled{{"slow", arguments{"repo_id": "org/trickle", "filename": "model.safetensors"}}})
		if got["slow"] != content.SHA256() {
			t.Errorf("%s: %s", env, got["slow"])
		}
	}
}

func TestADownloadOutlivesTheOrderToStop(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	content := hubtest.Safetensors(6<<20, 312)
	repo := w.add("org/last", hubtest.Files{"model.safetensors": content}, w.AddModel)
	w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: "org/last", Rate: 3 << 20})
	c, program := newClient(t, on.endpoint), testenv.Tool(t, "curl")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if st, err := os.Stat(c.home + "/out"); err == nil && st.Size() > 0 {
				break // the body has begun
			}
		}
		g.stop(syscall.SIGTERM)
	}()
	got := c.run(t, "", program, "-sSf", "-o", "out", on.endpoint+"/org/last/resolve/"+repo.Head()+"/model.safetensors")
	<-ended
	if got.code != 0 {
		t.Fatalf("curl ended with %d: %s", got.code, got.all())
	}
	same(t, c.home+"/out", content)
}
