package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// Endpoint is a server that speaks a provider's protocol.
type Endpoint struct {
	Provider model.Source
	// URL is scheme, host and port.
	URL string
	// Region is that of S3; "" is what the credentials' configuration says, else us-east-1.
	Region string
	// PathStyle says that the bucket, or the account of Azure, stands in the path and not in the host.
	PathStyle bool
	// Default says that addresses that name no endpoint are meant to be here, and not at the provider's own.
	Default bool
}

// host is host and port; "" of the provider's own endpoint.
func (e Endpoint) host() string {
	_, host, _ := strings.Cut(e.URL, "://")
	return strings.ToLower(host)
}

func (e Endpoint) check() error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("endpoint %q is not http:// or https:// with a host alone", e.URL)
	}
	return nil
}

// Registration says how buckets are read.
type Registration struct {
	Provider model.Source
	// Pattern is "bucket" or "bucket/prefix", of Azure "account/container" or "account/container/prefix". In each part before the prefix
	// "*" stands for any characters.
	Pattern string
	// Endpoint is the host (and port) of one of the endpoints; "" is the default one, else the provider's own.
	Endpoint    string
	Credentials Credentials
	// Serve says that a door may offer the buckets as its own.
	Serve bool
	// RequesterPays says that reading may be charged to the credentials' owner.
	RequesterPays bool
}

// matches tells whether an address is one of the registration's.
func (r Registration) matches(a Address) bool {
	if r.Provider != a.Provider {
		return false
	}
	have := []string{a.Bucket}
	if a.Provider == model.Azure {
		have = []string{a.Account, a.Bucket}
	}
	parts := strings.SplitN(r.Pattern, "/", len(have)+1)
	for i, name := range have {
		if i >= len(parts) {
			return true
		}
		if ok, err := path.Match(parts[i], name); err != nil || !ok {
			return false
		}
	}
	return len(parts) <= len(have) || strings.HasPrefix(a.Key, parts[len(have)])
}

// Config is what Stores needs.
type Config struct {
	Upstream  *upstream.Client
	Endpoints []Endpoint
	Buckets   []Registration // the first one that matches counts
	// Account is the storage account of az:// addresses.
	Account string
}

// Stores gives the store of an address. It is safe for concurrent use.
type Stores struct {
	cfg    Config
	stores *lru.Cache[string, Store]
}

// maxStores bounds how many buckets are kept open.
const maxStores = 256

// New returns Stores. Nobody is asked yet.
func New(cfg Config) (*Stores, error) {
	for _, e := range cfg.Endpoints {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	s := &Stores{cfg: cfg}
	for _, r := range cfg.Buckets {
		if _, err := path.Match(r.Pattern, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", r.Pattern, err)
		}
		if _, err := s.endpoint(r.Provider, r.Endpoint); err != nil {
			return nil, fmt.Errorf("buckets %s: %w", r.Pattern, err)
		}
		if err := r.Credentials.check(r.Provider); err != nil {
			return nil, fmt.Errorf("credentials of buckets %s: %w", r.Pattern, err)
		}
	}
	var err error
	s.stores, err = lru.NewWithEvict(maxStores, func(_ string, store Store) { closeStore(store) })
	return s, err
}

// Close closes connections that are not in use.
func (s *Stores) Close() {
	for _, store := range s.stores.Values() {
		closeStore(store)
	}
}

func closeStore(store Store) {
	if c, ok := store.(interface{ Close() }); ok {
		c.Close()
	}
}

// Registered finds the registration of an address.
func (s *Stores) Registered(a Address) (Registration, bool) {
	a = s.located(a)
	for _, r := range s.cfg.Buckets {
		if r.matches(a) {
			return r, true
		}
	}
	return Registration{}, false
}

// located names the account of an az:// address.
func (s *Stores) located(a Address) Address {
	if a.Provider == model.Azure && a.Account == "" {
		a.Account = s.cfg.Account
	}
	return a
}

// Store is the store of an address, and the address with all that was left to the configuration. A bucket that is not registered is read with
// what credentials the machine has; whoever must not do that asks Registered first.
func (s *Stores) Store(ctx context.Context, a Address) (Store, Address, error) {
	if err := a.check(); err != nil {
		return nil, a, err
	}
	a = s.located(a)
	if a.Provider == model.Azure && a.Account == "" {
		return nil, a, errors.New("az:// needs a storage account: set objectstore.azure_account, or write https://account" + azureHost + "/container/blob")
	}
	r, registered := s.Registered(a)
	key := a.At("").String() + "\n" + r.Pattern
	if store, ok := s.stores.Get(key); ok {
		return store, a, nil
	}
	e, err := s.endpoint(a.Provider, r.Endpoint)
	if err != nil {
		return nil, a, err
	}
	store, err := s.open(ctx, a, e, r, !registered)
	if err != nil {
		return nil, a, fmt.Errorf("open %s: %w", a.At(""), err)
	}
	s.stores.Add(key, store)
	return store, a, nil
}

// endpoint finds the endpoint of a registration: the one that it names, else the default one, else the provider's own.
func (s *Stores) endpoint(provider model.Source, host string) (Endpoint, error) {
	for _, e := range s.cfg.Endpoints {
		if e.Provider == provider && (host == "" && e.Default || host != "" && strings.EqualFold(e.host(), host)) {
			return e, nil
		}
	}
	if host != "" {
		return Endpoint{}, fmt.Errorf("there is no endpoint %s of %s", host, provider)
	}
	return Endpoint{Provider: provider}, nil
}

// open makes the store of a bucket.
func (s *Stores) open(ctx context.Context, a Address, e Endpoint, r Registration, ambient bool) (Store, error) {
	switch a.Provider {
	case model.S3:
		keys, region, err := r.Credentials.s3(ctx, s.cfg.Upstream, ambient)
		if e.Region != "" {
			region = e.Region
		}
		return newS3(s.cfg.Upstream, a.Bucket, e, region, keys, r.RequesterPays), err
	case model.GCS:
		tokens, project, err := r.Credentials.gcs(ctx, s.cfg.Upstream, ambient)
		if err != nil {
			return nil, err
		}
		if !r.RequesterPays {
			project = ""
		}
		return newGCS(s.cfg.Upstream, a.Bucket, e, tokens, project)
	default:
		z, err := newAzure(s.cfg.Upstream, a.Account, a.Bucket, e)
		if err != nil {
			return nil, err
		}
		return z, r.Credentials.azure(z, s.cfg.Upstream, ambient)
	}
}
