package hubtest

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/model"
)

// kindPrefixes are what stands before an id in the addresses of files.
var kindPrefixes = map[string]model.Kind{"datasets/": model.Datasets, "spaces/": model.Spaces, "kernels/": model.Kernels}

// cutKind takes the kind off a path; without one it is a model's.
func cutKind(p string) (model.Kind, string) {
	for prefix, kind := range kindPrefixes {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			return kind, rest
		}
	}
	return model.Models, p
}

// serveResolve answers [<kind>/]<id>/resolve/<rev>/<path>, and the same with raw for what git itself keeps. A small file is behind a
// relative 307, a large one behind a 302 to the content network; HEAD and GET alike.
func (h *Hub) serveResolve(w http.ResponseWriter, r *http.Request, p string) {
	kind, p := cutKind(p)
	marker := "/resolve/"
	id, rest, ok := strings.Cut(p, marker)
	raw := !ok
	if raw {
		id, rest, _ = strings.Cut(p, "/raw/")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, "", "Method not allowed")
		return
	}
	repo := h.admit(w, r, kind, id, true)
	if repo == nil {
		return
	}
	rev, name := revision(strings.Split(rest, "/"))
	c := h.commitOf(w, repo, rev)
	if c == nil {
		return
	}
	f := c.files[unescape(name)]
	if f == nil {
		noEntry(w, c)
		return
	}
	if raw {
		h.serveRaw(w, r, c, f)
		return
	}
	head := w.Header()
	head.Set("X-Repo-Commit", c.id)
	head.Set("Accept-Ranges", "bytes")
	head.Set("Vary", "Origin, Accept")
	head.Set("ETag", `"`+f.etag()+`"`)
	head.Set("X-Linked-Etag", `"`+f.etag()+`"`)
	head.Set("X-Linked-Size", strconv.FormatInt(f.Size(), 10))
	if f.lfs {
		h.toContent(w, r, repo, c, f)
		return
	}
	to := fmt.Sprintf("/api/resolve-cache/%s/%s/%s/%s?%s=&etag=%s", kind, repo.ID(), c.id, escapePath(f.path),
		url.QueryEscape(r.URL.EscapedPath()), url.QueryEscape(`"`+f.etag()+`"`))
	redirect(w, r, http.StatusTemporaryRedirect, "Temporary Redirect. Redirecting to ", to)
}

// toContent redirects to a signed address of the content network, and offers Xet beside it.
func (h *Hub) toContent(w http.ResponseWriter, r *http.Request, repo *Repo, c *commit, f *file) {
	if !h.opts.NoXet {
		base := h.URL + "/api/" + string(repo.kind) + "/" + repo.ID() + "/xet-read-token/" + c.id
		w.Header().Set("X-Xet-Hash", f.xetHash())
		w.Header().Set("X-Xet-Refresh-Route", base)
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="xet-auth", <%s/v1/reconstructions/%s>; rel="xet-reconstruction-info"`,
			base, h.CDNURL, f.xetHash()))
	}
	redirect(w, r, http.StatusFound, "Found. Redirecting to ", h.signed(repo, f, r.Method))
}

func redirect(w http.ResponseWriter, r *http.Request, status int, text, to string) {
	body := text + to
	w.Header().Set("Location", to)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body))
	}
}

// serveRaw answers what git keeps: the file, or the pointer to its LFS object.
func (h *Hub) serveRaw(w http.ResponseWriter, r *http.Request, c *commit, f *file) {
	w.Header().Set("X-Repo-Commit", c.id)
	w.Header().Set("ETag", `"`+f.oid()+`"`)
	content := f.Content
	if f.lfs {
		content = Git(f.pointer())
	}
	describe(w, f.path)
	serveContent(w, r, content)
}

// serveResolveCache answers what small files are behind: <kind>/<id>/<commit>/<path>. LFS files are not here.
func (h *Hub) serveResolveCache(w http.ResponseWriter, r *http.Request, p string) {
	kind, rest, _ := strings.Cut(p, "/")
	segs := strings.Split(rest, "/")
	for i := 1; i <= 2 && i+1 < len(segs); i++ {
		if len(segs[i]) != 40 {
			continue
		}
		repo := h.admit(w, r, model.Kind(kind), strings.Join(segs[:i], "/"), true)
		if repo == nil {
			return
		}
		c := h.commitOf(w, repo, segs[i])
		if c == nil {
			return
		}
		name := unescape(strings.Join(segs[i+1:], "/"))
		f := c.files[name]
		if f == nil || f.lfs {
			noEntry(w, c)
			return
		}
		head := w.Header()
		head.Set("X-Repo-Commit", c.id)
		head.Set("ETag", `"`+f.etag()+`"`)
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
		head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		describe(w, f.path)
		serveContent(w, r, f.Content)
		return
	}
	refuse(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
}

// describe sets type and name of a file.
func describe(w http.ResponseWriter, name string) {
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" || strings.HasPrefix(kind, "text/") || kind == "application/json" {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", disposition(name))
}

func disposition(name string) string {
	base := path.Base(name)
	return fmt.Sprintf("inline; filename*=UTF-8''%s; filename=\"%s\";", url.PathEscape(base), printable(strings.ReplaceAll(base, `"`, "")))
}

// escapePath escapes every segment and keeps the slashes.
func escapePath(p string) string {
	segs := strings.Split(p, "/")
	for i := range segs {
		segs[i] = url.PathEscape(segs[i])
	}
	return strings.Join(segs, "/")
}

// serveXetToken answers who wants to read chunks. The address that it names counts requests and turns them away.
func (h *Hub) serveXetToken(w http.ResponseWriter, r *http.Request, c *commit) {
	exp := time.Now().Add(time.Hour).Unix()
	token := "xet-" + id24(c.id)
	w.Header().Set("X-Xet-Cas-Url", h.CDNURL)
	w.Header().Set("X-Xet-Access-Token", token)
	w.Header().Set("X-Xet-Token-Expiration", strconv.FormatInt(exp, 10))
	reply(w, r, map[string]any{"casUrl": h.CDNURL, "accessToken": token, "exp": exp})
}
