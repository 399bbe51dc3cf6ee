package hfmirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// Bounds of a batch request.
const (
	maxBatchBody    = 4 << 20
	maxBatchObjects = 1000
)

// batchType is the media type of git-lfs.
const batchType = "application/vnd.git-lfs+json"

// batchRequest asks where objects are. Format: git-lfs, docs/api/batch.md.
type batchRequest struct {
	Operation string        `json:"operation"`
	Transfers []string      `json:"transfers"`
	Objects   []batchObject `json:"objects"`
	Ref       struct {
		Name string `json:"name"`
	} `json:"ref"`
}

type batchObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`

	Authenticated bool                   `json:"authenticated,omitempty"`
	Actions       map[string]batchAction `json:"actions,omitempty"`
	Error         *batchError            `json:"error,omitempty"`
}

type batchAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header,omitempty"`
}

type batchError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type batchAnswer struct {
	Transfer string        `json:"transfer"`
	HashAlgo string        `json:"hash_algo"`
	Objects  []batchObject `json:"objects"`
}

// refuseGit turns git itself away: what it fetches is packed, and can't be judged by file. git shows plain text to its user.
func (d *Door) refuseGit(x *exchange) error {
	return forbidden("modelgate does not serve git: download with `hf download`, or from " + d.base(x) + x.prefix + "/{repository}/resolve/{revision}/{file}")
}

// serveBatch answers where the LFS objects of an allowed version are: at the gate.
func (d *Door) serveBatch(x *exchange) error {
	req, err := readBatch(x)
	if err != nil {
		return err
	}
	rev, files, err := d.objects(x, refName(req.Ref.Name))
	var refused *hub.Error
	if errors.As(err, &refused) && refused.Code == "RevisionNotFound" { // a branch of the client's own
		rev, files, err = d.objects(x, "main")
	}
	if err != nil {
		return err
	}
	h := d.hold(x)
	defer h.end()
	answer := batchAnswer{Transfer: "basic", HashAlgo: "sha256", Objects: req.Objects}
	if whole := d.request(x, rev, ""); !whole.ByFile {
		if _, err := d.judge(x, whole, h); err != nil {
			return err
		}
	}
	for i := range answer.Objects {
		o := &answer.Objects[i]
		path, ok := files[strings.ToLower(o.OID)]
		if !ok {
			o.Error = &batchError{Code: http.StatusNotFound, Message: "no file of " + x.version.String() + " is this object"}
			continue
		}
		o.Authenticated = true
		o.Actions = map[string]batchAction{"download": {Href: d.fileURL(x, rev, path), Header: echo(x)}}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("answer batch: %w", err)
	}
	head := d.common(x)
	head.Set("Content-Type", batchType)
	head.Set("Content-Length", strconv.Itoa(len(text)))
	x.out.WriteHeader(http.StatusOK)
	_, _ = x.out.Write(text)
	return nil
}

// readBatch reads and checks a batch request.
func readBatch(x *exchange) (batchRequest, error) {
	var req batchRequest
	text, err := io.ReadAll(http.MaxBytesReader(nil, x.Body, maxBatchBody))
	if err != nil {
		return req, failure{status: http.StatusRequestEntityTooLarge, message: "modelgate: the batch request can't be read"}
	}
	if err := json.Unmarshal(text, &req); err != nil || len(req.Objects) > maxBatchObjects {
		return req, failure{status: http.StatusUnprocessableEntity, message: "modelgate: this is no batch request that can be answered"}
	}
	if req.Operation != "download" {
		return req, forbidden("modelgate is read-only: nothing can be uploaded")
	}
	for i := range req.Objects {
		o := &req.Objects[i]
		o.Authenticated, o.Actions, o.Error = false, nil, nil
		if _, err := model.NewDigest(model.SHA256, o.OID); err != nil {
			return req, failure{status: http.StatusUnprocessableEntity, message: "modelgate: an object id is not a SHA-256"}
		}
	}
	return req, nil
}

// refName is the branch or tag of a git reference; git-lfs names the branch that is checked out, or nothing.
func refName(ref string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
	if name == "" || len(name) > maxRevision || !printable(name) || climbs(name) {
		return "main"
	}
	return name
}

// objects lists the files of a revision that have a SHA-256, by it.
func (d *Door) objects(x *exchange, name string) (hub.Revision, map[string]string, error) {
	rev, err := d.revision(x, name)
	if err != nil {
		return hub.Revision{}, nil, err
	}
	if err := d.authorize(x, rev, ""); err != nil {
		return hub.Revision{}, nil, err
	}
	files, err := d.Hub.Files(x.Context(), x.token, rev.Repo, rev.Commit)
	if err != nil {
		return hub.Revision{}, nil, fmt.Errorf("list the files of %s: %w", x.version, err)
	}
	byDigest := make(map[string]string, len(files))
	for _, f := range files {
		if f.Digest.Algorithm() == model.SHA256 {
			byDigest[f.Digest.Hex()] = f.Path
		}
	}
	return rev, byDigest, nil
}

// fileURL is the gate's address of a file of a commit.
func (d *Door) fileURL(x *exchange, rev hub.Revision, path string) string {
	kind := ""
	if rev.Repo.Kind != model.Models {
		kind = "/" + string(rev.Repo.Kind)
	}
	segs := strings.Split(path, "/")
	for i := range segs {
		segs[i] = url.PathEscape(segs[i])
	}
	return d.base(x) + x.prefix + kind + "/" + rev.Repo.ID + "/resolve/" + rev.Commit + "/" + strings.Join(segs, "/")
}

// echo gives a client back what it authenticated with, for the addresses of this very gate.
func echo(x *exchange) map[string]string {
	if value := x.Header.Get("Authorization"); value != "" {
		return map[string]string{"Authorization": value}
	}
	return nil
}
