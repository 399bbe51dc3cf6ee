// Package gate is the line that every request for bytes crosses: a version and a group become a verdict. It knows
// neither protocols nor status codes; doors call [Gate.Check] and say its answer in their own words.
//
// A verdict is looked up in the cache, then in the record. If neither has it, one scan is made of the version, however many
// clients ask and however many gateways run; it is detached from all of them and has its own time limit. Reports of
// files are cached by digest, outcomes are computed from them: an edited group takes effect at the next request
// without a rescan. Nothing is told before it is recorded, and when in doubt the gate stays shut.
//
// Read it in the order of a request: gate.go (Check), flight.go (one scan at a time), scan.go (the scan of a version),
// grow.go (versions judged file by file), other.go (code from other repositories), submit.go
// (scans that were ordered), verdict.go (what is said), quarantine.go (bytes that did not match).
package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/verdictcache"
)

// Origin is where the bytes and the metadata of a version come from. An Origin is used after the request that brought it has
// ended, so it must hold what it needs: the caller's token, not the caller's context.
type Origin interface {
	// Files lists every file of the version.
	Files(ctx context.Context) ([]model.File, error)
	// Open gives random access to one of them.
	Open(ctx context.Context, f model.File) (source.Content, error)
	// Metadata tells what rules need to know besides the bytes.
	Metadata(ctx context.Context) (model.Metadata, error)
}

// Stater is an Origin that can tell of one file without listing all, which versions that are judged file by file need.
type Stater interface {
	File(ctx context.Context, path string) (model.File, error)
}

// Request asks for the verdict on a version, or on one file of it.
type Request struct {
	Version model.Version
	// Group names the security group; "" is the default group of the version's source.
	Group string
	// GroupUUID names it by UUID instead, if it is not zero.
	GroupUUID uuid.UUID
	// Path is the file that is about to be served. Versions that are judged file by file need it.
	Path string
	// Digest is that of the bytes that are about to be served, if it is known: a verdict is one on the bytes that were judged.
	Digest model.Digest
	// Whole makes the version be judged as a whole, however many files it has: they are at hand.
	Whole bool
	// ByFile makes the version be judged file by file: datasets and spaces.
	ByFile bool
	Origin Origin
	// Unread says that the origin can read nothing, so that without a known verdict the scan will fail. It fails for such requests alone: others
	// may be able to read the same version.
	Unread            bool
	Owner             string // who asks, for the record
	ScanOrigin        model.ScanOrigin
	RequestedRevision string
	ModelURI          string // "" is the version's own
	// Other finds the current version of another repository, from which files of this one make loaders import code; such a
	// version is judged too. nil leaves references to other repositories unjudged.
	Other func(ctx context.Context, repo string) (model.Version, Origin, error)

	// Uploaded is when the version was published, zero if that is not known: groups judge young packages apart. UploadedOf tells it of the
	// revisions that [Gate.Blocked] finds; nil knows of none.
	Uploaded   time.Time
	UploadedOf func(revision string) time.Time

	chain []model.Version // versions whose scans wait for this one
}

// ErrNoGroup means that no live group of that name or UUID exists, ErrWrongSource that it is for models of another source.
var (
	ErrNoGroup     = errors.New("no such security group")
	ErrWrongSource = errors.New("the group is for another source")
)

// FailedRule is a rule that failed, with the number of its violations.
type FailedRule struct {
	Name       string          `json:"name"`
	State      model.RuleState `json:"state"`
	Violations int             `json:"violations"`
	// Advisory is the identifier of the advisory for which it failed, "" if it is not about one.
	Advisory string `json:"advisory,omitempty"`
}

// Verdict is what a door acts on.
type Verdict struct {
	Scan    uuid.UUID
	Version model.Version
	Group   string
	// Outcome for this request: that of the file if the version is judged file by file or scan.enforce is "file".
	// ERROR means the bytes must not be served (scan.on_error decided otherwise makes it ALLOWED).
	Outcome model.Outcome
	// Failed are the rules that failed, blocking ones first.
	Failed []FailedRule
	// Message is one sentence for a person: why it's refused; "" if allowed without remarks.
	Message string
	// Warning is one sentence about ALLOWING rules that failed; "" if none.
	Warning string
}

// Blocking are the names of the BLOCKING rules that failed.
func (v Verdict) Blocking() []string {
	var out []string
	for _, f := range v.Failed {
		if f.State == model.Blocking {
			out = append(out, f.Name)
		}
	}
	return out
}

// Config is what a gate needs.
type Config struct {
	Store  *store.Store
	Cache  *verdictcache.Cache
	Engine *scanner.Engine

	Timeout     time.Duration // of one scan
	MaxFiles    int           // a larger version is judged file by file
	Workers     int           // files of one version scanned at once
	EnforceFile bool          // refuse only the files that fail
	// PackageFacts names the state of what is known of packages besides their bytes, such as advisories: a verdict on a package holds
	// only for the facts that it was made with. nil: there are none.
	PackageFacts func() string
	OnErrorAllow bool // serve what could not be judged
	// Log is told of what nobody else is told: scans that ended as ERROR, quarantines. It may be nil.
	Log func(message string, scan uuid.UUID, err error)
}

// Gate gives verdicts. It is safe for concurrent use.
type Gate struct {
	store  *store.Store
	cache  *verdictcache.Cache
	engine *scanner.Engine
	groups *groups

	timeout      time.Duration
	maxFiles     int
	workers      int
	enforceFile  bool
	onErrorAllow bool
	log          func(string, uuid.UUID, error)

	// errored remembers scans that ended as ERROR for a moment, so that a client that asks for twenty files does not
	// cause twenty scans of what just failed.
	errored *lru.Cache[string, failure]

	// decoded are verdicts of the cache as they were decoded last.
	decoded *lru.Cache[string, decoded]
	// blocks are those of files' reports, by the reports' keys.
	blocks *lru.Cache[string, []finding.Block]
	// large are the versions that are known to be judged file by file for their size; the record knows them all.
	large *lru.Cache[string, struct{}]

	base   context.Context // ends with Close; scans run under it, not under their clients'
	cancel context.CancelFunc
	wg     sync.WaitGroup

	begin   singleflight.Group
	mu      sync.Mutex
	flights map[string]*flight
}

// erroredFor is how long a failed scan is not tried again.
const erroredFor = 5 * time.Second

// failure is the verdict of a scan that ended as ERROR, good until a moment later.
type failure struct {
	record
	until time.Time
}

// decoded is a verdict beside the bytes that it was decoded from.
type decoded struct {
	text   []byte
	record record
}

// remembered is how many failures, decoded verdicts and large versions are remembered.
const remembered = 4096

// New returns a gate.
func New(c Config) *Gate {
	base, cancel := context.WithCancel(context.Background())
	g := &Gate{
		errored: newLRU[failure](), decoded: newLRU[decoded](), blocks: newLRU[[]finding.Block](), large: newLRU[struct{}](),
		store: c.Store, cache: c.Cache, engine: c.Engine, groups: newGroups(c.Store, c.Engine.Version(), c.PackageFacts),
		timeout: c.Timeout, maxFiles: c.MaxFiles, workers: c.Workers,
		enforceFile: c.EnforceFile, onErrorAllow: c.OnErrorAllow, log: c.Log,
		base: base, cancel: cancel, flights: map[string]*flight{},
	}
	if g.log == nil {
		g.log = func(string, uuid.UUID, error) {}
	}
	return g
}

func newLRU[V any]() *lru.Cache[string, V] {
	cache, err := lru.New[string, V](remembered)
	if err != nil { // the size is positive
		panic(err)
	}
	return cache
}

// Close ends running scans, which are recorded as ERROR, and waits for them.
func (g *Gate) Close() {
	g.cancel()
	g.wg.Wait()
}

// ForgetGroups makes the next request read the groups anew; called after an edit in this process. Edits of other
// processes are seen within a second.
func (g *Gate) ForgetGroups() { g.groups.forget() }

// Ticket stands for a verdict that may still be in the making.
type Ticket struct {
	// Scan is the UUID of the scan, known and recorded from the start.
	Scan uuid.UUID

	done    chan struct{}
	verdict Verdict
	err     error
}

// Done is closed when the verdict stands.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Verdict waits for the verdict or for ctx. An error is one of the caller's context or of our own infrastructure; the gate is
// shut then.
func (t *Ticket) Verdict(ctx context.Context) (Verdict, error) {
	select {
	case <-t.done:
		return t.verdict, t.err
	case <-ctx.Done():
		return Verdict{Scan: t.Scan, Outcome: model.Pending}, ctx.Err()
	}
}

// Check looks the verdict of a request up, or starts the scan that will give it. ErrNoGroup is the caller's mistake, any
// other error our own failure.
func (g *Gate) Check(ctx context.Context, req Request) (*Ticket, error) {
	group, err := g.groups.find(ctx, req)
	if err != nil {
		return nil, err
	}
	k := g.keys(req, group)
	if r, ok := g.cached(ctx, req, k); ok {
		return g.settled(req, r), nil
	}
	r, ok, err := g.recorded(ctx, req, group, k)
	if err != nil {
		return nil, err
	}
	if ok {
		return g.settled(req, r), nil
	}
	return g.follow(ctx, req, group, k)
}

// byFile tells whether a request is for a version that is judged file by file: because of what it is, or because a scan
// found it to be large.
func (g *Gate) byFile(ctx context.Context, req Request) (bool, error) {
	if req.ByFile || g.large.Contains(req.Version.Key()) {
		return true, nil
	}
	_, large, err := g.store.Recall(ctx, largeKey(req.Version))
	if err != nil {
		return false, fmt.Errorf("recall the size of %s: %w", req.Version, err)
	}
	if large {
		g.large.Add(req.Version.Key(), struct{}{})
	}
	return large, nil
}

func largeKey(v model.Version) string { return "large|" + v.Key() }

// Known tells the verdict of a version if it stands, without starting anything.
func (g *Gate) Known(ctx context.Context, req Request) (Verdict, bool) {
	group, err := g.groups.find(ctx, req)
	if err != nil {
		return Verdict{}, false
	}
	r, ok := g.cached(ctx, req, g.keys(req, group))
	if !ok {
		return Verdict{}, false
	}
	return g.verdict(req, r), true
}

// Blocked finds the revisions of a model that are known to be blocked under a request's group. The request's version names the model;
// its revision does not matter. Nothing is started.
func (g *Gate) Blocked(ctx context.Context, req Request) ([]store.BlockedScan, error) {
	group, err := g.groups.find(ctx, req)
	if err != nil {
		return nil, err
	}
	blocked, err := g.store.BlockedRevisions(ctx, g.verdictKey(req, group))
	if err != nil || group.coolDown == 0 || req.UploadedOf == nil {
		return blocked, err
	}
	now := time.Now()
	young, err := g.store.BlockedRevisions(ctx, g.verdictKey(req, group.young()))
	for _, s := range young {
		if group.isYoung(req.UploadedOf(s.Revision), now) { // what has come of age is judged anew
			blocked = append(blocked, s)
		}
	}
	return blocked, err
}

// ScanOutcome tells which version a scan was of and how it ended.
func (g *Gate) ScanOutcome(ctx context.Context, scan uuid.UUID) (model.Version, model.Outcome, bool) {
	s, err := g.store.ScanSummary(ctx, scan)
	if err != nil {
		return model.Version{}, "", false
	}
	return s.Version, s.Outcome, true
}

// settled is a ticket whose verdict stands.
func (g *Gate) settled(req Request, r record) *Ticket {
	return &Ticket{Scan: r.Scan, done: closed, verdict: g.verdict(req, r)}
}

// closed is the channel of every ticket whose verdict stands.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// keys are the names under which a verdict is kept: that of the whole version, and that of one file of it. They hold
// everything an outcome depends on, so that an edited group or a better scanner just asks under another name.
type keys struct{ version, file string }

func (g *Gate) keys(req Request, group ruledGroup) keys {
	version := req.Version.Key() + group.suffix
	return keys{version: version, file: version + "|file|" + req.Path}
}

// cached looks into the caches, where versions that are judged file by file have a verdict for each file.
func (g *Gate) cached(ctx context.Context, req Request, k keys) (record, bool) {
	if !req.ByFile && !g.large.Contains(req.Version.Key()) {
		if r, ok := g.cachedUnder(ctx, k.version, req.Unread); ok {
			return r, true
		}
	}
	if req.Path == "" {
		return record{}, false
	}
	return g.cachedUnder(ctx, k.file, req.Unread)
}

// attemptKey names the attempts to judge what a key names: those that can read it, or those that can't.
func attemptKey(key string, unread bool) string {
	if unread {
		return key + "|unread"
	}
	return key
}

func (g *Gate) cachedUnder(ctx context.Context, key string, unread bool) (record, bool) {
	text, ok := g.cache.Verdict(ctx, key)
	if !ok {
		f, failed := g.errored.Get(attemptKey(key, unread))
		return f.record, failed && time.Now().Before(f.until)
	}
	// The cache gives equal bytes as long as nothing changed, so decoding them once is enough.
	if d, ok := g.decoded.Get(key); ok && bytes.Equal(d.text, text) {
		return d.record, true
	}
	r, ok := decodeRecord(text)
	if ok {
		g.decoded.Add(key, decoded{text: text, record: r})
	}
	return r, ok
}

// recorded looks into the record, and puts what it finds into the cache.
func (g *Gate) recorded(ctx context.Context, req Request, group ruledGroup, k keys) (record, bool, error) {
	byFile, err := g.byFile(ctx, req)
	if err != nil {
		return record{}, false, err
	}
	key, find := k.version, g.store.ScanFor
	if byFile {
		key, find = k.file, g.recordedFile(req.Path)
	}
	s, ok, err := find(ctx, g.verdictKey(req, group))
	if err != nil {
		return record{}, false, fmt.Errorf("look for a scan of %s: %w", req.Version, err)
	}
	_, since, err := g.quarantined(ctx, req.Version)
	if err != nil {
		return record{}, false, err
	}
	if !ok || s.CreatedAt.Before(since) {
		return record{}, false, nil
	}
	if !byFile {
		rows, _, err := g.store.Files(ctx, s.UUID, store.FileFilter{Recursive: true, OnlyFiles: true})
		if err != nil {
			return record{}, false, fmt.Errorf("read the files of scan %s: %w", s.UUID, err)
		}
		for _, row := range rows {
			s.Files = append(s.Files, row.ScanFile)
		}
	}
	r := recordOf(s)
	g.cache.PutVerdict(ctx, key, r.encode())
	return r, true, nil
}

// recordedFile finds, in the growing scan of a version, what was said of one file, as a scan of that file alone.
func (g *Gate) recordedFile(path string) func(context.Context, store.VerdictKey) (model.Scan, bool, error) {
	return func(ctx context.Context, k store.VerdictKey) (model.Scan, bool, error) {
		s, ok, err := g.store.GrowingScanFor(ctx, k)
		if err != nil || !ok {
			return model.Scan{}, false, err
		}
		file, ok, err := g.store.FileOf(ctx, s.UUID, path)
		if err != nil || !ok {
			return model.Scan{}, false, err
		}
		s.Files = []model.ScanFile{file}
		if s.Evaluations, err = g.store.ViolationsOf(ctx, s.UUID, path); err != nil {
			return model.Scan{}, false, err
		}
		s.Outcome = model.Allowed
		for i, e := range s.Evaluations {
			switch {
			case e.Result == model.RuleError:
				return model.Scan{}, false, nil // judge it anew: what was missing may be there now
			case len(e.Violations) == 0:
				s.Evaluations[i].Result = model.Passed // it failed for other files
			case e.State == model.Blocking:
				s.Outcome = model.Blocked
			}
		}
		return s, true, nil
	}
}

func (g *Gate) verdictKey(req Request, group ruledGroup) store.VerdictKey {
	return store.VerdictKey{Version: req.Version, Group: group.UUID, GroupRules: group.rules, ScannerVersion: g.engine.Version()}
}
