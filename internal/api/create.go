package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/report"
	"modelgate/internal/store"
	"modelgate/internal/upstream/bucket"
	"modelgate/internal/upstream/hub"
)

// maxBody bounds what a client may send: a report of a thousand files with their issues.
const maxBody = 32 << 20

// ScanCreate is the body that asks for a scan.
type ScanCreate struct {
	ModelURI          string           `json:"model_uri"`
	SecurityGroupUUID string           `json:"security_group_uuid"`
	ScanOrigin        model.ScanOrigin `json:"scan_origin,omitempty"`
	ModelName         string           `json:"model_name,omitempty"`
	ModelAuthor       string           `json:"model_author,omitempty"`
	ModelVersion      string           `json:"model_version,omitempty"`
	AllowPatterns     []string         `json:"allow_patterns,omitempty"`
	IgnorePatterns    []string         `json:"ignore_patterns,omitempty"`
	Labels            []model.Label    `json:"labels,omitempty"`
	ScanDetails       *ScanDetails     `json:"scan_details,omitempty"`
}

// SourceOf tells from which source a model is by its URI.
func SourceOf(uri string) model.Source {
	u, err := url.Parse(uri)
	if err != nil {
		return model.Local
	}
	host := strings.ToLower(u.Hostname())
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme == "s3":
		return model.S3
	case scheme == "gs":
		return model.GCS
	case scheme == "az" || strings.HasSuffix(host, ".blob.core.windows.net"):
		return model.Azure
	case scheme == "pypi" || strings.HasPrefix(uri, "pkg:pypi/"):
		return model.PyPI
	case scheme == "hf" || host == "huggingface.co" || host == "hf.co":
		return model.HuggingFace
	case strings.HasSuffix(host, ".jfrog.io"):
		return model.Artifactory
	case strings.Contains(u.Path, "/-/ml/models/"):
		return model.GitLab
	case scheme == "http" || scheme == "https":
		return model.Web
	default:
		return model.Local
	}
}

// DefaultGroup is the default group of a URI's source.
func DefaultGroup(uri string) uuid.UUID { return policy.DefaultGroupUUID(SourceOf(uri)) }

// createScan starts the scan of a model of the Hub or in an object store, or judges what a client found in files of its own.
func (a *API) createScan(w http.ResponseWriter, r *http.Request) error {
	var body ScanCreate
	if err := decodeBody(w, r, &body); err != nil {
		return err
	}
	scan, err := a.create(r, body)
	if err != nil {
		return err
	}
	w.Header().Set("X-Modelgate-Scan", scan.UUID.String())
	writeJSON(w, http.StatusCreated, report.NewScan(scan, a.options(r)))
	return nil
}

// create makes the scan that a body asks for, and returns it as it is recorded: usually pending.
func (a *API) create(r *http.Request, body ScanCreate) (model.Scan, error) {
	if err := body.validate(); err != nil {
		return model.Scan{}, err
	}
	src := SourceOf(body.ModelURI)
	var at bucket.Address
	inBucket := bucket.IsBucket(body.ModelURI)
	if inBucket {
		var err error
		if at, err = bucket.Parse(body.ModelURI); err != nil {
			return model.Scan{}, invalid(detail("value_error", err.Error(), "body", "model_uri"))
		}
		body.ModelURI = at.String()
	}
	order := gate.Order{
		Request: gate.Request{
			GroupUUID: uuid.MustParse(body.SecurityGroupUUID), ScanOrigin: body.ScanOrigin, Owner: owner(r), ModelURI: body.ModelURI,
		},
		ModelName: body.ModelName, ModelAuthor: body.ModelAuthor, ModelVersion: body.ModelVersion,
		Labels: body.Labels, SDKVersion: sdkVersion(r),
	}
	if order.ScanOrigin == "" {
		order.ScanOrigin = model.OriginAPI
	}
	var id uuid.UUID
	var err error
	switch {
	case src == model.HuggingFace:
		id, err = a.scanHub(r, order, body)
	case body.ScanDetails != nil:
		id, err = a.judgeDetails(r, order, src, *body.ScanDetails)
	case inBucket && a.Stores != nil:
		id, err = a.scanBucket(r, order, body, at)
	case src == model.Local:
		return model.Scan{}, problem(http.StatusBadRequest, "NO_FILES", "local files are scanned where they are: send scan_details, or use the command line")
	default:
		return model.Scan{}, problem(http.StatusBadRequest, "BAD_REQUEST", "this gate does not scan models of %s itself; send scan_details", src)
	}
	if err != nil {
		return model.Scan{}, err
	}
	return a.Store.Scan(r.Context(), id)
}

// scanHub submits the scan of a repository. Uninteresting parts of its address are dropped: the scan is recorded under
// the canonical one.
func (a *API) scanHub(r *http.Request, order gate.Order, body ScanCreate) (uuid.UUID, error) {
	selected, err := selection(body.AllowPatterns, body.IgnorePatterns)
	if err != nil {
		return uuid.Nil, problem(http.StatusBadRequest, "BAD_REQUEST", "%s", err)
	}
	repo, err := hubRepo(body.ModelURI)
	if err != nil {
		return uuid.Nil, invalid(detail("value_error", err.Error(), "body", "model_uri"))
	}
	revision := body.ModelVersion
	if revision == "" {
		revision = "main"
	}
	resolved, err := a.Hub.Resolve(r.Context(), "", repo, revision)
	if err != nil {
		return uuid.Nil, err
	}
	order.Version = resolved.Version()
	order.ModelURI, order.ModelVersion = order.Version.URI(), resolved.Commit
	order.RequestedRevision, order.Selected, order.Progress = revision, selected, a.Progress
	order.Origin, order.Other = a.origin(resolved), a.other
	ticket, err := a.Gate.Submit(r.Context(), order)
	if err != nil {
		return uuid.Nil, err
	}
	return ticket.Scan, nil
}

func (a *API) origin(rev hub.Revision) gate.Origin {
	return &hub.Origin{Client: a.Hub, Repo: rev.Repo, Commit: rev.Commit, Blobs: a.Blobs}
}

// other finds the current version of a model that files of another one import code from.
func (a *API) other(ctx context.Context, id string) (model.Version, gate.Origin, error) {
	rev, err := a.Hub.Resolve(ctx, "", hub.Repo{Kind: model.Models, ID: id}, "main")
	if err != nil {
		return model.Version{}, nil, fmt.Errorf("resolve %s: %w", id, err)
	}
	return rev.Version(), a.origin(rev), nil
}

// hubRepo reads the address of a repository: https://huggingface.co/[datasets/]org/name or hf://org/name.
func hubRepo(uri string) (hub.Repo, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return hub.Repo{}, errors.New("is not an address")
	}
	path := strings.Trim(u.Path, "/")
	if u.Scheme == "hf" {
		path = strings.Trim(u.Host+"/"+path, "/")
	}
	kind := model.Models
	for _, k := range []model.Kind{model.Datasets, model.Spaces, model.Kernels} {
		if rest, ok := strings.CutPrefix(path, string(k)+"/"); ok {
			kind, path = k, rest
		}
	}
	if !isRepoID(path) || strings.Contains(path, "..") || strings.Contains(path, "--") {
		return hub.Repo{}, fmt.Errorf("does not name a repository: %q", path)
	}
	return hub.Repo{Kind: kind, ID: path}, nil
}

// isRepoID tells whether a text is name or org/name, of at most 96 characters each.
func isRepoID(id string) bool {
	if !repoIDPattern.MatchString(id) {
		return false
	}
	org, name, _ := strings.Cut(id, "/")
	return len(org) <= 96 && len(name) <= 96
}

var repoIDPattern = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)?$`)

// validate looks at the fields of a body, each by itself.
func (b *ScanCreate) validate() error {
	var wrong []ErrorDetail
	if b.ModelURI == "" {
		wrong = append(wrong, detail("missing", "Field required", "body", "model_uri"))
	}
	if b.SecurityGroupUUID == "" {
		wrong = append(wrong, detail("missing", "Field required", "body", "security_group_uuid"))
	} else if _, err := uuid.Parse(b.SecurityGroupUUID); err != nil {
		wrong = append(wrong, detail("uuid_parsing", "Input should be a valid UUID", "body", "security_group_uuid"))
	}
	switch b.ScanOrigin {
	case "", model.OriginAPI, model.OriginSDK, model.OriginFrontend, model.OriginHuggingFace, model.OriginPrivateWorker:
	default:
		wrong = append(wrong, detail("enum", "Input should be an origin of scans", "body", "scan_origin"))
	}
	for name, value := range map[string]string{"model_name": b.ModelName, "model_author": b.ModelAuthor, "model_version": b.ModelVersion} {
		if len(value) > 256 {
			wrong = append(wrong, detail("string_too_long", "String should have at most 256 characters", "body", name))
		}
	}
	for name, list := range map[string][]string{"allow_patterns": b.AllowPatterns, "ignore_patterns": b.IgnorePatterns} {
		for _, p := range list {
			if len(p) > 256 {
				wrong = append(wrong, detail("string_too_long", "String should have at most 256 characters", "body", name))
			}
		}
	}
	if len(b.Labels) > store.MaxLabels {
		return tooManyLabels()
	}
	wrong = append(wrong, labelFaults(b.Labels)...)
	if b.ScanDetails != nil {
		wrong = append(wrong, b.ScanDetails.validate()...)
	}
	if len(wrong) > 0 {
		return invalid(wrong...)
	}
	return nil
}

var labelPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// decodeBody reads a JSON body. Unknown fields are refused, except inside scan_details.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "BAD_REQUEST", "the body has more than %d bytes", maxBody)
	case errors.As(err, &wrongType):
		return invalid(detail("type_error", "Input should be "+wrongType.Type.String(), append([]string{"body"}, strings.Split(wrongType.Field, ".")...)...))
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return invalid(detail("extra_forbidden", "Extra inputs are not permitted", "body", name))
	default:
		return problem(http.StatusBadRequest, "BAD_REQUEST", "the body is not JSON: %s", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem(http.StatusBadRequest, "BAD_REQUEST", "the body has more than one JSON value")
	}
	return nil
}

// owner is who asks: the account, or somebody at an address.
func owner(r *http.Request) string {
	if name := auth.From(r.Context()).Name; name != "" {
		return name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || host == "" {
		return "anonymous"
	}
	return "anonymous@" + host
}

// sdkVersion is what the client calls itself, as far as it fits.
func sdkVersion(r *http.Request) string {
	agent := r.UserAgent()
	return agent[:min(len(agent), 100)]
}
