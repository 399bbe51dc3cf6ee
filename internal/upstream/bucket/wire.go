package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream"
)

// ask is a question to a store, in the form in which all three take it.
type ask struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
}

// request makes the request of a question to a server. Nothing of the path is cleaned.
func (q ask) request(ctx context.Context, endpoint string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(withoutRedirects(ctx), q.method, endpoint, nil)
	if err != nil {
		return nil, err
	}
	plain, err := url.PathUnescape(q.path)
	if err != nil {
		return nil, err
	}
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = plain, q.path, q.query.Encode()
	for name, values := range q.header {
		req.Header[name] = values
	}
	return req, nil
}

// withoutRedirects hands redirects out as answers: a signature is for one host, and a store has no reason to send us elsewhere but to tell
// the region of a bucket.
func withoutRedirects(ctx context.Context) context.Context {
	return upstream.WithFollow(ctx, func(*url.URL) error { return http.ErrUseLastResponse })
}

// sendTries is how often a question is asked at most whose answer is that the store failed. The site itself repeats what failed on the way.
const sendTries = 3

// send asks a site. Each try is made, and so signed, anew.
func send(ctx context.Context, site *upstream.Site, make func() (*http.Request, error)) (*upstream.Response, error) {
	for try := 1; ; try++ {
		req, err := make()
		if err != nil {
			return nil, err
		}
		res, err := site.Do(req)
		again := err == nil && (res.StatusCode == http.StatusInternalServerError || res.StatusCode == http.StatusRequestTimeout)
		if !again || try == sendTries {
			return res, err
		}
		_ = res.Body.Close()
		select {
		case <-time.After(time.Duration(try) * 200 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// asker asks a store for an object, in the state that was pinned, with further headers.
type asker func(ctx context.Context, header http.Header) (*upstream.Response, error)

// open opens a range through ask; it is gone on with if it is cut. Told makes an Info of an answer's header.
func open(ctx context.Context, name string, info Info, off, n int64, ask asker, told func(http.Header) Info) (io.ReadCloser, error) {
	if n < 0 {
		n = info.Size - off
	}
	if off < 0 || n < 0 || off+n > info.Size {
		return nil, fmt.Errorf("open %d bytes at %d of %s, which has %d: %w", n, off, name, info.Size, upstream.ErrRange)
	}
	if !isLegible(info.Encoding) {
		return nil, fmt.Errorf("open %s: it is stored under the encoding %q, which nobody here looks into", name, info.Encoding)
	}
	return upstream.Resume(ctx, name, off, n, func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
		header := http.Header{}
		if n < info.Size {
			header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
		}
		res, err := ask(ctx, header)
		if err == nil {
			if err = CheckAnswer(res.Response, info, told(res.Header), off, n); err == nil {
				return &limited{Reader: io.LimitReader(res.Body, n), Closer: res.Body}, nil
			}
			_ = res.Body.Close()
		}
		if isMissing(err) || isFailedCondition(err) {
			err = fmt.Errorf("it was replaced or removed: %w: %w", source.ErrChanged, err)
		}
		return nil, fmt.Errorf("open %s: %w", name, err)
	})
}

type limited struct {
	io.Reader
	io.Closer
}

func isFailedCondition(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusPreconditionFailed
}

// CheckAnswer says whether a successful answer holds just the n bytes from off of an object in the state that info tells of: by its status,
// its range and total, its length, and by what its header tells of the object.
func CheckAnswer(res *http.Response, info, told Info, off, n int64) error {
	if err := info.changed(told); err != nil {
		return err
	}
	if !isLegible(told.Encoding) {
		return fmt.Errorf("bytes that are encoded as %q: %w", told.Encoding, ErrAnswer)
	}
	first, last, total := int64(0), info.Size-1, info.Size
	switch res.StatusCode {
	case http.StatusOK:
		if res.ContentLength >= 0 {
			total = res.ContentLength
		}
	case http.StatusPartialContent:
		var err error
		if first, last, total, err = upstream.ContentRange(res.Header.Get("Content-Range")); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: %w", res.Status, ErrAnswer)
	}
	if total != info.Size {
		return fmt.Errorf("it has %d bytes, not %d: %w", total, info.Size, source.ErrChanged)
	}
	if first != off || last != off+n-1 {
		return fmt.Errorf("bytes %d to %d in place of %d from %d: %w", first, last, n, off, upstream.ErrRange)
	}
	if res.ContentLength != last-first+1 {
		return fmt.Errorf("%d bytes in place of %d: %w", res.ContentLength, last-first+1, upstream.ErrRange)
	}
	return nil
}

// isLegible tells whether a scanner that is given the stored bytes sees what a client sees that decodes them: gzip and zstd say in the bytes
// what they are, others do not.
func isLegible(encoding string) bool {
	for coding := range strings.SplitSeq(encoding, ",") {
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "", "identity", "aws-chunked", "gzip", "x-gzip", "zstd":
		default:
			return false
		}
	}
	return true
}

// standardHeader makes an Info of the header fields that S3 and Azure share. The size is that of the object, in answers to HEAD.
func standardHeader(h http.Header) Info {
	info := Info{ETag: trimETag(h.Get("Etag")), Encoding: h.Get("Content-Encoding")}
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		info.LastModified = at.UTC()
	}
	return info
}

// trimETag is an entity tag for comparison: stores and proxies differ in how they quote it.
func trimETag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// sizeOf is the size that the answer to a HEAD tells.
func sizeOf(res *upstream.Response) (int64, error) {
	size, err := strconv.ParseInt(res.Header.Get("Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return 0, fmt.Errorf("no size: %w", ErrAnswer)
	}
	return size, nil
}

// Bounds of listings.
const (
	maxPage   = 32 << 20 // bytes of one page of a listing: a thousand keys, or five thousand of Azure's, with all that is told of them
	maxNoNews = 100      // pages in a row without an object
)

// pages reads a listing page by page. Page asks for the one that begins at a marker, and tells the next marker, "" if it is the last.
func pages(prefix string, limit int, page func(marker string) (objects []Object, next string, err error)) ([]Object, error) {
	var all []Object
	marker, empty := "", 0
	for {
		objects, next, err := page(marker)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if !strings.HasPrefix(o.Key, prefix) || o.Size < 0 {
				return nil, fmt.Errorf("%q of %d bytes below %q: %w", o.Key, o.Size, prefix, ErrAnswer)
			}
			if err := checkKey(o.Key); err != nil {
				return nil, err
			}
		}
		all = append(all, objects...)
		if len(all) > limit {
			return nil, fmt.Errorf("more than %d: %w", limit, ErrTooMany)
		}
		if empty++; len(objects) > 0 {
			empty = 0
		}
		if next == "" {
			break
		}
		if next == marker || empty > maxNoNews {
			return nil, fmt.Errorf("a listing without an end: %w", ErrAnswer)
		}
		marker = next
	}
	slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	for i := 1; i < len(all); i++ {
		if all[i].Key == all[i-1].Key {
			return nil, fmt.Errorf("%q is listed twice: %w", all[i].Key, ErrAnswer)
		}
	}
	return all, nil
}

// proofs gets what proves who asks, such as keys or a token. Where that is what the machine happens to have, and it has nothing, questions
// are asked without.
type proofs[T any] struct {
	get     func(ctx context.Context) (T, error) // nil: none at all
	ambient bool

	mu     sync.Mutex
	failed error // why there is nothing
	until  time.Time
}

// failedFor is how long a machine that had no credentials is not asked again.
const failedFor = time.Minute

// proof is what to ask with; ok is false if that is nothing, for the reason that is told.
func (p *proofs[T]) proof(ctx context.Context) (v T, reason string, ok bool, err error) {
	if p.get == nil {
		return v, "none are configured", false, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil && time.Now().Before(p.until) {
		return v, p.failed.Error(), false, nil
	}
	v, err = p.get(ctx)
	switch {
	case err == nil:
		p.failed = nil
		return v, "", true, nil
	case ctx.Err() != nil:
		return v, "", false, ctx.Err()
	case !p.ambient:
		return v, "", false, credentialsError{err}
	}
	p.failed, p.until = errors.New(brief(err)), time.Now().Add(failedFor)
	return v, p.failed.Error(), false, nil
}

// credentialsError says that the credentials that are configured could not be had.
type credentialsError struct{ cause error }

func (e credentialsError) Error() string { return "get credentials: " + brief(e.cause) }

func (e credentialsError) Unwrap() error { return e.cause }

// ErrorCode is the error in the words of the API.
func (credentialsError) ErrorCode() string { return "MISSING_CREDENTIALS" }

// brief is an error in one line that is not long: the libraries of providers tell all that they have tried.
func brief(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}
