package attestation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// service is a signing service of the test's own, so that everything about an attestation can be right but for one thing.
type service struct {
	t              testing.TB
	root, issuer   *x509.Certificate
	rootKey        *ecdsa.PrivateKey
	issuerKey      *ecdsa.PrivateKey
	logKey, ctKey  *ecdsa.PrivateKey
	logID, ctLogID []byte
	born           time.Time
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func spki(k *ecdsa.PrivateKey) []byte { return must(x509.MarshalPKIXPublicKey(k.Public())) }

func keyID(k *ecdsa.PrivateKey) []byte {
	sum := sha256.Sum256(spki(k))
	return sum[:]
}

func sign(k *ecdsa.PrivateKey, text []byte) []byte {
	sum := sha256.Sum256(text)
	return must(ecdsa.SignASN1(rand.Reader, k, sum[:]))
}

func newService(t testing.TB) *service {
	s := &service{t: t, rootKey: newKey(), issuerKey: newKey(), logKey: newKey(), ctKey: newKey(), born: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.logID, s.ctLogID = keyID(s.logKey), keyID(s.ctKey)
	authority := func(name string, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: s.born, NotAfter: s.born.AddDate(10, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		if parent == nil {
			parent = c
		}
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by))))
	}
	s.root = authority("root", nil, s.rootKey, s.rootKey)
	s.issuer = authority("issuer", s.root, s.issuerKey, s.rootKey)
	return s
}

// trustedRoot is the service as a file of a trusted root.
func (s *service) trustedRoot() []byte {
	log := func(k *ecdsa.PrivateKey, id []byte) any {
		return map[string]any{
			"publicKey": map[string]any{"rawBytes": spki(k), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": map[string]any{"start": s.born}},
			"logId":     map[string]any{"keyId": id},
		}
	}
	return must(json.Marshal(map[string]any{
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs":     []any{log(s.logKey, s.logID)}, "ctlogs": []any{log(s.ctKey, s.ctLogID)},
		"certificateAuthorities": []any{map[string]any{
			"certChain": map[string]any{"certificates": []any{map[string]any{"rawBytes": s.issuer.Raw}, map[string]any{"rawBytes": s.root.Raw}}},
			"validFor":  map[string]any{"start": s.born},
		}},
	}))
}

// order is an attestation to make. The zero value, with a subject, makes one that verifies.
type order struct {
	subject       Subject
	issuer        *service // of the certificate; nil: the service itself
	age           time.Duration
	usage         x509.ExtKeyUsage
	key           crypto.Signer
	noReceipt     bool
	receiptOf     []byte // what the log of certificates signs instead of the certificate
	subjects      int
	predicateType string
	statementType string
	inLog         []byte // what the log has instead of the statement
}

// jobAt is the identity in the certificates of the service.
func jobAt() map[int]string {
	return map[int]string{
		8: issuerGitHub, 12: "https://github.com/acme/demo", 13: "0123456789abcdef", 14: "refs/tags/v1",
		18: "https://github.com/acme/demo/.github/workflows/release.yml@refs/tags/v1",
	}
}

// certificate issues one, with the receipt of the log of certificates.
func (s *service) certificate(o order, signed time.Time) *x509.Certificate {
	by := s
	if o.issuer != nil {
		by = o.issuer
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: signed.Add(-o.age), NotAfter: signed.Add(10*time.Minute - o.age),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{o.usage},
		URIs: []*url.URL{{Scheme: "https", Host: "github.com", Path: "/acme/demo"}},
	}
	for number, text := range jobAt() {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: append(arc(), number), Value: must(asn1.MarshalWithParams(text, "utf8"))})
	}
	before := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, by.issuer, o.key.Public(), by.issuerKey))))
	if o.noReceipt {
		return before
	}
	body := before.RawTBSCertificate
	if o.receiptOf != nil {
		body = o.receiptOf
	}
	ms := binary.BigEndian.AppendUint64(nil, uint64(signed.UnixMilli()))
	issuerKey := sha256.Sum256(by.issuer.RawSubjectPublicKeyInfo)
	text := append(append([]byte{0, 0}, ms...), 0, 1)
	text = append(text, issuerKey[:]...)
	text = append(text, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	text = append(append(text, body...), 0, 0)
	signature := sign(s.ctKey, text)
	receipt := append(append([]byte{0}, s.ctLogID...), ms...)
	receipt = append(receipt, 0, 0, 4, 3, 0, byte(len(signature)))
	receipt = append(receipt, signature...)
	list := append([]byte{0, byte(len(receipt))}, receipt...)
	list = append([]byte{0, byte(len(list))}, list...)
	c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidSCTs(), Value: must(asn1.Marshal(list))})
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, by.issuer, o.key.Public(), by.issuerKey))))
}

// attest makes an attestation of acme/demo, with a log in which it is the third of three entries.
func (s *service) attest(o order) json.RawMessage {
	if o.usage == x509.ExtKeyUsageAny {
		o.usage = x509.ExtKeyUsageCodeSigning
	}
	if o.key == nil {
		o.key = newKey()
	}
	if o.predicateType == "" {
		o.predicateType = "https://index.example/attestations/publish/v1"
	}
	if o.statementType == "" {
		o.statementType = "https://in-toto.io/Statement/v1"
	}
	about := map[string]any{"name": o.subject.Filename, "digest": map[string]any{"sha256": o.subject.SHA256}}
	statement := must(json.Marshal(map[string]any{
		"_type": o.statementType, "subject": []any{about, about}[:max(1, o.subjects)], "predicateType": o.predicateType, "predicate": nil,
	}))
	signed := s.born.AddDate(0, 1, 0)
	cert := s.certificate(o, signed)
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 28 application/vnd.in-toto+json %d %s", len(statement), statement))
	signature := must(o.key.Sign(rand.Reader, sum[:], crypto.SHA256))
	if o.inLog == nil {
		o.inLog = statement
	}
	logged := sha256.Sum256(o.inLog)
	body := must(json.Marshal(map[string]any{"apiVersion": "0.0.1", "kind": "dsse", "spec": map[string]any{
		"payloadHash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(logged[:])},
		"signatures": []any{map[string]any{
			"signature": signature, "verifier": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		}},
	}}))
	first := sha256.Sum256([]byte("the two entries before"))
	leaf := sha256.Sum256(append([]byte{0}, body...))
	tree := parent(first[:], leaf[:])
	note := fmt.Sprintf("log - 1\n3\n%s\n", base64.StdEncoding.EncodeToString(tree[:]))
	promise := fmt.Sprintf(`{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":1002}`, base64.StdEncoding.EncodeToString(body), signed.Unix(), s.logID)
	return must(json.Marshal(map[string]any{
		"version": 1, "envelope": map[string]any{"statement": statement, "signature": signature},
		"verification_material": map[string]any{"certificate": cert.Raw, "transparency_entries": []any{map[string]any{
			"logIndex": 1002, "logId": map[string]any{"keyId": s.logID}, "kindVersion": map[string]any{"kind": "dsse", "version": "0.0.1"},
			"integratedTime": fmt.Sprint(signed.Unix()), "inclusionPromise": map[string]any{"signedEntryTimestamp": sign(s.logKey, []byte(promise))},
			"inclusionProof": map[string]any{
				"logIndex": "2", "rootHash": tree[:], "treeSize": "3", "hashes": []any{first[:]},
				"checkpoint": map[string]any{"envelope": note + "\n— log " + base64.StdEncoding.EncodeToString(append(s.logID[:4:4], sign(s.logKey, []byte(note))...)) + "\n"},
			},
			"canonicalizedBody": body,
		}}},
	}))
}

func TestEvilTwins(t *testing.T) {
	s, evil := newService(t), newService(t)
	r, err := ParseRoot(s.trustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	of := Subject{Project: "demo", Filename: "demo-1.0-py3-none-any.whl", SHA256: strings.Repeat("ab", 32)}
	by := map[string]string{"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml"}
	for _, row := range []struct {
		what, want string
		change     func(o *order)
	}{
		{"all is right", "", func(*order) {}},
		{"other bytes", "about other bytes", func(o *order) { o.subject.SHA256 = strings.Repeat("cd", 32) }},
		{"another file", "about the file", func(o *order) { o.subject.Filename = "demo-1.1-py3-none-any.whl" }},
		{"two files", "about one file", func(o *order) { o.subjects = 2 }},
		{"another kind of statement", "unknown kind", func(o *order) { o.predicateType = "https://example.test/harmless/v1" }},
		{"another type of statement", "not one of in-toto", func(o *order) { o.statementType = "https://in-toto.io/Statement/v0.1" }},
		{"signed when the certificate had expired", "certificate does not verify", func(o *order) { o.age = time.Hour }},
		{"signed before the certificate was issued", "certificate does not verify", func(o *order) { o.age = -time.Hour }},
		{"a certificate of another authority", "certificate does not verify", func(o *order) { o.issuer = evil }},
		{"a certificate for servers", "certificate does not verify", func(o *order) { o.usage = x509.ExtKeyUsageServerAuth }},
		{"a certificate that no log has seen", "log receipts", func(o *order) { o.noReceipt = true }},
		{"a certificate of which a log has seen another form", "no trusted log of certificates", func(o *order) { o.receiptOf = []byte("another") }},
		{"a key of another kind", "not of the kind ECDSA", func(o *order) { o.key = must(rsa.GenerateKey(rand.Reader, 2048)) }},
		{"a log that has another statement", "the log has another statement", func(o *order) { o.inLog = []byte("another") }},
	} {
		o := order{subject: of}
		row.change(&o)
		got := r.Verify(object(t, by, s.attest(o)), of)
		if len(got) != 1 || (got[0].Fault == "") != (row.want == "") || !strings.Contains(got[0].Fault, row.want) {
			t.Errorf("%s: %+v, want %q", row.what, got, row.want)
		}
	}
	// A whole service that is perfect in itself and trusted by nobody.
	for what, other := range map[string]*service{"another service": evil, "another log": {
		t: t, root: s.root, issuer: s.issuer, issuerKey: s.issuerKey, logKey: evil.logKey, logID: s.logID, ctKey: s.ctKey, ctLogID: s.ctLogID, born: s.born,
	}, "another log of certificates": {
		t: t, root: s.root, issuer: s.issuer, issuerKey: s.issuerKey, logKey: s.logKey, logID: s.logID, ctKey: evil.ctKey, ctLogID: s.ctLogID, born: s.born,
	}} {
		if got := r.Verify(object(t, by, other.attest(order{subject: of})), of); len(got) != 1 || got[0].Fault == "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestTrustHasTimes(t *testing.T) {
	s := newService(t)
	of := Subject{Project: "demo", Filename: "demo-1.0.tar.gz", SHA256: strings.Repeat("ab", 32)}
	doc := object(t, map[string]string{"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml"}, s.attest(order{subject: of}))
	for _, row := range []struct {
		list, want string
	}{
		{"tlogs", "the log was not trusted"}, {"ctlogs", "no trusted log of certificates"}, {"certificateAuthorities", "no authority is trusted"},
	} {
		var root map[string]any
		if err := json.Unmarshal(s.trustedRoot(), &root); err != nil {
			t.Fatal(err)
		}
		entry := at[map[string]any](at[[]any](root[row.list])[0])
		if key, ok := entry["publicKey"]; ok {
			entry = at[map[string]any](key)
		}
		entry["validFor"] = map[string]any{"start": s.born, "end": s.born.AddDate(0, 0, 1)}
		r, err := ParseRoot(must(json.Marshal(root)))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Verify(doc, of); len(got) != 1 || !strings.Contains(got[0].Fault, row.want) {
			t.Errorf("%s ended before: %+v, want %q", row.list, got, row.want)
		}
	}
}

func TestRootsThatTrustNobody(t *testing.T) {
	for _, text := range []string{
		"", "{}", "[]", `{"mediaType":"application/json"}`, `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`,
		strings.Replace(string(newService(t).trustedRoot()), `"tlogs"`, `"none"`, 1),
		strings.Replace(string(newService(t).trustedRoot()), `"ctlogs"`, `"none"`, 1),
		strings.Replace(string(newService(t).trustedRoot()), `"certificateAuthorities"`, `"none"`, 1),
	} {
		if r, err := ParseRoot([]byte(text)); err == nil {
			t.Errorf("%.60q is a root: %+v", text, r)
		}
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(shipped)
	f.Add(newService(f).trustedRoot())
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := ParseRoot(text); err == nil && (len(r.authorities) == 0 || len(r.logs) == 0 || len(r.certificateLogs) == 0) {
			t.Errorf("a root that trusts nobody: %+v", r)
		}
	})
}

// FuzzWithoutExtension holds the removal of an extension to certificates that were made without it.
func FuzzWithoutExtension(f *testing.F) {
	s := newService(f)
	f.Add(s.certificate(order{key: newKey(), usage: x509.ExtKeyUsageCodeSigning}, s.born).RawTBSCertificate)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		once, err := withoutExtension(body, oidSCTs())
		if err != nil {
			return
		}
		if twice, err := withoutExtension(once, oidSCTs()); err != nil || string(twice) != string(once) || len(once) > len(body)+64 {
			t.Errorf("%x is %x and then %x, %v", body, once, twice, err)
		}
	})
}
