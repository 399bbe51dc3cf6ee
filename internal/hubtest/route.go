package hubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"modelgate/internal/model"
)

// verbs are what may follow a repository's id under /api.
var verbs = strings.Fields("revision tree paths-info refs commits auth-check xet-read-token safetensors-metadata treesize")

// serveMain is the Hub itself.
func (h *Hub) serveMain(w http.ResponseWriter, r *http.Request) {
	common(w, r)
	p := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(p, "/api/"):
		h.serveAPI(w, r, strings.TrimPrefix(p, "/api/"))
	case strings.HasPrefix(p, "/v2/"):
		h.serveOllama(w, r, strings.TrimPrefix(p, "/v2/"))
	case strings.HasSuffix(p, "/info/lfs/objects/batch"):
		h.serveBatch(w, r, strings.TrimSuffix(p, "/info/lfs/objects/batch"))
	case strings.HasSuffix(p, "/info/refs"), strings.HasSuffix(p, "/git-upload-pack"):
		refuse(w, http.StatusNotImplemented, "", "the stand-in does not speak git")
	case strings.Contains(p, "/resolve/"), strings.Contains(p, "/raw/"):
		h.serveResolve(w, r, strings.TrimPrefix(p, "/"))
	default:
		h.servePage(w, p)
	}
}

// common sets the headers that every answer of the Hub has.
func common(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Powered-By", "huggingface-moon")
	head.Set("X-Request-Id", "Root=1-"+id24(r.URL.String())[:8]+"-"+id24(time.Now().String()))
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,"+
		"Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash")
}

// servePage is a page for people: what the Hub answers to a browser.
func (h *Hub) servePage(w http.ResponseWriter, path string) {
	status := http.StatusNotFound
	if path == "/" {
		status = http.StatusOK
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!doctype html><title>stand-in hub</title><h1>%d</h1>", status)
}

// serveAPI answers /api/<p>.
func (h *Hub) serveAPI(w http.ResponseWriter, r *http.Request, p string) {
	head, rest, _ := strings.Cut(p, "/")
	kind := model.Kind(head)
	switch {
	case head == "telemetry":
		w.WriteHeader(http.StatusNoContent)
	case p == "whoami-v2":
		h.serveWhoami(w, r)
	case head == "organizations" || head == "users":
		h.serveOverview(w, r, head, strings.TrimSuffix(rest, "/overview"))
	case head == "resolve-cache":
		h.serveResolveCache(w, r, rest)
	case !slices.Contains([]model.Kind{model.Models, model.Datasets, model.Spaces, model.Kernels}, kind):
		refuse(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
	case rest == "":
		h.serveSearch(w, r, kind)
	default:
		h.serveRepo(w, r, kind, rest)
	}
}

// serveRepo answers /api/<kind>/<p>.
func (h *Hub) serveRepo(w http.ResponseWriter, r *http.Request, kind model.Kind, p string) {
	segs := strings.Split(p, "/")
	at := h.idEnds(kind, segs)
	if at > 2 {
		refuse(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
		return
	}
	id := strings.Join(segs[:at], "/")
	verb, args := "revision", []string{"main"}
	if at < len(segs) {
		verb, args = segs[at], segs[at+1:]
	}
	repo := h.admit(w, r, kind, id, false)
	if repo == nil {
		return
	}
	if post := verb == "paths-info"; post != (r.Method == http.MethodPost) {
		refuse(w, http.StatusMethodNotAllowed, "", "Method not allowed")
		return
	}
	h.serveVerb(w, r, repo, verb, args)
}

// idEnds tells how many segments are a repository's id: up to a verb, or all. A repository of two segments that is there goes first,
// since its name may be a verb too.
func (h *Hub) idEnds(kind model.Kind, segs []string) int {
	if len(segs) >= 2 {
		if repo, _ := h.find(kind, segs[0]+"/"+segs[1]); repo != nil {
			return 2
		}
	}
	for i := 1; i <= 2 && i < len(segs); i++ {
		if slices.Contains(verbs, segs[i]) {
			return i
		}
	}
	return len(segs)
}

// serveVerb answers what is asked of a repository that the asker may see.
func (h *Hub) serveVerb(w http.ResponseWriter, r *http.Request, repo *Repo, verb string, args []string) {
	switch verb {
	case "refs":
		h.serveRefs(w, r, repo)
		return
	case "auth-check":
		if h.admit(w, r, repo.kind, repo.ID(), true) != nil {
			reply(w, r, "OK")
		}
		return
	case "safetensors-metadata":
		h.serveSafetensors(w, r, repo, unescape(strings.Join(args, "/")))
		return
	}
	rev, rest := revision(args)
	c := h.commitOf(w, repo, rev)
	if c == nil {
		return
	}
	switch verb {
	case "revision":
		reply(w, r, h.info(repo, c, r.URL.Query()))
	case "tree":
		h.serveTree(w, r, repo, c, unescape(rest))
	case "paths-info":
		h.servePathsInfo(w, r, repo, c)
	case "commits":
		h.serveCommits(w, r, repo, c)
	case "xet-read-token":
		h.serveXetToken(w, r, c)
	default:
		refuse(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
	}
}

// revision takes the revision off a path: one escaped segment, or the three of refs/pr/N and refs/convert/name.
func revision(segs []string) (rev, rest string) {
	if len(segs) == 0 {
		return "main", ""
	}
	n := 1
	if segs[0] == "refs" && len(segs) >= 3 {
		n = 3
	}
	return unescape(strings.Join(segs[:n], "/")), strings.Join(segs[n:], "/")
}

// unescape decodes a path once; what cannot be decoded stays as it is.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// truthy reads the booleans of queries: Python's True, JavaScript's true, 1.
func truthy(s string) bool { return s == "1" || strings.EqualFold(s, "true") }
