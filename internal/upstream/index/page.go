package index

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
)

// Page is the page of a project as an index gave it, in JSON or in HTML, with every key and attribute in its order: what nobody here
// knows passes through. (PEP 503, 592, 629, 658, 691, 700, 708, 714, 740, 792.)
type Page struct {
	// Project is the normal form of the name.
	Project string
	// Upstream names the index that the page is of.
	Upstream string
	// APIVersion is what the index says of its answers, "1.0" if nothing.
	APIVersion string
	Files      []File
	// Status and StatusReason are those of the project (PEP 792), "" if it has none.
	Status, StatusReason string
	// Dropped are the names of entries that are no file names and were left out.
	Dropped []string

	// Validator changes when upstream's page does.
	Validator string

	head  []member    // of JSON, without the files
	metas []attribute // of HTML: names and contents of <meta> tags
	html  bool

	// While the page is read.
	names    *dist.Names
	releases map[string]*Release
}

// File is an entry of a page: a distribution file.
type File struct {
	Filename string
	// URL is where the index says that the file is: an absolute address.
	URL string
	// Release is what the name says that the file belongs to, nil for names that are none of the project's.
	Release *Release
	// Hashes are the digests that the index gives.
	Hashes []Hash
	// Size is -1 if it is not told. Uploaded is zero if it is not.
	Size     int64
	Uploaded time.Time
	// Yanked tells whether the file is, and YankedReason why.
	Yanked       bool
	YankedReason string
	// HasMetadata tells whether the index serves the file's metadata beside it, MetadataSHA256 is their digest if it is told.
	HasMetadata    bool
	MetadataSHA256 string
	// Provenance is where its attestations are, "" if there are none.
	Provenance string
	HasGPG     bool

	entry string      // of JSON: the object as it was written
	attrs []attribute // of HTML, without href
}

// Release is one version of a project, to which several files belong.
type Release struct {
	Version string // in its normal form
	Key     string // equal exactly for equal versions
}

// Version is that of the file's release, "" if its name tells none.
func (f File) Version() string {
	if f.Release == nil {
		return ""
	}
	return f.Release.Version
}

// Hash is a digest as an index gives it, hexadecimal.
type Hash struct{ Algorithm, Sum string }

// hash is the digest by an algorithm, "" if there is none.
func (f File) hash(algorithm string) string {
	for _, h := range f.Hashes {
		if h.Algorithm == algorithm {
			return h.Sum
		}
	}
	return ""
}

// attribute is one of HTML, its value with references resolved.
type attribute struct{ name, value string }

// SHA256 is the digest that the index gives, "" if it gives none that can be one.
func (f File) SHA256() model.Digest {
	d, err := model.NewDigest(model.SHA256, f.hash("sha256"))
	if err != nil {
		return ""
	}
	return d
}

// parseJSON reads a page in JSON that was found at an address.
func parseJSON(project string, at *url.URL, doc []byte) (*Page, error) {
	if !json.Valid(doc) {
		return nil, fmt.Errorf("page of %s: not JSON", project)
	}
	p := newPage(project)
	files := ""
	// What is kept of the page are parts of this one string.
	if err := members(string(doc), func(m member) {
		if m.name == "files" {
			files = m.raw // the last one, as readers of JSON take it
			return
		}
		p.head = append(p.head, m)
		p.readHead(m)
	}); err != nil {
		return nil, fmt.Errorf("page of %s: %w", project, err)
	}
	if err := supported(p.APIVersion); err != nil {
		return nil, fmt.Errorf("page of %s: %w", project, err)
	}
	ok, err := elements(files, func(raw string) error {
		f, err := fileOfJSON(at, raw)
		if err == nil {
			p.add(f)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("page of %s: an entry is no object", project)
	}
	if !ok {
		return nil, fmt.Errorf("page of %s: it has no list of files", project)
	}
	p.finish()
	return p, nil
}

// newPage is a page without files.
func newPage(project string) *Page {
	return &Page{Project: project, APIVersion: "1.0", names: dist.NewNames(project), releases: map[string]*Release{}}
}

// finish lets go of what is needed only while a page is read.
func (p *Page) finish() {
	p.names, p.releases = nil, nil
	p.Files = slices.Clone(p.Files) // which takes no more than it needs
}

// readHead takes what it knows from a key of the page.
func (p *Page) readHead(m member) {
	switch m.name {
	case "meta":
		var meta struct {
			Version string `json:"api-version"`
		}
		if json.Unmarshal([]byte(m.raw), &meta) == nil && meta.Version != "" {
			p.APIVersion = meta.Version
		}
	case "project-status":
		var status struct{ Status, State, Reason string }
		if json.Unmarshal([]byte(m.raw), &status) == nil {
			p.Status, p.StatusReason = status.Status, status.Reason
			if p.Status == "" {
				p.Status = status.State
			}
		}
	}
}

// supported refuses pages of a major version that did not exist when this was written; minor versions only add (PEP 629).
func supported(version string) error {
	major, _, _ := strings.Cut(version, ".")
	if major != "1" {
		return fmt.Errorf("the index speaks version %q of its API, and this gate speaks 1", clip(version, 20))
	}
	return nil
}

// add takes an entry, unless its name is no file name or not the last part of its address.
func (p *Page) add(f File) {
	if f.URL == "" || !dist.SafeFilename(f.Filename) || lastPart(f.URL) != f.Filename {
		p.Dropped = append(p.Dropped, strings.Clone(clip(f.Filename, 100)))
		return
	}
	if parsed, ok := p.names.Parse(f.Filename); ok {
		version := parsed.Version.String()
		if f.Release = p.releases[version]; f.Release == nil {
			f.Release = &Release{Version: version, Key: parsed.Version.Key()}
			p.releases[version] = f.Release
		}
	}
	p.Files = append(p.Files, f)
}

// lastPart is the last part of an address's path, decoded.
func lastPart(address string) string {
	if i := strings.LastIndexByte(address, '/'); plain(address[i+1:]) && !strings.ContainsAny(address, "?#") {
		return address[i+1:]
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}

// fileOfJSON reads an entry. Where a key stands twice the last one counts, as for other readers.
func fileOfJSON(at *url.URL, entry string) (File, error) {
	f := File{Size: -1, entry: entry}
	err := members(entry, func(m member) {
		switch m.name {
		case "filename":
			f.Filename = text(m.raw) // what is no string is no file name
		case "url":
			f.URL = resolve(at, text(m.raw))
		case "hashes":
			f.Hashes, _ = hashesOf(m.raw)
		case "size":
			size, err := strconv.ParseInt(m.raw, 10, 64)
			if f.Size = size; err != nil || size < 0 {
				f.Size = -1
			}
		case "upload-time":
			f.Uploaded, _ = time.Parse(time.RFC3339Nano, text(m.raw))
		case "yanked":
			f.Yanked, f.YankedReason = yanked(m.raw)
		case "core-metadata", "dist-info-metadata", "data-dist-info-metadata":
			f.readMetadata(m.raw)
		case "provenance":
			f.Provenance = text(m.raw)
		case "gpg-sig":
			f.HasGPG = m.raw == "true"
		}
	})
	return f, err
}

// hashesOf reads an object of digests; ok is false for anything else.
func hashesOf(raw string) (out []Hash, ok bool) {
	strange := false
	err := members(raw, func(m member) {
		if strange = strange || !strings.HasPrefix(m.raw, `"`) && m.raw != "null"; strange {
			return
		}
		sum := text(m.raw)
		for i := range out {
			if out[i].Algorithm == m.name {
				out[i].Sum = sum
				return
			}
		}
		if len(out) < mostHashes {
			out = append(out, Hash{m.name, sum})
		}
	})
	if err != nil || strange {
		return nil, false
	}
	return slices.Clip(out), true
}

// mostHashes is how many digests of a file are looked at.
const mostHashes = 16

// readMetadata reads the value under which an index tells of metadata: true, or their digests.
func (f *File) readMetadata(raw string) {
	hashes, ok := hashesOf(raw)
	f.HasMetadata = f.HasMetadata || ok || raw == "true"
	for _, h := range hashes {
		if sum := strings.ToLower(h.Sum); h.Algorithm == "sha256" && isSHA256(sum) {
			f.MetadataSHA256 = sum
		}
	}
}

func isSHA256(sum string) bool { return len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == "" }

// yanked reads the value that says whether and why a file is yanked.
func yanked(raw string) (is bool, reason string) {
	if s := text(raw); s != "" {
		return true, s
	}
	return raw == "true", ""
}

// resolve is an address of a page, absolute; "" if it is none, or none of http.
func resolve(at *url.URL, ref string) string {
	ref = strings.TrimSpace(ref)
	for _, scheme := range []string{"https://", "http://"} {
		if host, path, ok := strings.Cut(strings.TrimPrefix(ref, scheme), "/"); ok && strings.HasPrefix(ref, scheme) && host != "" && plain(host) && plain(path) {
			return ref
		}
	}
	u, err := at.Parse(ref)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// plain tells whether a part of an address has nothing but letters that stand for themselves, and so no steps up or down either.
func plain(part string) bool {
	for i := range len(part) {
		switch c := part[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
		case c == '.' && (i == 0 || part[i-1] != '/') && i+1 < len(part) && part[i+1] != '.' && part[i+1] != '/' && i > 0:
		default:
			return false
		}
	}
	return true
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
