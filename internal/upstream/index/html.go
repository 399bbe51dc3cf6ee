package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// parseHTML reads a page in HTML that was found at an address: anchors with their attributes, and what <meta> tags say (PEP 503, 592,
// 629, 658, 708, 714, 740, 792).
func parseHTML(project string, at *url.URL, doc []byte) (*Page, error) {
	p := newPage(project)
	p.html = true
	r := htmlReader{page: p, base: at}
	z := html.NewTokenizer(bytes.NewReader(doc))
	z.SetMaxBuf(1 << 20)
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("page of %s: %w", project, err)
			}
			r.close()
			if !r.isPage {
				return nil, fmt.Errorf("page of %s: the index answers with text that is no page", project)
			}
			if err := supported(p.APIVersion); err != nil {
				return nil, fmt.Errorf("page of %s: %w", project, err)
			}
			p.finish()
			return p, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			r.start(z)
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "a" {
				r.close()
			}
		case html.TextToken:
			if r.open {
				r.name.Write(z.Text())
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// htmlReader is what is known while a page is read.
type htmlReader struct {
	page   *Page
	base   *url.URL
	based  bool // a <base> was seen; the first one counts
	isPage bool // something of HTML was seen

	open bool // inside an anchor
	file File
	name strings.Builder
}

// start takes a start tag.
func (r *htmlReader) start(z *html.Tokenizer) {
	tag, more := z.TagName()
	name := string(tag)
	var attrs []attribute
	for more && len(attrs) < 64 {
		var key, value []byte
		key, value, more = z.TagAttr()
		attrs = append(attrs, attribute{string(key), string(value)})
	}
	switch name {
	case "html", "head", "body", "title":
		r.isPage = true
	case "base":
		if href, ok := find(attrs, "href"); ok && !r.based {
			if u, err := url.Parse(resolve(r.base, href)); err == nil && u.Host != "" {
				r.base, r.based = u, true
			}
		}
	case "meta":
		r.isPage = true
		key, _ := find(attrs, "name")
		content, _ := find(attrs, "content")
		r.meta(key, content)
	case "a":
		r.isPage = true
		r.close()
		r.anchor(attrs)
	}
}

// meta takes what a <meta> tag says of the page.
func (r *htmlReader) meta(name, content string) {
	if !strings.HasPrefix(name, "pypi:") || len(r.page.metas) > 1000 {
		return
	}
	r.page.metas = append(r.page.metas, attribute{name, content})
	switch name {
	case "pypi:repository-version":
		r.page.APIVersion = content
	case "pypi:project-status":
		r.page.Status = content
	case "pypi:project-status-reason":
		r.page.StatusReason = content
	}
}

// anchor begins an entry.
func (r *htmlReader) anchor(attrs []attribute) {
	href, ok := find(attrs, "href")
	if !ok {
		return
	}
	r.open = true
	r.name.Reset()
	r.file = File{Size: -1, URL: resolve(r.base, href)}
	if u, err := url.Parse(r.file.URL); err == nil {
		r.file.Hashes = fragmentHash(u.Fragment)
	}
	for _, a := range attrs {
		switch a.name {
		case "href":
			continue
		case "data-yanked":
			r.file.Yanked, r.file.YankedReason = true, a.value
		case "data-core-metadata", "data-dist-info-metadata":
			if a.value != "false" {
				r.file.HasMetadata = true
				if sum := strings.ToLower(strings.TrimPrefix(a.value, "sha256=")); isSHA256(sum) {
					r.file.MetadataSHA256 = sum
				}
			}
		case "data-provenance":
			r.file.Provenance = a.value
		case "data-gpg-sig":
			r.file.HasGPG = a.value == "true"
		}
		r.file.attrs = append(r.file.attrs, a)
	}
}

// close ends an entry. Its name is the last part of the address: the text of an anchor is for people.
func (r *htmlReader) close() {
	if !r.open {
		return
	}
	r.open = false
	if r.file.URL == "" {
		r.file.Filename = strings.TrimSpace(r.name.String())
	} else {
		r.file.Filename = lastPart(r.file.URL)
	}
	r.page.add(r.file)
}

// fragmentHash reads the digest in the fragment of an address: "sha256=…".
func fragmentHash(fragment string) []Hash {
	for part := range strings.SplitSeq(fragment, "&") {
		algorithm, sum, ok := strings.Cut(part, "=")
		if ok && algorithm != "egg" && algorithm != "subdirectory" && sum != "" {
			return []Hash{{algorithm, sum}}
		}
	}
	return nil
}

// find is the value of an attribute.
func find(attrs []attribute, name string) (string, bool) {
	for _, a := range attrs {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}
