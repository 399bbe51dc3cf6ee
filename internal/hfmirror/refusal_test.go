package hfmirror

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

func TestABlockIsSaidSoThatEveryClientShowsIt(t *testing.T) {
	s := newStand(t, func(c *Config) { c.PublicURL = "https://gate.test/" })
	repo := s.hub.AddModel("org/evil", hubtest.Files{"w.bin": hubtest.LFS(pattern(10)), "config.json": hubtest.Text("{}")})
	s.gate.block("org/evil")
	scan := s.gate.scan.String()
	text := "Blocked by modelgate: org/evil failed Load Time Code Execution Check; scan " + scan + "; https://gate.test/ui/scans/" + scan

	for _, headers := range [][]string{nil, {"Range", "bytes=0-0"}, {"If-None-Match", "*"}} {
		a := s.ask("GET", "/org/evil/resolve/main/w.bin", headers...)
		a.is(t, 403, "X-Error-Message", text, "X-Error-Code", "", "X-Request-Id", scan, "X-Modelgate-Scan", scan, "X-Repo-Commit", repo.Head(),
			"Content-Type", "application/json", "Cache-Control", "no-store", "Etag", "", "Accept-Ranges", "")
		if a.Status != "403 "+text {
			t.Errorf("the status line says %q", a.Status)
		}
		if !strings.HasPrefix(a.Header.Get("X-Hf-Warning"), "modelgate; ") || a.ContentLength != int64(len(a.body)) {
			t.Errorf("header %v", a.Header)
		}
		want := map[string]any{
			"error": text, "message": text, "request_id": scan, "scan_id": scan, "scan_url": "https://gate.test/ui/scans/" + scan, "outcome": "BLOCKED",
			"repo": "org/evil", "revision": repo.Head(), "security_group": "Default HUGGING_FACE",
			"rules": []any{map[string]any{"name": "Load Time Code Execution Check", "violations": 2.0}},
		}
		if diff := cmp.Diff(want, a.json(t)); diff != "" {
			t.Error(diff)
		}
	}
	s.ask("HEAD", "/org/evil/resolve/main/w.bin").is(t, 200, "X-Error-Message", "")
	s.ask("GET", "/api/models/org/evil").is(t, 200)
	if n := s.hub.Count(hubtest.CDN, "", ""); n != 0 {
		t.Errorf("bytes were fetched %d times", n)
	}
	s.Close()
	if len(s.downloads) != 3 || s.downloads[0].Outcome != model.Blocked {
		t.Errorf("downloads %+v", s.downloads)
	}
}

func TestOnHTTP2ABlockGoesWithoutAReasonPhrase(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/evil", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.block("org/evil")
	server := httptest.NewUnstartedServer(s.Config.Handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/org/evil/resolve/main/w.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 403 || !json.Valid(body) || !strings.Contains(resp.Header.Get("X-Error-Message"), s.gate.scan.String()) {
		t.Errorf("%v %s %d %s", err, resp.Proto, resp.StatusCode, body)
	}
	cfg := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(server.URL, "https://"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /org/evil/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 403 Blocked by modelgate: ") {
		t.Errorf("over TLS the status line is %q, %v", line, err)
	}
}

func TestAFailedScanKeepsTheGateShut(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.verdicts["org/name"] = gate.Verdict{Outcome: model.Errored, Message: "Blocked by modelgate: org/name could not be judged: disk; scan x"}
	a := s.ask("GET", "/org/name/resolve/main/w.bin")
	a.is(t, 403)
	if a.json(t)["outcome"] != "ERROR" {
		t.Errorf("%s", a.body)
	}
	s.gate.checkErr = io.ErrUnexpectedEOF
	a = s.ask("GET", "/org/name/resolve/main/w.bin")
	a.is(t, 500)
	if strings.Contains(string(a.body), "unexpected EOF") {
		t.Errorf("the inside is told outside: %s", a.body)
	}
	s.gate.checkErr = gate.ErrNoGroup
	s.ask("GET", "/g/none/org/name/resolve/main/w.bin").is(t, 404, "X-Error-Code", "")
}

func TestGroupsAreChosenByPrefix(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.ask("GET", "/g/Research%20Lab/org/name/resolve/main/w.bin").is(t, 200)
	s.ask("GET", "/org/name/resolve/main/w.bin").is(t, 200)
	reqs := s.gate.requests()
	if len(reqs) != 2 || reqs[0].Group != "Research Lab" || reqs[1].Group != "" || reqs[0].ScanOrigin != model.OriginGateway ||
		reqs[0].RequestedRevision != "main" || reqs[0].Owner != "127.0.0.1" || reqs[0].Origin == nil {
		t.Errorf("requests %+v", reqs)
	}
}

func TestOneFileOfMany(t *testing.T) {
	s := newStand(t)
	s.hub.AddDataset("org/data", hubtest.Files{"good.csv": hubtest.Text("a"), "evil.pkl": hubtest.LFS([]byte("x"))})
	s.gate.block("org/data|evil.pkl")
	s.ask("GET", "/datasets/org/data/resolve/main/good.csv").is(t, 200)
	s.ask("GET", "/datasets/org/data/resolve/main/evil.pkl").is(t, 403)
}

// raw sends a request by hand and returns the status lines that come, until the final one, whose body is read.
func raw(t *testing.T, s *stand, request string) (lines []string, resp *http.Response, body []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for {
		resp, err = http.ReadResponse(r, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("after %q: %v", lines, err)
		}
		lines = append(lines, resp.Proto+" "+resp.Status)
		if resp.StatusCode >= 200 {
			body, err = io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return lines, resp, body
		}
		if len(resp.Header) > 0 {
			t.Errorf("a sign of life has the header %v", resp.Header)
		}
	}
}

func TestWaitingInTheClientsOwnWay(t *testing.T) {
	rows := []struct {
		name, proto, agent string
		beats              bool
	}{
		{"huggingface_hub takes signs of life", "HTTP/1.1", "unknown/None; hf_hub/0.36.2; python/3.11.2", true},
		{"hf-hub of Rust does not", "HTTP/1.1", "unknown/None; hf-hub/0.4.3; rust/unknown", false},
		{"curl waits in silence", "HTTP/1.1", "curl/8", false},
		{"HTTP/1.0 knows none", "HTTP/1.0", "hf_hub/0.36.2", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStand(t)
			s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
			s.ask("HEAD", "/org/name/resolve/main/w.bin").is(t, 200)
			pending := make(chan struct{})
			s.gate.pending = pending
			timer := time.AfterFunc(300*time.Millisecond, func() { close(pending) })
			defer timer.Stop()
			s.ask("HEAD", "/org/name/resolve/main/w.bin").is(t, 200) // HEAD does not wait
			lines, resp, body := raw(t, s, "GET /org/name/resolve/main/w.bin "+row.proto+"\r\nHost: x\r\nUser-Agent: "+row.agent+"\r\nConnection: close\r\n\r\n")
			if resp.StatusCode != 200 || string(body) != string(pattern(10)) {
				t.Errorf("%q %q", lines, body)
			}
			for _, line := range lines[:len(lines)-1] {
				if line != "HTTP/1.1 100 Continue" {
					t.Errorf("sign of life %q", line)
				}
			}
			if beats := len(lines) > 2; beats != row.beats {
				t.Errorf("answers %q", lines)
			}
		})
	}
}

func TestWhoAsksForTheEndOfAFileThatIsOnItsWayIsKept(t *testing.T) {
	s := newStand(t)
	content := pattern(2 << 20)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(content)})
	s.hub.Inject(hubtest.Fault{Host: hubtest.CDN, Rate: 4 << 20})
	for _, spec := range []string{"bytes=2097142-", "bytes=-10"} {
		lines, resp, body := raw(t, s, "GET /org/name/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\nUser-Agent: hf_hub/2.4\r\nRange: "+spec+"\r\nConnection: close\r\n\r\n")
		if resp.StatusCode != 206 || string(body) != string(content[2<<20-10:]) {
			t.Errorf("%q %d bytes", lines, len(body))
		}
		if spec == "bytes=2097142-" && len(lines) < 5 { // half a second of signs of life
			t.Errorf("answers %q", lines)
		}
	}
}

func TestAfterTheHoldAClientIsToldToComeBack(t *testing.T) {
	s := newStand(t, func(c *Config) { c.Hold = 100 * time.Millisecond })
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.pending = make(chan struct{})
	defer close(s.gate.pending)
	lines, resp, body := raw(t, s, "GET /org/name/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\nUser-Agent: hf_hub/2.4.0\r\n\r\n")
	var b map[string]any
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || b["outcome"] != "PENDING" || b["scan_id"] != s.gate.scan.String() || len(lines) < 2 {
		t.Errorf("%q %s", lines, body)
	}
	mustContain(t, lines[len(lines)-1], "503 modelgate is still scanning", s.gate.scan.String())
}

func TestAClientThatLeavesIsNotWaitedFor(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.pending = make(chan struct{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /org/name/resolve/main/w.bin HTTP/1.1\r\nHost: x\r\n\r\n")
	for len(s.gate.requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = conn.Close()
	s.Close() // returns when the handler has
	mustContain(t, s.log.String(), `"status":499`)
	close(s.gate.pending)
}

func TestWrongBytesAreNeverServedWhole(t *testing.T) {
	content := pattern(400_000)
	evil := pattern(400_000)
	evil[399_999] ^= 1
	t.Run("a large file", func(t *testing.T) {
		s := newStand(t)
		s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(content)})
		s.ask("HEAD", "/org/name/resolve/main/w.bin").is(t, 200)
		s.hub.Inject(hubtest.Fault{Host: hubtest.CDN, Method: "GET", Serve: hubtest.LFS(evil)})
		a := s.ask("GET", "/org/name/resolve/main/w.bin")
		// It's refused if the fault is found before the first byte has left, and cut off if later.
		if a.StatusCode == 200 && (a.err == nil || len(a.body) >= len(content)) {
			t.Errorf("%d bytes, %v", len(a.body), a.err)
		}
		s.ask("GET", "/org/name/resolve/main/w.bin").is(t, 403)
		if len(s.gate.inQuarantine()) != 1 || !strings.HasPrefix(s.gate.inQuarantine()[0], "w.bin: ") {
			t.Errorf("quarantined %q", s.gate.inQuarantine())
		}
	})
	t.Run("a small file", func(t *testing.T) {
		s := newStand(t)
		s.hub.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("good")})
		s.ask("HEAD", "/org/name/resolve/main/a.txt").is(t, 200)
		s.hub.Inject(hubtest.Fault{Method: "GET", Path: "a.txt", Serve: hubtest.Text("evil")})
		a := s.ask("GET", "/org/name/resolve/main/a.txt")
		a.is(t, 403, "X-Modelgate-Scan", s.gate.scan.String())
		if len(s.gate.inQuarantine()) != 1 || strings.Contains(string(a.body), "evil") {
			t.Errorf("quarantined %q: %s", s.gate.inQuarantine(), a.body)
		}
	})
	t.Run("other bytes than scanners were given", func(t *testing.T) {
		s := newStand(t)
		s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(content)})
		s.gate.blocks = []finding.Block{{Offset: 65536, Size: 65536, SHA256: strings.Repeat("00", 32)}}
		a := s.ask("GET", "/org/name/resolve/main/w.bin")
		if a.err == nil && a.StatusCode == 200 || len(a.body) >= len(content) {
			t.Errorf("%d, %d bytes, %v", a.StatusCode, len(a.body), a.err)
		}
		if len(s.gate.inQuarantine()) != 1 {
			t.Errorf("quarantined %q", s.gate.inQuarantine())
		}
	})
}

func TestACutUpstreamIsNotNoticed(t *testing.T) {
	s := newStand(t)
	content := pattern(3 << 20)
	s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(content)})
	cut := s.hub.Inject(hubtest.Fault{Host: hubtest.CDN, Method: "GET", CutAfter: 1 << 20, Times: 1})
	a := s.ask("GET", "/org/name/resolve/main/w.bin")
	if a.err != nil || string(a.body) != string(content) || cut.Fired() != 1 {
		t.Errorf("%d bytes, %v, cut %d times", len(a.body), a.err, cut.Fired())
	}
}

func TestDownloadsThroughOneScan(t *testing.T) {
	s := newStand(t)
	repo := s.hub.AddModel("org/name", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	this := model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name", Revision: repo.Head()}
	other := this
	other.Name = "org/other"
	ids := map[string]uuid.UUID{}
	for name, v := range map[string]gate.Verdict{
		"passed": {Version: this, Outcome: model.Allowed}, "failed": {Version: this, Outcome: model.Blocked},
		"pending": {Version: this, Outcome: model.Pending}, "of another version": {Version: other, Outcome: model.Allowed},
	} {
		ids[name] = uuid.New()
		s.gate.scans[ids[name]] = v
	}
	path := "/org/name/resolve/" + repo.Head() + "/w.bin"
	rows := []struct {
		name, scan string
		status     int
	}{
		{"passed", ids["passed"].String(), 200},
		{"failed", ids["failed"].String(), 403},
		{"pending", ids["pending"].String(), 403},
		{"of another version", ids["of another version"].String(), 403},
		{"unknown", uuid.NewString(), 403},
		{"no UUID", "nonsense", 403},
	}
	for _, row := range rows {
		a := s.ask("GET", path, "guardian-scan-uuid", row.scan)
		if a.StatusCode != row.status {
			t.Errorf("%s: %d %s", row.name, a.StatusCode, a.body)
		}
		s.ask("HEAD", path, "guardian-scan-uuid", row.scan).is(t, 200)
	}
	s.gate.block("org/name")
	s.ask("GET", path, "guardian-scan-uuid", ids["passed"].String()).is(t, 403) // the header can only tighten
}

func TestMetadataCanBeBlockedToo(t *testing.T) {
	s := newStand(t, func(c *Config) { c.BlockMetadata = true })
	s.hub.AddModel("org/evil", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.hub.AddModel("org/good", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.block("org/evil")
	for _, path := range []string{"/org/evil/resolve/main/w.bin", "/api/models/org/evil", "/api/models/org/evil/tree/main"} {
		s.ask("HEAD", path).is(t, 403, "X-Error-Code", "GatedRepo", "X-Modelgate-Scan", s.gate.scan.String())
		s.ask("GET", strings.Replace(path, "evil", "good", 1)).is(t, 200)
	}
	s.ask("GET", "/api/models/org/none").is(t, 401)
}

func TestHostileRequestsAreAnsweredInShape(t *testing.T) {
	s := newStand(t)
	for _, path := range []string{
		"/org/name/resolve/main/../x", "/org/name/resolve/main/%2e%2e/x", "/org/name/resolve/a%0D%0AX-Evil:%201/y",
		"/org/a--b/resolve/main/x", "/api/models/%2e%2e/x", "/api/models/a%2F..%2Fb",
	} {
		_, resp, body := raw(t, s, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if resp.StatusCode != 400 || resp.Header.Get("X-Evil") != "" || !json.Valid(body) {
			t.Errorf("%s: %d %v %s", path, resp.StatusCode, resp.Header, body)
		}
	}
	if reqs := s.hub.Requests(); len(reqs) != 0 {
		t.Errorf("upstream was asked %+v", reqs)
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH", "CONNECT-ISH"} {
		s.ask(method, "/api/models/org/name").is(t, 403)
		s.ask(method, "/org/name/resolve/main/x").is(t, 403)
	}
}

func TestFailuresOfTheHubAreNotTakenForOurOwn(t *testing.T) {
	s := newStand(t)
	for _, row := range []struct{ hub, want int }{{500, 502}, {502, 502}, {503, 503}, {504, 504}, {507, 507}} {
		s.hub.Inject(hubtest.Fault{Status: row.hub, Body: []byte("no")})
		a := s.ask("GET", "/org/name/resolve/main/w.bin")
		a.is(t, row.want)
		mustContain(t, string(a.body), fmt.Sprintf("the Hub fails with status %d", row.hub))
	}
}

// TestScansHaveAnAddressForClientsThatNameNoHost lets the address that they have reached stand in.
func TestScansHaveAnAddressForClientsThatNameNoHost(t *testing.T) {
	s := newStand(t)
	s.hub.AddModel("org/evil", hubtest.Files{"w.bin": hubtest.LFS(pattern(10))})
	s.gate.block("org/evil")
	for _, head := range []string{" HTTP/1.0\r\n", " HTTP/1.1\r\nHost: a%0d%0ab\r\nConnection: close\r\n"} {
		_, _, body := raw(t, s, "GET /org/evil/resolve/main/w.bin"+head+"\r\n")
		mustContain(t, string(body), `"scan_url":"`+s.URL+`/ui/scans/`)
	}
}
