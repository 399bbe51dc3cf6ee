package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// FileInfo is what HEAD of a file needs.
type FileInfo struct {
	model.File
	LFS         bool   `json:"lfs"`
	ETag        string `json:"etag"`                   // without quotes: git SHA-1 of small files, SHA-256 of LFS files
	ContentType string `json:"content_type,omitempty"` // "" if not known
	Disposition string `json:"disposition,omitempty"`  // "" if not known
	// Missing is a file that the commit does not have; never set in what Stat returns.
	Missing bool `json:"missing,omitempty"`
}

func fileKey(r Repo, commit, path string) string {
	return "hub/file/" + r.String() + "/" + commit + "/" + path
}

// Stat tells of one file: from the tree if that is known, else by one HEAD, which is remembered, as is that there is no such file. A
// refusal is an *Error; its code is EntryNotFound if the commit does not have the file.
func (c *Client) Stat(ctx context.Context, tok Token, repo Repo, commit, path string) (FileInfo, error) {
	if err := repo.check(); err != nil {
		return FileInfo{}, err
	}
	if !isCommit(commit) {
		return FileInfo{}, fmt.Errorf("%q is no commit", commit)
	}
	if checkPath(path) != nil {
		return FileInfo{}, noEntry(commit, path)
	}
	if err := c.admit(ctx, tok, repo, commit, path); err != nil {
		return FileInfo{}, err
	}
	fi, ok := c.knownFile(ctx, repo, commit, path)
	if !ok {
		var err error
		fi, err = together(ctx, c, fileKey(repo, commit, path)+"/"+c.who(tok), c.patient(ctx), func(ctx context.Context) (FileInfo, error) {
			return c.askFile(ctx, tok, repo, commit, path)
		})
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if err != nil {
			return FileInfo{}, fmt.Errorf("look at %s of %s at %s: %w", path, repo, commit, err)
		}
	}
	if fi.Missing {
		return FileInfo{}, noEntry(commit, path)
	}
	return fi, nil
}

// knownFile is what is remembered of a file. What HEAD said goes first, since it says more than the tree, as long as they agree.
func (c *Client) knownFile(ctx context.Context, repo Repo, commit, path string) (FileInfo, bool) {
	if v, ok := c.facts.recent.Get(fileKey(repo, commit, path)); ok {
		fi, ok := v.(FileInfo)
		if t, listed := c.trees.get(treeKey(repo, commit)); ok && listed {
			return t.confirm(fi, path), true
		}
		return fi, ok
	}
	if t := c.knownTree(ctx, repo, commit); t != nil {
		return t.confirm(FileInfo{Missing: true}, path), true
	}
	return recall[FileInfo](ctx, c.facts, fileKey(repo, commit, path))
}

// confirm holds what HEAD said of a file to the tree, which is what was scanned: where they differ the tree goes first, so that bytes
// that HEAD alone knows of are never taken for judged ones.
func (t *tree) confirm(said FileInfo, path string) FileInfo {
	f, ok := t.find(path)
	switch {
	case !ok:
		return FileInfo{Missing: true}
	case said.Digest == f.Digest && said.Size == f.Size && !said.Missing:
		return said
	default:
		return FileInfo{File: f, LFS: f.Digest.Algorithm() == model.SHA256, ETag: f.Digest.Hex()}
	}
}

// askFile asks by HEAD and remembers the answer.
func (c *Client) askFile(ctx context.Context, tok Token, repo Repo, commit, path string) (FileInfo, error) {
	res, err := c.ask(c.stay(ctx), http.MethodHead, c.resolve(repo, commit, path), tok, http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		return FileInfo{}, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		e := refusal(res.Response)
		if e.Status == http.StatusNotFound && e.Code == "" { // of what, it does not say
			return c.askListing(ctx, tok, repo, commit, path, e)
		}
		if e.Code != "EntryNotFound" {
			return FileInfo{}, e
		}
		// Not over restarts: there is no end to what is missing.
		fi := FileInfo{Missing: true}
		c.facts.recent.Add(fileKey(repo, commit, path), fi)
		return fi, nil
	}
	fi, err := fileInfo(res, commit, path)
	if errors.Is(err, errUntold) {
		return c.askListing(ctx, tok, repo, commit, path, err)
	}
	if err != nil {
		return FileInfo{}, err
	}
	c.keep(remember(ctx, c.facts, fileKey(repo, commit, path), fi))
	return fi, nil
}

// errUntold is wrapped when an answer to HEAD says nothing of a file's hash or size that could be read.
var errUntold = errors.New("hash or size of the file is not told")

// askListing looks a file up in the listing of its commit, which says what an answer to HEAD has left open. The error is the one to
// return if there is no listing either.
func (c *Client) askListing(ctx context.Context, tok Token, repo Repo, commit, path string, untold error) (FileInfo, error) {
	if _, err := c.Files(ctx, tok, repo, commit); err != nil {
		return FileInfo{}, untold
	}
	fi, ok := c.knownFile(ctx, repo, commit, path)
	if !ok {
		return FileInfo{}, untold
	}
	return fi, nil
}

// fileInfo reads the answer to a HEAD: the Hub's own last answer, and those that redirected to it.
func fileInfo(res *upstream.Response, commit, path string) (FileInfo, error) {
	get := func(name string) string {
		if v := res.Header.Get(name); v != "" {
			return v
		}
		for i := len(res.Hops) - 1; i >= 0; i-- {
			if v := res.Hops[i].Header.Get(name); v != "" {
				return v
			}
		}
		return ""
	}
	if got := get("X-Repo-Commit"); got != "" && got != commit {
		return FileInfo{}, fmt.Errorf("a file of commit %q: %w", got, ErrAnswer)
	}
	tag := get("X-Linked-Etag")
	if tag == "" {
		tag = get("ETag")
	}
	tag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	fi := FileInfo{File: model.File{Path: path, BlobID: tag}, ETag: tag, LFS: len(tag) == 64}
	algorithm := model.GitSHA
	if fi.LFS {
		algorithm = model.SHA256
	}
	var err error
	if fi.Digest, err = model.NewDigest(algorithm, tag); err != nil {
		return FileInfo{}, fmt.Errorf("digest in ETag: %w: %w: %w", errUntold, ErrAnswer, err)
	}
	final := res.StatusCode < http.StatusMultipleChoices
	switch linked := get("X-Linked-Size"); {
	case linked != "":
		if fi.Size, err = strconv.ParseInt(linked, 10, 64); err != nil || fi.Size < 0 {
			return FileInfo{}, fmt.Errorf("size %q: %w: %w", linked, errUntold, ErrAnswer)
		}
	case final && res.ContentLength >= 0:
		fi.Size = res.ContentLength
	default:
		return FileInfo{}, fmt.Errorf("no size: %w: %w", errUntold, ErrAnswer)
	}
	if final { // type and name of a redirect are those of its own body
		fi.ContentType, fi.Disposition = res.Header.Get("Content-Type"), res.Header.Get("Content-Disposition")
	}
	return fi, nil
}

// stay makes requests under ctx follow redirects on the Hub itself alone; one to the content network is the answer then.
func (c *Client) stay(ctx context.Context) context.Context {
	return upstream.WithFollow(ctx, func(to *url.URL) error {
		if c.site.IsOwn(to) {
			return nil
		}
		return http.ErrUseLastResponse
	})
}
