package attestation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// entry is how a log has put an attestation on record, in the JSON of Sigstore's TransparencyLogEntry: numbers may be texts.
type entry struct {
	Index json.Number `json:"logIndex"`
	Log   struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
	Kind struct {
		Kind    string `json:"kind"`
		Version string `json:"version"`
	} `json:"kindVersion"`
	Time    json.Number `json:"integratedTime"` // seconds
	Promise struct {
		Signature []byte `json:"signedEntryTimestamp"`
	} `json:"inclusionPromise"`
	Proof struct {
		Index      json.Number `json:"logIndex"` // in the part of the log that the tree is of
		Root       []byte      `json:"rootHash"`
		Size       json.Number `json:"treeSize"`
		Hashes     [][]byte    `json:"hashes"`
		Checkpoint struct {
			Envelope string `json:"envelope"`
		} `json:"checkpoint"`
	} `json:"inclusionProof"`
	Body []byte `json:"canonicalizedBody"`
}

// verifyEntry verifies that a trusted log has an entry, and returns the time at which it has taken it. The log has signed that time, and a
// checkpoint of the tree in which the entry is.
func (r *Root) verifyEntry(e entry) (time.Time, error) {
	if len(e.Log.KeyID) != sha256.Size {
		return time.Time{}, errors.New("it does not say which log has it")
	}
	l, ok := r.logs[[32]byte(e.Log.KeyID)]
	if !ok {
		return time.Time{}, fmt.Errorf("the log that has it, %x, is not trusted", e.Log.KeyID)
	}
	if e.Kind.Kind != "dsse" || e.Kind.Version != "0.0.1" {
		return time.Time{}, fmt.Errorf("its entry in the log is of a form that is not verified here: %q %q", e.Kind.Kind, e.Kind.Version)
	}
	seconds, err := e.Time.Int64()
	index, errIndex := e.Index.Int64()
	if err != nil || errIndex != nil || seconds <= 0 || index < 0 || len(e.Promise.Signature) == 0 {
		return time.Time{}, errors.New("the log has not signed when it took it")
	}
	at := time.Unix(seconds, 0).UTC()
	if !l.covers(at) {
		return time.Time{}, errors.New("the log was not trusted when it took it")
	}
	// The canonical JSON (RFC 8785) of these four is what was signed.
	signed := fmt.Sprintf(`{"body":"%s","integratedTime":%d,"logID":"%s","logIndex":%d}`,
		base64.StdEncoding.EncodeToString(e.Body), seconds, hex.EncodeToString(e.Log.KeyID), index)
	if sum := sha256.Sum256([]byte(signed)); !ecdsa.VerifyASN1(l.key, sum[:], e.Promise.Signature) {
		return time.Time{}, errors.New("the log's signature for its entry does not verify")
	}
	if err := e.verifyProof(); err != nil {
		return time.Time{}, err
	}
	return at, e.verifyCheckpoint(l.key)
}

// verifyProof verifies that the entry is a leaf of the tree with the root that the proof names (RFC 9162, 2.1.3.2).
func (e entry) verifyProof() error {
	index, errIndex := strconv.ParseUint(e.Proof.Index.String(), 10, 63)
	size, errSize := strconv.ParseUint(e.Proof.Size.String(), 10, 63)
	if errIndex != nil || errSize != nil || index >= size {
		return errors.New("its place in the log is not one")
	}
	// Up to where the ways to the leaf and to the last leaf part, siblings are left or right; beyond they are left.
	inner := bits.Len64(index ^ (size - 1))
	if len(e.Proof.Hashes) != inner+bits.OnesCount64(index>>inner) {
		return errors.New("the proof that the log has it is too short or too long")
	}
	node := sha256.Sum256(append([]byte{0}, e.Body...))
	for i, sibling := range e.Proof.Hashes {
		if len(sibling) != sha256.Size {
			return errors.New("the proof that the log has it cannot be read")
		}
		if i < inner && index>>i&1 == 0 {
			node = parent(node[:], sibling)
		} else {
			node = parent(sibling, node[:])
		}
	}
	if !bytes.Equal(node[:], e.Proof.Root) {
		return errors.New("the proof that the log has it does not verify")
	}
	return nil
}

func parent(left, right []byte) [32]byte {
	b := make([]byte, 0, 1+2*sha256.Size)
	b = append(b, 1)
	b = append(b, left...)
	return sha256.Sum256(append(b, right...))
}

// verifyCheckpoint verifies that the log has signed the root and the size of the tree. A checkpoint is a signed note: lines with the name of the
// log, the size and the root; an empty line; and signatures, each as "— name base64", of which four bytes tell the key.
func (e entry) verifyCheckpoint(key *ecdsa.PublicKey) error {
	text, signatures, ok := strings.Cut(e.Proof.Checkpoint.Envelope, "\n\n")
	if !ok {
		return errors.New("the log's checkpoint cannot be read")
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 3 || lines[1] != e.Proof.Size.String() || lines[2] != base64.StdEncoding.EncodeToString(e.Proof.Root) {
		return errors.New("the log's checkpoint is of another tree")
	}
	sum := sha256.Sum256([]byte(text + "\n"))
	for line := range strings.Lines(signatures) {
		parts := strings.Fields(line)
		if len(parts) != 3 || parts[0] != "—" {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(b) > 4 && bytes.Equal(b[:4], e.Log.KeyID[:4]) && ecdsa.VerifyASN1(key, sum[:], b[4:]) {
			return nil
		}
	}
	return errors.New("the log's checkpoint has no signature that verifies")
}

// fits verifies that what the log has is this certificate with this signature over this statement.
func (e entry) fits(cert *x509.Certificate, statement, signature []byte) error {
	var body struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
		Spec    struct {
			Payload struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"payloadHash"`
			Signatures []struct {
				Signature []byte `json:"signature"`
				Verifier  []byte `json:"verifier"` // the certificate, as PEM
			} `json:"signatures"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Errorf("what the log has of it cannot be read: %w", err)
	}
	sum := sha256.Sum256(statement)
	if body.Kind != e.Kind.Kind || body.Version != e.Kind.Version || len(body.Spec.Signatures) != 1 ||
		body.Spec.Payload.Algorithm != "sha256" || body.Spec.Payload.Value != hex.EncodeToString(sum[:]) {
		return errors.New("the log has another statement")
	}
	one := body.Spec.Signatures[0]
	block, _ := pem.Decode(one.Verifier)
	if !bytes.Equal(one.Signature, signature) || block == nil || !bytes.Equal(block.Bytes, cert.Raw) {
		return errors.New("the log has another signature or certificate")
	}
	return nil
}
