package hfmirror

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// route says who answers an address.
type route string

const (
	routeFile     route = "file"     // /{id}/resolve/{rev}/{path}, and /api/resolve-cache/…
	routeRaw      route = "raw"      // /{id}/raw/{rev}/{path}: the bytes as git has them
	routePage     route = "page"     // pages for people
	routeAPI      route = "api"      // /api/…
	routeBucket   route = "bucket"   // what is not served
	routeGit      route = "git"      // smart and dumb HTTP of git
	routeLFS      route = "lfs"      // batch requests of git-lfs
	routeManifest route = "manifest" // /v2/{id}/manifests/{tag}
	routeBlob     route = "blob"     // /v2/{id}/blobs/sha256:{hex}
	routeContent  route = "content"  // anything at a host of the Hub's content network, through the proxy
)

// errNotOurs means that a path is none of the Hub's.
var errNotOurs = errors.New("not an address of the Hub")

// badAddress is a path of the Hub's that nobody honest asks for.
type badAddress struct{ what string }

func (e badAddress) Error() string { return "this address is not valid: " + e.what }

// address is what a request asks for.
type address struct {
	route route
	// group is the security group that the client chose by /g/{group}, prefix that part of the path as the client spelled it; through the
	// proxy it is the path of the configured Hub.
	group, prefix string
	// rest is the escaped path after the prefix: the Hub's own.
	rest string

	repo hub.Repo // of all routes but some of the API
	rev  string   // revision or tag, decoded
	path string   // of a file, decoded; the digest of routeBlob
	// verb is the API's word after the repository ("tree", "" for its information), or the first word after /api/ if there is no
	// repository.
	verb string
}

// Limits of what is read from an address.
const (
	maxPath     = 8 << 10 // escaped
	maxRevision = 256
	maxGroup    = 200
)

// parse reads the escaped path of a request. It looks for markers and never counts segments: a repository's id has one or two.
func parse(escaped string) (address, error) {
	if len(escaped) > maxPath {
		return address{}, badAddress{"it is too long"}
	}
	if rest, ok := strings.CutPrefix(escaped, "/g/"); ok {
		name, rest, ok := strings.Cut(rest, "/")
		if group, valid := groupName(name); ok && valid {
			a, err := parseHub("/" + rest)
			if !errors.Is(err, errNotOurs) {
				a.group, a.prefix = group, escaped[:len("/g/")+len(name)]
				return a, err
			}
		}
	}
	return parseHub(escaped)
}

func groupName(escaped string) (string, bool) {
	name, err := url.PathUnescape(escaped)
	if err != nil || name == "" || len(name) > maxGroup || !printable(name) {
		return "", false
	}
	return name, true
}

// parseHub reads a path as the Hub would.
func parseHub(p string) (address, error) {
	segs := strings.Split(strings.TrimPrefix(p, "/"), "/")
	var a address
	var err error
	switch segs[0] {
	case "api":
		a, err = parseAPI(segs[1:])
	case "v2":
		a, err = parseRegistry(segs[1:])
	case "buckets":
		a, err = parseBucket(segs)
	default:
		a, err = parseRepo(segs)
	}
	a.rest = p
	return a, err
}

// kindOf takes the kind off the front of a path; models have none.
func kindOf(segs []string) (model.Kind, []string) {
	switch kind := model.Kind(segs[0]); kind {
	case model.Datasets, model.Spaces, model.Kernels:
		return kind, segs[1:]
	case model.Models:
	}
	return model.Models, segs
}

// parseRepo reads /{kind}/{id}/{marker}/….
func parseRepo(segs []string) (address, error) {
	kind, segs := kindOf(segs)
	for at := 1; at <= 2 && at < len(segs); at++ {
		r := marker(segs[at:])
		if r == "" {
			continue
		}
		a := address{route: r, repo: hub.Repo{Kind: kind, ID: strings.Join(segs[:at], "/")}}
		if r == routeGit || r == routeLFS {
			a.repo.ID = strings.TrimSuffix(a.repo.ID, ".git")
		}
		if !validID(a.repo.ID) {
			return a, badAddress{"no repository has such a name"}
		}
		if r == routeFile || r == routeRaw {
			return a.file(segs[at+1:])
		}
		return a, nil
	}
	return address{}, errNotOurs
}

// marker tells which route begins with these segments, "" if none does.
func marker(segs []string) route {
	switch segs[0] {
	case "resolve":
		return routeFile
	case "raw":
		return routeRaw
	case "blob", "tree", "commits", "blame", "edit", "viewer":
		return routePage
	case "git-upload-pack", "git-receive-pack", "HEAD", "objects":
		return routeGit
	case "info":
		switch {
		case len(segs) == 4 && segs[1] == "lfs" && segs[2] == "objects" && segs[3] == "batch":
			return routeLFS
		case len(segs) > 1 && (segs[1] == "refs" || segs[1] == "lfs"):
			return routeGit
		}
	}
	return ""
}

// file reads revision and path from the segments that follow a marker.
func (a address) file(segs []string) (address, error) {
	var err error
	var n int
	if a.rev, n, err = revision(segs); err != nil {
		return a, err
	}
	if a.path, err = filePath(segs[n:]); err != nil {
		return a, err
	}
	return a, nil
}

// revision reads a revision from the front of segments and tells how many it took: one, or the three of refs/pr/N and refs/convert/X.
func revision(segs []string) (string, int, error) {
	if len(segs) == 0 {
		return "", 0, badAddress{"it names no revision"}
	}
	n := 1
	if segs[0] == "refs" && len(segs) > 3 && (segs[1] == "pr" || segs[1] == "convert") {
		n = 3
	}
	rev, err := url.PathUnescape(strings.Join(segs[:n], "/"))
	if err != nil || rev == "" || len(rev) > maxRevision || !printable(rev) || climbs(rev) {
		return "", 0, badAddress{"no revision has such a name"}
	}
	return rev, n, nil
}

// filePath decodes the path of a file, once.
func filePath(segs []string) (string, error) {
	p, err := url.PathUnescape(strings.Join(segs, "/"))
	if err != nil || p == "" || climbs(p) || strings.ContainsRune(p, 0) {
		return "", badAddress{"no file has such a path"}
	}
	return p, nil
}

// climbs tells whether a decoded path has a segment that is empty, "." or "..".
func climbs(p string) bool {
	for seg := range strings.SplitSeq(p, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return true
		}
	}
	return false
}

// printable tells whether a string has no control characters.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// validID tells whether a repository can have this id: one or two segments of word characters, dots and dashes.
func validID(id string) bool {
	segs := strings.Split(id, "/")
	if len(segs) > 2 || strings.HasSuffix(id, ".git") || strings.Contains(id, "--") || strings.Contains(id, "..") {
		return false
	}
	return !slices.ContainsFunc(segs, func(seg string) bool {
		return seg == "" || seg == "." || len(seg) > 96 || strings.IndexFunc(seg, notInName) >= 0
	})
}

func notInName(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	digit := r >= '0' && r <= '9'
	return !letter && !digit && r != '_' && r != '.' && r != '-'
}

// parseBucket knows buckets only to say that they are not served.
func parseBucket(segs []string) (address, error) {
	if len(segs) > 3 && slices.Contains(segs[2:], "resolve") {
		return address{route: routeBucket}, nil
	}
	return address{}, errNotOurs
}

// parseRegistry reads /v2/{id}/manifests/{tag} and /v2/{id}/blobs/sha256:{hex}.
func parseRegistry(segs []string) (address, error) {
	at := len(segs) - 2
	if at != 1 && at != 2 {
		return address{}, errNotOurs
	}
	a := address{repo: hub.Repo{Kind: model.Models, ID: strings.Join(segs[:at], "/")}}
	name, err := url.PathUnescape(segs[at+1])
	switch {
	case segs[at] != "manifests" && segs[at] != "blobs":
		return address{}, errNotOurs
	case err != nil || !validID(a.repo.ID):
		return a, badAddress{"no repository has such a name"}
	case segs[at] == "blobs":
		d, err := model.ParseDigest(name)
		if err != nil || d.Algorithm() != model.SHA256 {
			return a, badAddress{fmt.Sprintf("%.80q is not the digest of a blob", name)}
		}
		a.route, a.path = routeBlob, string(d)
	case name == "" || len(name) > maxRevision || !printable(name) || climbs(name):
		return a, badAddress{"no tag has such a name"}
	default:
		a.route, a.rev = routeManifest, name
	}
	return a, nil
}
