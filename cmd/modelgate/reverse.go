package main

import (
	"fmt"
	stdlog "log"
	"net/http"
	"os"
	"strings"

	"modelgate/internal/auth"
	"modelgate/internal/config"
	"modelgate/internal/objectstore"
)

// reverseS3 is the gate as an endpoint of S3.
func (a *app) reverseS3(door *objectstore.Door) (*http.Server, error) {
	keys, err := storeKeys(a.config.ObjectStore.Clients)
	if err != nil {
		return nil, err
	}
	handler, err := door.Reverse(keys)
	if err != nil {
		return nil, fmt.Errorf("objectstore.s3_listen: %w", err)
	}
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: stdlog.New(warnings{a.log}, "", 0),
	}, nil
}

// storeKeys are the keys that clients of object stores sign with.
func storeKeys(clients []config.StoreClient) ([]objectstore.Key, error) {
	var out []objectstore.Key
	for _, c := range clients {
		secret, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("objectstore.clients: secret of %s: %w", c.Name, err)
		}
		groups, err := groupsBySource(c.Groups)
		if err != nil {
			return nil, fmt.Errorf("objectstore.clients: %s: %w", c.Name, err)
		}
		out = append(out, objectstore.Key{
			ID: c.AccessKeyID, Secret: strings.TrimSpace(string(secret)), Buckets: c.Buckets, Principal: auth.Principal{Name: c.Name, Groups: groups},
		})
	}
	return out, nil
}
