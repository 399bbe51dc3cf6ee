package hfmirror

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// Bounds of what comes with a manifest.
const (
	maxManifest  = 1 << 20
	maxLayers    = 64
	maxSmallBlob = 1 << 20
	maxManifests = 4096
)

// manifests remember which commit a blob was named for, so that blobs are found after the branch has moved on. Losing it costs no
// more than that.
type manifests struct {
	commits *lru.Cache[string, string] // by repository and digest
}

func newManifests() *manifests {
	// The size is positive, so there is no error.
	c, _ := lru.New[string, string](maxManifests)
	return &manifests{commits: c}
}

func manifestKey(repo hub.Repo, digest string) string { return repo.ID + "|" + digest }

// manifest is a list of layers, as ollama pulls them. Format: Docker image manifest, version 2 schema 2.
type manifest struct {
	Config layer   `json:"config"`
	Layers []layer `json:"layers"`
}

type layer struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// serveManifest passes a manifest on: metadata of the version that main stands for. Its layers are remembered with that version.
func (d *Door) serveManifest(x *exchange) error {
	tag := x.rev
	x.rev = "main"
	rev, err := d.revision(x, x.rev)
	if err != nil {
		return err
	}
	if err := d.authorize(x, rev, ""); err != nil {
		return err
	}
	if d.BlockMetadata {
		if err := d.blockMetadata(x); err != nil {
			return err
		}
	}
	r := x.Clone(x.Context())
	r.Method = http.MethodGet
	resp, err := d.Hub.Forward(x.Context(), d.onward(x.Context(), &exchange{Request: r}), x.rest)
	if err != nil {
		return fmt.Errorf("manifest %s: %w", ascii(tag, 100), err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return d.passError(x, resp)
	}
	text, err := readWhole(resp.Body, maxManifest)
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || len(m.Layers) > maxLayers {
		return failure{status: http.StatusBadGateway, message: "modelgate: the Hub's manifest can't be read"}
	}
	for _, l := range append(m.Layers, m.Config) {
		d.manifests.commits.Add(manifestKey(rev.Repo, l.Digest), rev.Commit)
	}
	h := d.common(x)
	h.Set("Content-Type", "application/json")
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.HasSuffix(kind, "json") {
		h.Set("Content-Type", kind)
	}
	sum := sha256.Sum256(text)
	h.Set("Docker-Content-Digest", "sha256:"+hex.EncodeToString(sum[:]))
	h.Set("X-Repo-Commit", rev.Commit)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(http.StatusOK)
	if x.Method != http.MethodHead {
		_, _ = x.out.Write(text)
	}
	return nil
}

// serveBlob answers a layer: a file of the version whose manifest named it, else a small text that the Hub derived from it.
func (d *Door) serveBlob(x *exchange) error {
	digest, name := x.path, "main"
	if commit, ok := d.manifests.commits.Get(manifestKey(x.repo, digest)); ok {
		name = commit
	}
	x.rev = name
	rev, files, err := d.objects(x, name)
	if err != nil {
		return err
	}
	path, ok := files[strings.TrimPrefix(digest, "sha256:")]
	if !ok {
		return d.serveDerived(x, rev, digest)
	}
	x.path = path
	info, err := d.Hub.Stat(x.Context(), x.token, rev.Repo, rev.Commit, path)
	if err != nil {
		return fmt.Errorf("look at %s of %s: %w", path, x.version, err)
	}
	if string(info.Digest) != digest {
		return fmt.Errorf("%s of %s has two digests", path, x.version)
	}
	p := place{rev: rev, info: info}
	if x.Method == http.MethodHead {
		return d.head(x, p)
	}
	h := d.hold(x)
	defer h.end()
	return d.get(x, p, h)
}

// serveDerived answers with what the Hub made of a repository for ollama: the chat template, parameters, the licence. It is no
// file that was scanned, so it's given only if a manifest of ours named it, the version is allowed as a whole, it's short, its digest
// is right, and it's plain text, which no loader takes for code or weights.
func (d *Door) serveDerived(x *exchange, rev hub.Revision, digest string) error {
	refused := forbidden("modelgate gives only blobs that a manifest it has passed on names, and that are files of a scanned version or short texts")
	if _, ok := d.manifests.commits.Get(manifestKey(rev.Repo, digest)); !ok {
		return refused
	}
	h := d.hold(x)
	defer h.end()
	p := place{rev: rev, info: hub.FileInfo{File: model.File{Path: x.path, Digest: model.Digest(digest)}}}
	defer func() { d.record(x, p) }()
	v, err := d.judge(x, d.whole(x, rev), h)
	if err != nil {
		return err
	}
	r := x.Clone(x.Context())
	r.Method = http.MethodGet
	resp, err := d.Hub.Forward(x.Context(), d.onward(x.Context(), &exchange{Request: r}), x.rest)
	if err != nil {
		return fmt.Errorf("blob %s: %w", digest, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return d.passError(x, resp)
	}
	text, err := readWhole(resp.Body, maxSmallBlob)
	if err != nil {
		return refused
	}
	if sum := sha256.Sum256(text); "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return failure{status: http.StatusBadGateway, message: "modelgate: the bytes that the Hub gave are not those it announced"}
	}
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }) {
		return refused
	}
	head := d.common(x)
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head["X-Content-Type-Options"] = noSniff
	head.Set("X-Modelgate-Scan", v.Scan.String())
	head.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(http.StatusOK)
	if x.Method != http.MethodHead {
		_, _ = x.out.Write(text)
	}
	return nil
}

// whole asks for the verdict on a version as a whole.
func (d *Door) whole(x *exchange, rev hub.Revision) gate.Request {
	req := d.request(x, rev, "")
	req.ByFile = false
	return req
}

// readWhole reads a short body, or fails if it's longer.
func readWhole(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the Hub's answer: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("the Hub's answer is longer than %d bytes", limit)
	}
	return text, nil
}
