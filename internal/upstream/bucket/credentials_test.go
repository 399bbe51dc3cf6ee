package bucket

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"modelgate/internal/buckettest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// bare takes away what this machine may have of credentials.
func bare(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"HOME": filepath.Dir(none), "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

// unregistered are stores in which nothing is registered: what is asked is asked with what the machine has.
func unregistered(t *testing.T, provider model.Source, address string) *Stores {
	t.Helper()
	out, err := upstream.New(upstream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Upstream: out, Endpoints: []Endpoint{{Provider: provider, URL: address, PathStyle: true, Default: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestS3CredentialsOfTheMachine(t *testing.T) {
	f := newFakeS3(t)
	f.objects["m"] = text("x")
	profile := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(profile, []byte("[profile reader]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\nregion = eu-west-3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		set  map[string]string
		want string // in the header that proves who asks; "" is none
	}{
		{"variables", map[string]string{"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}, "Credential=AKIAENV/"},
		{"a profile, and its region", map[string]string{"AWS_PROFILE": "reader", "AWS_CONFIG_FILE": profile}, "/eu-west-3/s3/aws4_request"},
		{"nothing", nil, ""},
	} {
		bare(t)
		for name, value := range c.set {
			t.Setenv(name, value)
		}
		f.requests = nil
		find(t, unregistered(t, model.S3, f.URL), "s3://models/m")
		got := f.requests[0].Header.Get("Authorization")
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	f.spoil = denied
	_, err := tryFind(t.Context(), unregistered(t, model.S3, f.URL), "s3://models/m")
	var e *Error
	if !errors.As(err, &e) || e.ErrorCode() != "MISSING_CREDENTIALS" || !strings.Contains(e.Error(), "asked without credentials: ") {
		t.Errorf("denied to nobody in particular: %v", err)
	}
}

func TestS3RoleIsAssumed(t *testing.T) {
	bare(t)
	moto := buckettest.StartS3(t)
	t.Setenv("AWS_ENDPOINT_URL_STS", moto.URL)
	t.Setenv("AWS_REGION", "us-east-1")
	f := newFakeS3(t)
	f.objects["m"] = text("x")
	c := testKeys()
	c.RoleARN = "arn:aws:iam::123456789012:role/reader"
	find(t, newStores(t, model.S3, f.URL, c), "s3://models/m")
	h := f.requests[0].Header
	if h.Get("X-Amz-Security-Token") == "" || strings.Contains(h.Get("Authorization"), "AKIATEST") {
		t.Errorf("asked with %v", h)
	}
}

func TestCredentialsThatAreConfiguredMustBeThere(t *testing.T) {
	bare(t)
	f := newFakeS3(t)
	for name, c := range map[string]Credentials{"a profile that is not": {Profile: "absent"}, "nothing at all": {}} {
		if _, err := tryFind(t.Context(), newStores(t, model.S3, f.URL, c), "s3://models/m"); err == nil || len(f.requests) > 0 {
			t.Errorf("%s: %v, %d requests", name, err, len(f.requests))
		}
	}
	_, err := tryFind(t.Context(), newStores(t, model.S3, f.URL, Credentials{}), "s3://models/m")
	var coded interface{ ErrorCode() string }
	if !errors.As(err, &coded) || coded.ErrorCode() != "MISSING_CREDENTIALS" {
		t.Errorf("nothing at all: %v", err)
	}
}

// TestServiceAccountOfGoogle exchanges the key of a service account for a token, once for many questions.
func TestServiceAccountOfGoogle(t *testing.T) {
	var mu sync.Mutex
	var tokens int
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			tokens++
			fmt.Fprint(w, `{"access_token":"of the account","token_type":"Bearer","expires_in":3600}`)
			return
		}
		asked = append(asked, r.Header.Get("Authorization")+" "+r.URL.Query().Get("userProject"))
		fmt.Fprint(w, `{"name":"m","size":"1","generation":"7"}`)
	}))
	defer server.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "reader@acme.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		"token_uri":   server.URL + "/token", "project_id": "acme",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, pays := range map[string]bool{"Bearer of the account ": false, "Bearer of the account acme": true} {
		s := newStores(t, model.GCS, server.URL, Credentials{ServiceAccount: account})
		s.cfg.Buckets[0].RequesterPays = pays
		asked, tokens = nil, 0
		for range 3 {
			find(t, s, "gs://models/m")
		}
		if tokens != 1 || len(asked) != 3 || asked[2] != name {
			t.Errorf("%d tokens for %q", tokens, asked)
		}
	}
}

func TestCredentialsAreForTheirProvider(t *testing.T) {
	for name, c := range map[string]struct {
		provider model.Source
		with     Credentials
		ok       bool
	}{
		"keys for S3":                      {model.S3, testKeys(), true},
		"keys for GCS":                     {model.GCS, testKeys(), false},
		"a key without its secret":         {model.S3, Credentials{AccessKeyID: "a"}, false},
		"a token without a key":            {model.S3, Credentials{SessionToken: "a"}, false},
		"a signature for Azure":            {model.Azure, Credentials{SAS: "sig=x"}, true},
		"two ways into Azure":              {model.Azure, Credentials{SAS: "sig=x", AccountKey: "AAAA"}, false},
		"nobody, but with a key":           {model.S3, Credentials{Anonymous: true, AccessKeyID: "a", SecretAccessKey: "b"}, false},
		"a service account for S3":         {model.S3, Credentials{ServiceAccount: []byte("{}")}, false},
		"what the machine happens to have": {model.Azure, Credentials{}, true},
	} {
		if err := c.with.check(c.provider); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAzureConnection(t *testing.T) {
	account, c, endpoint, err := AzureConnection(
		"DefaultEndpointsProtocol=http;AccountName=acme;AccountKey=AAAA==;BlobEndpoint=http://127.0.0.1:10000/acme/;")
	if err != nil || account != "acme" || c.AccountKey != "AAAA==" || endpoint != "http://127.0.0.1:10000/acme" {
		t.Errorf("%s %s %s, %v", account, c.AccountKey, endpoint, err)
	}
	for _, text := range []string{"", "AccountName=acme", "AccountKey=AAAA"} {
		if _, _, _, err := AzureConnection(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestRegistrationsMatch(t *testing.T) {
	for _, c := range []struct {
		provider     model.Source
		pattern, uri string
		want         bool
	}{
		{model.S3, "models", "s3://models/a", true},
		{model.S3, "models", "s3://models-2/a", false},
		{model.S3, "models", "gs://models/a", false},
		{model.S3, "models-*", "s3://models-2/a", true},
		{model.S3, "models/team/", "s3://models/team/a/b", true},
		{model.S3, "models/team/", "s3://models/teams/a", false},
		{model.S3, "models/", "s3://models/a", true},
		{model.Azure, "acme/*", "https://acme.blob.core.windows.net/models/a", true},
		{model.Azure, "acme/models/x/", "https://acme.blob.core.windows.net/models/y", false},
		{model.Azure, "acme", "https://acme2.blob.core.windows.net/models/y", false},
	} {
		a, err := Parse(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Registration{Provider: c.provider, Pattern: c.pattern}).matches(a); got != c.want {
			t.Errorf("%s %s is for %s: %v", c.provider, c.pattern, c.uri, got)
		}
	}
}
