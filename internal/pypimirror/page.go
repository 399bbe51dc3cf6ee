package pypimirror

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

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
		return d.sendPage(x, f, newVariant([]byte(`{"meta":{"api-version":"1.0"},"projects":[]}`)))
	default:
		return d.sendPage(x, f, newVariant([]byte("<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><title>Simple index</title></head><body></body></html>\n")))
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
	p, err := d.Index.Project(x.Context(), x.project)
	if err != nil {
		return fmt.Errorf("page of %s: %w", x.project, err)
	}
	blocked, err := d.blocked(x, p)
	if err != nil {
		return err
	}
	return d.sendPage(x, f, d.rendered.get(p, f, x.group, blocked))
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
	body, etag := v.plain, v.etag
	if acceptsGzip(x.Request) && len(v.packed) > 0 {
		body, etag = v.packed, v.packedETag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Etag", etag)
	if matches(x.Header.Get("If-None-Match"), v.etag, v.packedETag) {
		h.Del("Content-Type")
		h.Del("Content-Encoding")
		x.out.WriteHeader(http.StatusNotModified)
		return nil
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

// variant is a page in one form, as it is sent.
type variant struct {
	plain, packed    []byte
	etag, packedETag string
}

// packFrom is the size from which pages are compressed.
const packFrom = 1 << 10

func newVariant(plain []byte) *variant {
	sum := sha256.Sum256(plain)
	tag := hex.EncodeToString(sum[:16])
	v := &variant{plain: plain, etag: `"` + tag + `"`}
	if len(plain) >= packFrom {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(plain) // to memory
		if z.Close() == nil {
			v.packed, v.packedETag = b.Bytes(), `"`+tag+`-gzip"`
		}
	}
	return v
}

// rendered are pages as they were sent last. Making one costs more than anything else that is done for it.
type rendered struct {
	cache *lru.Cache[renderKey, *variant]
}

// renderKey is all that a page depends on. A page that is fetched anew is another one.
type renderKey struct {
	page    *index.Page
	form    form
	group   string
	blocked string
}

// mostRendered is how many pages are kept as they are sent.
const mostRendered = 512

func newRendered() (*rendered, error) {
	cache, err := lru.New[renderKey, *variant](mostRendered)
	if err != nil {
		return nil, fmt.Errorf("cache of rendered pages: %w", err)
	}
	return &rendered{cache: cache}, nil
}

func (c *rendered) get(p *index.Page, f form, group string, blocked []store.BlockedScan) *variant {
	key := renderKey{page: p, form: f, group: group, blocked: blockedKey(blocked)}
	if f == formText {
		key.form = formHTML
	}
	if v, ok := c.cache.Get(key); ok {
		return v
	}
	why := yankedReleases(p, blocked)
	rewrite := func(i int) index.Rewrite {
		file := p.Files[i]
		to := index.Rewrite{URL: fileAddress(p.Upstream, p.Project, file), Yanked: why[releaseOf(file)]}
		if file.Provenance != "" && !strings.Contains(file.Provenance, "://") {
			to.Provenance = to.URL + string(index.Provenance)
		}
		return to
	}
	var text []byte
	if f == formJSON {
		text = p.JSON(rewrite)
	} else {
		text = p.HTML(rewrite)
	}
	v := newVariant(text)
	c.cache.Add(key, v)
	return v
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
