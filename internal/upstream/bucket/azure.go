package bucket

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// Azure is a container of Azure Blob Storage.
type Azure struct {
	account, container string
	endpoint           Endpoint // the zero value is Azure's own
	site               *upstream.Site
	tokens             *proofs[string]
	key                []byte     // of the account; nil if requests are not signed with it
	sas                url.Values // query of a shared access signature; nil if there is none
}

// azureVersion is the version of the protocol.
const azureVersion = "2021-12-02"

func newAzure(out *upstream.Client, account, container string, e Endpoint) (*Azure, error) {
	address := e.URL
	if address == "" {
		address = "https://" + account + azureHost
	} else if !e.PathStyle {
		scheme, host, _ := strings.Cut(e.URL, "://")
		address = scheme + "://" + account + "." + host
	}
	site, err := out.Site(upstream.SiteConfig{Name: "azure", Endpoint: address})
	if err != nil {
		return nil, err
	}
	return &Azure{account: account, container: container, endpoint: e, site: site, tokens: &proofs[string]{}}, nil
}

// Identity implements Store.
func (z *Azure) Identity() string {
	return strings.Join([]string{"azure", z.endpoint.host(), z.account, z.container}, "\n")
}

// VouchesFor implements Store. Azure states no SHA-256, and its MD5 is what somebody has set.
func (z *Azure) VouchesFor() bool { return false }

// Close closes connections that are not in use.
func (z *Azure) Close() { z.site.Close() }

func (z *Azure) name(key string) string {
	return Address{Provider: model.Azure, Account: z.account, Bucket: z.container, Key: key}.String()
}

// Stat implements Store.
func (z *Azure) Stat(ctx context.Context, key, version string) (Info, error) {
	res, err := z.do(ctx, z.ask(http.MethodHead, key, azureVersionQuery(version)))
	if err != nil {
		return Info{}, fmt.Errorf("ask about %s: %w", z.name(key), err)
	}
	_ = res.Body.Close()
	info := azureInfo(res.Header)
	if info.Size, err = sizeOf(res); err == nil && info.ETag == "" {
		err = fmt.Errorf("no entity tag: %w", ErrAnswer)
	}
	if err != nil {
		return Info{}, fmt.Errorf("ask about %s: %w", z.name(key), err)
	}
	if version == "" {
		info.VersionID = "" // the entity tag says it, and listings know no more
	}
	return info, nil
}

// Open implements Store.
func (z *Azure) Open(ctx context.Context, key string, info Info, off, n int64) (io.ReadCloser, error) {
	ask := func(ctx context.Context, header http.Header) (*upstream.Response, error) {
		q := z.ask(http.MethodGet, key, azureVersionQuery(info.VersionID))
		q.header.Set("If-Match", `"`+info.ETag+`"`)
		maps.Copy(q.header, header)
		return z.do(ctx, q)
	}
	return open(ctx, z.name(key), info, off, n, ask, azureInfo)
}

// azureInfo makes an Info of an answer's header, without the size.
func azureInfo(h http.Header) Info {
	info := standardHeader(h)
	info.VersionID = h.Get("X-Ms-Version-Id")
	return info
}

func azureVersionQuery(version string) url.Values {
	if version == "" {
		return url.Values{}
	}
	return url.Values{"versionid": {version}}
}

// List implements Store.
func (z *Azure) List(ctx context.Context, prefix string, limit int) ([]Object, error) {
	objects, err := pages(prefix, limit, func(marker string) ([]Object, string, error) {
		query := url.Values{"restype": {"container"}, "comp": {"list"}, "prefix": {prefix}}
		if marker != "" {
			query.Set("marker", marker)
		}
		q := z.ask(http.MethodGet, "", query)
		q.path = strings.TrimSuffix(q.path, "/")
		res, err := z.do(ctx, q)
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = res.Body.Close() }()
		return azurePage(io.LimitReader(res.Body, maxPage))
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", z.name(prefix), err)
	}
	return objects, nil
}

// azurePage reads a page of List Blobs.
func azurePage(r io.Reader) ([]Object, string, error) {
	var page struct {
		XMLName xml.Name `xml:"EnumerationResults"` // anything else is no listing, not an empty one

		Next  string `xml:"NextMarker"`
		Blobs []struct {
			Name struct {
				Text    string `xml:",chardata"`
				Encoded bool   `xml:"Encoded,attr"`
			}
			Properties struct {
				Size         int64  `xml:"Content-Length"`
				LastModified string `xml:"Last-Modified"`
				Etag         string
				Encoding     string `xml:"Content-Encoding"`
			}
		} `xml:"Blobs>Blob"`
	}
	if err := xml.NewDecoder(r).Decode(&page); err != nil {
		return nil, "", fmt.Errorf("read a page: %w: %w", ErrAnswer, err)
	}
	objects := make([]Object, 0, len(page.Blobs))
	for _, b := range page.Blobs {
		key := b.Name.Text
		if b.Name.Encoded {
			var err error
			if key, err = url.PathUnescape(key); err != nil {
				return nil, "", fmt.Errorf("key %q: %w", b.Name.Text, ErrAnswer)
			}
		}
		info := Info{Size: b.Properties.Size, ETag: trimETag(b.Properties.Etag), Encoding: b.Properties.Encoding}
		if at, err := http.ParseTime(b.Properties.LastModified); err == nil {
			info.LastModified = at.UTC()
		}
		if info.ETag == "" {
			return nil, "", fmt.Errorf("key %q has no entity tag: %w", key, ErrAnswer)
		}
		objects = append(objects, Object{Key: key, Info: info})
	}
	return objects, page.Next, nil
}

// ask is a question about a blob, or about the container if the key is empty.
func (z *Azure) ask(method, key string, query url.Values) ask {
	path := "/" + z.container + "/" + escapeKey(key)
	if z.endpoint.PathStyle {
		path = "/" + z.account + path
	}
	return ask{method: method, path: path, query: query, header: http.Header{
		"X-Ms-Version": {azureVersion}, "Accept-Encoding": {"identity"},
	}}
}

// do asks the store. What is no success is an *Error.
func (z *Azure) do(ctx context.Context, q ask) (*upstream.Response, error) {
	maps.Copy(q.query, z.sas)
	if z.key == nil && z.sas == nil {
		return askWithToken(ctx, z.site, model.Azure, q, z.tokens)
	}
	res, err := send(ctx, z.site, func() (*http.Request, error) {
		req, err := q.request(ctx, z.site.Endpoint())
		if err == nil && z.key != nil {
			z.sign(req, time.Now())
		}
		return req, err
	})
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode >= http.StatusMultipleChoices:
		return nil, refusal(model.Azure, res.Response, "")
	default:
		return res, nil
	}
}

// sign signs a request with the account's key ("Authorize with Shared Key", Blob service): the hash is over the method, the values of eleven
// headers, all x-ms- headers, the account, the path and the query.
func (z *Azure) sign(req *http.Request, now time.Time) {
	req.Header.Set("X-Ms-Date", now.UTC().Format(http.TimeFormat))
	lines := []string{req.Method}
	for _, name := range []string{
		"Content-Encoding", "Content-Language", "Content-Length", "Content-Md5", "Content-Type", "Date",
		"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		lines = append(lines, req.Header.Get(name))
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-ms-") {
			lines = append(lines, lower+":"+req.Header.Get(name))
		}
	}
	lines = append(lines, "/"+z.account+req.URL.EscapedPath())
	query := req.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(query[name], ","))
	}
	mac := hmac.New(sha256.New, z.key)
	mac.Write([]byte(strings.Join(lines, "\n")))
	req.Header.Set("Authorization", "SharedKey "+z.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
