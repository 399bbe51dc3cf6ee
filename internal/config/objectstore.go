package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// ObjectStore is the buckets that modelgate reads with credentials of its own.
type ObjectStore struct {
	Endpoints []StoreEndpoint `yaml:"endpoints"`
	Buckets   []StoreBuckets  `yaml:"buckets"`
	// AzureAccount is the storage account that az:// addresses are in.
	AzureAccount string `yaml:"azure_account"`
	// Models are patterns of prefixes that are models: s3://bucket/models/*/.
	Models []string `yaml:"models"`
	// S3Listen is where the gate itself is an endpoint of S3, for clients with keys of Clients.
	S3Listen string        `yaml:"s3_listen"`
	Clients  []StoreClient `yaml:"clients"`
}

// StoreClient is a key that clients sign with whose endpoint is the gate.
type StoreClient struct {
	Name        string            `yaml:"name"`
	AccessKeyID string            `yaml:"access_key_id"`
	SecretFile  string            `yaml:"secret_file"`
	Buckets     []string          `yaml:"buckets"` // patterns of what it may read; none: all that is served
	Groups      map[string]string `yaml:"groups"`  // source -> security group
}

// StoreEndpoint is a server that speaks a provider's protocol, besides the providers' own.
type StoreEndpoint struct {
	Provider  string `yaml:"provider"` // s3, gcs, azure
	Host      string `yaml:"host"`     // name and port; https unless it begins with http://
	Region    string `yaml:"region"`
	PathStyle bool   `yaml:"path_style"`
	Private   bool   `yaml:"private"` // it may have an address that is not public
	Default   bool   `yaml:"default"` // addresses that name no endpoint are meant to be here
}

// URL is the endpoint's address.
func (e StoreEndpoint) URL() string {
	if strings.Contains(e.Host, "://") {
		return strings.TrimRight(e.Host, "/")
	}
	return "https://" + e.Host
}

// StoreBuckets says how buckets are read.
type StoreBuckets struct {
	Provider      string           `yaml:"provider"`
	Pattern       string           `yaml:"pattern"`
	Endpoint      string           `yaml:"endpoint"`
	Credentials   StoreCredentials `yaml:"credentials"`
	Serve         bool             `yaml:"serve"`
	RequesterPays bool             `yaml:"requester_pays"`
}

// StoreCredentials are what buckets are read with; without any, what the machine has in the way of its provider.
type StoreCredentials struct {
	Anonymous            bool   `yaml:"anonymous"`
	AccessKeyID          string `yaml:"access_key_id"`
	SecretFile           string `yaml:"secret_file"`
	SessionTokenFile     string `yaml:"session_token_file"`
	Profile              string `yaml:"profile"`
	RoleARN              string `yaml:"role_arn"`
	ServiceAccountFile   string `yaml:"service_account_file"`
	AccountKeyFile       string `yaml:"account_key_file"`
	SASFile              string `yaml:"sas_file"`
	ConnectionStringFile string `yaml:"connection_string_file"`
}

// of lists the keys that are set and are for one provider alone.
func (c StoreCredentials) of(provider string) []string {
	keys := map[string]map[string]string{
		"s3": {
			"access_key_id": c.AccessKeyID, "secret_file": c.SecretFile, "session_token_file": c.SessionTokenFile,
			"profile": c.Profile, "role_arn": c.RoleARN,
		},
		"gcs":   {"service_account_file": c.ServiceAccountFile},
		"azure": {"account_key_file": c.AccountKeyFile, "sas_file": c.SASFile, "connection_string_file": c.ConnectionStringFile},
	}
	var set []string
	for key, value := range keys[provider] {
		if value != "" {
			set = append(set, key)
		}
	}
	slices.Sort(set)
	return set
}

// providers are the object stores that there are.
func providers() []string { return []string{"s3", "gcs", "azure"} }

func (o ObjectStore) validate() []problem {
	ps := o.validateStores()
	for i, c := range o.Clients {
		if c.Name == "" || c.AccessKeyID == "" || c.SecretFile == "" {
			ps = append(ps, problem{key: fmt.Sprintf("objectstore.clients[%d]", i), text: "needs name, access_key_id and secret_file"})
		}
	}
	if o.S3Listen != "" && len(o.Clients) == 0 && !loopback(o.S3Listen) {
		ps = append(ps, problem{key: "objectstore.s3_listen", text: "is open to everybody who reaches " + o.S3Listen + ": set objectstore.clients"})
	}
	return ps
}

func (o ObjectStore) validateStores() []problem {
	var ps []problem
	fail := func(key, format string, args ...any) {
		ps = append(ps, problem{key: key, text: fmt.Sprintf(format, args...)})
	}
	hosts := map[string]bool{}
	for i, e := range o.Endpoints {
		key := fmt.Sprintf("objectstore.endpoints[%d]", i)
		u, err := url.Parse(e.URL())
		switch {
		case !slices.Contains(providers(), e.Provider):
			fail(key+".provider", "%q is none of %s", e.Provider, strings.Join(providers(), ", ")+meant(e.Provider, providers()))
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
			fail(key+".host", "is not a host with perhaps a port, such as store.example.com:9000 or http://127.0.0.1:9000")
		case hosts[e.Provider+" "+u.Host]:
			fail(key+".host", "is given twice")
		case e.Region != "" && e.Provider != "s3":
			fail(key+".region", "is for s3 alone")
		}
		if u != nil {
			hosts[e.Provider+" "+u.Host] = true
		}
	}
	for i, b := range o.Buckets {
		for _, p := range b.validate(hosts) {
			fail(fmt.Sprintf("objectstore.buckets[%d]%s", i, p.key), "%s", p.text)
		}
	}
	return ps
}

// validate looks at one entry; the keys of problems begin with a dot.
func (b StoreBuckets) validate(hosts map[string]bool) []problem {
	var ps []problem
	fail := func(key, format string, args ...any) {
		ps = append(ps, problem{key: key, text: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(providers(), b.Provider) {
		fail(".provider", "%q is none of %s", b.Provider, strings.Join(providers(), ", ")+meant(b.Provider, providers()))
		return ps
	}
	_, err := path.Match(b.Pattern, "")
	switch {
	case b.Pattern == "" || err != nil:
		fail(".pattern", "is no pattern: write bucket, bucket-*, or bucket/prefix/")
	case strings.Contains(b.Pattern, "://"):
		fail(".pattern", "must not begin with a scheme: provider says which store it is")
	case b.Provider == "azure" && !strings.Contains(b.Pattern, "/"):
		fail(".pattern", "must begin with the storage account: account/container or account/*")
	}
	if b.Endpoint != "" && !hosts[b.Provider+" "+b.Endpoint] {
		fail(".endpoint", "%q is the host of no endpoint of %s", b.Endpoint, b.Provider)
	}
	c, own := b.Credentials, b.Credentials.of(b.Provider)
	for _, other := range providers() {
		if set := c.of(other); other != b.Provider && len(set) > 0 {
			fail(".credentials."+set[0], "is for %s", other)
		}
	}
	switch {
	case c.Anonymous && len(own) > 0:
		fail(".credentials.anonymous", "excludes %s", own[0])
	case (c.AccessKeyID == "") != (c.SecretFile == ""):
		fail(".credentials.access_key_id", "and secret_file must be set together")
	case c.SessionTokenFile != "" && c.AccessKeyID == "":
		fail(".credentials.session_token_file", "needs access_key_id")
	case b.Provider == "azure" && len(own) > 1:
		fail(".credentials."+own[1], "excludes %s", own[0])
	}
	if b.RequesterPays && b.Provider == "azure" {
		fail(".requester_pays", "is for s3 and gcs")
	}
	return ps
}

// Standard is what the variables say that tools of the providers share. It is for commands that their user runs; a gateway is told by its
// configuration alone, since such variables may well point to itself.
type Standard struct {
	Endpoints        []StoreEndpoint // each the default of its provider
	AzureAccount     string
	AzureKey         Secret
	AzureSAS         Secret
	ConnectionString Secret
}

// StandardStores reads these variables, given as os.Environ gives them.
func StandardStores(environ []string) Standard {
	set := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	first := func(names ...string) string {
		for _, name := range names {
			if set[name] != "" {
				return set[name]
			}
		}
		return ""
	}
	var s Standard
	add := func(provider, address string) {
		if address == "" {
			return
		}
		if !strings.Contains(address, "://") {
			address = "http://" + address
		}
		s.Endpoints = append(s.Endpoints, StoreEndpoint{
			Provider: provider, Host: strings.TrimRight(address, "/"), PathStyle: true, Private: true, Default: true,
		})
	}
	if set["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] != "true" {
		add("s3", first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
	}
	add("gcs", set["STORAGE_EMULATOR_HOST"])
	s.AzureAccount = first("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
	s.AzureKey = Secret(first("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"))
	s.AzureSAS = Secret(set["AZURE_STORAGE_SAS_TOKEN"])
	s.ConnectionString = Secret(set["AZURE_STORAGE_CONNECTION_STRING"])
	return s
}
