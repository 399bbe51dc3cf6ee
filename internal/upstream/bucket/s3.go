package bucket

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// S3 is a bucket of S3, or of a store that speaks its protocol.
type S3 struct {
	bucket        string
	endpoint      Endpoint // the zero value is Amazon's own
	out           *upstream.Client
	keys          *proofs[aws.Credentials]
	signer        *v4.Signer
	requesterPays bool

	mu     sync.Mutex
	region string
	sites  map[string]*upstream.Site // by region
}

func newS3(out *upstream.Client, bucket string, e Endpoint, region string, keys *proofs[aws.Credentials], requesterPays bool) *S3 {
	if region == "" {
		region = defaultRegion
	}
	return &S3{
		bucket: bucket, endpoint: e, out: out, keys: keys, region: region, requesterPays: requesterPays,
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
		sites:  map[string]*upstream.Site{},
	}
}

// defaultRegion is where a bucket is asked for first if nobody told its region.
const defaultRegion = "us-east-1"

// Identity implements Store.
func (s *S3) Identity() string {
	return strings.Join([]string{"s3", s.endpoint.host(), s.bucket}, "\n")
}

// VouchesFor implements Store: Amazon computes the checksums of objects itself.
func (s *S3) VouchesFor() bool { return s.endpoint.URL == "" }

// Close closes connections that are not in use.
func (s *S3) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, site := range s.sites {
		site.Close()
	}
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, key, version string) (Info, error) {
	q := s.ask(http.MethodHead, key, versionQuery(version))
	q.header.Set("X-Amz-Checksum-Mode", "ENABLED")
	res, err := s.do(ctx, q)
	if err != nil {
		return Info{}, fmt.Errorf("ask about s3://%s/%s: %w", s.bucket, key, err)
	}
	_ = res.Body.Close()
	info := s3Info(res.Header)
	if info.Size, err = sizeOf(res); err == nil && info.ETag == "" && info.VersionID == "" {
		err = fmt.Errorf("neither version nor entity tag: %w", ErrAnswer)
	}
	if err != nil {
		return Info{}, fmt.Errorf("ask about s3://%s/%s: %w", s.bucket, key, err)
	}
	return info, nil
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, key string, info Info, off, n int64) (io.ReadCloser, error) {
	ask := func(ctx context.Context, header http.Header) (*upstream.Response, error) {
		q := s.ask(http.MethodGet, key, versionQuery(info.VersionID))
		q.header = header
		if info.ETag != "" {
			q.header.Set("If-Match", `"`+info.ETag+`"`)
		}
		return s.do(ctx, q)
	}
	return open(ctx, "s3://"+s.bucket+"/"+key, info, off, n, ask, s3Info)
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string, limit int) ([]Object, error) {
	objects, err := pages(prefix, limit, func(marker string) ([]Object, string, error) {
		query := url.Values{"list-type": {"2"}, "encoding-type": {"url"}, "prefix": {prefix}}
		if marker != "" {
			query.Set("continuation-token", marker)
		}
		res, err := s.do(ctx, s.ask(http.MethodGet, "", query))
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = res.Body.Close() }()
		return s3Page(io.LimitReader(res.Body, maxPage))
	})
	if err != nil {
		return nil, fmt.Errorf("list s3://%s/%s: %w", s.bucket, prefix, err)
	}
	return objects, nil
}

// s3Page reads a page of ListObjectsV2.
func s3Page(r io.Reader) ([]Object, string, error) {
	var page struct {
		XMLName      xml.Name `xml:"ListBucketResult"` // anything else is no listing, not an empty one
		EncodingType string
		IsTruncated  bool
		Token        string `xml:"NextContinuationToken"`
		Contents     []struct {
			Key          string
			LastModified time.Time
			ETag         string
			Size         int64
		}
	}
	if err := xml.NewDecoder(r).Decode(&page); err != nil {
		return nil, "", fmt.Errorf("read a page: %w: %w", ErrAnswer, err)
	}
	objects := make([]Object, 0, len(page.Contents))
	for _, c := range page.Contents {
		key := c.Key
		if page.EncodingType == "url" {
			var err error
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, "", fmt.Errorf("key %q: %w", c.Key, ErrAnswer)
			}
		}
		objects = append(objects, Object{Key: key, Info: Info{
			Size: c.Size, ETag: trimETag(c.ETag), LastModified: c.LastModified.UTC().Truncate(time.Second), Listed: true,
		}})
	}
	if page.IsTruncated && page.Token == "" {
		return nil, "", fmt.Errorf("a page that does not tell how to go on: %w", ErrAnswer)
	}
	if !page.IsTruncated {
		return objects, "", nil
	}
	return objects, page.Token, nil
}

// versionQuery asks for a version. "null" is the version of objects from before a bucket had versions; it can be written anew, so it names
// nothing.
func versionQuery(version string) url.Values {
	if version == "" || version == "null" {
		return url.Values{}
	}
	return url.Values{"versionId": {version}}
}

// s3Info makes an Info of an answer's header, without the size.
func s3Info(h http.Header) Info {
	info := standardHeader(h)
	if v := h.Get("X-Amz-Version-Id"); v != "null" {
		info.VersionID = v
	}
	// A checksum of the whole object; one over the parts' checksums ends in "-5", like their ETag, and is no 32 bytes.
	if kind := h.Get("X-Amz-Checksum-Type"); kind == "" || kind == "FULL_OBJECT" {
		if sum, err := base64.StdEncoding.DecodeString(h.Get("X-Amz-Checksum-Sha256")); err == nil && len(sum) == 32 {
			info.SHA256 = model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum))
		}
	}
	return info
}

// ask is a question about a key, or about the bucket if that is empty.
func (s *S3) ask(method, key string, query url.Values) ask {
	path := "/" + escapeKey(key)
	if s.pathStyle() {
		path = "/" + s.bucket + path
	}
	return ask{method: method, path: path, query: query, header: http.Header{}}
}

// pathStyle tells whether the bucket stands in the path: a wildcard certificate covers no name with further dots.
func (s *S3) pathStyle() bool {
	return s.endpoint.PathStyle || s.endpoint.URL == "" && strings.Contains(s.bucket, ".")
}

// do asks the store. What is no success is an *Error. A store that says that the bucket is in another region is asked there.
func (s *S3) do(ctx context.Context, q ask) (*upstream.Response, error) {
	for again := true; ; again = false {
		site, region, err := s.site()
		if err != nil {
			return nil, err
		}
		var reason string
		res, err := send(ctx, site, func() (*http.Request, error) {
			req, err := q.request(ctx, site.Endpoint())
			if err == nil {
				reason, err = s.sign(req, region)
			}
			return req, err
		})
		if err != nil {
			return nil, err
		}
		if res.StatusCode < http.StatusMultipleChoices {
			return res, nil
		}
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // a body that breaks says less, not something else
		_ = res.Body.Close()
		if again && s.moved(res.Response, text, region) {
			continue
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		return nil, refusal(model.S3, res.Response, reason)
	}
}

// sign proves who asks, if there is something to prove it with; else it tells the reason.
func (s *S3) sign(req *http.Request, region string) (reason string, err error) {
	if s.requesterPays {
		req.Header.Set("X-Amz-Request-Payer", "requester")
	}
	keys, reason, ok, err := s.keys.proof(req.Context())
	if err == nil && ok {
		req.Header.Set("X-Amz-Content-Sha256", emptySHA256)
		err = s.signer.SignHTTP(req.Context(), keys, req, emptySHA256, "s3", region, time.Now())
	}
	req.Header.Set("Accept-Encoding", "identity") // unsigned, as things on the way change it
	return reason, err
}

// emptySHA256 is the hash of no bytes: no request has a body.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var (
	regionName = regexp.MustCompile(`^[a-z0-9-]{2,40}$`)
	regionTag  = regexp.MustCompile(`<Region>([a-z0-9-]{2,40})</Region>`)
)

// moved notes the region that a refusal names, and tells whether that is another than was asked.
func (s *S3) moved(res *http.Response, text []byte, asked string) bool {
	region := res.Header.Get("X-Amz-Bucket-Region")
	if m := regionTag.FindSubmatch(text); region == "" && m != nil {
		region = string(m[1])
	}
	if region == asked || !regionName.MatchString(region) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.region = region
	return true
}

// maxRegions bounds how many regions one bucket is looked for in.
const maxRegions = 4

// site is the server of the bucket in its region.
func (s *S3) site() (*upstream.Site, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if site, ok := s.sites[s.region]; ok {
		return site, s.region, nil
	}
	if len(s.sites) >= maxRegions {
		return nil, "", errors.New("the store names one region after the other")
	}
	endpoint, err := s.address(s.region)
	if err != nil {
		return nil, "", err
	}
	site, err := s.out.Site(upstream.SiteConfig{Name: "s3", Endpoint: endpoint})
	if err != nil {
		return nil, "", err
	}
	s.sites[s.region] = site
	return site, s.region, nil
}

// address is the server that has the bucket.
func (s *S3) address(region string) (string, error) {
	base := "https://s3." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		base += ".cn"
	}
	if s.endpoint.URL != "" {
		base = s.endpoint.URL
	}
	if s.pathStyle() {
		return base, nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("endpoint %s: %w", strconv.Quote(base), err)
	}
	u.Host = s.bucket + "." + u.Host
	return u.String(), nil
}
