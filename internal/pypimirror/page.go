package pypimirror

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/klauspost/compress/gzip"

	"modelgate/internal/store"
	"modelgate/internal/upstream/index"
)

// serveList answers the list of all projects. No installer asks for it; the gate knows no projects of its own, and says so with an
// empty list instead of passing millions of names on.
func (d *Door) serveList(x *exchange) error {
	x.out.Header().Set("Vary", varies)
	switch f := negotiate(x.Request); f {
	case formNone:
		return notAcceptable()
	case formJSON:
		return d.sendPage(x, f, constant(`{"meta":{"api-version":"1.0"},"projects":[]}`))
	default:
		return d.sendPage(x, f, constant("<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><title>Simple index</title></head><body></body></html>\n"))
	}
}

// varies names the headers that the form of a page depends on.
const varies = "Accept, Accept-Encoding"

func notAcceptable() error {
	return failure{http.StatusNotAcceptable, "pages are served as " + string(formJSON) + ", " + string(formHTML) + " and " + string(formText)}
}

// servePage answers the page of a project: what its index has, with addresses that lead here, and blocked releases yanked.
func (d *Door) servePage(x *exchange) error {
	x.out.Header().Set("Vary", varies)
	f := negotiate(x.Request)
	if f == formNone {
		return notAcceptable()
	}
	p, err := d.project(x)
	if err != nil {
		return fmt.Errorf("page of %s: %w", x.project, err)
	}
	blocked, err := d.blocked(x, p)
	if err != nil {
		return err
	}
	return d.sendPage(x, f, d.rendered.get(renderKey{page: p, form: f, group: x.group, own: x.gate != ""}, blocked))
}

// sendPage sends a page, compressed if the client takes that, or nothing if it has it already.
func (d *Door) sendPage(x *exchange, f form, v *variant) error {
	h := x.out.Header()
	contentType := string(f)
	if f == formText {
		contentType += "; charset=utf-8"
	}
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	packed := acceptsGzip(x.Request) && v.packs()
	if packed {
		h.Set("Etag", v.packedETag())
	} else {
		h.Set("Etag", v.etag())
	}
	if matches(x.Header.Get("If-None-Match"), v.etag(), v.packedETag()) {
		h.Del("Content-Type")
		x.out.WriteHeader(http.StatusNotModified)
		return nil
	}
	body := v.body(packed)
	if packed {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.out.WriteHeader(http.StatusOK)
	if x.Method != http.MethodHead {
		_, _ = x.out.Write(body) // a client that left does not miss it
	}
	return nil
}

// matches tells whether If-None-Match names one of the tags.
func matches(header string, tags ...string) bool {
	for given := range strings.SplitSeq(header, ",") {
		given = strings.TrimPrefix(strings.TrimSpace(given), "W/")
		for _, tag := range tags {
			if given == tag && tag != "" {
				return true
			}
		}
	}
	return false
}

// variant is a page in one form, as it is sent: compressed, or not, or both, as clients have asked for it.
type variant struct {
	tag    string // of the text
	size   int    // of the text
	render func() []byte

	mu            sync.Mutex
	plain, packed []byte // nil until somebody asks for it
	kept          func(size int)
}

// packFrom is the size from which pages are compressed.
const packFrom = 1 << 10

// newVariant takes a page that was rendered, and how to render it again: most clients take it compressed, so the text is not kept before
// somebody asks for it.
func newVariant(text []byte, render func() []byte, kept func(size int)) *variant {
	sum := sha256.Sum256(text)
	return &variant{tag: hex.EncodeToString(sum[:16]), size: len(text), render: render, kept: kept}
}

// constant is a page that is always the same.
func constant(text string) *variant {
	return newVariant([]byte(text), func() []byte { return []byte(text) }, func(int) {})
}

func (v *variant) etag() string { return `"` + v.tag + `"` }

// packedETag is that of the compressed form, "" if there is none.
func (v *variant) packedETag() string {
	if !v.packs() {
		return ""
	}
	return `"` + v.tag + `-gzip"`
}

// packs tells whether there is a compressed form.
func (v *variant) packs() bool { return v.size >= packFrom }

// body is what is sent. It is made when it is asked for first.
func (v *variant) body(packed bool) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if packed {
		if v.packed == nil {
			v.packed = pack(v.text())
			v.kept(len(v.packed))
		}
		return v.packed
	}
	if v.plain == nil {
		v.plain = v.text()
		v.kept(len(v.plain))
	}
	return v.plain
}

// text is the page, rendered anew if it was not kept.
func (v *variant) text() []byte {
	if v.plain != nil {
		return v.plain
	}
	return v.render()
}

func pack(text []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(text) / 8)
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // to memory, which does not fail
	_ = z.Close()
	return b.Bytes()
}

// rendered are pages as they were sent last. Making one costs more than anything else that is done for it.
type rendered struct {
	mu    sync.Mutex
	cache *lru.Cache[renderKey, *weighed]
	bytes int
}

// weighed is a page with its weight in bytes.
type weighed struct {
	*variant
	bytes int
}

// renderKey is all that a page depends on. A page that is fetched anew is another one.
type renderKey struct {
	page    *index.Page
	form    form
	group   string
	blocked string
	own     bool // addresses are the index's own
}

// Bounds of the pages that are kept as they are sent.
const (
	mostRendered      = 512
	mostRenderedBytes = 128 << 20
)

func newRendered() (*rendered, error) {
	c := &rendered{}
	var err error
	c.cache, err = lru.NewWithEvict(mostRendered, func(_ renderKey, w *weighed) { c.bytes -= w.bytes })
	if err != nil {
		return nil, fmt.Errorf("cache of rendered pages: %w", err)
	}
	return c, nil
}

func (c *rendered) get(key renderKey, blocked []store.BlockedScan) *variant {
	key.blocked = blockedKey(blocked)
	if key.form == formText {
		key.form = formHTML
	}
	c.mu.Lock()
	w, ok := c.cache.Get(key)
	c.mu.Unlock()
	if ok {
		return w.variant
	}
	render := func() []byte { return renderPage(key, blocked) }
	w = &weighed{}
	w.variant = newVariant(render(), render, func(size int) { c.weigh(key, w, size) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.cache.Get(key); ok { // somebody was faster
		return old.variant
	}
	c.cache.Add(key, w)
	return w.variant
}

// weigh counts what a page has come to hold, and lets others go for it.
func (c *rendered) weigh(key renderKey, w *weighed, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.cache.Peek(key); !ok || kept != w {
		return
	}
	w.bytes += size
	c.bytes += size
	for c.bytes > mostRenderedBytes && c.cache.Len() > 1 {
		c.cache.RemoveOldest()
	}
}

// renderPage writes a page with addresses that lead here, or the index's own, and blocked releases yanked.
func renderPage(key renderKey, blocked []store.BlockedScan) []byte {
	p := key.page
	why := yankedReleases(p, blocked)
	rewrite := func(i int) index.Rewrite {
		file := p.Files[i]
		to := index.Rewrite{URL: fileAddress(p.Upstream, p.Project, file)}
		if why != nil {
			to.Yanked = why[releaseOf(file)]
		}
		if key.own {
			to.URL, _, _ = strings.Cut(file.URL, "#")
		} else if file.Provenance != "" && !strings.Contains(file.Provenance, "://") {
			to.Provenance = to.URL + string(index.Provenance)
		}
		return to
	}
	if key.form == formJSON {
		return p.JSON(rewrite)
	}
	return p.HTML(rewrite)
}

func blockedKey(blocked []store.BlockedScan) string {
	var b strings.Builder
	for _, s := range blocked {
		b.WriteString(s.Revision + s.Scan.String())
	}
	return b.String()
}

// maxPhrase is how long a reason phrase may be.
const maxPhrase = 160
