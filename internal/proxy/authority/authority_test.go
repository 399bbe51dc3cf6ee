package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnAuthorityIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{KeyFile: 0o600, CertFile: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("the folder holds %v: %v", list, err)
	}
	c := a.Certificate()
	if !c.IsCA || !c.MaxPathLenZero || c.MaxPathLen != 0 || time.Until(c.NotAfter) < 9*365*24*time.Hour || len(c.SubjectKeyId) == 0 {
		t.Errorf("the certificate is not that of an authority for ten years: %+v", c)
	}
	again, err := Open(dir)
	if err != nil || !bytes.Equal(again.PEM(), a.PEM()) {
		t.Errorf("the second start has another authority: %v", err)
	}
}

func TestManyMakeOneAuthority(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	made := make([]*Authority, 20)
	for n := range made {
		all.Go(func() {
			var err error
			if made[n], err = Open(dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, a := range made {
		if a != nil && !bytes.Equal(a.PEM(), made[0].PEM()) {
			t.Error("there is more than one authority")
		}
	}
}

func TestAStartThatWasCutOffIsFinishedByTheNext(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, CertFile)); err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	handshake(t, a, nil, "a.example")
	if now, _ := os.ReadFile(filepath.Join(dir, KeyFile)); !bytes.Equal(now, key) {
		t.Error("the key has changed")
	}
}

func TestLeavesAreForOneHostEach(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a.", 40) + "example"
	serials := map[string]bool{}
	for _, host := range []string{"a.example", "10.0.0.1", "2001:db8::1", "xn--bcher-kva.example", "a_b.example", long} {
		leaf, err := a.Leaf(host)
		if err != nil {
			t.Fatal(err)
		}
		c := leaf.Leaf
		wantCN := host
		if host == long {
			wantCN = ""
		}
		names := len(c.DNSNames) + len(c.IPAddresses)
		if names != 1 || c.Subject.CommonName != wantCN || c.IsCA || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth || len(c.AuthorityKeyId) == 0 {
			t.Errorf("%s: %+v", host, c)
		}
		if ip := net.ParseIP(host); ip != nil && (len(c.IPAddresses) != 1 || !c.IPAddresses[0].Equal(ip)) {
			t.Errorf("%s: %v", host, c.IPAddresses)
		}
		if d := time.Until(c.NotAfter); d > 48*time.Hour || d < 47*time.Hour || time.Since(c.NotBefore) < 23*time.Hour {
			t.Errorf("%s is valid from %s to %s", host, c.NotBefore, c.NotAfter)
		}
		serials[c.SerialNumber.String()] = true
		handshake(t, a, nil, host)
	}
	if len(serials) != 6 {
		t.Errorf("%d serial numbers of 6 leaves", len(serials))
	}
}

func TestLeavesAreKeptAndRenewedAtHalfTheirLife(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	a.now = func() time.Time { return clock }
	leaf := func() *tls.Certificate {
		t.Helper()
		l, err := a.Leaf("a.example")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := leaf()
	clock = clock.Add(23 * time.Hour)
	if leaf() != first {
		t.Error("a leaf is made anew before half of its life")
	}
	clock = clock.Add(2 * time.Hour)
	second := leaf()
	if second == first || second.PrivateKey != first.PrivateKey {
		t.Error("a leaf is not renewed at half of its life, or with another key")
	}
	if leaf() != second {
		t.Error("the new leaf is not kept")
	}
	for n := range mostLeaves + 10 {
		if n%100 == 0 { // signing them all would take long
			if _, err := a.Leaf(fmt.Sprintf("h%d.example", n)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestALeafIsMadeOnceForAllWhoAskAtTheSameTime(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	leaves := make([]*tls.Certificate, 50)
	for n := range leaves {
		all.Go(func() { leaves[n], _ = a.Leaf("a.example") })
	}
	all.Wait()
	serials := map[string]bool{}
	for _, l := range leaves {
		serials[l.Leaf.SerialNumber.String()] = true
	}
	if len(serials) > 2 { // one who asks right between two makings makes another
		t.Errorf("%d leaves were made", len(serials))
	}
}

// issuer is an authority of a test.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (i issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i issuer) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// issue makes a certificate below another, or a root. Change may make it a bad one.
func issue(t *testing.T, name string, above *issuer, key crypto.Signer, change func(*x509.Certificate)) issuer {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	if above == nil {
		above = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, above.cert, key.Public(), above.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{c, key}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// handshake makes a connection to a host as a client that trusts the root, or the authority itself if that is nil.
func handshake(t *testing.T, a *Authority, root *x509.Certificate, host string) tls.ConnectionState {
	t.Helper()
	pool := x509.NewCertPool()
	if root == nil {
		root = a.Certificate()
	}
	pool.AddCert(root)
	here, there := net.Pipe()
	defer func() { _, _ = here.Close(), there.Close() }()
	go func() {
		_ = tls.Server(there, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.Leaf(host) }}).Handshake()
	}()
	c := tls.Client(here, &tls.Config{RootCAs: pool, ServerName: host})
	if err := c.Handshake(); err != nil {
		t.Errorf("a client of %s: %v", host, err)
	}
	return c.ConnectionState()
}

func TestAnIntermediateIsSentWithWhatStandsAboveIt(t *testing.T) {
	root := issue(t, "root", nil, newKey(t), nil)
	upper := issue(t, "upper", &root, newKey(t), nil)
	lower := issue(t, "lower", &upper, newKey(t), nil)
	for name, chain := range map[string][]byte{
		"with the root":    bytes.Join([][]byte{lower.pem(), upper.pem(), root.pem()}, nil),
		"without the root": bytes.Join([][]byte{lower.pem(), upper.pem()}, nil),
	} {
		a, err := Load(chain, lower.keyPEM(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := handshake(t, a, root.cert, "a.example").PeerCertificates; len(got) != 3 {
			t.Errorf("%s: %d certificates are sent", name, len(got))
		}
	}
	if _, err := Load(bytes.Join([][]byte{lower.pem(), root.pem()}, nil), lower.keyPEM(t)); err == nil || !strings.Contains(err.Error(), "does not sign") {
		t.Errorf("a chain with a gap: %v", err)
	}
}

func TestAnAuthorityWithAnRSAKeyMakesLeavesWithoutOne(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "root", nil, key, nil)
	a, err := Load(root.pem(), root.keyPEM(t))
	if err != nil {
		t.Fatal(err)
	}
	state := handshake(t, a, nil, "a.example")
	if _, ok := state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); !ok {
		t.Errorf("the leaf has a %T", state.PeerCertificates[0].PublicKey)
	}
}

func TestWhatIsNoAuthorityIsRefused(t *testing.T) {
	key := newKey(t)
	rows := []struct {
		what, want string
		change     func(*x509.Certificate)
	}{
		{"one that has expired", "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }},
		{"one that is not yet valid", "not valid before", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }},
		{"one of a host", "CA:FALSE", func(c *x509.Certificate) { c.IsCA = false }},
		{"one that may not sign", "may not be used", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }},
	}
	for _, row := range rows {
		i := issue(t, "root", nil, key, row.change)
		if _, err := Load(i.pem(), i.keyPEM(t)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.what, err)
		}
	}
	good, other := issue(t, "root", nil, key, nil), issue(t, "root", nil, newKey(t), nil)
	for what, pair := range map[string][2][]byte{
		"the key of another": {good.pem(), other.keyPEM(t)}, "no PEM": {[]byte("x"), good.keyPEM(t)}, "no key": {good.pem(), nil}, "nothing": {nil, nil},
	} {
		if _, err := Load(pair[0], pair[1]); err == nil {
			t.Errorf("%s is an authority", what)
		}
	}
}

func TestAnAuthorityThatExpiresMakesNoMoreLeaves(t *testing.T) {
	root := issue(t, "root", nil, newKey(t), nil)
	a, err := Load(root.pem(), root.keyPEM(t))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.Leaf("a.example")
	if err != nil || leaf.Leaf.NotAfter.After(root.cert.NotAfter) {
		t.Errorf("a leaf outlives its authority: %v", err)
	}
	a.now = func() time.Time { return root.cert.NotAfter.Add(time.Minute) }
	if _, err := a.Leaf("b.example"); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("%v", err)
	}
}

func BenchmarkLeaf(b *testing.B) {
	a, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		if _, err := a.Leaf(fmt.Sprintf("h%d.example", n)); err != nil {
			b.Fatal(err)
		}
	}
}
