package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatALibraryAddsToItsAuthoritiesIsNoneOfOurs(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{CABundle: bundle})
	if err != nil {
		t.Fatal(err)
	}
	before := c.roots.Clone()
	var transport http.Transport
	c.Equip(&transport)
	if !transport.TLSClientConfig.RootCAs.Equal(before) {
		t.Fatal("the library does not get our authorities")
	}
	transport.TLSClientConfig.RootCAs.AddCert(&x509.Certificate{Raw: []byte("another"), RawSubject: []byte("another")})
	if !c.roots.Equal(before) {
		t.Error("the library has added to our authorities")
	}
}
