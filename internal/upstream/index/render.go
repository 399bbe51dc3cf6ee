package index

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"strings"
)

// Rewrite says what a door changes of an entry; everything else passes as it came.
type Rewrite struct {
	// URL is where the door serves the file.
	URL string
	// Yanked, if not "", is why the door yanks the file; it stands before upstream's own reason.
	Yanked string
	// Provenance is where the door serves the file's attestations, if upstream's address is relative; "" leaves it.
	Provenance string
}

// yankedReason joins the door's reason with upstream's.
func (f File) yankedReason(own string) string {
	if f.YankedReason != "" {
		return own + "; upstream: " + oneLine(f.YankedReason)
	}
	return own
}

// oneLine is a text of a stranger, fit for one line of a terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, clip(s, 300))
	return strings.Join(strings.Fields(s), " ")
}

// JSON writes the page in JSON (PEP 691). Rewrite is asked for each of Files.
func (p *Page) JSON(rewrite func(i int) Rewrite) []byte {
	var b bytes.Buffer
	b.Grow(p.size())
	b.WriteByte('{')
	if p.html {
		p.headOfHTML(&b)
	}
	for _, m := range p.head {
		b.WriteString(m.key)
		b.WriteByte(':')
		b.WriteString(m.raw)
		b.WriteByte(',')
	}
	b.WriteString(`"files":[`)
	for i := range p.Files {
		if i > 0 {
			b.WriteByte(',')
		}
		if f := &p.Files[i]; f.entry != "" {
			f.writeJSON(&b, rewrite(i))
		} else {
			f.writeJSONOfHTML(&b, rewrite(i))
		}
	}
	b.WriteString("]}")
	return b.Bytes()
}

// size is about how long the page is when it is written.
func (p *Page) size() int {
	n := 1 << 10
	for _, f := range p.Files {
		n += len(f.entry) + len(f.Filename) + 64
	}
	return n
}

// writeJSON writes an entry that came in JSON: everything as it was, but the address and, if need be, the mark of a yanked file.
func (f *File) writeJSON(b *bytes.Buffer, to Rewrite) {
	b.WriteByte('{')
	marked, first := false, true
	_ = members(f.entry, func(m member) { // it was one when the page was read
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(m.key)
		b.WriteByte(':')
		switch {
		case m.name == "url":
			b.Write(quote(to.URL + fragment(f.URL)))
		case m.name == "yanked" && to.Yanked != "":
			b.Write(quote(f.yankedReason(to.Yanked)))
			marked = true
		case m.name == "provenance" && to.Provenance != "":
			b.Write(quote(to.Provenance))
		default:
			b.WriteString(m.raw)
		}
	})
	if to.Yanked != "" && !marked {
		b.WriteString(`,"yanked":`)
		b.Write(quote(f.yankedReason(to.Yanked)))
	}
	b.WriteByte('}')
}

// fragment keeps the digest that stands behind an address.
func fragment(address string) string {
	if i := strings.IndexByte(address, '#'); i >= 0 && i+1 < len(address) {
		return address[i:]
	}
	return ""
}

// headOfHTML writes the keys of a page that came in HTML. The version is 1.0 whatever it said: 1.1 promises sizes that nobody told.
func (p *Page) headOfHTML(b *bytes.Buffer) {
	meta := map[string]any{"api-version": "1.0"}
	var tracks, alternates []string
	for _, m := range p.metas {
		switch m.name {
		case "pypi:tracks":
			tracks = append(tracks, m.value)
		case "pypi:alternate-locations":
			alternates = append(alternates, m.value)
		}
	}
	if tracks != nil {
		meta["tracks"] = tracks
	}
	b.WriteString(`"meta":`)
	b.Write(quote(meta))
	b.WriteString(`,"name":`)
	b.Write(quote(p.Project))
	b.WriteByte(',')
	if alternates != nil {
		b.WriteString(`"alternate-locations":`)
		b.Write(quote(alternates))
		b.WriteByte(',')
	}
	if p.Status != "" {
		status := map[string]string{"status": p.Status}
		if p.StatusReason != "" {
			status["reason"] = p.StatusReason
		}
		b.WriteString(`"project-status":`)
		b.Write(quote(status))
		b.WriteByte(',')
	}
}

// writeJSONOfHTML writes an entry that came in HTML.
func (f *File) writeJSONOfHTML(b *bytes.Buffer, to Rewrite) {
	hashes := map[string]string{}
	for _, h := range f.Hashes {
		hashes[h.Algorithm] = h.Sum
	}
	b.WriteString(`{"filename":`)
	b.Write(quote(f.Filename))
	b.WriteString(`,"url":`)
	b.Write(quote(to.URL))
	b.WriteString(`,"hashes":`)
	b.Write(quote(hashes))
	if v, ok := find(f.attrs, "data-requires-python"); ok {
		b.WriteString(`,"requires-python":`)
		b.Write(quote(v))
	}
	if f.HasMetadata {
		b.WriteString(`,"core-metadata":`)
		if f.MetadataSHA256 != "" {
			b.Write(quote(map[string]string{"sha256": f.MetadataSHA256}))
		} else {
			b.WriteString("true")
		}
	}
	if v, ok := find(f.attrs, "data-gpg-sig"); ok {
		b.WriteString(`,"gpg-sig":` + map[bool]string{true: "true", false: "false"}[v == "true"])
	}
	if f.Provenance != "" {
		provenance := f.Provenance
		if to.Provenance != "" {
			provenance = to.Provenance
		}
		b.WriteString(`,"provenance":`)
		b.Write(quote(provenance))
	}
	switch {
	case to.Yanked != "":
		b.WriteString(`,"yanked":`)
		b.Write(quote(f.yankedReason(to.Yanked)))
	case f.Yanked && f.YankedReason != "":
		b.WriteString(`,"yanked":`)
		b.Write(quote(f.YankedReason))
	case f.Yanked:
		b.WriteString(`,"yanked":true`)
	}
	b.WriteByte('}')
}

// HTML writes the page in HTML (PEP 503).
func (p *Page) HTML(rewrite func(i int) Rewrite) []byte {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<html>\n<head>\n")
	for _, m := range p.htmlMetas() {
		b.WriteString(`<meta name="` + html.EscapeString(m.name) + `" content="` + html.EscapeString(m.value) + "\">\n")
	}
	title := html.EscapeString("Links for " + p.Project)
	b.WriteString("<title>" + title + "</title>\n</head>\n<body>\n<h1>" + title + "</h1>\n")
	for i := range p.Files {
		p.Files[i].writeHTML(&b, rewrite(i))
	}
	b.WriteString("</body>\n</html>\n")
	return b.Bytes()
}

// htmlMetas are what the <meta> tags of the page say.
func (p *Page) htmlMetas() []attribute {
	if p.html {
		metas := p.metas
		if _, ok := findName(metas, "pypi:repository-version"); !ok {
			metas = append([]attribute{{"pypi:repository-version", p.APIVersion}}, metas...)
		}
		return metas
	}
	metas := []attribute{{"pypi:repository-version", p.APIVersion}}
	for _, m := range p.head {
		switch m.name {
		case "meta":
			var meta struct {
				Tracks []string `json:"tracks"`
			}
			if json.Unmarshal([]byte(m.raw), &meta) == nil {
				for _, t := range meta.Tracks {
					metas = append(metas, attribute{"pypi:tracks", t})
				}
			}
		case "alternate-locations":
			var locations []string
			if json.Unmarshal([]byte(m.raw), &locations) == nil {
				for _, l := range locations {
					metas = append(metas, attribute{"pypi:alternate-locations", l})
				}
			}
		}
	}
	if p.Status != "" {
		metas = append(metas, attribute{"pypi:project-status", p.Status})
		if p.StatusReason != "" {
			metas = append(metas, attribute{"pypi:project-status-reason", p.StatusReason})
		}
	}
	return metas
}

func findName(list []attribute, name string) (string, bool) { return find(list, name) }

// writeHTML writes an entry as an anchor.
func (f *File) writeHTML(b *bytes.Buffer, to Rewrite) {
	attrs := f.attrs
	hash := ""
	if f.entry != "" {
		attrs = f.attributesOfJSON()
		hash = f.hashFragment()
	} else {
		hash = fragment(f.URL)
	}
	b.WriteString(`<a href="` + html.EscapeString(to.URL+hash) + `"`)
	marked := false
	for _, a := range attrs {
		switch {
		case a.name == "data-yanked" && to.Yanked != "":
			a.value, marked = f.yankedReason(to.Yanked), true
		case a.name == "data-provenance" && to.Provenance != "":
			a.value = to.Provenance
		}
		b.WriteString(" " + html.EscapeString(a.name) + `="` + html.EscapeString(a.value) + `"`)
	}
	if to.Yanked != "" && !marked {
		b.WriteString(` data-yanked="` + html.EscapeString(f.yankedReason(to.Yanked)) + `"`)
	}
	b.WriteString(">" + html.EscapeString(f.Filename) + "</a><br>\n")
}

// hashFragment is the digest of an entry that came in JSON as HTML has it: sha256 if there is one, else the first by name.
func (f *File) hashFragment() string {
	if sum := f.hash("sha256"); sum != "" {
		return "#sha256=" + url.QueryEscape(sum)
	}
	best := ""
	for _, h := range f.Hashes {
		if best == "" || h.Algorithm < best {
			best = h.Algorithm
		}
	}
	if best == "" {
		return fragment(f.URL)
	}
	return "#" + url.QueryEscape(best) + "=" + url.QueryEscape(f.hash(best))
}

// attributesOfJSON are the attributes that HTML has for the keys of an entry.
func (f *File) attributesOfJSON() []attribute {
	var out []attribute
	_ = members(f.entry, func(m member) { // it was one when the page was read
		switch m.name {
		case "requires-python":
			if v := text(m.raw); v != "" {
				out = append(out, attribute{"data-requires-python", v})
			}
		case "gpg-sig":
			if m.raw == "true" || m.raw == "false" {
				out = append(out, attribute{"data-gpg-sig", m.raw})
			}
		}
	})
	if f.HasMetadata {
		value := "true"
		if f.MetadataSHA256 != "" {
			value = "sha256=" + f.MetadataSHA256
		}
		out = append(out, attribute{"data-core-metadata", value}, attribute{"data-dist-info-metadata", value})
	}
	if f.Provenance != "" {
		out = append(out, attribute{"data-provenance", f.Provenance})
	}
	if f.Yanked {
		out = append(out, attribute{"data-yanked", f.YankedReason})
	}
	return out
}

// quote writes a value that always encodes in JSON, without escapes for HTML.
func quote(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`""`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
