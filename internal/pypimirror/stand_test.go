package pypimirror

import (
	"context"
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
	"modelgate/internal/gate"
	"modelgate/internal/indextest"
	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/index"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scriptedGate says what it's told to say of a file, by its name.
type scriptedGate struct {
	mu          sync.Mutex
	blocked     map[string]string // file: rule
	errored     map[string]bool
	after       time.Duration // before a verdict stands
	scans       map[string]uuid.UUID
	known       []store.BlockedScan
	checks      int
	quarantines []string
	ruled       string
	group       string // of the last request
}

func (g *scriptedGate) Check(_ context.Context, req gate.Request) (*gate.Ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.checks++
	g.group = req.Group
	if g.scans[req.Path] == uuid.Nil {
		g.scans[req.Path] = uuid.New()
	}
	v := gate.Verdict{Scan: g.scans[req.Path], Version: req.Version, Outcome: model.Allowed}
	if rule := g.blocked[req.Path]; rule != "" {
		v.Outcome, v.Failed = model.Blocked, []gate.FailedRule{{Name: rule, State: model.Blocking, Violations: 1}}
		g.remember(store.BlockedScan{Revision: req.Version.Revision, Scan: v.Scan, Rule: rule})
	}
	for _, s := range g.known {
		if s.Revision == req.Version.Revision && s.Advisory != "" {
			v.Scan, v.Outcome = s.Scan, model.Blocked
			v.Failed = []gate.FailedRule{{Name: s.Rule, State: model.Blocking, Violations: 1, Advisory: s.Advisory}}
		}
	}
	if g.errored[req.Path] {
		v.Outcome = model.Errored
	}
	if g.after > 0 {
		ticket, settle := gate.Promise(v.Scan)
		time.AfterFunc(g.after, func() { settle(v, nil) })
		return ticket, nil
	}
	return gate.Settled(v), nil
}

func (g *scriptedGate) remember(s store.BlockedScan) {
	for _, old := range g.known {
		if old.Revision == s.Revision {
			return
		}
	}
	g.known = append(g.known, s)
}

func (g *scriptedGate) Blocked(context.Context, gate.Request) ([]store.BlockedScan, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]store.BlockedScan(nil), g.known...), nil
}

func (g *scriptedGate) Announce(_ context.Context, _ gate.Request, list []gate.Announced) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range list {
		p := a.Metadata.Package
		if len(p.Advisories) > 0 && g.scans[a.Release] == uuid.Nil {
			g.scans[a.Release] = uuid.New()
			g.remember(store.BlockedScan{Revision: a.Revision, Scan: g.scans[a.Release], Rule: "Known Malicious Package", Advisory: p.Advisories[0].ID})
		}
	}
	return nil
}

func (g *scriptedGate) Rules(context.Context, gate.Request) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ruled, nil
}

// rules makes the gate judge by other rules from now on.
func (g *scriptedGate) rules(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ruled = name
}

func (g *scriptedGate) Quarantine(_ context.Context, req gate.Request, _ string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.quarantines = append(g.quarantines, req.Path)
	return nil
}

// stand is a door between stand-in indexes and a gate that says what it's told to say.
type stand struct {
	*httptest.Server
	t     testing.TB
	index *indextest.Index
	gate  *scriptedGate
	door  *Door
	blobs string // the folder

	mu        sync.Mutex
	downloads []model.Download
}

func newStand(t testing.TB, options ...func(*Config, *index.Config)) *stand {
	t.Helper()
	s := &stand{t: t, index: indextest.New(t), gate: &scriptedGate{blocked: map[string]string{}, errored: map[string]bool{}, scans: map[string]uuid.UUID{}}}
	way, err := upstream.New(upstream.Config{UserAgent: "modelgate-test"})
	if err != nil {
		t.Fatal(err)
	}
	s.blobs = filepath.Join(t.TempDir(), "blobs")
	blobs, err := blob.Open(blob.Config{Dir: s.blobs, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ix := index.Config{Client: way, Blobs: blobs, Log: zerolog.Nop(), PageTTL: time.Millisecond, Upstreams: []index.Upstream{{Name: "up", URL: s.index.URL}}}
	cfg := Config{
		Gate: s.gate, Blobs: blobs, Log: zerolog.Nop(), Hold: 5 * time.Second, Registerer: prometheus.NewRegistry(),
		Record: func(d model.Download) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.downloads = append(s.downloads, d)
		},
	}
	for _, option := range options {
		option(&cfg, &ix)
	}
	x, err := index.New(ix)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Index, cfg.Opener = x, x.Opener
	cfg.Origin = func(e index.Entry, f model.File) gate.Origin { return &index.Origin{Index: x, Entry: e, File: f} }
	door, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.door = door
	s.Server = httptest.NewServer(door)
	t.Cleanup(func() {
		s.Close()
		door.Close()
		_ = blobs.Close()
		x.Close()
	})
	return s
}

// answer is what a client got.
type answer struct {
	*http.Response
	body string
}

// ask sends a request; headers alternate between names and values. Redirects are answers.
func (s *stand) ask(method, path string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, path, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// try is ask for a request that may come to nothing, or to a part of an answer.
func (s *stand) try(method, path string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		return answer{}, err
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
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

// address is where the page of a project says that a file is.
func (s *stand) address(project, file string) string {
	s.t.Helper()
	page := s.ask("GET", "/pypi/simple/"+project+"/").body
	for part := range strings.SplitSeq(page, `"`) {
		if path, ok := strings.CutPrefix(part, "../../files/"); ok && strings.Contains(path, "/"+file) {
			path, _, _ = strings.Cut(path, "#")
			return "/pypi/files/" + path
		}
	}
	s.t.Fatalf("the page of %s does not have %s:\n%s", project, file, page)
	return ""
}
