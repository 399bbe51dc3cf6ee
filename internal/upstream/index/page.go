package index

import (
	"encoding/json"
	"fmt"
	"net/url"
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
}

// File is an entry of a page: a distribution file.
type File struct {
	Filename string
	// URL is where the index says that the file is.
	URL *url.URL
	// Parsed is what the name says; Known is false for names that are none of the project's.
	Parsed dist.Filename
	Known  bool
	// Hashes are the digests that the index gives, hexadecimal, by the name of their algorithm.
	Hashes map[string]string
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

	entry []member    // of JSON
	attrs []attribute // of HTML, without href
}

// attribute is one of HTML, its value with references resolved.
type attribute struct{ name, value string }

// SHA256 is the digest that the index gives, "" if it gives none that can be one.
func (f File) SHA256() model.Digest {
	d, err := model.NewDigest(model.SHA256, f.Hashes["sha256"])
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
	all, err := members(doc)
	if err != nil {
		return nil, fmt.Errorf("page of %s: %w", project, err)
	}
	p := &Page{Project: project, APIVersion: "1.0"}
	files := json.RawMessage(nil)
	for _, m := range all {
		if m.name == "files" {
			files = m.raw // the last one, as readers of JSON take it
			continue
		}
		p.head = append(p.head, m)
		p.readHead(m)
	}
	list, ok := elements(files)
	if !ok {
		return nil, fmt.Errorf("page of %s: it has no list of files", project)
	}
	if err := supported(p.APIVersion); err != nil {
		return nil, fmt.Errorf("page of %s: %w", project, err)
	}
	for _, raw := range list {
		entry, err := members(raw)
		if err != nil {
			return nil, fmt.Errorf("page of %s: an entry is no object", project)
		}
		p.add(fileOfJSON(at, entry))
	}
	return p, nil
}

// readHead takes what it knows from a key of the page.
func (p *Page) readHead(m member) {
	switch m.name {
	case "meta":
		var meta struct {
			Version string `json:"api-version"`
		}
		if json.Unmarshal(m.raw, &meta) == nil && meta.Version != "" {
			p.APIVersion = meta.Version
		}
	case "project-status":
		var status struct{ Status, State, Reason string }
		if json.Unmarshal(m.raw, &status) == nil {
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
	if f.URL == nil || !dist.SafeFilename(f.Filename) || lastPart(f.URL) != f.Filename {
		p.Dropped = append(p.Dropped, clip(f.Filename, 100))
		return
	}
	f.Parsed, f.Known = dist.ParseFilename(p.Project, f.Filename)
	p.Files = append(p.Files, f)
}

// lastPart is the last part of an address's path, decoded.
func lastPart(u *url.URL) string {
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}

// fileOfJSON reads an entry. Where a key stands twice the last one counts, as for other readers.
func fileOfJSON(at *url.URL, entry []member) File {
	f := File{Size: -1, entry: entry}
	for _, m := range entry {
		switch m.name {
		case "filename":
			_ = json.Unmarshal(m.raw, &f.Filename) // what is no string is no file name
		case "url":
			f.URL = resolve(at, text(m.raw))
		case "hashes":
			f.Hashes = nil
			_ = json.Unmarshal(m.raw, &f.Hashes)
		case "size":
			if json.Unmarshal(m.raw, &f.Size) != nil || f.Size < 0 {
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
			f.HasGPG = string(m.raw) == "true"
		}
	}
	return f
}

// readMetadata reads the value under which an index tells of metadata: true, or their digests.
func (f *File) readMetadata(raw json.RawMessage) {
	var hashes map[string]string
	switch {
	case string(raw) == "true":
		f.HasMetadata = true
	case json.Unmarshal(raw, &hashes) == nil && hashes != nil:
		f.HasMetadata = true
		if sum := strings.ToLower(hashes["sha256"]); isSHA256(sum) {
			f.MetadataSHA256 = sum
		}
	}
}

func isSHA256(sum string) bool { return len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == "" }

// yanked reads the value that says whether and why a file is yanked.
func yanked(raw json.RawMessage) (is bool, reason string) {
	if s := text(raw); s != "" {
		return true, s
	}
	return string(raw) == "true", ""
}

// text is a JSON string, "" if raw is none.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// resolve is an address of a page, absolute; nil if it is none, or none of http.
func resolve(at *url.URL, ref string) *url.URL {
	u, err := at.Parse(strings.TrimSpace(ref))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil
	}
	return u
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
