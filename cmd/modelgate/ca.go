package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"modelgate/internal/config"
	"modelgate/internal/proxy"
)

// caCommand prints what clients of the forward proxy need: the authority's certificate, alone or among the system's, and the variables
// that point to it. It can look, too, at what a client behind these variables sees.
type caCommand struct {
	Bundle bool   `help:"The system's authorities and ours: what most clients need, since a file that is named to them stands instead of the system's."`
	Env    bool   `help:"The variables that clients read, all pointing to the bundle, which is written into data_dir."`
	Shell  string `help:"How --env spells them: sh, fish, powershell, docker." enum:"sh,fish,powershell,docker" default:"sh"`
	Check  string `help:"Ask for this address through the proxy of HTTPS_PROXY and tell whose certificate comes." placeholder:"URL"`
	Proxy  string `help:"Address of the proxy as clients know it; by default it is made of proxy.listen." placeholder:"URL"`
	File   string `help:"Where --env has the bundle; by default ca-bundle.pem in data_dir." placeholder:"FILE"`
	Roots  string `help:"PEM file of the system's authorities, where it is not found by itself." placeholder:"FILE"`
}

// Help is shown by modelgate ca --help.
func (c *caCommand) Help() string {
	var b strings.Builder
	b.WriteString("Clients of the forward proxy must trust its authority. No single variable tells all of them: --env prints all.\n\n")
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, t := range proxy.Tools() {
		fmt.Fprintf(w, "    %s\t%s\n", t.Name, t.Trust)
	}
	_ = w.Flush() // to memory
	b.WriteString("\nThe system's own store, for browsers and what reads it:\n\n")
	for _, s := range systemStores() {
		fmt.Fprintf(&b, "    %s:\n      %s\n", s[0], s[1])
	}
	return b.String()
}

// systemStores are the ways to put a certificate into a system's store.
func systemStores() [][2]string {
	return [][2]string{
		{"Debian, Ubuntu, Alpine", "modelgate ca > /usr/local/share/ca-certificates/modelgate.crt && update-ca-certificates"},
		{"Fedora, RHEL", "modelgate ca > /etc/pki/ca-trust/source/anchors/modelgate.pem && update-ca-trust"},
		{"macOS", "security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem"},
		{"Windows", "certutil -addstore -f ROOT ca.pem"},
		{"Java", "keytool -importcert -noprompt -cacerts -storepass changeit -alias modelgate -file ca.pem"},
	}
}

func (c *caCommand) Run(g *globals, t terminal) error {
	cfg, err := config.Load(g.Config, os.Environ())
	if err != nil {
		return err
	}
	if c.Check != "" {
		return c.check(context.Background(), t.out)
	}
	ca, err := openAuthority(cfg)
	if err != nil {
		return err
	}
	text := ca.PEM()
	if c.Bundle || c.Env {
		if text, err = c.bundle(text); err != nil {
			return err
		}
	}
	if !c.Env {
		_, err = t.out.Write(text)
		return err
	}
	file, err := c.writeBundle(cfg, text)
	if err != nil {
		return err
	}
	return c.printEnv(t.out, cfg, file)
}

// rootFiles are where systems keep their authorities in one file.
func rootFiles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	}
}

// bundle is the system's authorities, followed by ours where they do not have it yet.
func (c *caCommand) bundle(own []byte) ([]byte, error) {
	files := rootFiles()
	if c.Roots != "" {
		files = []string{c.Roots}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		block, _ := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			continue
		}
		text = bytes.TrimRight(text, "\r\n")
		for rest := own; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return append(text, '\n'), nil
			}
			if one := pem.EncodeToMemory(block); !bytes.Contains(text, bytes.TrimSpace(one)) {
				text = append(append(text, '\n'), bytes.TrimSpace(one)...)
			}
		}
	}
	return nil, fmt.Errorf("the authorities of %s are not found in a file: name one with --roots", runtime.GOOS)
}

// writeBundle puts the bundle where clients will read it.
func (c *caCommand) writeBundle(cfg config.Config, text []byte) (string, error) {
	name := c.File
	if name == "" {
		name = filepath.Join(cfg.DataDir, "ca-bundle.pem")
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("place of the bundle: %w", err)
	}
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, text) {
		return name, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".ca-bundle-*") // clients may be reading the old one
	if err != nil {
		return "", fmt.Errorf("write the bundle: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return "", fmt.Errorf("write the bundle: %w", err)
	}
	return name, os.Rename(f.Name(), name)
}

// variable is one that clients read.
type variable struct{ name, value string }

// variables are all that clients read: two spellings of the proxy's, since some tools know one alone, and the bundle's many names.
func variables(address, bundle string, private []string) []variable {
	direct := []string{"localhost", "127.0.0.1", "::1"}
	for _, host := range private {
		direct = append(direct, strings.TrimPrefix(host, "*"))
	}
	list := []variable{
		{"HTTPS_PROXY", address},
		{"https_proxy", address},
		{"HTTP_PROXY", address},
		{"http_proxy", address},
		{"NO_PROXY", strings.Join(direct, ",")},
		{"no_proxy", strings.Join(direct, ",")},
		{"NODE_USE_ENV_PROXY", "1"},
	}
	for _, name := range []string{
		"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT", "NODE_EXTRA_CA_CERTS",
		"NPM_CONFIG_CAFILE", "CARGO_HTTP_CAINFO", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	} {
		list = append(list, variable{name, bundle})
	}
	return list
}

// remarks are what variables cannot do.
func remarks(accounts bool) []string {
	list := []string{
		"NO_PROXY must not name a host that models come from, nor one of object storage: it would be reached past the gate.",
		"gcsfs and aiohttp read no proxy by themselves: gcsfs.GCSFileSystem(session_kwargs={'trust_env': True}), aiohttp.ClientSession(trust_env=True).",
		"gcsfs asks over gRPC first. To turn that off: GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false",
		"Node.js reads the proxy from version 24 on. Java reads none of these: -Dhttps.proxyHost, -Dhttps.proxyPort, -Djavax.net.ssl.trustStore.",
		"wget reads its authorities from the system, or from the line ca_certificate in the file that WGETRC names.",
	}
	if accounts {
		list = append(list, "The proxy needs an account: http://name:token@host:port in the first four.")
	}
	return list
}

// printEnv prints the variables and remarks in the words of a shell.
func (c *caCommand) printEnv(w io.Writer, cfg config.Config, bundle string) error {
	address := c.Proxy
	if address == "" {
		if cfg.Proxy.Listen == "" {
			return errors.New("proxy.listen is not set: name the proxy with --proxy http://host:port")
		}
		address = "http://" + cfg.Proxy.Listen
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" {
		return errors.New("--proxy is not an http:// or https:// address")
	}
	for _, v := range variables(address, bundle, cfg.Proxy.PrivateNames) {
		fmt.Fprintln(w, spell(c.Shell, v))
	}
	for _, text := range remarks(len(cfg.Proxy.Accounts) > 0) {
		fmt.Fprintln(w, "# "+text)
	}
	return nil
}

// spell writes a variable so that a shell takes its value as it is.
func spell(shell string, v variable) string {
	switch shell {
	case "fish":
		return "set -gx " + v.name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v.value) + "'"
	case "powershell":
		return "$env:" + v.name + " = '" + strings.ReplaceAll(v.value, `'`, `''`) + "'"
	case "docker":
		return "ENV " + v.name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(v.value) + `"`
	default:
		return "export " + v.name + "='" + strings.ReplaceAll(v.value, `'`, `'\''`) + "'"
	}
}

// checkWithin is how long --check waits.
const checkWithin = 30 * time.Second

// check asks for an address as a client behind the variables does, and tells what it sees. Go reads SSL_CERT_FILE.
func (c *caCommand) check(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	to, err := url.Parse(c.Check)
	if err != nil || to.Scheme != "https" || to.Host == "" {
		return errors.New("--check needs an https:// address")
	}
	through, err := c.throughProxy(to)
	if err != nil {
		return err
	}
	var seen tls.ConnectionState
	tr := &http.Transport{Proxy: http.ProxyURL(through), ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		MinVersion:       tls.VersionTLS12,
		VerifyConnection: func(s tls.ConnectionState) error { seen = s; return nil },
	}}
	defer tr.CloseIdleConnections()
	if through == nil {
		fmt.Fprintln(w, "proxy     none: HTTPS_PROXY is not set, or NO_PROXY names the host")
	} else {
		fmt.Fprintln(w, "proxy     "+through.Redacted())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, to.String(), nil)
	if err != nil {
		return err
	}
	res, err := tr.RoundTrip(req)
	var bad *tls.CertificateVerificationError
	switch {
	case errors.As(err, &bad):
		describe(w, bad.UnverifiedCertificates[0].DNSNames, bad.UnverifiedCertificates[0].Issuer.String(), "", "no: "+bad.Err.Error())
		return exitCode(exitError)
	case err != nil:
		return fmt.Errorf("ask for %s: %w", to.Host, err)
	}
	_ = res.Body.Close()
	leaf := seen.PeerCertificates[0]
	describe(w, leaf.DNSNames, leaf.Issuer.String(), seen.NegotiatedProtocol, "yes, by this program")
	fmt.Fprintln(w, "status    "+res.Status)
	return nil
}

// throughProxy is the proxy that a client would use for an address.
func (c *caCommand) throughProxy(to *url.URL) (*url.URL, error) {
	if c.Proxy == "" {
		return http.ProxyFromEnvironment(&http.Request{URL: to})
	}
	u, err := url.Parse(c.Proxy)
	if err != nil || u.Host == "" {
		return nil, errors.New("--proxy is not an http:// or https:// address")
	}
	return u, nil
}

// describe tells of a certificate.
func describe(w io.Writer, names []string, issuer, protocol, trusted string) {
	if protocol == "" {
		protocol = "http/1.1 (none was agreed on)"
	}
	fmt.Fprintf(w, "name      %s\nissuer    %s\nprotocol  %s\ntrusted   %s\n", strings.Join(names, ", "), issuer, protocol, trusted)
}
