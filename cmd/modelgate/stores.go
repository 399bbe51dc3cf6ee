package main

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"modelgate/internal/config"
	"modelgate/internal/model"
	"modelgate/internal/objectstore"
	"modelgate/internal/upstream/bucket"
)

// openStores opens the way to object stores: those of the configuration, and for commands what the usual variables say besides.
func (a *app) openStores(gateway bool) error {
	cfg := bucket.Config{Upstream: a.out, Account: a.config.ObjectStore.AzureAccount}
	for _, e := range a.config.ObjectStore.Endpoints {
		cfg.Endpoints = append(cfg.Endpoints, endpointOf(e))
	}
	for _, b := range a.config.ObjectStore.Buckets {
		c, err := credentialsOf(b.Credentials)
		if err != nil {
			return fmt.Errorf("objectstore.buckets: %s: %w", b.Pattern, err)
		}
		cfg.Buckets = append(cfg.Buckets, bucket.Registration{
			Provider: providerOf(b.Provider), Pattern: b.Pattern, Endpoint: b.Endpoint, Credentials: c, Serve: b.Serve,
			RequesterPays: b.RequesterPays,
		})
	}
	if !gateway {
		if err := addStandard(&cfg, config.StandardStores(os.Environ())); err != nil {
			return err
		}
	}
	stores, err := bucket.New(cfg)
	if err != nil {
		return fmt.Errorf("objectstore: %w", err)
	}
	a.stores = stores
	a.closers = append(a.closers, func() error { stores.Close(); return nil })
	return nil
}

func providerOf(name string) model.Source {
	return map[string]model.Source{"s3": model.S3, "gcs": model.GCS, "azure": model.Azure}[name]
}

func endpointOf(e config.StoreEndpoint) bucket.Endpoint {
	return bucket.Endpoint{
		Provider: providerOf(e.Provider), URL: e.URL(), Region: e.Region, PathStyle: e.PathStyle, Default: e.Default,
	}
}

// doorEndpoints are the endpoints as the door of object stores knows them, by their hosts.
func doorEndpoints(endpoints []config.StoreEndpoint) []objectstore.Endpoint {
	out := make([]objectstore.Endpoint, len(endpoints))
	for i, e := range endpoints {
		_, host, _ := strings.Cut(e.URL(), "://")
		out[i] = objectstore.Endpoint{Provider: providerOf(e.Provider), Host: host, PathStyle: e.PathStyle}
	}
	return out
}

// credentialsOf reads the files that credentials stand in.
func credentialsOf(c config.StoreCredentials) (bucket.Credentials, error) {
	out := bucket.Credentials{Anonymous: c.Anonymous, AccessKeyID: c.AccessKeyID, Profile: c.Profile, RoleARN: c.RoleARN}
	var account, connection string
	for _, file := range []struct {
		name string
		into *string
	}{
		{c.SecretFile, &out.SecretAccessKey},
		{c.SessionTokenFile, &out.SessionToken},
		{c.AccountKeyFile, &out.AccountKey},
		{c.SASFile, &out.SAS},
		{c.ServiceAccountFile, &account},
		{c.ConnectionStringFile, &connection},
	} {
		if file.name == "" {
			continue
		}
		text, err := os.ReadFile(file.name)
		if err != nil {
			return out, fmt.Errorf("read credentials: %w", err)
		}
		*file.into = strings.TrimSpace(string(text))
	}
	out.ServiceAccount = []byte(account)
	if connection != "" {
		_, parsed, _, err := bucket.AzureConnection(connection)
		if err != nil {
			return out, fmt.Errorf("%s: %w", c.ConnectionStringFile, err)
		}
		out.AccountKey, out.SAS = parsed.AccountKey, parsed.SAS
	}
	return out, nil
}

// addStandard adds what the usual variables say, behind what is configured.
func addStandard(cfg *bucket.Config, s config.Standard) error {
	for _, e := range s.Endpoints {
		cfg.Endpoints = append(cfg.Endpoints, endpointOf(e))
	}
	account, c := s.AzureAccount, bucket.Credentials{AccountKey: s.AzureKey.Reveal(), SAS: s.AzureSAS.Reveal()}
	if c.AccountKey != "" {
		c.SAS = ""
	}
	if text := s.ConnectionString.Reveal(); text != "" {
		named, parsed, endpoint, err := bucket.AzureConnection(text)
		if err != nil {
			return fmt.Errorf("AZURE_STORAGE_CONNECTION_STRING: %w", err)
		}
		account, c = named, parsed
		if base, ok := strings.CutSuffix(endpoint, "/"+named); ok && named != "" { // the account stands in the path: no endpoint of Azure's own
			cfg.Endpoints = append(cfg.Endpoints, bucket.Endpoint{Provider: model.Azure, URL: base, PathStyle: true, Default: true})
		}
	}
	if cfg.Account == "" {
		cfg.Account = account
	}
	if account != "" && (c.AccountKey != "" || c.SAS != "") {
		cfg.Buckets = append(cfg.Buckets, bucket.Registration{Provider: model.Azure, Pattern: account + "/*", Credentials: c})
	}
	return nil
}

// privateEndpoints tells which hosts and ports are those of endpoints that may have an address that is not public.
func privateEndpoints(endpoints []config.StoreEndpoint) func(host string, port int) bool {
	return func(host string, port int) bool {
		for _, e := range endpoints {
			u, err := url.Parse(e.URL())
			if err != nil || !e.Private {
				continue
			}
			name, number := strings.ToLower(u.Hostname()), u.Port()
			if number == "" {
				number = map[string]string{"http": "80", "https": "443"}[u.Scheme]
			}
			if strconv.Itoa(port) == number && (host == name || !e.PathStyle && strings.HasSuffix(host, "."+name)) {
				return true
			}
		}
		return false
	}
}
