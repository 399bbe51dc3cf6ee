package bucket

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/model"
)

// FuzzPage reads pages of listings, which must not panic and never tell of an object that nothing pins.
func FuzzPage(f *testing.F) {
	f.Add(`<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%2Fb+c</Key><Size>1</Size><ETag>"x"</ETag></Contents></ListBucketResult>`)
	f.Add(`<EnumerationResults><Blobs><Blob><Name Encoded="true">a%20b</Name><Properties><Etag>x</Etag><Content-Length>1</Content-Length></Properties></Blob></Blobs><NextMarker>m</NextMarker></EnumerationResults>`)
	f.Add(`<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`)
	f.Fuzz(func(t *testing.T, page string) {
		if _, _, err := s3Page(strings.NewReader(page)); err == nil && !strings.Contains(page, "ListBucketResult") {
			t.Errorf("%q is taken for a page", page)
		}
		objects, _, err := azurePage(strings.NewReader(page))
		if err == nil && !strings.Contains(page, "EnumerationResults") {
			t.Errorf("%q is taken for a page", page)
		}
		for _, o := range objects {
			if o.ETag == "" {
				t.Errorf("%q: %+v", page, o)
			}
		}
	})
}

// FuzzRefusal reads refusals, which always have a code of the API's and one line.
func FuzzRefusal(f *testing.F) {
	f.Add(404, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>`)
	f.Add(403, `{"error":{"code":403,"message":"no","errors":[{"reason":"forbidden"}]}}`)
	f.Add(500, "\xef\xbb\xbf<Error><Code>InternalError</Code><Message>a\nb</Message></Error>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		res := &http.Response{StatusCode: max(300, status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		e := refusal(model.S3, res, "")
		if e.ErrorCode() == "" || strings.Contains(e.Message, "\n") {
			t.Errorf("%q: %q, %q", body, e.ErrorCode(), e.Message)
		}
	})
}
