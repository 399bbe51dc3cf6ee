package hfmirror

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/hub"
)

// place is a file of a version, found.
type place struct {
	rev  hub.Revision
	info hub.FileInfo
}

// serveFile answers HEAD and GET of a file. HEAD needs the Hub's metadata only and never waits for a verdict.
func (d *Door) serveFile(x *exchange) error {
	h := d.hold(x)
	defer h.end()
	p, err := d.find(x)
	if x.Method != http.MethodHead && h.beats && limited(err) { // others are told to come back, as the Hub does
		p, err = d.findPatiently(x, h)
	}
	if err != nil {
		return err
	}
	if x.route == routeRaw && p.info.LFS {
		return d.servePointer(x, p)
	}
	if x.Method == http.MethodHead {
		return d.head(x, p)
	}
	return d.get(x, p, h)
}

// limited tells whether an error says that the Hub's quota is used up.
func limited(err error) bool {
	var refused *hub.Error
	return errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests
}

// findPatiently is find for a client that is kept alive until the Hub's quota is renewed, as long as for a verdict.
func (d *Door) findPatiently(x *exchange, h *hold) (p place, err error) {
	request := x.Request
	defer func() { x.Request = request }()
	ctx, cancel := context.WithCancel(upstream.WithPatience(request.Context(), d.Hold))
	defer cancel()
	x.Request = request.WithContext(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, err = d.find(x)
	}()
	if held := h.wait(done); held != nil {
		cancel()
		<-done
		return place{}, fmt.Errorf("wait for the Hub's quota: %w", held)
	}
	return p, err
}

// find learns which file of which commit is meant, and whether this caller may know of it.
func (d *Door) find(x *exchange) (place, error) {
	rev, err := d.revision(x, x.rev)
	if err != nil {
		return place{}, err
	}
	if err := d.authorize(x, rev, x.path); err != nil {
		return place{}, err
	}
	info, err := d.Hub.Stat(x.Context(), x.token, rev.Repo, rev.Commit, x.path)
	if err != nil {
		return place{}, fmt.Errorf("look at %s of %s: %w", x.path, x.version, err)
	}
	return place{rev: rev, info: info}, nil
}

// revision resolves a branch, tag, ref or commit of the repository that the request names.
func (d *Door) revision(x *exchange, name string) (hub.Revision, error) {
	rev, err := d.Hub.Resolve(x.Context(), x.token, x.repo, name)
	if err != nil {
		return hub.Revision{}, fmt.Errorf("resolve %s of %s: %w", name, x.repo.ID, err)
	}
	x.version = rev.Version()
	return rev, nil
}

// authorize asks whether the caller may read a repository that not everybody may read.
func (d *Door) authorize(x *exchange, rev hub.Revision, path string) error {
	if !rev.Private {
		return nil
	}
	if err := d.Hub.Authorize(x.Context(), x.token, rev.Repo, rev.Commit, path); err != nil {
		return fmt.Errorf("authorize for %s: %w", rev.Repo.ID, err)
	}
	return nil
}

// head answers HEAD of a file.
func (d *Door) head(x *exchange, p place) error {
	if d.BlockMetadata {
		if err := d.blockMetadata(x); err != nil {
			return err
		}
	}
	h := d.fileHeader(x, p)
	h["Content-Length"] = h["X-Linked-Size"]
	if etag := h["Etag"][0]; x.Header.Get("If-None-Match") == etag {
		delete(h, "Content-Length")
		x.out.WriteHeader(http.StatusNotModified)
		return nil
	}
	x.out.WriteHeader(http.StatusOK)
	return nil
}

// Values that answers with files share.
var (
	cacheControl = []string{"private, no-cache"}
	noSniff      = []string{"nosniff"}
	sandbox      = []string{"default-src 'none'; sandbox"}
)

// fileHeader sets what clients demand of an answer about a file: the commit, the ETag under which they keep it, its size.
// It never names another place.
func (d *Door) fileHeader(x *exchange, p place) http.Header {
	h := d.common(x)
	// One allocation for all values that differ from file to file.
	v := [...]string{`"` + p.info.ETag + `"`, p.rev.Commit, strconv.FormatInt(p.info.Size, 10), harmless(p.info.ContentType)}
	h["Etag"] = v[0:1:1]
	h["X-Repo-Commit"] = v[1:2:2]
	h["X-Linked-Size"] = v[2:3:3]
	h["Content-Type"] = v[3:4:4]
	h["Accept-Ranges"] = byteRanges
	if p.info.LFS {
		h["X-Linked-Etag"] = v[0:1:1]
	}
	if p.info.Disposition != "" && printable(p.info.Disposition) {
		h["Content-Disposition"] = []string{p.info.Disposition}
	}
	if p.rev.Stale {
		h.Add("X-Hf-Warning", staleWarning(x.rev))
	}
	return h
}

// staleWarning tells that the Hub is away.
func staleWarning(rev string) string {
	return "modelgate; the Hub cannot be reached: this is the last known commit of " + ascii(rev, 100)
}

// harmless turns types that a browser would run, in the name of the gate, into text.
func harmless(contentType string) string {
	switch contentType {
	case "":
		return "application/octet-stream"
	case "text/plain; charset=utf-8", "application/octet-stream", "binary/octet-stream":
		return contentType
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "application/octet-stream"
	}
	for _, active := range []string{"html", "xml", "svg", "javascript", "ecmascript", "pdf", "multipart"} {
		if strings.Contains(t, active) {
			return "text/plain; charset=utf-8"
		}
	}
	return contentType
}

// servePointer answers /raw/ of an LFS file as git would: with the pointer, whose every word the Hub's metadata says.
func (d *Door) servePointer(x *exchange, p place) error {
	if p.info.Digest.Algorithm() != model.SHA256 {
		return fmt.Errorf("%s of %s is an LFS file without a SHA-256", x.path, x.version)
	}
	text := pointer(p.info.File)
	h := d.common(x)
	h.Set("X-Repo-Commit", p.rev.Commit)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h["X-Content-Type-Options"] = noSniff
	h.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(http.StatusOK)
	if x.Method == http.MethodHead {
		return nil
	}
	_, err := x.out.Write([]byte(text))
	return err
}
