package attestation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// identity is whom a certificate names: a job, by where its definition and its source are, or an account.
type identity struct {
	issuer     string // who vouches for it
	email      string
	repository string // address of the source
	commit     string
	ref        string // "refs/tags/v1"
	config     string // address of what defines the job, with its ref or commit after "@"
	signer     string // address of what has run it
}

// arc is that of the authority's extensions; the last number tells which (Fulcio, "oid-info").
func arc() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1} }

// identityOf reads the authority's extensions.
func identityOf(cert *x509.Certificate) identity {
	var id identity
	if len(cert.EmailAddresses) == 1 {
		id.email = cert.EmailAddresses[0]
	}
	old := ""
	for _, e := range cert.Extensions {
		if len(e.Id) != len(arc())+1 || !slices.Equal(e.Id[:len(arc())], arc()) {
			continue
		}
		number, text := e.Id[len(arc())], ""
		if number == 1 { // the issuer as it was told first: without an encoding
			old = string(e.Value)
			continue
		}
		if rest, err := asn1.UnmarshalWithParams(e.Value, &text, "utf8"); err != nil || len(rest) > 0 {
			continue
		}
		switch number {
		case 8:
			id.issuer = text
		case 9:
			id.signer = text
		case 12:
			id.repository = text
		case 13:
			id.commit = text
		case 14:
			id.ref = text
		case 18:
			id.config = text
		}
	}
	if id.issuer == "" {
		id.issuer = old
	}
	return id
}

// verifyCertificate verifies that a certificate for signing code was good at a time, that a trusted authority has issued it, and that a
// trusted log of certificates has taken note of it.
func (r *Root) verifyCertificate(cert *x509.Certificate, at time.Time) error {
	if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return errors.New("its certificate is not one for signatures")
	}
	last := errors.New("no authority is trusted at the time at which it was logged")
	for _, a := range r.authorities {
		if !a.covers(at) {
			continue
		}
		chains, err := cert.Verify(x509.VerifyOptions{
			Roots: a.roots, Intermediates: a.intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		})
		if err != nil {
			last = fmt.Errorf("its certificate does not verify: %w", err)
			continue
		}
		return r.verifySCT(cert, chains[0][1])
	}
	return last
}

// oidSCTs is the extension with the receipts of logs of certificates (RFC 6962, 3.3).
func oidSCTs() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2} }

// errSCT means that the receipts of logs in a certificate cannot be read.
var errSCT = errors.New("the log receipts in its certificate cannot be read")

// verifySCT verifies that a trusted log has signed for the certificate. The log has seen it before the receipt was put in, so that is what
// was signed, together with the key of the issuer.
func (r *Root) verifySCT(cert, issuer *x509.Certificate) error {
	var list []byte
	for _, e := range cert.Extensions {
		if e.Id.Equal(oidSCTs()) {
			if rest, err := asn1.Unmarshal(e.Value, &list); err != nil || len(rest) > 0 {
				return errSCT
			}
		}
	}
	body, err := withoutExtension(cert.RawTBSCertificate, oidSCTs())
	if err != nil {
		return err
	}
	rest, ok := vector(&list)
	if !ok || len(list) > 0 {
		return errSCT
	}
	for len(rest) > 0 {
		one, ok := vector(&rest)
		if !ok {
			return errSCT
		}
		if r.receipt(one, body, sha256.Sum256(issuer.RawSubjectPublicKeyInfo)) {
			return nil
		}
	}
	return errors.New("no trusted log of certificates has signed for its certificate")
}

// receipt tells whether a trusted log has signed one receipt: version, id of the log (32), milliseconds (8), extensions, algorithms of hash and
// signature, signature.
func (r *Root) receipt(b, body []byte, issuer [32]byte) bool {
	const head = 1 + 32 + 8
	if len(b) < head || b[0] != 0 {
		return false
	}
	l, known := r.certificateLogs[[32]byte(b[1:33])]
	ms := binary.BigEndian.Uint64(b[33:head])
	rest := b[head:]
	extensions, ok := vector(&rest)
	if !known || !ok || len(rest) < 2 || rest[0] != 4 || rest[1] != 3 || !l.covers(time.UnixMilli(int64(ms))) { // SHA-256, ECDSA
		return false
	}
	rest = rest[2:]
	signature, ok := vector(&rest)
	if !ok || len(rest) > 0 || len(body) >= 1<<24 {
		return false
	}
	signed := []byte{0, 0} // version 1, the time of a certificate
	signed = binary.BigEndian.AppendUint64(signed, ms)
	signed = append(signed, 0, 1) // of a certificate that has no receipt yet
	signed = append(signed, issuer[:]...)
	signed = append(signed, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	signed = append(signed, body...)
	signed = binary.BigEndian.AppendUint16(signed, uint16(len(extensions)))
	signed = append(signed, extensions...)
	sum := sha256.Sum256(signed)
	return ecdsa.VerifyASN1(l.key, sum[:], signature)
}

// vector cuts a vector off the front of b: its length in two bytes, and as many bytes.
func vector(b *[]byte) ([]byte, bool) {
	if len(*b) < 2 {
		return nil, false
	}
	size := int(binary.BigEndian.Uint16(*b))
	rest := (*b)[2:]
	if len(rest) < size {
		return nil, false
	}
	*b = rest[size:]
	return rest[:size], true
}

// withoutExtension takes an extension out of the signed part of a certificate (RFC 5280, 4.1). Everything else stays byte by byte.
func withoutExtension(body []byte, oid asn1.ObjectIdentifier) ([]byte, error) {
	fields, err := elements(body)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, f := range fields {
		if f.Class == asn1.ClassContextSpecific && f.Tag == 3 {
			if f.FullBytes, err = filtered(f.Bytes, oid); err != nil {
				return nil, err
			}
		}
		out = append(out, f.FullBytes...)
	}
	return asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: out})
}

// filtered writes the list of extensions without one.
func filtered(list []byte, oid asn1.ObjectIdentifier) ([]byte, error) {
	all, err := elements(list)
	if err != nil {
		return nil, err
	}
	want, err := asn1.Marshal(oid)
	if err != nil {
		return nil, err
	}
	var kept []byte
	for _, e := range all {
		if !bytes.HasPrefix(e.Bytes, want) {
			kept = append(kept, e.FullBytes...)
		}
	}
	inner, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: kept})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: inner})
}

// elements are the members of a sequence.
func elements(sequence []byte) ([]asn1.RawValue, error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(sequence, &outer)
	if err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence || !outer.IsCompound {
		return nil, errSCT
	}
	var out []asn1.RawValue
	for rest = outer.Bytes; len(rest) > 0; {
		var e asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &e); err != nil {
			return nil, errSCT
		}
		out = append(out, e)
	}
	return out, nil
}
