package attestation

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// shipped is the trusted root of Sigstore's public service, as the package "sigstore" 4.5.1 for Python ships it
// (sigstore/_store/…/trusted_root.json). It changes when a key or an authority of that service is replaced, every few years.
//
//go:embed trusted_root.json
var shipped []byte

// Root is whom to trust: authorities that issue certificates, and logs that put certificates and signatures on record.
type Root struct {
	authorities     []authority
	logs            map[[32]byte]trustedLog
	certificateLogs map[[32]byte]trustedLog
	digest          string
}

// period is when somebody was, or is, trusted.
type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"` // zero: until now
}

func (p period) covers(t time.Time) bool {
	return !t.Before(p.Start) && (p.End.IsZero() || !t.After(p.End))
}

type authority struct {
	roots, intermediates *x509.CertPool
	period
}

type trustedLog struct {
	key *ecdsa.PublicKey
	period
}

// listedLog is a log in the file of a trusted root.
type listedLog struct {
	Key struct {
		Raw      []byte `json:"rawBytes"` // SubjectPublicKeyInfo, DER
		ValidFor period `json:"validFor"`
	} `json:"publicKey"`
	ID struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
}

// Shipped is the trusted root that ships with modelgate.
func Shipped() (*Root, error) { return ParseRoot(shipped) }

// ParseRoot reads a trusted root in the JSON of Sigstore's TrustedRoot. Logs with keys other than ECDSA are left out: entries in them are
// not trusted. A root that trusts nobody is an error.
func ParseRoot(text []byte) (*Root, error) {
	var doc struct {
		MediaType   string      `json:"mediaType"`
		Logs        []listedLog `json:"tlogs"`
		CertLogs    []listedLog `json:"ctlogs"`
		Authorities []struct {
			Chain struct {
				Certificates []struct {
					Raw []byte `json:"rawBytes"`
				} `json:"certificates"`
			} `json:"certChain"`
			ValidFor period `json:"validFor"`
		} `json:"certificateAuthorities"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the trusted root: %w", err)
	}
	if !strings.HasPrefix(doc.MediaType, "application/vnd.dev.sigstore.trustedroot") {
		return nil, fmt.Errorf("read the trusted root: it is of the type %q", plain(doc.MediaType))
	}
	sum := sha256.Sum256(text)
	r := &Root{logs: trusted(doc.Logs), certificateLogs: trusted(doc.CertLogs), digest: hex.EncodeToString(sum[:])}
	for _, listed := range doc.Authorities {
		a := authority{roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), period: listed.ValidFor}
		for i, c := range listed.Chain.Certificates {
			cert, err := x509.ParseCertificate(c.Raw)
			if err != nil {
				return nil, fmt.Errorf("read the trusted root: certificate of an authority: %w", err)
			}
			if i == len(listed.Chain.Certificates)-1 {
				a.roots.AddCert(cert)
			} else {
				a.intermediates.AddCert(cert)
			}
		}
		r.authorities = append(r.authorities, a)
	}
	if len(r.authorities) == 0 || len(r.logs) == 0 || len(r.certificateLogs) == 0 {
		return nil, errors.New("read the trusted root: it must name an authority, a log of signatures and a log of certificates")
	}
	return r, nil
}

func trusted(list []listedLog) map[[32]byte]trustedLog {
	out := map[[32]byte]trustedLog{}
	for _, l := range list {
		key, err := x509.ParsePKIXPublicKey(l.Key.Raw)
		if k, ok := key.(*ecdsa.PublicKey); ok && err == nil && len(l.ID.KeyID) == sha256.Size {
			out[[32]byte(l.ID.KeyID)] = trustedLog{key: k, period: l.Key.ValidFor}
		}
	}
	return out
}

// Digest names the root: what was verified holds for one root.
func (r *Root) Digest() string { return r.digest }
