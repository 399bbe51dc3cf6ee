package hubtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/model"
)

// serveBatch answers LFS's batch API: POST [<kind>/]<id>[.git]/info/lfs/objects/batch.
func (h *Hub) serveBatch(w http.ResponseWriter, r *http.Request, p string) {
	kind, id := cutKind(strings.TrimPrefix(p, "/"))
	id = strings.TrimSuffix(id, ".git")
	var asked struct {
		Operation string `json:"operation"`
		Objects   []struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"objects"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(io.LimitReader(r.Body, bodyLimit)).Decode(&asked) != nil || asked.Operation != "download" {
		batchError(w, http.StatusBadRequest, "only downloads")
		return
	}
	repo := h.admit(w, r, kind, id, true)
	if repo == nil {
		return
	}
	objects := []map[string]any{}
	for _, o := range asked.Objects {
		f := h.lfsFile(repo, o.OID)
		if f == nil || f.Size() != o.Size {
			objects = append(objects, map[string]any{
				"oid": o.OID, "size": o.Size,
				"error": map[string]any{"code": 404, "message": "Object does not exist on the server"},
			})
			continue
		}
		objects = append(objects, map[string]any{"oid": o.OID, "size": o.Size, "authenticated": true, "actions": map[string]any{
			"download": map[string]any{"href": h.signed(repo, f, "GET"), "expires_in": int(h.opts.Lifetime.Seconds()), "header": map[string]any{}},
		}})
	}
	body, _ := json.Marshal(map[string]any{"transfer": "basic", "objects": objects}) // strings and numbers
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}

func batchError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}

// lfsFile finds an LFS object among all commits of a repository.
func (h *Hub) lfsFile(repo *Repo, oid string) *file {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range repo.commits {
		for _, f := range c.files {
			if f.lfs && f.SHA256() == oid {
				return f
			}
		}
	}
	return nil
}

// serveOllama answers what ollama and older llama.cpp ask: <id>/manifests/<tag> and <id>/blobs/sha256:<hex>. A tag names a
// quantization, that is, a part of the name of a .gguf file; "latest" is the first.
func (h *Hub) serveOllama(w http.ResponseWriter, r *http.Request, p string) {
	id, tag, manifest := strings.Cut(p, "/manifests/")
	digest := ""
	if !manifest {
		id, digest, _ = strings.Cut(p, "/blobs/")
	}
	if id == "" || tag == "" && digest == "" {
		refuse(w, http.StatusNotFound, "", "Sorry, we can't find the page you are looking for.")
		return
	}
	repo := h.admit(w, r, model.Models, id, true)
	if repo == nil {
		return
	}
	c := h.commitOf(w, repo, "main")
	if c == nil {
		return
	}
	if manifest {
		h.serveManifest(w, r, c, unescape(tag))
		return
	}
	sum := strings.TrimPrefix(unescape(digest), "sha256:")
	for _, name := range c.paths {
		f := c.files[name]
		if f.lfs && f.SHA256() == sum {
			redirect(w, r, http.StatusTemporaryRedirect, "Temporary Redirect. Redirecting to ", h.signed(repo, f, r.Method))
			return
		}
		if config := ollamaConfig(f); config.SHA256() == sum {
			w.Header().Set("Content-Type", "application/octet-stream")
			serveContent(w, r, config)
			return
		}
	}
	refuse(w, http.StatusNotFound, "", "blob unknown to registry")
}

func (h *Hub) serveManifest(w http.ResponseWriter, r *http.Request, c *commit, tag string) {
	for _, name := range c.paths {
		f := c.files[name]
		if !strings.HasSuffix(name, ".gguf") || tag != "latest" && !strings.Contains(strings.ToLower(name), strings.ToLower(tag)) {
			continue
		}
		config := ollamaConfig(f)
		answer := map[string]any{
			"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
			"config": layer("application/vnd.docker.container.image.v1+json", config),
			"layers": []any{layer("application/vnd.ollama.image.model", f.Content)},
		}
		if strings.Contains(r.UserAgent(), "llama-cpp") {
			answer["ggufFile"] = map[string]any{
				"rfilename": name, "blobId": f.oid(), "size": f.Size(),
				"lfs": map[string]any{"sha256": f.SHA256(), "size": f.Size(), "pointerSize": len(f.pointer())},
			}
		}
		w.Header().Set("X-Repo-Commit", c.id)
		reply(w, r, answer)
		return
	}
	refuse(w, http.StatusBadRequest, "", "The specified tag is not available in the repository. Please use another tag or \"latest\"")
}

func layer(kind string, c Content) map[string]any {
	return map[string]any{"mediaType": kind, "digest": "sha256:" + c.SHA256(), "size": c.Size()}
}

// ollamaConfig is the small object that the Hub makes up beside a GGUF file.
func ollamaConfig(f *file) Content {
	return Text(fmt.Sprintf(`{"model_format":"gguf","model_family":"llama","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`,
		f.SHA256()))
}
