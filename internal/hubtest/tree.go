package hubtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// bodyLimit bounds what is read of a request's body.
const bodyLimit = 8 << 20

// serveTree lists the files and folders of a commit beneath a folder, paged.
func (h *Hub) serveTree(w http.ResponseWriter, r *http.Request, repo *Repo, c *commit, folder string) {
	q := r.URL.Query()
	recursive, expand := truthy(q.Get("recursive")), truthy(q.Get("expand"))
	folder = strings.Trim(folder, "/")
	var found []*entry
	known := folder == ""
	for _, e := range c.tree {
		if e.path == folder {
			known = true
		}
		below, ok := strings.CutPrefix(e.path, folder+"/")
		if folder == "" {
			below, ok = e.path, true
		}
		if ok && (recursive || !strings.Contains(below, "/")) {
			found = append(found, e)
		}
	}
	if !known {
		noEntry(w, c)
		return
	}
	size := h.opts.PageSize
	if size == 0 {
		size = 1000
		if expand {
			size = 50
		}
	}
	if q.Get("limit") != "" {
		size = max(min(number(q.Get("limit"), size), size), 1)
	}
	from := min(offset(q.Get("cursor")), len(found))
	to := min(from+size, len(found))
	answer := make([]map[string]any, 0, to-from)
	for _, e := range found[from:to] {
		answer = append(answer, h.line(repo, c, e, expand))
	}
	w.Header().Set("X-Repo-Commit", c.id)
	if to < len(found) {
		h.next(w, r, "cursor", cursor(to))
	}
	reply(w, r, answer)
}

// line is what the tree says of a file or folder.
func (h *Hub) line(repo *Repo, c *commit, e *entry, expand bool) map[string]any {
	m := map[string]any{"path": e.path}
	if expand {
		m["lastCommit"] = map[string]any{"id": c.id, "title": c.title, "date": stamp(c.date)}
	}
	if e.file == nil {
		m["type"], m["size"], m["oid"] = "directory", 0, Text("tree "+c.id+e.path).GitSHA1()
		return m
	}
	f := e.file
	m["type"], m["size"], m["oid"] = "file", f.Size(), f.oid()
	if f.lfs {
		m["lfs"] = map[string]any{"oid": f.SHA256(), "size": f.Size(), "pointerSize": len(f.pointer())}
		if !h.opts.NoXet {
			m["xetHash"] = f.xetHash()
		}
	}
	if expand {
		m["securityFileStatus"] = repo.fileStatus(f.path)
	}
	return m
}

// fileStatus is what the Hub's scanners say of a file.
func (r *Repo) fileStatus(path string) map[string]any {
	r.hub.mu.RLock()
	defer r.hub.mu.RUnlock()
	if s := r.security[path]; s != nil {
		return s
	}
	scan := map[string]any{"status": "unscanned", "message": nil}
	return map[string]any{
		"status": "unscanned", "avScan": scan, "pickleImportScan": scan, "protectAiScan": scan, "virusTotalScan": scan, "jFrogScan": scan,
	}
}

// servePathsInfo tells of the paths in a form or a JSON body; those that do not exist are left out.
func (h *Hub) servePathsInfo(w http.ResponseWriter, r *http.Request, repo *Repo, c *commit) {
	paths, expand, err := pathsAsked(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "", "Invalid body: "+printable(err.Error()))
		return
	}
	if len(paths) > 1000 {
		refuse(w, http.StatusRequestEntityTooLarge, "", "Too many paths")
		return
	}
	byPath := map[string]*entry{}
	for _, e := range c.tree {
		byPath[e.path] = e
	}
	answer := []map[string]any{}
	for _, p := range paths {
		if e := byPath[strings.Trim(p, "/")]; e != nil {
			answer = append(answer, h.line(repo, c, e, expand))
		}
	}
	w.Header().Set("X-Repo-Commit", c.id)
	reply(w, r, answer)
}

func pathsAsked(r *http.Request) (paths []string, expand bool, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return nil, false, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var asked struct {
			Paths  []string `json:"paths"`
			Expand bool     `json:"expand"`
		}
		err := json.Unmarshal(body, &asked)
		return asked.Paths, asked.Expand, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, false, err
	}
	return form["paths"], truthy(form.Get("expand")), nil
}

// serveSafetensors answers the headers of an index's shards at main, as clients of 2.x ask for them.
func (h *Hub) serveSafetensors(w http.ResponseWriter, r *http.Request, repo *Repo, name string) {
	c := h.commitOf(w, repo, "main")
	if c == nil {
		return
	}
	f := c.files[name]
	if f == nil {
		noEntry(w, c)
		return
	}
	headers := map[string]json.RawMessage{}
	if header, ok := safetensorsHeader(f.Content); ok {
		headers[name] = header
		reply(w, r, map[string]any{"index": map[string]any{}, "headers": headers})
		return
	}
	var index struct {
		Metadata  json.RawMessage   `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.NewDecoder(io.LimitReader(f.NewReader(), bodyLimit)).Decode(&index); err != nil {
		refuse(w, http.StatusBadRequest, "", "Not a safetensors index")
		return
	}
	for _, shard := range index.WeightMap {
		if s := c.files[shard]; s != nil {
			if header, ok := safetensorsHeader(s.Content); ok {
				headers[shard] = header
			}
		}
	}
	if index.Metadata == nil {
		index.Metadata = json.RawMessage("{}")
	}
	reply(w, r, map[string]any{"index": map[string]any{"metadata": index.Metadata}, "headers": headers})
}
