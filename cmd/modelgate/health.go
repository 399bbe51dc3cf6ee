package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"modelgate/internal/config"
)

// healthCommand asks the gateway on this machine whether it is ready; containers call it.
type healthCommand struct{}

func (c *healthCommand) Run(g *globals, t terminal) error {
	cfg, err := config.Load(g.Config, os.Environ())
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	client := &http.Client{Timeout: 5 * time.Second}
	if cfg.TLS.Cert != "" {
		scheme = "https"
		if client.Transport, err = ownCertificate(cfg.TLS.Cert); err != nil {
			return fmt.Errorf("tls.cert: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway is not ready: %s", resp.Status)
	}
	fmt.Fprintln(t.out, "ready")
	return nil
}

// ownCertificate trusts the gateway's own certificate and nothing else, under the first name that it carries.
func ownCertificate(file string) (*http.Transport, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	name := leaf.Subject.CommonName
	if len(leaf.DNSNames) > 0 {
		name = strings.Replace(leaf.DNSNames[0], "*", "gate", 1)
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12}}, nil
}
