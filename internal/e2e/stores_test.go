package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modelgate/internal/buckettest"
	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// Objects of the bucket "models" in every store.
const (
	bigKey    = "clean/model.safetensors" // clients read it in parallel ranges
	smallKey  = "clean/small.safetensors"
	evilKey   = "evil/pytorch_model.bin"
	wideKey   = "evil/wide.pkl" // an evil one that clients read in parallel ranges
	configKey = "folder/config.json"
	badKey    = "folder/pytorch_model.bin"
	slowKey   = "slow/model.safetensors"
)

// wrongKey is an access key that the S3 behind the gate knows nothing of.
const wrongKey = "AKIAWRONG"

// storeObjects are what lies in the bucket.
func storeObjects() map[string]hubtest.Content {
	evil := hubtest.Bytes(hubtest.InertPickle())
	return map[string]hubtest.Content{
		bigKey:    hubtest.Safetensors(40<<20, 21),
		smallKey:  hubtest.Safetensors(300_000, 22),
		evilKey:   evil,
		wideKey:   hubtest.Concat(evil, hubtest.Synthetic(20<<20, 23)),
		configKey: hubtest.Text(`{"model_type": "bert"}`),
		badKey:    evil,
		slowKey:   hubtest.Safetensors(12<<20, 24),
	}
}

// shop is the gate before a store, and what is in the store.
type shop struct {
	*gateway
	objects map[string]hubtest.Content
	slow    *slowStore
}

// slowStore lets the gate's own first read of an object wait.
type slowStore struct {
	next http.Handler

	mu    sync.Mutex
	delay map[string]time.Duration // by the end of the path
	held  int
}

func (s *slowStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasPrefix(r.UserAgent(), "modelgate/") { // clients' own requests keep their names
		time.Sleep(s.take(r.URL.Path))
	}
	s.next.ServeHTTP(w, r)
}

// take returns how long a request waits. Only the first one does.
func (s *slowStore) take(path string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for end, delay := range s.delay {
		if strings.HasSuffix(path, end) {
			delete(s.delay, end)
			s.held++
			return delay
		}
	}
	return 0
}

// configuration writes a configuration file and returns the setting that names it.
func configuration(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "modelgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "MODELGATE_CONFIG=" + file
}

// secretFile writes a secret and returns the name of its file.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// s3Credentials is the configuration of a gate that may read the bucket itself.
func s3Credentials(t *testing.T) string {
	return configuration(t, fmt.Sprintf("objectstore:\n  buckets:\n    - {provider: s3, pattern: models, credentials: {access_key_id: AKIAGATE, secret_file: %q}}\n",
		secretFile(t, "the secret of the gate")))
}

// newS3Shop starts a gate before moto, which answers under the names of Amazon's S3.
func newS3Shop(t *testing.T, settings ...string) *shop {
	t.Helper()
	store := buckettest.StartS3(t)
	store.Bucket("models", false)
	s := &shop{objects: storeObjects()}
	for key, c := range s.objects {
		store.Put("models", key, content(t, c))
	}
	return s.open(t, store.URL, []string{"s3.amazonaws.com", "models.s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "models.s3.us-east-1.amazonaws.com"}, s3WithKeys, settings...)
}

// open starts the gate before a store that answers under the given names. Only whom admit lets in gets to it.
func (s *shop) open(t *testing.T, address string, names []string, admit func(http.Handler) http.Handler, settings ...string) *shop {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	store := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host
	}}
	s.slow = &slowStore{next: admit(store), delay: map[string]time.Duration{}}
	front := httptest.NewServer(s.slow)
	t.Cleanup(front.Close)
	sites := map[string]string{}
	for _, name := range names {
		sites[name] = front.URL
	}
	s.gateway, _ = behindProxy(t, newInternet(t, sites), settings...)
	return s
}

// s3WithKeys refuses whom moto, which looks at no keys, would let in: requests without a signature and those of the wrong key.
func s3WithKeys(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.Header.Get("Authorization") + r.URL.Query().Get("X-Amz-Credential") + r.URL.Query().Get("AWSAccessKeyId")
		if who != "" && !strings.Contains(who, wrongKey) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAccessKeyId</Code><Message>The key does not exist in our records.</Message></Error>")
	})
}

func content(t *testing.T, c hubtest.Content) []byte {
	t.Helper()
	b, err := io.ReadAll(c.NewReader())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// user is a client with the variables of modelgate ca --env and the keys of a store.
func (s *shop) user(t *testing.T, settings ...string) *client {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(programKey), "ca", "--env")
	cmd.Env, cmd.Dir = s.env, s.data
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("modelgate ca --env: %v", err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(setting, "=")
			list = append(list, name+"="+strings.Trim(value, "'"))
		}
	}
	list = append(list, "AWS_ACCESS_KEY_ID=AKIAUSER", "AWS_SECRET_ACCESS_KEY=the secret of the user", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true")
	return newClient(t, "https://huggingface.co", append(list, settings...)...)
}

// step is one operation of stores.py.
type step struct {
	label, client, operation, key string
	options                       any
}

// MarshalJSON writes a step as stores.py reads it.
func (s step) MarshalJSON() ([]byte, error) {
	options := s.options
	if options == nil {
		options = struct{}{}
	}
	return json.Marshal([]any{s.label, s.client, s.operation, "models", s.key, options})
}

// do lets a client do its steps, and fails if a byte of an evil object is in its home afterwards.
func (c *client) do(t *testing.T, steps ...step) map[string]string {
	t.Helper()
	env := testenv.Stores
	if steps[0].client == "s3fs" {
		env = testenv.S3FS
	}
	var got map[string]string
	c.python(t, env, "stores.py", &got, steps)
	c.holdsNothingEvil(t)
	return got
}

// program runs a program of the environment of the stores' clients.
func (c *client) program(t *testing.T, name string, args ...string) result {
	t.Helper()
	python := testenv.Python(t, testenv.Stores)
	program, before := filepath.Join(filepath.Dir(python), name), []string(nil)
	if name == "aws" { // a script
		program, before = python, []string{program}
	}
	return c.run(t, "", program, append(before, args...)...)
}

// holdsNothingEvil looks for evil bytes in whatever a client has left behind.
func (c *client) holdsNothingEvil(t *testing.T) {
	t.Helper()
	evil := hubtest.InertPickle()
	err := filepath.WalkDir(c.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, evil[2:12]) {
			t.Errorf("%s has bytes of an evil object", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that a user reads of a scan, which there is, and why it refuses.
func (s *shop) refused(t *testing.T, what, text, rule string) {
	t.Helper()
	text = plainSpaces(text)
	scan := uuids.FindString(text)
	if scan == "" || !strings.Contains(text, rule) {
		t.Errorf("%s: the scan is not told, or not why: %q", what, text)
		return
	}
	if record := ask(t, http.MethodGet, s.url+"/aims/data/v1/scans/"+scan, "Authorization", "Bearer any"); record.status != http.StatusOK {
		t.Errorf("%s: there is no scan %s: %d", what, scan, record.status)
	}
}

// rule is what the pickle breaks.
const rule = "Load Time Code Execution"

func TestClientsOfS3ThroughTheProxy(t *testing.T) {
	s := newS3Shop(t, s3Credentials(t))
	sum := func(key string) string { return s.objects[key].SHA256() }
	size := func(key string) string { return fmt.Sprint(s.objects[key].Size()) }
	check := func(t *testing.T, got, want map[string]string) {
		t.Helper()
		for label, value := range want {
			if got[label] != value {
				t.Errorf("%s: %q, want %q", label, got[label], value)
			}
		}
	}
	together(t, map[string]func(*testing.T){
		"boto3": func(t *testing.T) {
			got := s.user(t).do(t,
				step{"big", "boto3", "download", bigKey, nil}, step{"small", "boto3", "download", smallKey, nil},
				step{"whole", "boto3", "read", smallKey, nil}, step{"size of evil", "boto3", "size", evilKey, nil},
				step{"evil", "boto3", "download", evilKey, nil}, step{"evil read", "boto3", "read", evilKey, nil},
				step{"evil range", "boto3", "range", evilKey, map[string]any{"range": "bytes=3-9"}}, step{"wide", "boto3", "download", wideKey, nil})
			check(t, got, map[string]string{"big": sum(bigKey), "small": sum(smallKey), "whole": sum(smallKey), "size of evil": size(evilKey)})
			for _, label := range []string{"evil", "evil read", "evil range", "wide"} {
				s.refused(t, label, got[label], rule)
			}
		},
		"boto3 with wrong keys": func(t *testing.T) {
			s.user(t).do(t, step{"known", "boto3", "read", smallKey, nil})
			got := s.user(t, "AWS_ACCESS_KEY_ID="+wrongKey).do(t, step{"read", "boto3", "read", smallKey, nil}, step{"evil", "boto3", "read", evilKey, nil})
			for label, text := range got {
				if !strings.Contains(text, "InvalidAccessKeyId") || uuids.MatchString(text) {
					t.Errorf("%s: %q", label, text)
				}
			}
		},
		"s3fs": func(t *testing.T) {
			got := s.user(t).do(t,
				step{"big", "s3fs", "download", bigKey, nil}, step{"open", "s3fs", "read", smallKey, nil}, step{"size of evil", "s3fs", "size", evilKey, nil},
				step{"evil", "s3fs", "download", evilKey, nil}, step{"evil open", "s3fs", "start", evilKey, nil})
			check(t, got, map[string]string{"big": sum(bigKey), "open": sum(smallKey), "size of evil": size(evilKey)})
			for _, label := range []string{"evil", "evil open"} {
				s.refused(t, label, got[label], rule)
				if !strings.HasPrefix(got[label], "PermissionError") {
					t.Errorf("%s: %q", label, got[label])
				}
			}
		},
		"aws s3 cp": func(t *testing.T) {
			c := s.user(t)
			if got := c.program(t, "aws", "s3", "cp", "--no-progress", "s3://models/"+bigKey, "out"); got.code != 0 {
				t.Fatal(got.all())
			}
			same(t, filepath.Join(c.home, "out"), s.objects[bigKey])
			for _, key := range []string{evilKey, wideKey} {
				got := c.program(t, "aws", "s3", "cp", "--no-progress", "s3://models/"+key, "evil")
				if got.code == 0 {
					t.Errorf("aws ends with 0: %s", got.all())
				}
				s.refused(t, key, got.all(), rule)
			}
			c.holdsNothingEvil(t)
		},
		"aws s3 sync": func(t *testing.T) {
			c := s.user(t)
			if got := c.program(t, "aws", "s3", "sync", "--no-progress", "s3://models/clean/", "clean"); got.code != 0 {
				t.Error(got.all())
			}
			same(t, filepath.Join(c.home, bigKey), s.objects[bigKey])
			same(t, filepath.Join(c.home, smallKey), s.objects[smallKey])
			got := c.program(t, "aws", "s3", "sync", "--no-progress", "s3://models/folder/", "folder")
			if got.code == 0 {
				t.Errorf("aws ends with 0: %s", got.all())
			}
			s.refused(t, "folder", got.all(), rule)
			if _, err := os.Stat(filepath.Join(c.home, configKey)); err == nil {
				t.Error("a part of an evil model was given out")
			}
			c.holdsNothingEvil(t)
		},
		"s5cmd": func(t *testing.T) {
			c := s.user(t)
			if got := c.program(t, "s5cmd", "cp", "s3://models/clean/*", "clean/"); got.code != 0 {
				t.Fatal(got.all())
			}
			same(t, filepath.Join(c.home, bigKey), s.objects[bigKey])
			same(t, filepath.Join(c.home, smallKey), s.objects[smallKey])
			if got := c.program(t, "s5cmd", "cp", "s3://models/"+smallKey, "one"); got.code != 0 {
				t.Error(got.all())
			}
			for _, from := range []string{evilKey, "evil/*"} {
				got := c.program(t, "s5cmd", "cp", "s3://models/"+from, "evil/")
				if got.code == 0 {
					t.Errorf("s5cmd ends with 0: %s", got.all())
				}
				s.refused(t, from, got.all(), rule)
			}
			c.holdsNothingEvil(t)
		},
		"presigned": func(t *testing.T) { s.presigned(t) },
	})
	if s.slow.held != 0 {
		t.Error("a scan was held in a test that is not of waiting")
	}
}

// presigned tries addresses that boto3 has signed, with clients that know nothing of S3.
func (s *shop) presigned(t *testing.T) {
	c := s.user(t)
	v4 := map[string]any{"config": map[string]any{"signature_version": "s3v4"}}
	got := c.do(t, step{"clean", "boto3", "presign", smallKey, nil}, step{"evil", "boto3", "presign", evilKey, nil},
		step{"clean v4", "boto3", "presign", smallKey, v4}, step{"evil v4", "boto3", "presign", evilKey, v4})
	for _, version := range []string{"", " v4"} {
		clean, evil := got["clean"+version], got["evil"+version]
		if u, err := url.Parse(evil); err != nil || u.Scheme != "https" {
			t.Fatalf("no address was signed: %q", evil)
		}
		opened := c.do(t, step{"clean", "urllib", "read", "", map[string]string{"url": clean}}, step{"evil", "urllib", "read", "", map[string]string{"url": evil}})
		if opened["clean"] != s.objects[smallKey].SHA256() {
			t.Errorf("urllib%s: %s", version, opened["clean"])
		}
		s.refused(t, "urllib"+version, opened["evil"], rule)
		curl := testenv.Tool(t, "curl")
		if got := c.run(t, "", curl, "-sSf", "-o", "clean", clean); got.code != 0 {
			t.Errorf("curl%s: %s", version, got.all())
		}
		same(t, filepath.Join(c.home, "clean"), s.objects[smallKey])
		refused := c.run(t, "", curl, "-sS", "--fail-with-body", evil)
		if refused.code == 0 {
			t.Errorf("curl%s ends with 0: %s", version, refused.all())
		}
		s.refused(t, "curl"+version, refused.all(), rule)
		resumed := c.run(t, "", curl, "-sS", "--fail-with-body", "-r", "5-", evil)
		s.refused(t, "curl of a part"+version, resumed.all(), rule)
	}
	c.holdsNothingEvil(t)
}

func TestClientsOfS3WhereTheGateHasNoCredentials(t *testing.T) {
	s := newS3Shop(t)
	const sentence = "register read credentials for s3://models"
	together(t, map[string]func(*testing.T){
		"boto3": func(t *testing.T) {
			got := s.user(t).do(t,
				step{"whole", "boto3", "read", smallKey, nil}, step{"evil", "boto3", "read", evilKey, nil}, step{"wide", "boto3", "download", wideKey, nil})
			if got["whole"] != s.objects[smallKey].SHA256() { // its signature leaves ranges free
				t.Error(got["whole"])
			}
			s.refused(t, "evil", got["evil"], rule)
			s.refused(t, "signed ranges", got["wide"], sentence)
		},
		"s3fs": func(t *testing.T) {
			got := s.user(t).do(t, step{"whole", "s3fs", "download", smallKey, nil}, step{"evil", "s3fs", "download", evilKey, nil})
			if got["whole"] != s.objects[smallKey].SHA256() {
				t.Error(got["whole"])
			}
			s.refused(t, "evil", got["evil"], rule)
		},
		"aws s3 cp": func(t *testing.T) {
			c := s.user(t)
			s.refused(t, "signed ranges", c.program(t, "aws", "s3", "cp", "--no-progress", "s3://models/"+bigKey, "out").all(), sentence)
			c.holdsNothingEvil(t)
		},
		"s5cmd": func(t *testing.T) { // a signed range that covers the object
			c := s.user(t)
			if got := c.program(t, "s5cmd", "cp", "s3://models/"+smallKey, "small"); got.code != 0 {
				t.Fatal(got.all())
			}
			same(t, filepath.Join(c.home, "small"), s.objects[smallKey])
			s.refused(t, "evil", c.program(t, "s5cmd", "cp", "s3://models/"+evilKey, "evil").all(), rule)
			c.holdsNothingEvil(t)
		},
	})
}

func TestClientsOfS3WaitForAFirstScan(t *testing.T) {
	s := newS3Shop(t, s3Credentials(t))
	// s3fs gives up after 15 seconds of silence, and boto3 is told to.
	s.slow.delay["/"+slowKey] = slowObject
	impatient := map[string]any{"config": map[string]any{"read_timeout": 10}}
	began := time.Now()
	together(t, map[string]func(*testing.T){
		"boto3": func(t *testing.T) {
			got := s.user(t).do(t, step{"slow", "boto3", "download", slowKey, impatient})
			if got["slow"] != s.objects[slowKey].SHA256() {
				t.Error(got["slow"])
			}
		},
		"s3fs": func(t *testing.T) {
			got := s.user(t).do(t, step{"slow", "s3fs", "download", slowKey, nil})
			if got["slow"] != s.objects[slowKey].SHA256() {
				t.Error(got["slow"])
			}
		},
	})
	if took := time.Since(began); took < slowObject || s.slow.held != 1 {
		t.Errorf("the scan was held %d times, and all took %v", s.slow.held, took)
	}
}

// slowObject is how long the scan of slowKey takes.
const slowObject = 20 * time.Second
