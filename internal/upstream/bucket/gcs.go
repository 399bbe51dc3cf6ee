package bucket

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// GCS is a bucket of Google Cloud Storage, read through its JSON API.
type GCS struct {
	bucket   string
	endpoint Endpoint // the zero value is Google's own
	site     *upstream.Site
	tokens   *proofs[string]
	// project pays for what is read; "" is the bucket's owner.
	project string
}

func newGCS(out *upstream.Client, bucket string, e Endpoint, tokens *proofs[string], project string) (*GCS, error) {
	address := e.URL
	if address == "" {
		address = "https://storage.googleapis.com"
	}
	site, err := out.Site(upstream.SiteConfig{Name: "gcs", Endpoint: address})
	if err != nil {
		return nil, err
	}
	return &GCS{bucket: bucket, endpoint: e, site: site, tokens: tokens, project: project}, nil
}

// Identity implements Store.
func (g *GCS) Identity() string {
	return strings.Join([]string{"gcs", g.endpoint.host(), g.bucket}, "\n")
}

// VouchesFor implements Store. Google states no SHA-256.
func (g *GCS) VouchesFor() bool { return false }

// Close closes connections that are not in use.
func (g *GCS) Close() { g.site.Close() }

// gcsObject is the resource of an object, as far as it matters.
type gcsObject struct {
	Name            string `json:"name"`
	Generation      string `json:"generation"`
	Size            string `json:"size"`
	ContentEncoding string `json:"contentEncoding"`
}

// gcsFields are the fields of gcsObject.
const gcsFields = "name,generation,size,contentEncoding"

// info makes an Info of a resource. A generation is all that it takes to pin an object: entity tags change with its metadata.
func (o gcsObject) info() (Info, error) {
	size, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil || size < 0 || o.Generation == "" || strings.Trim(o.Generation, "0123456789") != "" {
		return Info{}, fmt.Errorf("size %q and generation %q: %w", o.Size, o.Generation, ErrAnswer)
	}
	return Info{Size: size, VersionID: o.Generation, Encoding: o.ContentEncoding}, nil
}

// Stat implements Store.
func (g *GCS) Stat(ctx context.Context, key, version string) (Info, error) {
	query := url.Values{"fields": {gcsFields}}
	if version != "" {
		query.Set("generation", version)
	}
	var o gcsObject
	info, err := Info{}, g.read(ctx, g.object(key), query, &o)
	if err == nil {
		info, err = o.info()
	}
	if err != nil {
		return Info{}, fmt.Errorf("ask about gs://%s/%s: %w", g.bucket, key, err)
	}
	return info, nil
}

// Open implements Store.
func (g *GCS) Open(ctx context.Context, key string, info Info, off, n int64) (io.ReadCloser, error) {
	ask := func(ctx context.Context, header http.Header) (*upstream.Response, error) {
		// Whoever takes gzip is given the bytes as they are stored; for others they would be decoded on the way.
		header.Set("Accept-Encoding", "gzip")
		query := url.Values{"alt": {"media"}, "generation": {info.VersionID}}
		return g.do(ctx, ask{method: http.MethodGet, path: g.object(key), query: query, header: header})
	}
	return open(ctx, "gs://"+g.bucket+"/"+key, info, off, n, ask, gcsInfo)
}

// gcsInfo makes an Info of the header of an answer with bytes, without the size.
func gcsInfo(h http.Header) Info {
	encoding := h.Get("Content-Encoding")
	if stored := h.Get("X-Goog-Stored-Content-Encoding"); stored != "" && stored != "identity" {
		encoding = stored
	}
	return Info{VersionID: h.Get("X-Goog-Generation"), Encoding: encoding}
}

// List implements Store.
func (g *GCS) List(ctx context.Context, prefix string, limit int) ([]Object, error) {
	objects, err := pages(prefix, limit, func(marker string) ([]Object, string, error) {
		query := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(" + gcsFields + ")"}}
		if marker != "" {
			query.Set("pageToken", marker)
		}
		var page struct {
			Next  string      `json:"nextPageToken"`
			Items []gcsObject `json:"items"`
		}
		if err := g.read(ctx, "/storage/v1/b/"+g.bucket+"/o", query, &page); err != nil {
			return nil, "", err
		}
		objects := make([]Object, len(page.Items))
		for i, item := range page.Items {
			info, err := item.info()
			if err != nil {
				return nil, "", fmt.Errorf("%q: %w", item.Name, err)
			}
			objects[i] = Object{Key: item.Name, Info: info}
		}
		return objects, page.Next, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list gs://%s/%s: %w", g.bucket, prefix, err)
	}
	return objects, nil
}

// object is the path of an object: its key is one segment, whatever is in it.
func (g *GCS) object(key string) string {
	segment := strings.ReplaceAll(escapeKey(key), "/", "%2F")
	if key == "." || key == ".." {
		segment = strings.ReplaceAll(segment, ".", "%2E")
	}
	return "/storage/v1/b/" + g.bucket + "/o/" + segment
}

// read asks for a JSON document.
func (g *GCS) read(ctx context.Context, path string, query url.Values, into any) error {
	res, err := g.do(ctx, ask{method: http.MethodGet, path: path, query: query, header: http.Header{"Accept-Encoding": {"identity"}}})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxPage)).Decode(into); err != nil {
		return fmt.Errorf("read a document: %w: %w", ErrAnswer, err)
	}
	return nil
}

// do asks the store. What is no success is an *Error.
func (g *GCS) do(ctx context.Context, q ask) (*upstream.Response, error) {
	if g.project != "" {
		q.query.Set("userProject", g.project)
	}
	return askWithToken(ctx, g.site, model.GCS, q, g.tokens)
}

// askWithToken asks with a bearer token, if there is one.
func askWithToken(ctx context.Context, site *upstream.Site, provider model.Source, q ask, tokens *proofs[string]) (*upstream.Response, error) {
	var reason string
	res, err := send(ctx, site, func() (*http.Request, error) {
		req, err := q.request(ctx, site.Endpoint())
		if err != nil {
			return nil, err
		}
		token, why, ok, err := tokens.proof(ctx)
		if reason = why; ok {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return req, err
	})
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode >= http.StatusMultipleChoices:
		return nil, refusal(provider, res.Response, reason)
	default:
		return res, nil
	}
}
