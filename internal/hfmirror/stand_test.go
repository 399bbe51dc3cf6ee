package hfmirror

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a door between a stand-in hub and a gate that says what it's told to say.
type stand struct {
	*httptest.Server
	t     testing.TB
	hub   *hubtest.Hub
	gate  *fakeGate
	blobs *blob.Store
	log   *logBuffer

	mu        sync.Mutex
	downloads []model.Download
}

// branchTTL is how long branches are believed in tests.
const branchTTL = 20 * time.Millisecond

func newStand(t testing.TB, options ...func(*Config)) *stand {
	t.Helper()
	s := &stand{t: t, hub: hubtest.New(t, hubtest.Options{PageSize: 3}), gate: newFakeGate(), log: &logBuffer{}}
	way, err := upstream.New(upstream.Config{UserAgent: "modelgate-test"})
	if err != nil {
		t.Fatal(err)
	}
	log := zerolog.New(s.log)
	client, err := hub.New(hub.Config{Upstream: way, Endpoint: s.hub.URL, RedirectHosts: []string{"127.0.0.1"}, BranchTTL: branchTTL, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if s.blobs, err = blob.Open(blob.Config{Dir: filepath.Join(t.TempDir(), "blobs"), Log: log}); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Hub: client, Gate: s.gate, Blobs: s.blobs, Log: log, Endpoint: s.hub.URL, Registerer: prometheus.NewRegistry(),
		Heartbeat: 20 * time.Millisecond, Hold: 10 * time.Second,
		Origin: func(tok hub.Token, repo hub.Repo, commit string) gate.Origin {
			return &hub.Origin{Client: client, Token: tok, Repo: repo, Commit: commit, Blobs: s.blobs}
		},
		Record: func(d model.Download) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.downloads = append(s.downloads, d)
		},
	}
	for _, option := range options {
		option(&cfg)
	}
	door, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(door)
	t.Cleanup(func() {
		s.Close()
		_ = s.blobs.Close()
		client.Close()
	})
	return s
}

// answer is what a client got.
type answer struct {
	*http.Response
	body []byte
	err  error // of reading the body
}

// ask sends a request; headers alternate between names and values.
func (s *stand) ask(method, path string, headers ...string) answer {
	s.t.Helper()
	return s.send(method, path, nil, headers...)
}

func (s *stand) send(method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	a := answer{Response: resp}
	a.body, a.err = io.ReadAll(resp.Body)
	if resp.Header.Get("Location") != "" {
		s.t.Errorf("%s %s leads to %s", method, path, resp.Header.Get("Location"))
	}
	return a
}

// json decodes the body.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// text is one text of the JSON body.
func (a answer) text(key string) (string, bool) {
	var v map[string]any
	if json.Unmarshal(a.body, &v) != nil {
		return "", false
	}
	text, ok := v[key].(string)
	return text, ok
}

// is checks status and some headers; names and values alternate, an empty value means that the header must not be there.
func (a answer) is(t testing.TB, status int, headers ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d: %s", a.StatusCode, status, reply.Clip(string(a.body), 300))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if got := a.Header.Get(headers[i]); got != headers[i+1] {
			t.Errorf("%s is %q, want %q", headers[i], got, headers[i+1])
		}
	}
}

// fakeGate says ALLOWED unless it's told otherwise.
type fakeGate struct {
	mu          sync.Mutex
	scan        uuid.UUID
	verdicts    map[string]gate.Verdict // by name of the version, or by that, "|" and the path of a file
	checked     []gate.Request
	quarantined []string
	blocks      []finding.Block
	scans       map[uuid.UUID]gate.Verdict
	pending     chan struct{} // if not nil, verdicts come when it's closed
	checkErr    error
	forgetful   bool // keep no requests: of benchmarks
}

func newFakeGate() *fakeGate {
	return &fakeGate{scan: uuid.MustParse("5d0c0f52-6d0a-4f4e-9a4c-000000000001"), verdicts: map[string]gate.Verdict{}, scans: map[uuid.UUID]gate.Verdict{}}
}

// block makes a model blocked.
func (g *fakeGate) block(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.verdicts[name] = gate.Verdict{
		Outcome: model.Blocked, Group: "Default HUGGING_FACE",
		Message: "Blocked by modelgate: " + name + " failed Load Time Code Execution Check; scan " + g.scan.String(),
		Failed: []gate.FailedRule{
			{Name: "Load Time Code Execution Check", State: model.Blocking, Violations: 2},
			{Name: "License Exists", State: model.Allowing, Violations: 1},
		},
	}
}

func (g *fakeGate) verdict(req gate.Request) gate.Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	v, ok := g.verdicts[req.Version.Name+"|"+req.Path]
	if !ok {
		v, ok = g.verdicts[req.Version.Name]
	}
	if !ok {
		v = gate.Verdict{Outcome: model.Allowed}
	}
	if v.Scan == uuid.Nil {
		v.Scan = g.scan
	}
	v.Version = req.Version
	return v
}

func (g *fakeGate) Check(_ context.Context, req gate.Request) (*gate.Ticket, error) {
	g.mu.Lock()
	if !g.forgetful {
		g.checked = append(g.checked, req)
	}
	pending, err := g.pending, g.checkErr
	g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if pending == nil {
		return gate.Settled(g.verdict(req)), nil
	}
	t, settle := gate.Promise(g.scan)
	go func() {
		<-pending
		settle(g.verdict(req), nil)
	}()
	return t, nil
}

func (g *fakeGate) Quarantine(_ context.Context, req gate.Request, reason string) error {
	g.block(req.Version.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.quarantined = append(g.quarantined, req.Path+": "+reason)
	return nil
}

func (g *fakeGate) Known(_ context.Context, req gate.Request) (gate.Verdict, bool) {
	return g.verdict(req), true
}

func (g *fakeGate) ScanOutcome(_ context.Context, scan uuid.UUID) (model.Version, model.Outcome, bool) {
	v, ok := g.scans[scan]
	return v.Version, v.Outcome, ok
}

func (g *fakeGate) Blocks(context.Context, model.File) []finding.Block { return g.blocks }

func (g *fakeGate) inQuarantine() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.quarantined...)
}

func (g *fakeGate) requests() []gate.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]gate.Request(nil), g.checked...)
}

// logBuffer is a log that can be read while it's written.
type logBuffer struct {
	off bool // before the first request of a benchmark
	mu  sync.Mutex
	b   bytes.Buffer
}

// discard makes the log forget.
func (l *logBuffer) discard() { l.off = true }

func (l *logBuffer) Write(p []byte) (int, error) {
	if l.off {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// pattern is content whose every byte tells its place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)*31
	}
	return b
}

func mustContain(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in %s", p, reply.Clip(text, 500))
		}
	}
}
