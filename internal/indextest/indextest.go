// Package indextest is a stand-in for package indexes, for tests: it speaks the Simple API in JSON or HTML, keeps its files on a host of
// its own, counts what it is asked, and misbehaves on demand.
package indextest

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// File is a distribution file of a project.
type File struct {
	Name    string
	Bytes   []byte
	Yanked  string // reason; "" is not yanked
	Meta    []byte // core metadata; nil serves none
	Hash    string // sha256, md5 or none; "" is sha256
	NoSize  bool
	Extra   map[string]any // further keys of the entry
	Upload  time.Time
	Claimed []byte // what hash and size are of, if not of Bytes: an index that lies
	Origin  []byte // provenance object; nil serves none
	At      string // where the page says that the file is, with the slash; "" is the stand-in's own host
}

// FilesURL is where the stand-in keeps its files.
func (x *Index) FilesURL() string { return x.content.URL + "/files/" }

// at is where the page says that a file is.
func (f File) at(x *Index) string {
	if f.At != "" {
		return f.At
	}
	return x.content.URL + "/files/"
}

// Index is a stand-in index. Its fields may be set before the first request.
type Index struct {
	// URL is the address of its Simple API.
	URL string
	// HTMLOnly makes it speak HTML alone.
	HTMLOnly bool
	// Head are further keys of every page.
	Head map[string]any

	api, content *httptest.Server

	mu       sync.Mutex
	projects map[string][]File
	status   map[string]int           // of pages and files, by name, instead of an answer
	cut      map[string]int           // bytes after which a file is cut, once
	delay    map[string]time.Duration // before a file or page is answered
	drip     map[string]time.Duration // over which a file comes, a few bytes a time
	asked    []string
	headers  []http.Header // of the requests, in order
	user     string
}

// New starts a stand-in on loopback, which ends with the test.
func New(t testing.TB) *Index {
	t.Helper()
	x := &Index{projects: map[string][]File{}, status: map[string]int{}, cut: map[string]int{}, delay: map[string]time.Duration{}, drip: map[string]time.Duration{}}
	x.api = httptest.NewServer(http.HandlerFunc(x.serveAPI))
	x.content = httptest.NewServer(http.HandlerFunc(x.serveFile))
	t.Cleanup(func() { x.api.Close(); x.content.Close() })
	x.URL = x.api.URL + "/simple/"
	return x
}

// Add puts files into a project, whose name must be in its normal form.
func (x *Index) Add(project string, files ...File) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.projects[project] = append(x.projects[project], files...)
}

// Remove takes a project away.
func (x *Index) Remove(project string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.projects, project)
}

// Fail answers requests for a page or a file, by its name, with a status; 0 ends that, and -1 is 200 with an error for people.
func (x *Index) Fail(name string, status int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.status[name] = status
}

// Cut breaks the next answer with a file after some bytes.
func (x *Index) Cut(name string, after int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut[name] = after
}

// Delay answers a page or a file later.
func (x *Index) Delay(name string, d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.delay[name] = d
}

// Drip lets a file come slowly: its last byte comes after d.
func (x *Index) Drip(name string, d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drip[name] = d
}

// Want demands a user name and password, "name:password", for pages.
func (x *Index) Want(user string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.user = user
}

// Asked are the names of pages and files that were asked for, in order.
func (x *Index) Asked() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.asked...)
}

// Count is how often a page or file was asked for.
func (x *Index) Count(name string) int {
	n := 0
	for _, a := range x.Asked() {
		if a == name {
			n++
		}
	}
	return n
}

// Headers are those of all requests for pages and files, in order.
func (x *Index) Headers() []http.Header {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]http.Header(nil), x.headers...)
}

// Replace puts other bytes behind the name of a file.
func (x *Index) Replace(project string, f File) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, old := range x.projects[project] {
		if old.Name == f.Name {
			x.projects[project][i] = f
		}
	}
}

// note counts a request and returns how it is to be answered.
func (x *Index) note(name string, r *http.Request) (status int, delay time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = append(x.asked, name)
	x.headers = append(x.headers, r.Header.Clone())
	return x.status[name], x.delay[name]
}

func (x *Index) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	status, delay := x.note(name, r)
	wait(r, delay)
	x.mu.Lock()
	files, known := x.projects[name]
	files = append([]File(nil), files...)
	user := x.user
	x.mu.Unlock()
	if name0, password, _ := r.BasicAuth(); user != "" && name0+":"+password != user {
		status = http.StatusUnauthorized
	}
	switch {
	case status == -1: // an error page that says it's fine
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "<h1>Please wait</h1>")
		return
	case status != 0:
		http.Error(w, "no", status)
		return
	case !known:
		http.NotFound(w, r)
		return
	}
	var body []byte
	if x.HTMLOnly || !strings.Contains(r.Header.Get("Accept"), "json") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		body = x.html(files)
	} else {
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		body = x.json(name, files)
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("Etag", etag)
	w.Header().Set("Cache-Control", "max-age=0")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body)
}

func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// claimed is what the index says that the bytes are.
func (f File) claimed() []byte {
	if f.Claimed != nil {
		return f.Claimed
	}
	return f.Bytes
}

// hash is the digest that the index gives.
func (f File) hash() (algorithm, sum string) {
	switch f.Hash {
	case "none":
		return "", ""
	case "md5":
		s := md5.Sum(f.claimed())
		return "md5", hex.EncodeToString(s[:])
	default:
		s := sha256.Sum256(f.claimed())
		return "sha256", hex.EncodeToString(s[:])
	}
}

func (x *Index) json(name string, files []File) []byte {
	page := map[string]any{"meta": map[string]any{"api-version": "1.1"}, "name": name}
	for key, value := range x.Head {
		page[key] = value
	}
	var entries []map[string]any
	versions := map[string]bool{}
	for _, f := range files {
		e := map[string]any{"filename": f.Name, "url": f.at(x) + f.Name, "hashes": map[string]string{}, "yanked": false}
		if algorithm, sum := f.hash(); algorithm != "" {
			e["hashes"] = map[string]string{algorithm: sum}
		}
		if !f.NoSize {
			e["size"] = len(f.claimed())
		}
		if f.Yanked != "" {
			e["yanked"] = f.Yanked
		}
		if f.Meta != nil {
			s := sha256.Sum256(f.Meta)
			e["core-metadata"] = map[string]string{"sha256": hex.EncodeToString(s[:])}
		}
		if !f.Upload.IsZero() {
			e["upload-time"] = f.Upload.UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		if f.Origin != nil {
			e["provenance"] = x.FilesURL() + f.Name + ".provenance"
		}
		for key, value := range f.Extra {
			e[key] = value
		}
		entries = append(entries, e)
		if parts := strings.Split(f.Name, "-"); len(parts) > 1 {
			versions[strings.TrimSuffix(parts[1], ".tar.gz")] = true
		}
	}
	var list []string
	for v := range versions {
		list = append(list, v)
	}
	sort.Strings(list)
	page["versions"], page["files"] = list, entries
	body, err := json.Marshal(page)
	if err != nil {
		panic(err)
	}
	return body
}

func (x *Index) html(files []File) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.0\"></head><body>\n")
	for _, f := range files {
		b.WriteString(`<a href="` + f.at(x) + f.Name)
		if algorithm, sum := f.hash(); algorithm != "" {
			b.WriteString("#" + algorithm + "=" + sum)
		}
		b.WriteString(`"`)
		if f.Yanked != "" {
			b.WriteString(` data-yanked="` + html.EscapeString(f.Yanked) + `"`)
		}
		if f.Meta != nil {
			b.WriteString(` data-core-metadata="true"`)
		}
		if f.Origin != nil {
			b.WriteString(` data-provenance="` + html.EscapeString(x.FilesURL()+f.Name+".provenance") + `"`)
		}
		b.WriteString(">" + html.EscapeString(f.Name) + "</a><br>\n")
	}
	b.WriteString("</body></html>")
	return []byte(b.String())
}

// find is a file of any project.
func (x *Index) find(name string) (File, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, files := range x.projects {
		for _, f := range files {
			if f.Name == name {
				return f, true
			}
		}
	}
	return File{}, false
}

func (x *Index) serveFile(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/files/")
	status, delay := x.note(name, r)
	wait(r, delay)
	switch {
	case status == -1: // an error page that says it's fine
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>Please wait</h1>")
		return
	case status != 0:
		http.Error(w, "no", status)
		return
	}
	stem, meta := strings.CutSuffix(name, ".metadata")
	stem, origin := strings.CutSuffix(stem, ".provenance")
	f, ok := x.find(stem)
	if !ok || meta && f.Meta == nil || origin && f.Origin == nil {
		http.NotFound(w, r)
		return
	}
	body := f.Bytes
	switch {
	case meta:
		body = f.Meta
	case origin:
		body = f.Origin
	}
	x.mu.Lock()
	after, cut := x.cut[name]
	delete(x.cut, name)
	drip := x.drip[name]
	x.mu.Unlock()
	if drip > 0 {
		dripping(w, r, body, drip)
		return
	}
	if cut && after < len(body) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body[:after])
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(body)))
}

// dripping sends a body in pieces, one a second.
func dripping(w http.ResponseWriter, r *http.Request, body []byte, d time.Duration) {
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	pieces := int(d/time.Second) + 1
	for n := range pieces {
		_, _ = w.Write(body[len(body)*n/pieces : len(body)*(n+1)/pieces])
		_ = http.NewResponseController(w).Flush()
		if n < pieces-1 {
			wait(r, time.Second)
		}
	}
}
