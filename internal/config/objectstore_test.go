package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectStore(t *testing.T) {
	got, err := Load(write(t, `
objectstore:
  azure_account: acme
  endpoints:
    - {provider: s3, host: "store.example.com:9000", region: eu-1, path_style: true, private: true, default: true}
    - {provider: gcs, host: "http://127.0.0.1:4443"}
  buckets:
    - provider: s3
      pattern: models-*
      endpoint: store.example.com:9000
      credentials: {access_key_id: AKIA, secret_file: s3.secret}
      serve: true
    - {provider: azure, pattern: acme/*, credentials: {sas_file: acme.sas}}
    - {provider: gcs, pattern: public, endpoint: "127.0.0.1:4443", credentials: {anonymous: true}, requester_pays: false}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := ObjectStore{
		AzureAccount: "acme",
		Endpoints: []StoreEndpoint{
			{Provider: "s3", Host: "store.example.com:9000", Region: "eu-1", PathStyle: true, Private: true, Default: true},
			{Provider: "gcs", Host: "http://127.0.0.1:4443"},
		},
		Buckets: []StoreBuckets{
			{
				Provider: "s3", Pattern: "models-*", Endpoint: "store.example.com:9000", Serve: true,
				Credentials: StoreCredentials{AccessKeyID: "AKIA", SecretFile: "s3.secret"},
			},
			{Provider: "azure", Pattern: "acme/*", Credentials: StoreCredentials{SASFile: "acme.sas"}},
			{Provider: "gcs", Pattern: "public", Endpoint: "127.0.0.1:4443", Credentials: StoreCredentials{Anonymous: true}},
		},
	}
	if diff := cmp.Diff(want, got.ObjectStore); diff != "" {
		t.Error(diff)
	}
	if a, b := want.Endpoints[0].URL(), want.Endpoints[1].URL(); a != "https://store.example.com:9000" || b != "http://127.0.0.1:4443" {
		t.Errorf("addresses %s and %s", a, b)
	}
}

func TestObjectStoreMistakes(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{`endpoints: [{provider: s4, host: a}]`, `endpoints[0].provider "s4" is none of s3, gcs, azure; did you mean s3?`},
		{`endpoints: [{provider: s3, host: "ftp://a"}]`, "endpoints[0].host is not a host"},
		{`endpoints: [{provider: s3, host: "a/b"}]`, "endpoints[0].host is not a host"},
		{`endpoints: [{provider: s3}]`, "endpoints[0].host is not a host"},
		{`endpoints: [{provider: s3, host: a}, {provider: s3, host: "http://a"}]`, "endpoints[1].host is given twice"},
		{`endpoints: [{provider: gcs, host: a, region: b}]`, "region is for s3 alone"},
		{`buckets: [{provider: s3}]`, "buckets[0].pattern is no pattern"},
		{`buckets: [{provider: s3, pattern: "s3://a"}]`, "pattern must not begin with a scheme"},
		{`buckets: [{provider: azure, pattern: models}]`, "pattern must begin with the storage account"},
		{`buckets: [{provider: s3, pattern: a, endpoint: b}]`, `endpoint "b" is the host of no endpoint of s3`},
		{`buckets: [{provider: s3, pattern: a, credentials: {sas_file: x}}]`, "credentials.sas_file is for azure"},
		{`buckets: [{provider: s3, pattern: a, credentials: {access_key_id: x}}]`, "secret_file must be set together"},
		{`buckets: [{provider: s3, pattern: a, credentials: {anonymous: true, profile: x}}]`, "anonymous excludes profile"},
		{`buckets: [{provider: s3, pattern: a, credentials: {session_token_file: x}}]`, "needs access_key_id"},
		{`buckets: [{provider: azure, pattern: a/b, credentials: {sas_file: x, account_key_file: y}}]`, "excludes account_key_file"},
		{`buckets: [{provider: azure, pattern: a/b, requester_pays: true}]`, "requester_pays is for s3 and gcs"},
		{`buckets: [{provider: s3, pattern: a, secret: b}]`, "unknown key"},
	} {
		_, err := Load(write(t, "objectstore:\n  "+c.yaml+"\n"), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.yaml, err, c.want)
		}
	}
}

func TestStandardStores(t *testing.T) {
	got := StandardStores([]string{
		"AWS_ENDPOINT_URL=http://everything:1", "AWS_ENDPOINT_URL_S3=http://s3:2/", "STORAGE_EMULATOR_HOST=localhost:4443",
		"AZURE_STORAGE_ACCOUNT=acme", "AZURE_STORAGE_KEY=key", "AZURE_STORAGE_SAS_TOKEN=sas", "PATH=/bin",
	})
	endpoint := func(provider, host string) StoreEndpoint {
		return StoreEndpoint{Provider: provider, Host: host, PathStyle: true, Private: true, Default: true}
	}
	want := Standard{
		Endpoints:    []StoreEndpoint{endpoint("s3", "http://s3:2"), endpoint("gcs", "http://localhost:4443")},
		AzureAccount: "acme", AzureKey: "key", AzureSAS: "sas",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := StandardStores([]string{"AWS_ENDPOINT_URL=http://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}); len(got.Endpoints) > 0 {
		t.Errorf("ignored endpoints are taken: %+v", got)
	}
}
