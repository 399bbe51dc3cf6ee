// Package attestation verifies what an index says of the origin of a distribution file: provenance objects of PEP 740, whose
// attestations are signed without long-lived keys, in the way of Sigstore.
//
// An attestation that verifies proves this much, and no more: at the time that a public log has put on record, a job of the named
// repository (or the named account) has signed a statement that has the name and the SHA-256 of this very file. It says nothing of
// what the file does. A repository that was taken over gives attestations that verify.
//
// Nothing is fetched. Whom to trust is a file, a trusted root: one that ships with this package, or another that is configured. What
// the root does not know is not trusted, and what is not understood is not verified: kinds of keys other than ECDSA, log entries without a signed
// time (those of the second version of the log, to which provenance objects do not give one), publishers of an unknown kind.
//
// Read it in this order: attestation.go (the document and its statement), publisher.go (whom the index names), certificate.go (whom the
// certificate names, and who vouches for it), log.go (when that was), root.go (whom to trust).
//
// Sources: PEP 740; in-toto Statement v1; DSSE protocol; RFC 6962 (SCTs, Merkle trees); Fulcio's "oid-info"; Rekor's types "dsse 0.0.1".
package attestation

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
)

// Subject is the file that attestations must be about.
type Subject struct {
	Project  string // in its normal form
	Filename string
	SHA256   string // of the bytes, in hexadecimal
}

// maxAttestations is how many attestations of one file are verified. Indexes of today serve one or two.
const maxAttestations = 32

// document is a provenance object of PEP 740.
type document struct {
	Version int `json:"version"`
	Bundles []struct {
		Publisher    publisher         `json:"publisher"`
		Attestations []json.RawMessage `json:"attestations"`
	} `json:"attestation_bundles"`
}

// attestation is an attestation object of PEP 740. Byte strings are in base64.
type attestation struct {
	Version  int `json:"version"`
	Material struct {
		Certificate []byte  `json:"certificate"` // DER
		Entries     []entry `json:"transparency_entries"`
	} `json:"verification_material"`
	Envelope struct {
		Statement []byte `json:"statement"`
		Signature []byte `json:"signature"`
	} `json:"envelope"`
}

// Verify verifies the attestations of a provenance object. Each of them is in the answer, with its fault if it proves nothing; a document that
// cannot be read is a fault of its own. No attestations, no answer.
func (r *Root) Verify(doc []byte, of Subject) []model.Attestation {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return []model.Attestation{{Fault: plain(fmt.Sprintf("the provenance object cannot be read: %v", err))}}
	}
	if d.Version != 1 {
		return []model.Attestation{{Fault: fmt.Sprintf("the provenance object is of version %d, which is not known", d.Version)}}
	}
	var out []model.Attestation
	for _, b := range d.Bundles {
		for _, raw := range b.Attestations {
			if len(out) == maxAttestations {
				return append(out, model.Attestation{Fault: fmt.Sprintf("there are more than %d attestations", maxAttestations)})
			}
			one := model.Attestation{Publisher: plain(b.Publisher.String())}
			if err := r.verify(raw, b.Publisher, of, &one); err != nil {
				one = model.Attestation{Publisher: one.Publisher, Fault: plain(err.Error())}
			}
			out = append(out, one)
		}
	}
	return out
}

// verify verifies one attestation and tells what it proves.
func (r *Root) verify(raw []byte, by publisher, of Subject, out *model.Attestation) error {
	var a attestation
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if a.Version != 1 || len(a.Material.Entries) == 0 {
		return errors.New("it is not of version 1, or no log has it")
	}
	cert, err := x509.ParseCertificate(a.Material.Certificate)
	if err != nil {
		return fmt.Errorf("its certificate cannot be read: %w", err)
	}
	if out.Logged, err = r.verifyEntry(a.Material.Entries[0]); err != nil {
		return err
	}
	if err := r.verifyCertificate(cert, out.Logged); err != nil {
		return err
	}
	if err := verifySignature(cert, a.Envelope.Statement, a.Envelope.Signature); err != nil {
		return err
	}
	if err := a.Material.Entries[0].fits(cert, a.Envelope.Statement, a.Envelope.Signature); err != nil {
		return err
	}
	if out.Kind, err = verifyStatement(a.Envelope.Statement, of); err != nil {
		return err
	}
	id := identityOf(cert)
	if out.Identity, err = by.verify(id); err != nil {
		return err
	}
	out.Identity, out.Workflow, out.Commit = plain(out.Identity), plain(by.workflow()), plain(id.commit)
	return nil
}

// payloadType is what a signature is over, beside the statement.
const payloadType = "application/vnd.in-toto+json"

// verifySignature verifies the signature over a statement (DSSE, "pre-authentication encoding").
func verifySignature(cert *x509.Certificate, statement, signature []byte) error {
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return errors.New("its key is not of the kind ECDSA")
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(statement), statement))
	if !ecdsa.VerifyASN1(key, sum[:], signature) {
		return errors.New("its signature does not verify")
	}
	return nil
}

// kindOf tells which of the kinds of statements that indexes take (PEP 740) a predicate type names. The type of publishing is a URI of the
// index that has defined it, so that its path alone counts.
func kindOf(predicateType string) string {
	rest, ok := strings.CutPrefix(predicateType, "https://")
	host, path, _ := strings.Cut(rest, "/")
	switch {
	case ok && path == "attestations/publish/v1":
		return "publish"
	case ok && host == "slsa.dev" && path == "provenance/v1":
		return "build"
	default:
		return ""
	}
}

// verifyStatement holds a statement to the file that it must be about, and tells of what kind it is.
func verifyStatement(text []byte, of Subject) (kind string, err error) {
	var s struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return "", fmt.Errorf("its statement cannot be read: %w", err)
	}
	if s.Type != "https://in-toto.io/Statement/v1" || len(s.Subject) != 1 {
		return "", errors.New("its statement is not one of in-toto about one file")
	}
	if !sameFile(of.Project, s.Subject[0].Name, of.Filename) {
		return "", fmt.Errorf("it is about the file %q", s.Subject[0].Name)
	}
	if sum := s.Subject[0].Digest["sha256"]; sum == "" || !strings.EqualFold(sum, of.SHA256) {
		return "", fmt.Errorf("it is about other bytes, those with the SHA-256 %q", sum)
	}
	if kind = kindOf(s.PredicateType); kind == "" {
		return "", fmt.Errorf("it is of the unknown kind %q", s.PredicateType)
	}
	return kind, nil
}

// sameFile tells whether two names of files of a project mean the same: spellings of project and version, and the order of tags, do not count.
func sameFile(project, a, b string) bool {
	if a == b {
		return true
	}
	x, okX := dist.ParseFilename(project, a)
	y, okY := dist.ParseFilename(project, b)
	return okX && okY && x.Kind == y.Kind && x.Version.Equal(y.Version) &&
		sameTags(x.Python, y.Python) && sameTags(x.ABI, y.ABI) && sameTags(x.Platform, y.Platform)
}

func sameTags(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// maxText bounds a text that comes from a document, in characters.
const maxText = 300

// plain makes a text that comes from a document fit to be shown on one line.
func plain(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		n++
		switch {
		case n > maxText || r == unicode.ReplacementChar:
			return -1
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, s)
}
