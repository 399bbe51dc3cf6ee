package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// Bounds of trees.
const (
	maxFiles        = 1_000_000 // of one commit
	maxPages        = 50_000
	maxPath         = 4096 // bytes
	treesInMemory   = 256
	filesInMemory   = 2_000_000 // of all trees
	maxFilesToStore = 50_000    // of a tree that is remembered over restarts
	// treeLimit is how long a listing may take: a large one has a thousand pages, and may have to wait for the Hub's rate limit.
	treeLimit = 30 * time.Minute
)

// tree is all files of a commit.
type tree struct {
	files []model.File // sorted by path
}

func newTree(files []model.File) *tree { return &tree{files: files} }

// find returns one file.
func (t *tree) find(path string) (model.File, bool) {
	i, ok := slices.BinarySearchFunc(t.files, path, func(f model.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return model.File{}, false
	}
	return t.files[i], true
}

// trees keeps those that were used last.
type trees struct {
	mu    sync.Mutex
	cache *lru.Cache[string, *tree]
	files int
}

func newTrees() (*trees, error) {
	t := &trees{}
	var err error
	t.cache, err = lru.NewWithEvict(treesInMemory, func(_ string, gone *tree) { t.files -= len(gone.files) })
	return t, err
}

func (t *trees) get(key string) (*tree, bool) { return t.cache.Get(key) }

func (t *trees) add(key string, tr *tree) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cache.Remove(key)
	t.files += len(tr.files)
	t.cache.Add(key, tr)
	for t.files > filesInMemory && t.cache.Len() > 1 {
		t.cache.RemoveOldest()
	}
}

func treeKey(r Repo, commit string) string { return "hub/tree/" + r.String() + "/" + commit }

// Files lists all files of a commit, sorted by path. It is asked for once and remembered. The caller must not change the slice.
//
// Digests are SHA-256 for LFS files, and what git names the blob by for others; BlobID is always the latter.
func (c *Client) Files(ctx context.Context, tok Token, repo Repo, commit string) ([]model.File, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if !isCommit(commit) {
		return nil, fmt.Errorf("%q is no commit", commit)
	}
	if err := c.admit(ctx, tok, repo, commit, ""); err != nil {
		return nil, err
	}
	if t := c.knownTree(ctx, repo, commit); t != nil {
		return t.files, nil
	}
	key := treeKey(repo, commit)
	t, err := together(ctx, c, key+"/"+c.who(tok), treeLimit, func(ctx context.Context) (*tree, error) {
		files, err := c.askTree(ctx, tok, repo, commit)
		if err != nil {
			return nil, err
		}
		t := newTree(files)
		c.trees.add(key, t)
		if len(files) <= maxFilesToStore {
			c.keep(store(ctx, c.facts, key, files))
		}
		return t, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s at %s: %w", repo, commit, err)
	}
	return t.files, nil
}

// knownTree is the tree of a commit if it is remembered.
func (c *Client) knownTree(ctx context.Context, repo Repo, commit string) *tree {
	key := treeKey(repo, commit)
	if t, ok := c.trees.get(key); ok {
		return t
	}
	files, ok := recallStored[[]model.File](ctx, c.facts, key)
	if !ok {
		return nil
	}
	t := newTree(files)
	c.trees.add(key, t)
	return t
}

// node is one line of a tree.
type node struct {
	Type string `json:"type"` // file, directory
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	Path string `json:"path"`
	LFS  *struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	} `json:"lfs"`
}

// askTree reads the listing of a commit page by page.
func (c *Client) askTree(ctx context.Context, tok Token, repo Repo, commit string) ([]model.File, error) {
	first := c.api(repo, "tree", commit)
	address := first + "?recursive=true&expand=false"
	var files []model.File
	for range maxPages {
		var page []node
		header, err := c.askJSON(ctx, address, tok, &page)
		if err != nil {
			return nil, err
		}
		for _, n := range page {
			if n.Type != "file" {
				continue
			}
			f, err := n.file()
			if err != nil {
				return nil, err
			}
			if files = append(files, f); len(files) > maxFiles {
				return nil, fmt.Errorf("more than %d files", maxFiles)
			}
		}
		next, err := c.nextPage(header, first)
		if err != nil {
			return nil, err
		}
		if next == "" {
			return sorted(files)
		}
		if len(page) == 0 || next == address {
			return nil, fmt.Errorf("pages that lead nowhere: %w", ErrAnswer)
		}
		address = next
	}
	return nil, fmt.Errorf("more than %d pages", maxPages)
}

// sorted sorts files by path. No path may come twice: which of the two a client gets would not be known.
func sorted(files []model.File) ([]model.File, error) {
	slices.SortFunc(files, func(a, b model.File) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(files); i++ {
		if files[i].Path == files[i-1].Path {
			return nil, fmt.Errorf("path %q twice: %w", files[i].Path, ErrAnswer)
		}
	}
	return slices.Clip(files), nil
}

// nextPage is the address of the next page, "" if there is none. It must be one of the same listing on the same server: a page that is
// left out would be files that nobody has scanned, and a page from elsewhere is nobody's. It is asked for at the endpoint, whatever
// name the server gives itself.
func (c *Client) nextPage(header http.Header, first string) (string, error) {
	target := upstream.NextLink(header)
	if target == "" {
		return "", nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", fmt.Errorf("address of the next page: %w", ErrAnswer)
	}
	base, err := url.Parse(first)
	if err != nil {
		return "", err
	}
	u = base.ResolveReference(u)
	// Of a repository that was renamed meanwhile the pages are at its new id.
	listing := base.EscapedPath()[strings.LastIndex(base.EscapedPath(), "/tree/"):]
	if !upstream.SameServer(u, base) || u.User != nil || !strings.HasSuffix(u.EscapedPath(), listing) {
		return "", fmt.Errorf("next page at %s%s: %w", u.Host, u.EscapedPath(), ErrAnswer)
	}
	u.Scheme, u.Host = base.Scheme, base.Host
	return u.String(), nil
}

// file is the file of a line, if its path, size and hash make sense.
func (n node) file() (model.File, error) {
	if err := checkPath(n.Path); err != nil {
		return model.File{}, err
	}
	f := model.File{Path: n.Path, Size: n.Size, BlobID: n.OID}
	var err error
	if n.LFS != nil {
		if n.LFS.Size != 0 { // else the line's own size is all there is
			f.Size = n.LFS.Size
		}
		f.Digest, err = model.NewDigest(model.SHA256, n.LFS.OID)
	} else {
		f.Digest, err = model.NewDigest(model.GitSHA, n.OID)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w: %w", n.Path, ErrAnswer, err)
	}
	if f.Size < 0 {
		return f, fmt.Errorf("%s has %d bytes: %w", n.Path, f.Size, ErrAnswer)
	}
	return f, nil
}

// checkPath says whether a path stays within its repository and can be asked for.
func checkPath(p string) error {
	if p == "" || len(p) > maxPath || !utf8.ValidString(p) || strings.ContainsRune(p, 0) {
		return fmt.Errorf("path %q: %w", p[:min(len(p), 200)], errPath)
	}
	for s := range strings.SplitSeq(p, "/") {
		if s == "" || s == "." || s == ".." {
			return fmt.Errorf("path %q: %w", p, errPath)
		}
	}
	return nil
}

// errPath is a path that no file of a repository can have.
var errPath = errors.New("path is not valid")
