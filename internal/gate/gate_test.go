package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/verdictcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good is JSON, evil is what nothing recognises: the rules block it, as they block whatever can't be judged.
const (
	good = `{"architectures": ["TinyModel"]}`
	evil = "\x00\x01\x02\x03 nobody knows what this is \xff\xfe\x00"
)

// origin is a version in memory that counts what is asked of it.
type origin struct {
	files map[string]string
	meta  model.Metadata
	fail  error         // of Files
	wait  chan struct{} // Files waits for it, if not nil

	listed, opened atomic.Int64
}

func newOrigin(files map[string]string) *origin {
	verified := true
	return &origin{files: files, meta: model.Metadata{Licenses: []string{"mit"}, Verified: &verified}}
}

func (o *origin) Files(ctx context.Context) ([]model.File, error) {
	o.listed.Add(1)
	if o.wait != nil {
		select {
		case <-o.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if o.fail != nil {
		return nil, o.fail
	}
	var out []model.File
	for path, content := range o.files {
		out = append(out, fileOf(path, content))
	}
	return out, nil
}

func fileOf(path, content string) model.File {
	sum := sha256.Sum256([]byte(content))
	return model.File{Path: path, Size: int64(len(content)), Digest: model.Digest("sha256:" + hex.EncodeToString(sum[:]))}
}

type content struct{ source.Bytes }

func (content) Close() error { return nil }

func (o *origin) Open(_ context.Context, f model.File) (source.Content, error) {
	o.opened.Add(1)
	return content{source.Bytes(o.files[f.Path])}, nil
}

func (o *origin) Metadata(context.Context) (model.Metadata, error) { return o.meta, nil }

// house is a gate over a record in a temporary folder.
type house struct {
	*Gate
	store *store.Store
	dir   string
}

func open(t *testing.T, dir string, change func(*Config)) house {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "modelgate.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureGroups(ctx, policy.DefaultGroups("balanced"), nil); err != nil {
		t.Fatal(err)
	}
	cache, err := verdictcache.Open(ctx, verdictcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Store: s, Cache: cache, Engine: scanner.New(source.DefaultLimits()), Timeout: 10 * time.Second, MaxFiles: 5, Workers: 2}
	if change != nil {
		change(&c)
	}
	h := house{Gate: New(c), store: s, dir: dir}
	t.Cleanup(func() {
		h.Close()
		if err := errors.Join(cache.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func request(o Origin, path string) Request {
	return Request{
		Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name", Revision: "7b40bb0000000000000000000000000000000000"},
		Path:    path, Origin: o, Owner: "tester", ScanOrigin: model.OriginGateway, RequestedRevision: "main",
	}
}

func check(t *testing.T, h house, req Request) Verdict {
	t.Helper()
	ticket, err := h.Check(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ticket.Verdict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v.Scan != ticket.Scan {
		t.Errorf("ticket names scan %s, verdict %s", ticket.Scan, v.Scan)
	}
	return v
}

func TestGoodModelPassesAndIsRecordedWhole(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good, "README.md": "# A model\n"})
	v := check(t, h, request(o, "config.json"))
	if v.Outcome != model.Allowed || v.Message != "" {
		t.Fatalf("verdict %+v", v)
	}
	s, err := h.store.Scan(t.Context(), v.Scan)
	if err != nil {
		t.Fatal(err)
	}
	failed, passed, total := s.Summary()
	if s.Outcome != model.Allowed || failed != 0 || passed != 11 || total != 11 {
		t.Errorf("recorded as %s with %d failed, %d passed of %d", s.Outcome, failed, passed, total)
	}
	if s.Owner != "tester" || s.RequestedRevision != "main" || s.Origin != model.OriginGateway || s.TimeFinished.IsZero() || len(s.Files) != 2 {
		t.Errorf("recorded %+v", s)
	}
	if s.ModelVersionUUID == uuid.Nil {
		t.Error("the version has no UUID")
	}
}

func TestEvilModelIsBlockedWithRuleAndScan(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good, "model.bin": evil})
	v := check(t, h, request(o, "config.json"))
	want := fmt.Sprintf("Blocked by modelgate: org/name@7b40bb0 failed Suspicious Model Components Check; scan %s", v.Scan)
	if v.Outcome != model.Blocked || v.Message != want {
		t.Errorf("%s: %q, want %q", v.Outcome, v.Message, want)
	}
	if diff := cmp.Diff([]FailedRule{{Name: "Suspicious Model Components Check", State: model.Blocking, Violations: 1}}, v.Failed[:1]); diff != "" {
		t.Error(diff)
	}
}

func TestManyClientsCauseOneScan(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good})
	o.wait = make(chan struct{})
	const clients = 32
	scans := make(chan uuid.UUID, clients)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			ticket, err := h.Check(context.Background(), request(o, "config.json"))
			if err != nil {
				t.Error(err)
				return
			}
			if v, err := ticket.Verdict(context.Background()); err != nil || v.Outcome != model.Allowed {
				t.Errorf("%v, %v", v, err)
			}
			scans <- ticket.Scan
		})
	}
	for o.listed.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(o.wait)
	wg.Wait()
	close(scans)
	first := <-scans
	for id := range scans {
		if id != first {
			t.Errorf("two scans: %s and %s", first, id)
		}
	}
	if n := o.listed.Load(); n != 1 {
		t.Errorf("files listed %d times", n)
	}
}

func TestKnownVerdictAsksNobody(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, nil)
	o := newOrigin(map[string]string{"config.json": good})
	first := check(t, h, request(o, "config.json"))
	untouched := newOrigin(nil)
	if again := check(t, h, request(untouched, "config.json")); again.Scan != first.Scan {
		t.Error("a new scan for a known version")
	}
	later := open(t, dir, nil) // another process: nothing in memory
	if again := check(t, later, request(untouched, "config.json")); again.Scan != first.Scan {
		t.Error("a new scan for a recorded version")
	}
	if untouched.listed.Load()+untouched.opened.Load() != 0 {
		t.Error("the origin was asked")
	}
	if v, ok := h.Known(t.Context(), request(untouched, "config.json")); !ok || v.Scan != first.Scan {
		t.Error("Known does not know")
	}
}

func TestEditedGroupTakesEffectWithoutReadingAnything(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good})
	o.meta.Licenses = []string{"gpl-3.0"}
	first := check(t, h, request(o, "config.json"))
	if first.Outcome != model.Allowed || first.Warning == "" {
		t.Fatalf("verdict %+v", first)
	}
	group, err := h.store.Group(t.Context(), policy.DefaultGroupUUID(model.HuggingFace))
	if err != nil {
		t.Fatal(err)
	}
	rule, err := policy.FindRule("License Is Valid For Use")
	if err != nil {
		t.Fatal(err)
	}
	group, err = policy.Apply(group, rule.UUID, policy.Setting{State: model.Blocking})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.PutGroup(t.Context(), &group); err != nil {
		t.Fatal(err)
	}
	h.ForgetGroups()
	opened, listed := o.opened.Load(), o.listed.Load()
	second := check(t, h, request(o, "config.json"))
	if second.Outcome != model.Blocked || second.Scan == first.Scan {
		t.Errorf("verdict after the edit %+v", second)
	}
	if o.opened.Load() != opened || o.listed.Load() != listed {
		t.Error("the version was read again")
	}
}

func TestScanSurvivesItsClient(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good})
	o.wait = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ticket, err := h.Check(ctx, request(o, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := h.store.Scan(t.Context(), ticket.Scan); err != nil || s.Outcome != model.Pending {
		t.Errorf("told before it was recorded: %v %v", s.Outcome, err)
	}
	cancel()
	if v, err := ticket.Verdict(ctx); err == nil || v.Outcome != model.Pending || v.Scan != ticket.Scan {
		t.Errorf("the client left and got %+v, %v", v, err)
	}
	close(o.wait)
	if v, err := ticket.Verdict(t.Context()); err != nil || v.Outcome != model.Allowed {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestFailedScanKeepsTheGateShut(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		fail   error
		block  bool // the origin never answers
		want   model.Outcome
	}{
		{"an origin that fails", nil, errors.New("disk on fire"), false, model.Errored},
		{"an origin that never answers", func(c *Config) { c.Timeout = 50 * time.Millisecond }, nil, true, model.Errored},
		{"on_error allow lets bytes pass with a warning", func(c *Config) { c.OnErrorAllow = true }, errors.New("disk on fire"), false, model.Allowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, t.TempDir(), tt.change)
			o := newOrigin(map[string]string{"config.json": good})
			o.fail = tt.fail
			if tt.block {
				o.wait = make(chan struct{})
			}
			v := check(t, h, request(o, "config.json"))
			if v.Outcome != tt.want || v.Message+v.Warning == "" {
				t.Errorf("verdict %+v", v)
			}
			s, err := h.store.Scan(t.Context(), v.Scan)
			if err != nil {
				t.Fatal(err)
			}
			if s.Outcome != model.Errored || s.ErrorCode == "" || s.ErrorMessage == "" {
				t.Errorf("recorded as %s, %q, %q", s.Outcome, s.ErrorCode, s.ErrorMessage)
			}
			listed := o.listed.Load()
			if again := check(t, h, request(o, "config.json")); again.Scan != v.Scan || o.listed.Load() != listed {
				t.Error("the next file of the same client started another scan")
			}
		})
	}
}

func TestWhoCannotReadSpoilsTheVerdictForNobodyElse(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	poor := newOrigin(map[string]string{"config.json": good})
	poor.fail = errors.New("no credentials")
	unread := request(poor, "config.json")
	unread.Unread = true
	first := check(t, h, unread)
	if first.Outcome != model.Errored {
		t.Fatalf("verdict %+v", first)
	}
	if again := check(t, h, unread); again.Scan != first.Scan {
		t.Error("each such request starts a scan")
	}
	if v := check(t, h, request(newOrigin(map[string]string{"config.json": good}), "config.json")); v.Outcome != model.Allowed {
		t.Errorf("who can read gets %+v", v)
	}
	if v := check(t, h, unread); v.Outcome != model.Allowed {
		t.Errorf("once there is a verdict, who cannot read gets %+v", v)
	}
}

func TestVersionsJudgedFileByFileShareOneGrowingScan(t *testing.T) {
	files := map[string]string{"a.json": good, "b.bin": evil, "c.json": good + " ", "d": "text\n", "e": "text", "f": "more text"}
	tests := []struct {
		name   string
		byFile bool
	}{
		{"a dataset", true},
		{"a repository of too many files", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			h := open(t, dir, nil)
			o := newOrigin(files)
			req := func(path string) Request {
				r := request(o, path)
				r.ByFile = tt.byFile
				return r
			}
			first, bad, other := check(t, h, req("a.json")), check(t, h, req("b.bin")), check(t, h, req("c.json"))
			if first.Outcome != model.Allowed || bad.Outcome != model.Blocked || other.Outcome != model.Allowed {
				t.Errorf("outcomes %s %s %s", first.Outcome, bad.Outcome, other.Outcome)
			}
			if first.Scan != bad.Scan || first.Scan != other.Scan {
				t.Errorf("scans %s %s %s", first.Scan, bad.Scan, other.Scan)
			}
			s, err := h.store.Scan(t.Context(), first.Scan)
			if err != nil {
				t.Fatal(err)
			}
			if s.Outcome != model.Blocked || len(s.Files) != 3 || !s.Partial {
				t.Errorf("recorded as %s with %d files, partial %v", s.Outcome, len(s.Files), s.Partial)
			}
			if opened := o.opened.Load(); opened != 3 {
				t.Errorf("%d files read for three asked for", opened)
			}
			if again := check(t, h, req("a.json")); again.Outcome != model.Allowed || o.opened.Load() != 3 {
				t.Error("a file with a verdict was read again")
			}
			later, listed := open(t, dir, nil), o.listed.Load() // another process
			if v := check(t, later, req("a.json")); v.Outcome != model.Allowed || v.Scan != first.Scan || len(v.Failed) != 0 {
				t.Errorf("after a restart the good file has %+v", v)
			}
			if v := check(t, later, req("b.bin")); v.Outcome != model.Blocked || v.Message != bad.Message {
				t.Errorf("after a restart the evil file has %+v", v)
			}
			if o.listed.Load() != listed || o.opened.Load() != 3 {
				t.Error("after a restart the origin was asked")
			}
		})
	}
}

func TestEnforceFileRefusesOnlyWhatFails(t *testing.T) {
	h := open(t, t.TempDir(), func(c *Config) { c.EnforceFile = true })
	o := newOrigin(map[string]string{"config.json": good, "model.bin": evil})
	if v := check(t, h, request(o, "config.json")); v.Outcome != model.Allowed || v.Warning == "" {
		t.Errorf("the good file: %+v", v)
	}
	v := check(t, h, request(o, "model.bin"))
	if v.Outcome != model.Blocked || len(v.Failed) != 1 {
		t.Errorf("the evil file: %+v", v)
	}
	if s, err := h.store.Scan(t.Context(), v.Scan); err != nil || s.Outcome != model.Blocked {
		t.Errorf("the scan itself: %s %v", s.Outcome, err)
	}
}

func TestQuarantineBlocksAVersionThatPassed(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, nil)
	o := newOrigin(map[string]string{"config.json": good})
	first := check(t, h, request(o, "config.json"))
	if err := h.Quarantine(t.Context(), request(o, "config.json"), "other digest than announced"); err != nil {
		t.Fatal(err)
	}
	v := check(t, h, request(o, "config.json"))
	if v.Outcome != model.Blocked || v.Scan == first.Scan {
		t.Errorf("verdict %+v", v)
	}
	s, err := h.store.Scan(t.Context(), v.Scan)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range s.Evaluations {
		for _, violation := range e.Violations {
			found = found || violation.Threat == "MG-FMT-408" && violation.File == "config.json"
		}
	}
	if !found {
		t.Error("the scan does not say why")
	}
	if v := check(t, open(t, dir, nil), request(o, "config.json")); v.Outcome != model.Blocked {
		t.Errorf("after a restart: %+v", v)
	}
}

func TestAVerdictIsOneOnTheBytesThatWereJudged(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, func(c *Config) { c.OnErrorAllow = true })
	o := newOrigin(map[string]string{"config.json": good})
	ask := func(h house, path, content string) model.Outcome {
		req := request(o, path)
		req.Digest = fileOf(path, content).Digest
		return check(t, h, req).Outcome
	}
	for name, at := range map[string]house{"fresh": h, "after a restart": open(t, dir, nil)} {
		if got := ask(at, "config.json", good); got != model.Allowed {
			t.Errorf("%s, the file that was judged: %s", name, got)
		}
		if got := ask(at, "config.json", evil); got != model.Errored {
			t.Errorf("%s, other bytes under its name: %s", name, got)
		}
		if got := ask(at, "hidden.bin", evil); got != model.Errored {
			t.Errorf("%s, a file that was not listed: %s", name, got)
		}
	}
}

func TestOrderedScansAreRecordedEachTime(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good, "model.bin": evil})
	submit := func(change func(*Order)) model.Scan {
		t.Helper()
		order := Order{Request: request(o, ""), Labels: []model.Label{{Key: "env", Value: "test"}}, ModelVersion: "v1"}
		if change != nil {
			change(&order)
		}
		ticket, err := h.Submit(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		<-ticket.Done()
		s, err := h.store.Scan(t.Context(), ticket.Scan)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	part := submit(func(o *Order) { o.Selected = func(path string) bool { return path == "config.json" } })
	if part.Outcome != model.Allowed || len(part.Files) != 1 || part.ModelVersion != "v1" || len(part.Labels) != 1 {
		t.Errorf("part: %+v", part)
	}
	if v := check(t, h, request(o, "config.json")); v.Outcome != model.Blocked {
		t.Error("a scan of a part became the verdict on the whole")
	}
	opened := o.opened.Load()
	whole, again := submit(nil), submit(nil)
	if whole.UUID == again.UUID || whole.Outcome != model.Blocked || again.Outcome != model.Blocked {
		t.Error("an ordered scan was not made")
	}
	if o.opened.Load() != opened {
		t.Error("files with a report were read again")
	}
}

func TestUnknownGroupsAreTheCallersMistake(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	req := request(newOrigin(nil), "x")
	req.Group = "no such group"
	if _, err := h.Check(t.Context(), req); !errors.Is(err, ErrNoGroup) {
		t.Errorf("by name: %v", err)
	}
	req.Group, req.GroupUUID = "", policy.DefaultGroupUUID(model.Local)
	if _, err := h.Check(t.Context(), req); !errors.Is(err, ErrWrongSource) {
		t.Errorf("of another source: %v", err)
	}
}

func TestClosingTheGateSettlesWhatRuns(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	o := newOrigin(map[string]string{"config.json": good})
	o.wait = make(chan struct{})
	ticket, err := h.Check(t.Context(), request(o, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	if v, err := ticket.Verdict(t.Context()); err != nil || v.Outcome != model.Errored {
		t.Errorf("%+v, %v", v, err)
	}
	if s, err := h.store.Scan(t.Context(), ticket.Scan); err != nil || s.Outcome != model.Errored {
		t.Errorf("recorded as %s, %v", s.Outcome, err)
	}
}

func TestGatewaysThatShareRedisMakeOneScan(t *testing.T) {
	redis := miniredis.RunT(t)
	dir := t.TempDir() // one record, as gateways at scale have one database
	shared := func() house {
		return open(t, dir, func(c *Config) {
			cache, err := verdictcache.Open(context.Background(), verdictcache.Options{URL: "redis://" + redis.Addr()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cache.Close() })
			c.Cache = cache
		})
	}
	for name, files := range map[string]map[string]string{
		"a model":                        {"config.json": good},
		"a repository of too many files": {"config.json": good + " ", "b": "b", "c": "c", "d": "d", "e": "e", "f": "f"},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := shared(), shared()
			o := newOrigin(files)
			o.wait = make(chan struct{})
			req := request(o, "config.json")
			req.Version.Name = "org/" + uuid.NewString()
			first, err := one.Check(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			second, err := two.Check(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			close(o.wait)
			for _, ticket := range []*Ticket{first, second} {
				if v, err := ticket.Verdict(t.Context()); err != nil || v.Outcome != model.Allowed || v.Scan != first.Scan {
					t.Errorf("%+v, %v; want scan %s", v, err, first.Scan)
				}
			}
			if n := o.opened.Load(); n != 1 {
				t.Errorf("%d files were read", n)
			}
		})
	}
}
