// Package buckettest starts object stores on this machine for tests: moto as S3, fake-gcs-server as Google Cloud Storage, Azurite as Azure
// Blob Storage. Each is a process of its own that ends with its test, listens on loopback and keeps all in memory. Moto looks at no
// signature and fake-gcs-server at no token; Azurite checks both shared keys and shared access signatures.
package buckettest

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"modelgate/internal/testenv"
)

// Server is a store that runs.
type Server struct {
	t testing.TB
	// URL is its address, without a slash at its end.
	URL string
	put func(method, path string, query url.Values, header http.Header, body []byte) *http.Response
}

// S3 is moto.
type S3 struct{ Server }

// motoScript serves until its standard input ends.
const motoScript = `
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
`

// StartS3 starts moto.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	cmd := exec.Command(testenv.Python(t, testenv.Moto), "-c", motoScript)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("moto does not start: %v", err)
	}
	s := &S3{Server{t: t, URL: strings.TrimSpace(line)}}
	s.put = func(method, path string, query url.Values, header http.Header, body []byte) *http.Response {
		// Moto looks whether there is a signature, not at it.
		header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
		return s.send(method, path, query, header, body)
	}
	return s
}

// Bucket makes a bucket, with versions if it is to have some.
func (s *S3) Bucket(name string, versions bool) {
	s.t.Helper()
	s.do(http.MethodPut, "/"+name, nil, nil)
	if versions {
		s.do(http.MethodPut, "/"+name, url.Values{"versioning": {""}},
			[]byte(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`))
	}
}

// Put writes an object and returns its version id, "" in a bucket without.
func (s *S3) Put(bucket, key string, content []byte) string {
	s.t.Helper()
	return s.do(http.MethodPut, "/"+bucket+"/"+escape(key), nil, content).Get("X-Amz-Version-Id")
}

// GCS is fake-gcs-server.
type GCS struct{ Server }

// StartGCS starts fake-gcs-server.
func StartGCS(t testing.TB) *GCS {
	t.Helper()
	port := freePort(t)
	g := &GCS{Server{t: t, URL: "http://127.0.0.1:" + port}}
	g.put = g.send
	start(t, exec.Command(testenv.GCSServer(t), "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory",
		"-public-host", "127.0.0.1:"+port, "-log-level", "error"))
	g.await("/storage/v1/b?project=test")
	return g
}

// Bucket makes a bucket, with versions if it is to have some.
func (g *GCS) Bucket(name string, versions bool) {
	g.t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "versioning": map[string]bool{"enabled": versions}})
	if err != nil {
		g.t.Fatal(err)
	}
	g.do(http.MethodPost, "/storage/v1/b", url.Values{"project": {"test"}}, body)
}

// Put writes an object.
func (g *GCS) Put(bucket, key string, content []byte) {
	g.t.Helper()
	g.do(http.MethodPost, "/upload/storage/v1/b/"+bucket+"/o", url.Values{"uploadType": {"media"}, "name": {key}}, content)
}

// Azure is Azurite.
type Azure struct{ Server }

// The account that Azurite has when it starts, and its key: both are published.
const (
	AzureAccount = "devstoreaccount1"
	AzureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// StartAzure starts Azurite. Its addresses have the account in their path.
func StartAzure(t testing.TB) *Azure {
	t.Helper()
	node, script := testenv.Azurite(t)
	port := freePort(t)
	z := &Azure{Server{t: t, URL: "http://127.0.0.1:" + port}}
	z.put = func(method, path string, query url.Values, header http.Header, body []byte) *http.Response {
		if len(body) > 0 {
			header.Set("Content-Length", fmt.Sprint(len(body)))
		}
		z.sign(method, path, query, header)
		return z.send(method, path, query, header, body)
	}
	start(t, exec.Command(node, script, "--blobHost", "127.0.0.1", "--blobPort", port, "--inMemoryPersistence", "--skipApiVersionCheck",
		"--silent", "--disableTelemetry"))
	z.await("/" + AzureAccount + "?comp=list")
	return z
}

// Container makes a container.
func (z *Azure) Container(name string) {
	z.t.Helper()
	z.do(http.MethodPut, "/"+AzureAccount+"/"+name, url.Values{"restype": {"container"}}, nil)
}

// Put writes a blob.
func (z *Azure) Put(container, key string, content []byte) {
	z.t.Helper()
	z.do(http.MethodPut, "/"+AzureAccount+"/"+container+"/"+escape(key), nil, content)
}

// SAS is a shared access signature that lets its holder read and list a container for an hour.
func (z *Azure) SAS(container string) string {
	const version = "2020-12-06"
	ends := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05Z")
	text := strings.Join([]string{
		"rl", "", ends, "/blob/" + AzureAccount + "/" + container, "", "", "", version, "c", "", "", "", "", "", "", "",
	}, "\n")
	return url.Values{"sp": {"rl"}, "se": {ends}, "sv": {version}, "sr": {"c"}, "sig": {hash(text)}}.Encode()
}

// sign signs with the account's key.
func (z *Azure) sign(method, path string, query url.Values, header http.Header) {
	header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("X-Ms-Version", "2021-12-02")
	header.Set("X-Ms-Blob-Type", "BlockBlob")
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n\n%s\n\n\n\n\n\n\n\n\n", method, header.Get("Content-Length"))
	for _, name := range []string{"X-Ms-Blob-Type", "X-Ms-Date", "X-Ms-Version"} {
		fmt.Fprintf(&text, "%s:%s\n", strings.ToLower(name), header.Get(name))
	}
	text.WriteString("/" + AzureAccount + path)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(&text, "\n%s:%s", name, query.Get(name))
	}
	header.Set("Authorization", "SharedKey "+AzureAccount+":"+hash(text.String()))
}

func hash(text string) string {
	key, err := base64.StdEncoding.DecodeString(AzureKey)
	if err != nil {
		panic(err) // it is a constant
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// start starts a server that ends with its test.
func start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, said.String())
		}
	})
}

// freePort is a port that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// await waits until the server answers.
func (s *Server) await(path string) {
	s.t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(s.URL + path)
		if err == nil {
			_ = res.Body.Close()
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s does not start: %v", s.URL, err)
		}
	}
}

// do sends a request that must succeed, and returns the header of the answer.
func (s *Server) do(method, path string, query url.Values, body []byte) http.Header {
	s.t.Helper()
	res := s.put(method, path, query, http.Header{}, body)
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		s.t.Fatalf("%s %s: %s: %s", method, path, res.Status, text)
	}
	return res.Header
}

func (s *Server) send(method, path string, query url.Values, header http.Header, body []byte) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		s.t.Fatal(err)
	}
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = plain, path, query.Encode()
	req.Header = header
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

// escape escapes each segment of a key.
func escape(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}
