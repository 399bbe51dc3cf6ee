package pypimirror

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"modelgate/internal/indextest"
	"modelgate/internal/upstream/index"
)

// wire sends a request as it is written and returns all that comes until the connection ends.
func (s *stand) wire(request string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		s.t.Fatal(err)
	}
	all, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(all)
}

var dateLine = regexp.MustCompile(`\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

func TestARefusalIsTheseBytes(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "2.0", nil)
	s.index.Add("demo", wheel)
	s.gate.blocked[wheel.Name] = "Known Malicious Package"
	path := s.address("demo", wheel.Name)
	for _, method := range []string{"GET", "HEAD"} {
		got := s.wire(method + " " + path + " HTTP/1.1\r\nHost: gate.test\r\n\r\n")
		scan := s.gate.scans[wheel.Name].String()
		text := "modelgate scan " + scan + " blocked: Known Malicious Package"
		body := `{"type":"http://gate.test/ui/rules/known-malicious-package","title":"blocked by modelgate: Known Malicious Package","status":403,` +
			`"detail":"demo-2.0-py3-none-any.whl is refused: it failed Known Malicious Package; scan ` + scan + ` http://gate.test/ui/scans/` + scan + `","instance":"/scans/` + scan + `"}`
		want := "HTTP/1.1 403 " + text + "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: " + fmt.Sprint(len(body)) +
			"\r\nContent-Type: application/problem+json\r\nDATE" +
			"X-Content-Type-Options: nosniff\r\nX-Error-Code: ModelgateBlocked\r\nX-Error-Message: " + text + "\r\nX-Modelgate-Scan: " + scan + "\r\n\r\n"
		if method == "GET" {
			want += body
		}
		if got = dateLine.ReplaceAllString(got, "\r\nDATE"); got != want {
			t.Errorf("%s:\n%q\nwant\n%q", method, got, want)
		}
	}
}

func TestHostileNamesOfRulesStayInTheirLine(t *testing.T) {
	names := map[string]string{
		"lines":           "Evil\r\nX-Injected: yes\r\n\r\n<html>",
		"a lone return":   "Evil\rX-Injected: yes",
		"NUL":             "Evil\x00rule",
		"escapes":         "\x1b[2J\x1b[31mEvil",
		"emoji":           "Rule 🔥🔥🔥",
		"not UTF-8":       "Rule \xff\xfe",
		"direction":       "Rule \u202egnp.exe",
		"ten kilobytes":   strings.Repeat("long ", 2000),
		"blanks":          strings.Repeat(" ", 500) + "end",
		"quotes and tags": `"><script>alert(1)</script>`,
		"nothing":         "",
	}
	for name, rule := range names {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			wheel := indextest.Wheel("demo", "2.0", nil)
			s.index.Add("demo", wheel)
			s.gate.blocked[wheel.Name] = rule
			path := s.address("demo", wheel.Name)
			if rule == "" {
				s.gate.blocked[wheel.Name] = " "
			}
			head, body, _ := strings.Cut(s.wire("GET "+path+" HTTP/1.1\r\nHost: gate.test\r\n\r\n"), "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			scan := s.gate.scans[wheel.Name].String()
			if !strings.HasPrefix(lines[0], "HTTP/1.1 403 modelgate scan "+scan+" blocked:") || len(lines[0]) > len("HTTP/1.1 403 ")+160 {
				t.Errorf("status line of %d bytes: %q", len(lines[0]), lines[0])
			}
			for _, line := range lines {
				if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || strings.HasPrefix(line, "X-Injected") {
					t.Errorf("line %q", line)
				}
			}
			var p problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != 403 || !strings.Contains(p.Detail, scan) {
				t.Errorf("document %q: %v", body, err)
			}
			for _, accept := range []form{formJSON, formHTML} {
				page := s.ask("GET", "/pypi/simple/demo/", "Accept", string(accept)).body
				if !strings.Contains(page, "modelgate scan "+scan) || strings.Contains(page, "<script>") && accept == formHTML || strings.ContainsAny(page, "\x00\x1b") {
					t.Errorf("page:\n%.2000s", page)
				}
			}
		})
	}
}

func TestARefusalOverHTTP2HasItsDocument(t *testing.T) {
	s := newStand(t)
	wheel := indextest.Wheel("demo", "2.0", nil)
	s.index.Add("demo", wheel)
	s.gate.blocked[wheel.Name] = "Known Malicious Package"
	path := s.address("demo", wheel.Name)
	second := httptest.NewUnstartedServer(s.Config.Handler)
	second.EnableHTTP2 = true
	second.StartTLS()
	defer second.Close()
	for _, method := range []string{"GET", "HEAD"} {
		req, err := http.NewRequest(method, second.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := second.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		scan := s.gate.scans[wheel.Name].String()
		if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != http.StatusForbidden || resp.Header.Get("Content-Type") != "application/problem+json" ||
			resp.Header.Get("X-Modelgate-Scan") != scan || !strings.Contains(resp.Header.Get("X-Error-Message"), scan) || strings.Contains(string(body), scan) != (method == "GET") {
			t.Errorf("%s: %v %s %v %s", method, err, resp.Status, resp.Header, body)
		}
	}
}

func TestFilesThatChangeBehindTheirNames(t *testing.T) {
	s := newStand(t)
	drop := func() {
		t.Helper()
		err := filepath.WalkDir(s.blobs, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			return os.Remove(path)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	first := indextest.Wheel("demo", "1.0", map[string]string{"demo/a.py": "x = 1\n"})
	second := indextest.Wheel("demo", "1.0", map[string]string{"demo/a.py": "x = 2\n"})
	for _, hash := range []string{"sha256", "md5", "none"} {
		name := "demo-" + hash
		before := first
		before.Hash, before.NoSize, before.Name = hash, hash == "none", strings.Replace(first.Name, "demo", "demo_"+hash, 1)
		s.index.Add(name, before)
		path := s.address(name, before.Name)
		if a := s.ask("GET", path); a.StatusCode != http.StatusOK || a.body != string(first.Bytes) {
			t.Fatalf("%s: %s", hash, a.Status)
		}
		after := before
		after.Bytes, after.Claimed = second.Bytes, first.Bytes // the page goes on telling of the old ones
		s.index.Replace(name, after)
		if a := s.ask("GET", path); a.StatusCode != http.StatusOK || a.body != string(first.Bytes) {
			t.Errorf("%s, while the bytes are kept: %s", hash, a.Status)
		}
		drop()
		refused := false
		for range 200 { // what was just fetched goes on being served for a moment
			a, err := s.try("GET", path)
			if err == nil && a.StatusCode == http.StatusOK && a.body != string(first.Bytes) {
				t.Fatalf("%s: other bytes than those that were scanned came whole", hash)
			}
			if refused = err == nil && (a.StatusCode == http.StatusBadGateway || a.StatusCode == http.StatusForbidden); refused {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if !refused {
			t.Errorf("%s: files that changed are not refused when they are fetched again", hash)
		}
	}
	page := indextest.Wheel("demo", "4.0", nil)
	s.index.Add("demo", page)
	s.index.Fail(page.Name, -1)
	if a := s.ask("GET", s.address("demo", page.Name)); a.StatusCode != http.StatusBadGateway || strings.Contains(a.body, "Please wait") {
		t.Errorf("200 with an error page: %s %s", a.Status, a.body)
	}
	s.index.Fail(page.Name, 0)
	if a := s.ask("GET", s.address("demo", page.Name)); a.StatusCode != http.StatusOK || a.body != string(page.Bytes) {
		t.Errorf("after it: %s", a.Status)
	}
}

func TestPagesThatNameManyAndForbiddenHosts(t *testing.T) {
	s := newStand(t)
	x, ok := s.door.Index.(*index.Index)
	if !ok {
		t.Fatalf("the stand's index is %T", s.door.Index)
	}
	at := func(version, address string) indextest.File {
		f := indextest.Wheel("demo", version, nil)
		f.At = address
		return f
	}
	var files []indextest.File
	for n := range 1000 {
		files = append(files, at(fmt.Sprintf("1.%d", n), fmt.Sprintf("https://host-%d.example.test/files/", n)))
	}
	forbidden := []string{
		"http://169.254.169.254/latest/", "http://[fe80::1]/x/", "http://[::ffff:169.254.169.254]/x/", "http://0.0.0.0:1/x/", "http://224.0.0.1/x/", "http://255.255.255.255/x/",
	}
	for n, address := range forbidden {
		files = append(files, at(fmt.Sprintf("2.%d", n), address))
	}
	honest := indextest.Wheel("other", "1.0", nil)
	s.index.Add("other", honest)
	if a := s.ask("GET", s.address("other", honest.Name)); a.StatusCode != http.StatusOK {
		t.Fatalf("before: %s", a.Status)
	}
	s.index.Add("demo", files...)
	for n, address := range forbidden {
		name := files[1000+n].Name
		a := s.ask("GET", s.address("demo", name))
		if a.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %s", address, a.Status)
		}
	}
	hosts := x.Hosts("up")
	if len(hosts) > 32 {
		t.Errorf("%d hosts are learned", len(hosts))
	}
	for _, h := range hosts {
		if strings.Contains(h, "169.254") || strings.Contains(h, "fe80") || strings.Contains(h, "0.0.0.0") {
			t.Errorf("%s is learned", h)
		}
	}
	another := indextest.Wheel("other", "2.0", nil)
	s.index.Add("other", another)
	time.Sleep(5 * time.Millisecond)
	if a := s.ask("GET", s.address("other", another.Name)); a.StatusCode != http.StatusOK {
		t.Errorf("other projects after it: %s", a.Status)
	}
}
