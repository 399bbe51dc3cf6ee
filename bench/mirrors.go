package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modelgate/internal/testenv"
)

// packageIndex is a stand-in for a package index: the project "big" has one large wheel, the project "many" so many files that nobody
// fetches. It counts what is fetched.
type packageIndex struct {
	server *httptest.Server
	url    string
	wheel  []byte
	pages  map[string][2][]byte // JSON, HTML

	mu      sync.Mutex
	fetches int
	bytes   int64
}

const bigWheel = "big-1.0-py3-none-any.whl"

// startPackageIndex makes an index whose wheel has exactly so many bytes.
func startPackageIndex(size, files int) (*packageIndex, error) {
	x := &packageIndex{pages: map[string][2][]byte{}}
	x.server = httptest.NewServer(http.HandlerFunc(x.serve))
	x.url = x.server.URL + "/simple/"
	var err error
	if x.wheel, err = wheelOf(size); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(x.wheel)
	big := []entry{{bigWheel, hex.EncodeToString(sum[:]), len(x.wheel)}}
	var many []entry
	for n := range files {
		sum := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
		many = append(many, entry{fmt.Sprintf("many-1.%d-cp311-cp311-manylinux_2_28_x86_64.whl", n), hex.EncodeToString(sum[:]), 100_000 + n})
	}
	for name, list := range map[string][]entry{"big": big, "many": many} {
		asJSON, asHTML, err := x.page(name, list)
		if err != nil {
			return nil, err
		}
		x.pages[name] = [2][]byte{asJSON, asHTML}
	}
	return x, nil
}

func (x *packageIndex) close() { x.server.Close() }

// fetched is how often the wheel was asked for, and how many bytes of it left.
func (x *packageIndex) fetched() (int, int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fetches, x.bytes
}

// entry is a file on a page.
type entry struct {
	name, sha256 string
	size         int
}

// page writes a page as large indexes do: with digests, sizes, times and metadata.
func (x *packageIndex) page(project string, list []entry) (asJSON, asHTML []byte, err error) {
	type file struct {
		CoreMetadata map[string]string `json:"core-metadata"`
		Filename     string            `json:"filename"`
		Hashes       map[string]string `json:"hashes"`
		Python       string            `json:"requires-python"`
		Size         int               `json:"size"`
		Uploaded     string            `json:"upload-time"`
		URL          string            `json:"url"`
		Yanked       bool              `json:"yanked"`
	}
	var files []file
	var versions []string
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.1\"><title>Links</title></head><body>\n")
	for n, e := range list {
		at := x.server.URL + "/files/" + e.name
		files = append(files, file{
			map[string]string{"sha256": e.sha256},
			e.name,
			map[string]string{"sha256": e.sha256},
			">=3.9", e.size,
			time.Unix(1_700_000_000+int64(n), 0).UTC().Format("2006-01-02T15:04:05.000000Z"), at, false,
		})
		versions = append(versions, strings.Split(e.name, "-")[1])
		fmt.Fprintf(&b, "<a href=\"%s#sha256=%s\" data-requires-python=\"&gt;=3.9\" data-core-metadata=\"sha256=%s\">%s</a><br/>\n", html.EscapeString(at), e.sha256, e.sha256, e.name)
	}
	b.WriteString("</body></html>")
	asJSON, err = json.Marshal(map[string]any{"meta": map[string]any{"api-version": "1.1"}, "name": project, "versions": versions, "files": files})
	return asJSON, []byte(b.String()), err
}

func (x *packageIndex) serve(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/simple/"); ok {
		pages, known := x.pages[strings.Trim(name, "/")]
		switch {
		case name == "": // devpi asks for the list of projects
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<!DOCTYPE html><html><body><a href="big/">big</a><a href="many/">many</a></body></html>`)
		case !known:
			http.NotFound(w, r)
		case strings.Contains(r.Header.Get("Accept"), jsonPage):
			w.Header().Set("Content-Type", jsonPage)
			_, _ = w.Write(pages[0])
		default:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(pages[1])
		}
		return
	}
	if r.URL.Path != "/files/"+bigWheel {
		http.NotFound(w, r)
		return
	}
	counted := &countingWriter{ResponseWriter: w}
	http.ServeContent(counted, r, "", time.Time{}, bytes.NewReader(x.wheel))
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Method == http.MethodGet {
		x.fetches++
		x.bytes += counted.n
	}
}

type countingWriter struct {
	http.ResponseWriter
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

// wheelOf builds a wheel of exactly so many bytes, or a little more if that is too few: stored bytes that nothing recognises.
func wheelOf(size int) ([]byte, error) {
	build := func(data []byte) ([]byte, error) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		sum := sha256.Sum256(data)
		meta, kind := "Metadata-Version: 2.1\nName: big\nVersion: 1.0\n", "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
		digest := func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:])
		}
		record := fmt.Sprintf("big/data.bin,sha256=%s,%010d\nbig-1.0.dist-info/METADATA,%s,%d\nbig-1.0.dist-info/WHEEL,%s,%d\nbig-1.0.dist-info/RECORD,,\n",
			base64.RawURLEncoding.EncodeToString(sum[:]), len(data), digest(meta), len(meta), digest(kind), len(kind))
		for _, f := range []struct{ name, text string }{
			{"big/data.bin", string(data)}, {"big-1.0.dist-info/METADATA", meta}, {"big-1.0.dist-info/WHEEL", kind}, {"big-1.0.dist-info/RECORD", record},
		} {
			w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
			if err != nil {
				return nil, err
			}
			if _, err := io.WriteString(w, f.text); err != nil {
				return nil, err
			}
		}
		err := z.Close()
		return b.Bytes(), err
	}
	empty, err := build(nil)
	if err != nil {
		return nil, err
	}
	data := make([]byte, max(0, size-len(empty)))
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // which never fails
	return build(data)
}

// mirror is a server in front of an index.
type mirror struct {
	*process
	simple string // where its Simple API is
}

// page is where the page of a project is.
func (m *mirror) page(project string) string { return m.simple + project + "/" }

// fileOf finds the address of the one file of a project.
func (m *mirror) fileOf(ctx context.Context, project string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.page(project), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", jsonPage)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var page struct {
		Files []struct {
			URL string `json:"url"`
		} `json:"files"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&page); err != nil || len(page.Files) != 1 {
		return "", fmt.Errorf("page of %s: %s, %d files: %w", project, resp.Status, len(page.Files), err)
	}
	to, err := url.Parse(page.Files[0].URL)
	if err != nil {
		return "", err
	}
	to.Fragment = ""
	return req.URL.ResolveReference(to).String(), nil
}

// freeAddress is an address on loopback that nobody listens at.
func freeAddress() (host, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	host, port, err = net.SplitHostPort(l.Addr().String())
	return host, port, errors.Join(err, l.Close())
}

// startMirror starts a server and waits until it answers.
func startMirror(ctx context.Context, cmd *exec.Cmd, origin, simple, probe string) (*mirror, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := &mirror{&process{cmd: cmd, url: origin}, simple}
	for range 600 {
		resp, err := http.Get(probe)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode < 500 {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			m.stop()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	m.stop()
	return nil, fmt.Errorf("%s does not answer: %s", cmd.Path, lastLines(said.Bytes()))
}

func startPackageGate(ctx context.Context, upstream, dir string) (*mirror, error) {
	host, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "bin/modelgate", "serve")
	cmd.Env = append(os.Environ(), "MODELGATE_LISTEN="+net.JoinHostPort(host, port), "MODELGATE_DATA_DIR="+filepath.Join(dir, "data"),
		"MODELGATE_PYPI_UPSTREAM="+upstream, "MODELGATE_LOG_LEVEL=warn")
	origin := "http://" + net.JoinHostPort(host, port)
	return startMirror(ctx, cmd, origin, origin+"/pypi/simple/", origin+"/readyz")
}

// startProxpi starts proxpi as its documentation does for one machine.
func startProxpi(ctx context.Context, upstream, dir string) (*mirror, error) {
	python, err := testenv.FindPython(ctx, testenv.Proxpi)
	if err != nil {
		return nil, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, "-m", "flask", "--app", "proxpi.server", "run", "--host", host, "--port", port)
	cmd.Env = append(os.Environ(), "PROXPI_INDEX_URL="+upstream, "PROXPI_CACHE_DIR="+dir)
	origin := "http://" + net.JoinHostPort(host, port)
	return startMirror(ctx, cmd, origin, origin+"/index/", origin+"/health")
}

// startDevpi starts devpi-server with one mirror of the index.
func startDevpi(ctx context.Context, upstream, dir string) (*mirror, error) {
	python, err := testenv.FindPython(ctx, testenv.Devpi)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "devpi")
	init := exec.CommandContext(ctx, filepath.Join(filepath.Dir(python), "devpi-init"), "--serverdir", folder, "--no-root-pypi", "--root-passwd", "bench")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("devpi-init: %w: %s", err, lastLines(out))
	}
	host, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(python), "devpi-server"), "--serverdir", folder, "--host", host, "--port", port)
	origin := "http://" + net.JoinHostPort(host, port)
	m, err := startMirror(ctx, cmd, origin, origin+"/root/mirror/+simple/", origin+"/+api")
	if err != nil {
		return nil, err
	}
	if err := makeDevpiMirror(ctx, origin, upstream); err != nil {
		m.stop()
		return nil, fmt.Errorf("make a mirror: %w", err)
	}
	return m, nil
}

// makeDevpiMirror adds an index of type mirror by devpi's own interface.
func makeDevpiMirror(ctx context.Context, origin, upstream string) error {
	var login struct {
		Result struct {
			Password string `json:"password"`
		} `json:"result"`
	}
	if err := devpiCall(ctx, http.MethodPost, origin+"/+login", "", map[string]any{"user": "root", "password": "bench"}, &login); err != nil {
		return err
	}
	auth := base64.StdEncoding.EncodeToString([]byte("root:" + login.Result.Password))
	return devpiCall(ctx, http.MethodPut, origin+"/root/mirror", auth, map[string]any{
		"type": "mirror", "mirror_url": upstream, "volatile": true, "mirror_no_project_list": true,
	}, nil)
}

func devpiCall(ctx context.Context, method, address, auth string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if auth != "" {
		req.Header.Set("X-Devpi-Auth", auth)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s: %.300s", address, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
