package hfmirror

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// awayWarning tells that an answer is not the Hub's.
const awayWarning = "modelgate; the Hub cannot be reached: this is what is known of the repository here"

// treeEntry is a file in a listing, as the Hub writes it.
type treeEntry struct {
	Type string   `json:"type"`
	OID  string   `json:"oid"`
	Size int64    `json:"size"`
	LFS  *treeLFS `json:"lfs,omitempty"`
	Path string   `json:"path"`
}

type treeLFS struct {
	OID         string `json:"oid"`
	Size        int64  `json:"size"`
	PointerSize int    `json:"pointerSize"`
}

// repoInfo is what every version of the Hub's client needs to be told of a repository.
type repoInfo struct {
	ID        string    `json:"id"`
	ModelID   string    `json:"modelId,omitempty"`
	Author    string    `json:"author,omitempty"`
	SHA       string    `json:"sha"`
	Private   bool      `json:"private"`
	Disabled  bool      `json:"disabled"`
	Downloads int       `json:"downloads"`
	Likes     int       `json:"likes"`
	Tags      []string  `json:"tags"`
	Siblings  []sibling `json:"siblings"`
}

type sibling struct {
	Name string `json:"rfilename"`
}

// answerAway answers for a Hub that is away with what is remembered of the files of a version: its information, or the listing of all
// its files. That is what clients ask before they download what is here. It returns cause if it can't.
func (d *Door) answerAway(x *exchange, cause error) error {
	list := x.verb == "tree" && truthy(x.URL.Query()["recursive"]) && !truthy(x.URL.Query()["expand"]) && wholeTree(x.rest)
	if x.Method != http.MethodGet || x.repo.ID == "" || !list && x.verb != "" && x.verb != "revision" {
		return cause
	}
	name := x.rev
	if name == "" {
		name = "main"
	}
	rev, err := d.revision(x, name)
	if err != nil {
		return cause
	}
	if err := d.authorize(x, rev, ""); err != nil {
		return cause
	}
	files, err := d.Hub.Files(x.Context(), x.token, rev.Repo, rev.Commit)
	if err != nil {
		return cause
	}
	var v any = describeRepo(rev, files)
	if list {
		v = describeTree(files)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("describe %s: %w", x.version, err)
	}
	h := d.common(x)
	h.Set("X-Hf-Warning", awayWarning)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(http.StatusOK)
	_, _ = x.out.Write(text) // a client that left does not miss it
	return nil
}

// wholeTree tells whether the path of a listing ends with the revision.
func wholeTree(path string) bool {
	_, after, ok := strings.Cut(path, "/tree/")
	rev, err := url.PathUnescape(strings.TrimRight(after, "/"))
	return ok && err == nil && (!strings.Contains(rev, "/") || strings.HasPrefix(rev, "refs/") && strings.Count(rev, "/") == 2)
}

// describeTree lists files as the Hub does.
func describeTree(files []model.File) []treeEntry {
	out := make([]treeEntry, len(files))
	for i, f := range files {
		out[i] = treeEntry{Type: "file", OID: f.BlobID, Size: f.Size, Path: f.Path}
		if f.Digest.Algorithm() == model.SHA256 {
			out[i].LFS = &treeLFS{OID: f.Digest.Hex(), Size: f.Size, PointerSize: len(pointer(f))}
		}
	}
	return out
}

// describeRepo tells of a repository what is known without the Hub.
func describeRepo(rev hub.Revision, files []model.File) repoInfo {
	info := repoInfo{ID: rev.Repo.ID, SHA: rev.Commit, Private: rev.Private, Tags: []string{}, Siblings: make([]sibling, len(files))}
	if org, _, ok := strings.Cut(rev.Repo.ID, "/"); ok {
		info.Author = org
	}
	if rev.Repo.Kind == model.Models {
		info.ModelID = rev.Repo.ID
	}
	for i, f := range files {
		info.Siblings[i].Name = f.Path
	}
	return info
}

// pointer is what git keeps of an LFS file. Format: git-lfs, docs/spec.md.
func pointer(f model.File) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.Digest.Hex(), f.Size)
}
