// Package model has the nouns that everything else speaks of: where a model lives, which of its
// immutable states is meant, and what files that state consists of. It imports nothing of ours.
package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
)

// Source says where a model lives. The values are those of the published API contract, plus PYPI and WEB.
type Source string

// The sources a version can come from. All is a wildcard of rules, never the source of a version.
const (
	HuggingFace Source = "HUGGING_FACE"
	S3          Source = "S3"
	GCS         Source = "GCS"
	Azure       Source = "AZURE"
	Local       Source = "LOCAL"
	Artifactory Source = "ARTIFACTORY"
	GitLab      Source = "GITLAB"
	PyPI        Source = "PYPI"
	Web         Source = "WEB"
	All         Source = "ALL"
)

// Sources lists every source that a version or a group can have, in the order in which people read them.
func Sources() []Source {
	return []Source{HuggingFace, Local, S3, GCS, Azure, Artifactory, GitLab, PyPI, Web}
}

// Kind tells the four kinds of repositories of the Hub apart, in the plural of its API routes. Versions from other
// sources have no kind.
type Kind string

// The kinds of repositories that the Hub knows.
const (
	Models   Kind = "models"
	Datasets Kind = "datasets"
	Spaces   Kind = "spaces"
	Kernels  Kind = "kernels"
)

// Version is one immutable state of a model: a commit of a Hub repository, a version of an object, the content of a
// local folder. Two equal Versions always stand for the same bytes.
type Version struct {
	Source   Source `json:"source"`
	Kind     Kind   `json:"kind,omitempty"`
	Name     string `json:"name"`     // "org/name", a bucket prefix, a package
	Revision string `json:"revision"` // 40 hex digits of a commit, a version id, an etag, a content fingerprint
}

// Key is a string that is equal exactly for equal versions and safe as part of a cache key.
func (v Version) Key() string {
	return strings.Join([]string{string(v.Source), string(v.Kind), v.Name, v.Revision}, "|")
}

// String is how people are told of a version: "org/name@7b40bb0".
func (v Version) String() string {
	rev := v.Revision
	if len(rev) > 7 {
		rev = rev[:7]
	}
	if v.Kind != "" && v.Kind != Models {
		return string(v.Kind) + "/" + v.Name + "@" + rev
	}
	return v.Name + "@" + rev
}

// URI is the address of the model without its version, as scans record it.
func (v Version) URI() string {
	switch {
	case v.Source == HuggingFace && v.Kind != "" && v.Kind != Models:
		return "https://huggingface.co/" + string(v.Kind) + "/" + v.Name
	case v.Source == HuggingFace:
		return "https://huggingface.co/" + v.Name
	default:
		return v.Name
	}
}

// Organization is the part of the name before the slash, or "" for a repository without one and for what is no repository.
func (v Version) Organization() string {
	switch v.Source {
	case S3, GCS, Azure:
		return ""
	}
	org, _, ok := strings.Cut(v.Name, "/")
	if !ok {
		return ""
	}
	return org
}

// Digest names bytes by their hash: "sha256:<64 hex>" or, for small files of the Hub, "git:<40 hex>" (the SHA-1 that git
// gives a blob: of "blob <size>\x00" and the content). The zero value means that the digest is not known.
type Digest string

// Hash functions a digest can be of.
const (
	SHA256 = "sha256"
	GitSHA = "git"
)

// NewDigest checks the hexadecimal sum and returns its digest. Capital letters are taken and lowered.
func NewDigest(algorithm, sum string) (Digest, error) {
	want := map[string]int{SHA256: 64, GitSHA: 40}[algorithm]
	if want == 0 {
		return "", fmt.Errorf("digest of unknown algorithm %q", algorithm)
	}
	sum = strings.ToLower(sum)
	if len(sum) != want {
		return "", fmt.Errorf("%s digest of %d digits, want %d", algorithm, len(sum), want)
	}
	if _, err := hex.DecodeString(sum); err != nil {
		return "", fmt.Errorf("%s digest is not hexadecimal", algorithm)
	}
	return Digest(algorithm + ":" + sum), nil
}

// ParseDigest reads what String of a digest wrote.
func ParseDigest(s string) (Digest, error) {
	algorithm, sum, _ := strings.Cut(s, ":")
	return NewDigest(algorithm, sum)
}

// Algorithm is the part before the colon.
func (d Digest) Algorithm() string {
	a, _, _ := strings.Cut(string(d), ":")
	return a
}

// Hex is the part after the colon.
func (d Digest) Hex() string {
	_, h, _ := strings.Cut(string(d), ":")
	return h
}

// File is one artifact of a version.
type File struct {
	Path   string `json:"path"` // slashes, relative, as the source spells it
	Size   int64  `json:"size"`
	Digest Digest `json:"digest"`
	// BlobID is what the source itself calls the bytes: the git object id on the Hub. Empty where there is none.
	BlobID string `json:"blob_id,omitempty"`
	// Pin stands for the bytes where no digest is known: equal pins, wherever they are met, are of the same bytes as far as their store can
	// be believed. It names the place as well as the state, since stores count their states each for itself.
	Pin string `json:"pin,omitempty"`
}

// Fingerprint names the content of a version: the SHA-256 over the sorted lines "<path> NUL <digest>", in hexadecimal. The same
// bytes under the same names have one fingerprint, whatever commit or folder they come from. The pin stands in for a digest that is
// not known.
func Fingerprint(files []File) string {
	lines := make([]string, len(files))
	for i, f := range files {
		content := f.Digest.Hex()
		if content == "" {
			content = f.Pin
		}
		lines[i] = f.Path + "\x00" + content + "\n"
	}
	sort.Strings(lines)
	sum := sha256.New()
	for _, line := range lines {
		sum.Write([]byte(line))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
