package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// plainHTTP is a client that follows nothing, keeps no connection and takes any certificate.
var plainHTTP = &http.Client{
	Timeout:       time.Minute,
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// answer is what a request came back with.
type answer struct {
	status int
	reason string
	header http.Header
	body   string
	err    error // of reading the body
}

// ask sends a request without a body, with headers given as name, value, name, value.
func ask(t *testing.T, method, address string, headers ...string) answer {
	t.Helper()
	return send(t, method, address, "", headers...)
}

// send sends a request.
func send(t *testing.T, method, address, body string, headers ...string) answer {
	t.Helper()
	got, err := attempt(t.Context(), method, address, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// attempt sends a request that may come to nothing.
func attempt(ctx context.Context, method, address, body string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := plainHTTP.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	_, reason, _ := strings.Cut(resp.Status, " ")
	return answer{resp.StatusCode, reason, resp.Header, string(got), err}, nil
}

// into decodes the body.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("answer %d %q: %v", a.status, tail(a.body, 300), err)
	}
}
