package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

func TestOnlyFilesThatFailAreRefusedIfSo(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_SCAN_ENFORCE=file")
	if got := ask(t, "GET", on.fileURL(evilID, "config.json")); got.status != http.StatusOK {
		t.Errorf("an honest file beside an evil one: %d %s", got.status, got.body)
	}
	if got := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")); got.status != http.StatusForbidden || !uuids.MatchString(got.body) {
		t.Errorf("the evil one: %d %s", got.status, got.body)
	}
	whole, _ := through(t, w)
	if got := ask(t, "GET", whole.fileURL(evilID, "config.json")); got.status != http.StatusForbidden {
		t.Errorf("an honest file of a version that is judged whole: %d", got.status)
	}
}

func TestMetadataIsHiddenIfSo(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_HUGGINGFACE_BLOCK_METADATA=true")
	url := on.endpoint + "/" + evilID + "/resolve/" + on.evil.Head() + "/pytorch_model.bin"
	if got := ask(t, "GET", url); got.status != http.StatusForbidden {
		t.Fatalf("%d", got.status)
	}
	for _, got := range []answer{ask(t, "HEAD", url), ask(t, "GET", on.endpoint+"/api/models/"+evilID+"/revision/"+on.evil.Head())} {
		if got.status != http.StatusForbidden || got.header.Get("X-Error-Code") != "GatedRepo" || got.header.Get("X-HF-Warning") == "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	}
	for _, env := range hubs {
		if text := hubError(t, on, env); !strings.Contains(text, "Blocked by modelgate") {
			t.Errorf("%s: %s", env, text)
		}
	}
	if got := ask(t, "GET", on.endpoint+"/api/models/"+modelID); got.status != http.StatusOK {
		t.Errorf("info of an honest model: %d", got.status)
	}
}

func TestTheVerdictIsShownWhereTheHubShowsItsScanners(t *testing.T) {
	on, _ := through(t, newWorld(t))
	scan := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")).header.Get("X-Modelgate-Scan")
	var tree []struct {
		Path               string
		SecurityFileStatus map[string]any
	}
	ask(t, "GET", on.endpoint+"/api/models/"+evilID+"/tree/main?expand=True").into(t, &tree)
	found := false
	for _, e := range tree {
		if e.Path != "pytorch_model.bin" {
			continue
		}
		found = true
		ours, _ := e.SecurityFileStatus["modelgateScan"].(map[string]any)
		if ours["status"] != "unsafe" || !strings.Contains(fmt.Sprint(ours["reportLink"]), scan) {
			t.Errorf("modelgateScan %v", ours)
		}
		if e.SecurityFileStatus["status"] != "unscanned" {
			t.Errorf("the Hub's own word was changed: %v", e.SecurityFileStatus)
		}
	}
	if !found {
		t.Errorf("tree %v", tree)
	}
}

func TestAScanCanBeDownloadedByItsUUID(t *testing.T) {
	// What guardian-client's download-from-scan sends.
	on, _ := through(t, newWorld(t))
	file := "/" + modelID + "/resolve/" + on.model.Head() + "/config.json"
	scan := ask(t, "GET", on.endpoint+file).header.Get("X-Modelgate-Scan")
	evil := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")).header.Get("X-Modelgate-Scan")
	for name, row := range map[string]struct {
		scan   string
		status int
	}{
		"its scan":                     {scan, http.StatusOK},
		"another version's scan":       {evil, http.StatusForbidden},
		"a scan that is not there":     {"00000000-0000-4000-8000-000000000000", http.StatusForbidden},
		"something that is not a UUID": {"no", http.StatusForbidden},
	} {
		if got := ask(t, "GET", on.endpoint+file, "guardian-scan-uuid", row.scan); got.status != row.status {
			t.Errorf("%s: %d, want %d", name, got.status, row.status)
		}
	}
}

func TestABranchThatMovesToEvilIsBlockedFromThenOn(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_HUGGINGFACE_BRANCH_TTL=1ms")
	repo := w.add("org/moving", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`)}, w.AddModel)
	good := repo.Head()
	main, pinned := on.fileURL("org/moving", "config.json"), on.endpoint+"/org/moving/resolve/"+good+"/config.json"
	if got := ask(t, "GET", main); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	repo.Commit("turn", hubtest.Files{"model.pkl": hubtest.Bytes(hubtest.InertPickle())})
	if got := ask(t, "GET", main); got.status != http.StatusForbidden {
		t.Errorf("the branch: %d", got.status)
	}
	if got := ask(t, "GET", pinned); got.status != http.StatusOK {
		t.Errorf("the commit of before: %d", got.status)
	}
	repo.Commit("repent", hubtest.Files{"model.pkl": {}})
	if got := ask(t, "GET", main); got.status != http.StatusOK {
		t.Errorf("the branch without it: %d", got.status)
	}
}

func TestBytesThatDoNotFitAreFetchedAgain(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_BLOBS_MAX_BYTES=3000000")
	for round := range 2 {
		for i := range 4 {
			id := fmt.Sprintf("org/evict%d", i)
			content := hubtest.Safetensors(1_000_000, uint64(80+i))
			if round == 0 {
				w.add(id, hubtest.Files{"model.safetensors": content}, w.AddModel)
			}
			if got := ask(t, "GET", on.fileURL(id, "model.safetensors")); got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != content.SHA256() {
				t.Errorf("round %d, %s: %d, %d bytes", round, id, got.status, len(got.body))
			}
		}
	}
	if n := w.Served(hubtest.CDN, "org/evict"); n < 5_000_000 {
		t.Errorf("%d bytes were fetched: nothing was evicted", n)
	}
}

func TestAFullDiskLosesNothingAndOpensNothing(t *testing.T) {
	w := newWorld(t)
	large := hubtest.Safetensors(40<<20, 91)
	w.add("org/too-big", hubtest.Files{"model.safetensors": large}, w.AddModel)
	// The gate sees a file system of 16 MiB where its data are: a mount that nobody else has.
	unshare := testenv.Tool(t, "unshare")
	script := `mount -t tmpfs -o size=16m tmpfs "$MODELGATE_DATA_DIR" && cd "$MODELGATE_DATA_DIR" && exec "$@"`
	g := prepareGateway(t, w.URL)
	g.wrap = []string{unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"}
	g.start(t)
	on := target{w, g.url, true}
	if got := ask(t, "GET", on.fileURL(modelID, "config.json")); got.status != http.StatusOK {
		t.Fatalf("before: %d %s", got.status, got.body)
	}
	for range 2 { // what does not fit is read on past the disk
		got := ask(t, "GET", on.fileURL("org/too-big", "model.safetensors"))
		if got.status != http.StatusOK || got.err != nil || hubtest.Bytes([]byte(got.body)).SHA256() != large.SHA256() {
			t.Errorf("a file that does not fit: %d, %d bytes, %v", got.status, len(got.body), got.err)
		}
	}
	w.add("org/too-big-and-wrong", hubtest.Files{"model.safetensors": hubtest.Safetensors(40<<20, 92)}, w.AddModel)
	w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: "org/too-big-and-wrong", Flip: 39 << 20})
	if got := ask(t, "GET", on.fileURL("org/too-big-and-wrong", "model.safetensors")); got.status == http.StatusOK && got.err == nil {
		t.Error("a file that does not fit was served whole with a wrong byte")
	}
	if got := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")); got.status == http.StatusOK {
		t.Error("the evil model was served")
	}
	if got := ask(t, "GET", on.fileURL(modelID, "config.json")); got.status != http.StatusOK {
		t.Errorf("after: %d %s", got.status, got.body)
	}
	if got := ask(t, "GET", on.fileURL(wideID, "model.safetensors")); got.status != http.StatusOK ||
		hubtest.Bytes([]byte(got.body)).SHA256() != on.contents[wideID]["model.safetensors"].SHA256() {
		t.Errorf("a file that fits: %d, %d bytes", got.status, len(got.body))
	}
}

func TestTheGateSpeaksTLS(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	selfSigned(t, cert, key)
	g := prepareGateway(t, w.URL, "MODELGATE_TLS_CERT="+cert, "MODELGATE_TLS_KEY="+key)
	g.url = strings.Replace(g.url, "http://", "https://", 1)
	g.start(t)
	for _, env := range hubs {
		var got map[string]any
		newClient(t, g.url, "SSL_CERT_FILE="+cert, "REQUESTS_CA_BUNDLE="+cert).python(t, env, "snapshots.py", &got, []labelled{
			{"model", arguments{"repo_id": modelID}}, {"evil", arguments{"repo_id": evilID}},
		})
		if model, ok := got["model"].(map[string]any); !ok || len(model) != len(w.contents[modelID]) {
			t.Errorf("%s: %v", env, got["model"])
		}
		if text := fmt.Sprint(got["evil"]); !strings.Contains(text, "Blocked by modelgate") {
			t.Errorf("%s: %s", env, text)
		}
	}
}

// selfSigned writes a certificate for 127.0.0.1 that is its own authority, and its key.
func selfSigned(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "modelgate test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
