package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"modelgate/internal/blob"
	"modelgate/internal/upstream"
)

// errNoRanges is wrapped when a server does not know ranges, and reading all that comes before one would take too long.
var errNoRanges = errors.New("server does not know ranges")

// maxSkip is how much of a whole file is read past to get to a short range of it, where a server does not know ranges.
const maxSkip = 1 << 20

// place is a file at a commit, and who asks for it.
type place struct {
	tok    Token
	repo   Repo
	commit string
	path   string
}

func (p place) check() error {
	if !isCommit(p.commit) {
		return fmt.Errorf("%q is no commit", p.commit)
	}
	return errors.Join(p.repo.check(), checkPath(p.path))
}

// Open opens a file from an offset: n bytes, or all that follow if n is negative. It asks for the file's address anew each time, as
// addresses of the content network expire. What it returns ends in an error if it is cut. A refusal of the Hub's is an *Error; one of
// the content network is not, as it may be another a moment later.
//
// The Hub itself is asked whether the caller may have it.
func (c *Client) Open(ctx context.Context, tok Token, repo Repo, commit, path string, off, n int64) (io.ReadCloser, error) {
	p := place{tok, repo, commit, path}
	if err := p.check(); err != nil {
		return nil, err
	}
	body, _, err := c.open(ctx, p, off, n)
	return body, err
}

// Opener opens a file for a blob.Store.
func (c *Client) Opener(tok Token, repo Repo, commit, path string) blob.Opener {
	return func(ctx context.Context, off int64) (io.ReadCloser, error) {
		return c.Open(ctx, tok, repo, commit, path, off, -1)
	}
}

// open is Open; it also tells the address that the bytes came from.
func (c *Client) open(ctx context.Context, p place, off, n int64) (io.ReadCloser, string, error) {
	address := c.resolve(p.repo, p.commit, p.path)
	for again := true; ; again = false {
		res, err := c.get(ctx, p.tok, address, off, n)
		if err != nil {
			return nil, "", fmt.Errorf("open %s of %s: %w", p.path, p.repo, err)
		}
		elsewhere := !c.site.IsOwn(res.Request.URL)
		if elsewhere && res.StatusCode >= http.StatusBadRequest {
			_ = res.Body.Close()
			if again { // it may have expired on the way
				continue
			}
			return nil, "", fmt.Errorf("open %s of %s: %s answers %s", p.path, p.repo, res.Request.URL.Host, res.Status)
		}
		if res.StatusCode >= http.StatusBadRequest {
			return nil, "", fmt.Errorf("open %s of %s: %w", p.path, p.repo, refusal(res.Response))
		}
		if got := commitOf(res); got != p.commit && (got != "" || !rightSize(res, c.size(ctx, p))) {
			_ = res.Body.Close()
			return nil, "", fmt.Errorf("open %s of %s: a file of commit %q: %w", p.path, p.repo, got, ErrAnswer)
		}
		body, err := ranged(res, off, n, c.size(ctx, p))
		if err != nil {
			return nil, "", fmt.Errorf("open %s of %s: %w", p.path, p.repo, err)
		}
		return body, res.Request.URL.String(), nil
	}
}

// commitOf is the commit that an answer about a file is of: what the first answer says that is not of a repository's new name.
func commitOf(res *upstream.Response) string {
	for _, hop := range res.Hops {
		if commit := hop.Header.Get("X-Repo-Commit"); commit != "" {
			return commit
		}
	}
	return res.Header.Get("X-Repo-Commit")
}

// rightSize tells whether an answer says to be of a file of that size. It stands in for the commit that an answer does not name: a page
// that is given for everything has another size.
func rightSize(res *upstream.Response, size int64) bool {
	switch {
	case size < 0:
		return false
	case res.StatusCode == http.StatusPartialContent:
		_, _, total, err := upstream.ContentRange(res.Header.Get("Content-Range"))
		return err == nil && total == size
	default:
		return res.StatusCode == http.StatusOK && res.ContentLength == size
	}
}

// size is the size of a file if it is known, else -1.
func (c *Client) size(ctx context.Context, p place) int64 {
	if fi, ok := c.knownFile(ctx, p.repo, p.commit, p.path); ok && !fi.Missing {
		return fi.Size
	}
	return -1
}

// get asks for bytes.
func (c *Client) get(ctx context.Context, tok Token, address string, off, n int64) (*upstream.Response, error) {
	header := http.Header{"Accept-Encoding": {"identity"}}
	switch {
	case n >= 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	case off > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	return c.ask(ctx, http.MethodGet, address, tok, header)
}

// ranged is the body of an answer if it is what was asked for: n bytes from off, or all from off if n is negative, of a file of the
// given size, or of one of unknown size if that is negative. It closes the body otherwise.
func ranged(res *upstream.Response, off, n, size int64) (io.ReadCloser, error) {
	err := checkRange(res, off, n, size)
	body := res.Body
	if err == nil && res.StatusCode == http.StatusOK && (off > 0 || n >= 0) {
		// A server that does not know ranges. Going on from where a download was cut is worth reading what came before.
		if n >= 0 && off > maxSkip {
			err = fmt.Errorf("%d bytes at %d: %w", n, off, errNoRanges)
		} else if _, err = io.CopyN(io.Discard, body, off); err != nil {
			err = fmt.Errorf("read past %d bytes: %w", off, err)
		}
	}
	if err != nil {
		_ = res.Body.Close()
		return nil, err
	}
	if n >= 0 {
		return &limited{Reader: io.LimitReader(body, n), Closer: body}, nil
	}
	return body, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// checkRange looks at status, encoding, length and Content-Range of an answer. Something of another size is not the file with wrong
// bytes in it, but something else: a page that says please wait, for one.
func checkRange(res *upstream.Response, off, n, size int64) error {
	if e := res.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return fmt.Errorf("bytes that are encoded as %q: %w", e, ErrAnswer)
	}
	wanted := off > 0 || n >= 0
	switch {
	case res.StatusCode == http.StatusOK && size >= 0 && res.ContentLength >= 0 && res.ContentLength != size:
		return fmt.Errorf("%d bytes for a file of %d: %w", res.ContentLength, size, ErrAnswer)
	case res.StatusCode == http.StatusOK:
		return nil
	case res.StatusCode != http.StatusPartialContent || !wanted:
		return fmt.Errorf("%s: %w", res.Status, ErrAnswer)
	}
	first, last, total, err := upstream.ContentRange(res.Header.Get("Content-Range"))
	if err != nil {
		return err
	}
	if size >= 0 && total >= 0 && total != size {
		return fmt.Errorf("a range of %d bytes for a file of %d: %w", total, size, ErrAnswer)
	}
	end := off + n - 1
	if n < 0 {
		end = total - 1
	}
	if first != off || last != end || total >= 0 && last >= total || total < 0 && n < 0 {
		return fmt.Errorf("range header %q: %w", res.Header.Get("Content-Range"), upstream.ErrRange)
	}
	if res.ContentLength >= 0 && res.ContentLength != last-first+1 {
		return fmt.Errorf("%d bytes as %q: %w", res.ContentLength, res.Header.Get("Content-Range"), upstream.ErrRange)
	}
	return nil
}
