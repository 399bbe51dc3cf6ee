// Package authority is the certificate authority of the forward proxy: it vouches, to clients that trust it, for the names whose
// connections the proxy inspects.
//
// The certificate is the operator's own (an intermediate, with the chain above it, if need be) or one that is made at the first start and
// kept in the data directory. Leaves are made for one name each, never for a wildcard, live for two days and are renewed after one. They
// share one ECDSA key that never leaves the process: what costs time is the signature alone.
package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// Names of the files that Open keeps in its directory.
const (
	CertFile = "ca.pem"
	KeyFile  = "ca-key.pem"
)

// Lives of certificates. Leaves begin yesterday, because clocks differ.
const (
	caLife      = 10 * 365 * 24 * time.Hour
	leafBefore  = 24 * time.Hour
	leafAfter   = 48 * time.Hour
	leafRenewed = leafAfter / 2
)

// mostLeaves is how many leaves are kept.
const mostLeaves = 10_000

// maxCommonName is how long the common name of a subject may be (X.520, ub-common-name).
const maxCommonName = 64

// Authority makes certificates for names. It is safe for concurrent use.
type Authority struct {
	cert  *x509.Certificate
	above [][]byte // DER of what is sent after a leaf: the authority itself unless it is a root, and what stands above it but roots
	key   crypto.Signer
	pem   []byte

	leafKey *ecdsa.PrivateKey
	leaves  *lru.Cache[string, *tls.Certificate]
	making  singleflight.Group
	now     func() time.Time
}

// Open reads the authority of a directory, and makes it if there is none.
func Open(dir string) (*Authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, CertFile))
	if errors.Is(err, os.ErrNotExist) {
		return create(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		return nil, fmt.Errorf("read the authority's key: %w", err)
	}
	return Load(certPEM, keyPEM)
}

// create makes an authority. The key comes first and the certificate last, so that a directory with a certificate is complete. Others may do
// the same at the same time: of each file the first one counts, and a certificate is made for the key that counts.
func create(dir string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the authority's key: %w", err)
	}
	keyPEM, err := keep(filepath.Join(dir, KeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the authority's key: %w", err)
	}
	certPEM, err := selfSigned(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	if certPEM, err = keep(filepath.Join(dir, CertFile), certPEM, 0o644); err != nil {
		return nil, fmt.Errorf("keep the authority's certificate: %w", err)
	}
	return Load(certPEM, keyPEM)
}

// selfSigned is the certificate of a new authority that has a key.
func selfSigned(keyPEM []byte) ([]byte, error) {
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", KeyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key in %s cannot sign", KeyFile)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "modelgate certificate authority", Organization: []string{"modelgate"}},
		NotBefore: now.Add(-leafBefore), NotAfter: now.Add(caLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// keep puts a file into its place whole, unless there is one already, and returns the text of the one that is there.
func keep(name string, text []byte, mode os.FileMode) ([]byte, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err = os.Link(f.Name(), name); errors.Is(err, os.ErrExist) {
		return os.ReadFile(name)
	}
	return text, err
}

// Load takes an authority from PEM: its certificate, followed by those above it, and its private key.
func Load(certPEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("certificate authority: the key cannot sign")
	}
	a := &Authority{cert: pair.Leaf, key: key, now: time.Now}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	child := a.cert
	for i, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		if i > 0 {
			if err := child.CheckSignatureFrom(c); err != nil {
				return nil, fmt.Errorf("certificate authority: certificate %d does not sign the one before it: %w", i+1, err)
			}
		}
		child = c
		a.pem = append(a.pem, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		if !bytes.Equal(c.RawIssuer, c.RawSubject) {
			a.above = append(a.above, der)
		}
	}
	if a.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("make the key of leaves: %w", err)
	}
	if a.leaves, err = lru.New[string, *tls.Certificate](mostLeaves); err != nil {
		return nil, fmt.Errorf("cache of leaves: %w", err)
	}
	return a, nil
}

// check says whether the certificate is one of an authority that is in force.
func (a *Authority) check() error {
	now := a.now()
	switch {
	case !a.cert.IsCA || !a.cert.BasicConstraintsValid:
		return errors.New("the certificate is not one of an authority (CA:FALSE)")
	case a.cert.KeyUsage != 0 && a.cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("the certificate may not be used to sign certificates")
	case now.Before(a.cert.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s", a.cert.NotBefore.UTC().Format(time.RFC3339))
	case now.After(a.cert.NotAfter):
		return fmt.Errorf("the certificate has expired on %s", a.cert.NotAfter.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// PEM is what clients have to trust: the certificate, and those above it.
func (a *Authority) PEM() []byte { return bytes.Clone(a.pem) }

// Certificate is the authority's own.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Leaf is a certificate for one host: a name in lower case, or an address.
func (a *Authority) Leaf(host string) (*tls.Certificate, error) {
	if leaf, ok := a.leaves.Get(host); ok && a.now().Before(leaf.Leaf.NotAfter.Add(-leafRenewed)) {
		return leaf, nil
	}
	made, err, _ := a.making.Do(host, func() (any, error) {
		leaf, err := a.sign(host)
		if err != nil {
			return nil, fmt.Errorf("certificate for %q: %w", host, err)
		}
		a.leaves.Add(host, leaf)
		return leaf, nil
	})
	leaf, ok := made.(*tls.Certificate)
	if err != nil || !ok {
		return nil, err
	}
	return leaf, nil
}

// sign makes a leaf.
func (a *Authority) sign(host string) (*tls.Certificate, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-leafBefore), NotAfter: now.Add(leafAfter),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	if len(host) <= maxCommonName {
		template.Subject.CommonName = host
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.leafKey.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: append([][]byte{der}, a.above...), PrivateKey: a.leafKey, Leaf: leaf}, nil
}

// newSerial is a random number of 127 bits that is not zero.
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}
