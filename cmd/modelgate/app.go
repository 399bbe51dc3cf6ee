package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/config"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/attestation"
	"modelgate/internal/upstream/bucket"
	"modelgate/internal/upstream/hub"
	"modelgate/internal/upstream/index"
	"modelgate/internal/verdictcache"
)

// app is modelgate put together, for the gateway and for commands that work alone.
type app struct {
	config  config.Config
	log     zerolog.Logger
	metrics *prometheus.Registry
	store   *store.Store
	cache   *verdictcache.Cache
	gate    *gate.Gate
	out     *upstream.Client
	hub     *hub.Client
	index   *index.Index // nil if no package index is configured
	bad     *advisories
	trust   *attestation.Root
	stores  *bucket.Stores
	blobs   *blob.Store // nil outside of the gateway, which alone may use the folder
	ports   []int       // that the gateway listens at
	closers []func() error
}

// assemble puts modelgate together from its configuration. What it opened is closed by close, also after an error.
func assemble(ctx context.Context, cfg config.Config, log zerolog.Logger, gateway bool) (*app, error) {
	a := &app{config: cfg, log: log, metrics: prometheus.NewRegistry()}
	if err := a.open(ctx, gateway); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) open(ctx context.Context, gateway bool) error {
	cfg := a.config
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	if err := a.openRecord(ctx, gateway); err != nil {
		return err
	}
	cache, err := verdictcache.Open(ctx, verdictcache.Options{
		URL: cfg.Redis.URL.Reveal(),
		Log: func(message string, err error) { a.log.Warn().Err(err).Msg(message) },
	})
	if err != nil {
		return fmt.Errorf("redis.url: %w", err)
	}
	a.cache = cache
	a.closers = append(a.closers, cache.Close)
	if gateway {
		blobs, err := blob.Open(blob.Config{
			Dir: filepath.Join(cfg.DataDir, "blobs"), MaxBytes: int64(cfg.Blobs.MaxBytes),
			Log: a.log, Registerer: a.metrics,
		})
		if err != nil {
			return fmt.Errorf("open blobs: %w", err)
		}
		a.blobs = blobs
		a.closers = append(a.closers, blobs.Close)
	}
	out, err := upstream.New(upstream.Config{
		CABundle: cfg.Upstream.CABundle, ParentProxy: cfg.Upstream.Proxy.Reveal(),
		UserAgent: "modelgate/" + version, Registerer: a.metrics,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	a.out = out
	if a.bad, err = openAdvisories(cfg.PyPI.OSV, a.log); err != nil {
		return fmt.Errorf("pypi.osv: %w", err)
	}
	if a.trust, err = openTrust(cfg.PyPI.TrustedRoot); err != nil {
		return fmt.Errorf("pypi.trusted_root: %w", err)
	}
	if err := errors.Join(a.openHub(), a.openIndex(cfg.PyPI, a.blobs), a.openStores(gateway)); err != nil {
		return err
	}
	a.gate = gate.New(gate.Config{
		Store: a.store, Cache: a.cache, Engine: scanner.New(source.DefaultLimits()),
		Timeout: cfg.Scan.Timeout.Std(), MaxFiles: cfg.Scan.MaxFiles, Workers: cfg.Scan.Workers,
		PackageFacts: func() string { return a.bad.digest() + a.trust.Digest() },
		EnforceFile:  cfg.Scan.Enforce == "file", OnErrorAllow: cfg.Scan.OnError == "allow",
		Log: func(message string, scan uuid.UUID, err error) {
			a.log.Warn().Err(err).Stringer("scan", scan).Msg(message)
		},
	})
	a.closers = append(a.closers, func() error { a.gate.Close(); return nil })
	return nil
}

// openRecord opens the record and makes sure that the groups are in it. The gateway also settles what a predecessor that
// was killed left behind; a command beside a running gateway must not.
func (a *app) openRecord(ctx context.Context, gateway bool) error {
	cfg := a.config
	dsn := cfg.Database.URL.Reveal()
	if dsn == "" {
		dsn = filepath.Join(cfg.DataDir, "modelgate.db")
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	instance := host + ":" + cfg.Listen
	if !gateway {
		instance = fmt.Sprintf("%s:command-%d", host, os.Getpid())
	}
	record, err := store.Open(ctx, store.Options{Path: dsn, Instance: instance})
	if err != nil {
		return fmt.Errorf("open the record: %w", err)
	}
	a.store = record
	a.closers = append(a.closers, record.Close)
	preset := policy.Preset(cfg.Policy.Preset)
	if !gateway {
		_, err := record.Group(ctx, policy.DefaultGroupUUID(model.Local))
		if errors.Is(err, store.ErrNotFound) {
			err = record.EnsureGroups(ctx, policy.DefaultGroups(preset), nil)
		}
		if err != nil {
			return fmt.Errorf("prepare the security groups: %w", err)
		}
		return nil
	}
	declared, err := declaredGroups(cfg)
	if err != nil {
		return err
	}
	if err := record.EnsureGroups(ctx, policy.DefaultGroups(preset), declared); err != nil {
		return fmt.Errorf("prepare the security groups: %w", err)
	}
	n, err := record.Recover(ctx, 2*cfg.Scan.Timeout.Std())
	if err != nil {
		return fmt.Errorf("settle interrupted scans: %w", err)
	}
	if n > 0 {
		a.log.Warn().Int("scans", n).Msg("scans that the last run left unfinished were settled as ERROR")
	}
	return nil
}

func (a *app) openHub() error {
	cfg := a.config
	var err error
	a.hub, err = hub.New(hub.Config{
		Upstream: a.out, Endpoint: cfg.HuggingFace.Endpoint, Token: hub.Token(cfg.HuggingFace.Token.Reveal()),
		RedirectHosts: cfg.HuggingFace.RedirectHosts, BranchTTL: cfg.HuggingFace.BranchTTL.Std(),
		Stale: cfg.HuggingFace.Stale.Std(), Memory: memory{a.store}, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("huggingface.endpoint: %w", err)
	}
	return nil
}

// indexAlone opens the way to the package indexes for a command that works alone: to one that is given, or to the configured ones. Files are
// kept until the command ends. The index is nil if there is none.
func (a *app) indexAlone(address string) (*index.Index, error) {
	cfg := a.config.PyPI
	if address != "" {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("--index-url is not an http:// or https:// address")
		}
		one := config.PackageIndex{Name: "given"}
		one.Credentials.Username = u.User.Username()
		password, _ := u.User.Password()
		one.Credentials.Password = config.Secret(password)
		u.User = nil
		one.URL = u.String()
		cfg.Upstream, cfg.Upstreams = "", []config.PackageIndex{one}
	}
	if len(cfg.Indexes()) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "modelgate-scan-*")
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(dir) })
	blobs, err := blob.Open(blob.Config{Dir: dir, Log: a.log})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, blobs.Close)
	if err := a.openIndex(cfg, blobs); err != nil {
		return nil, err
	}
	return a.index, nil
}

// openIndex opens the way to the package indexes, if there are any and a place for their files.
func (a *app) openIndex(cfg config.PyPI, blobs *blob.Store) error {
	if len(cfg.Indexes()) == 0 || blobs == nil {
		return nil
	}
	in := index.Config{
		Client: a.out, Blobs: blobs, Memory: memory{a.store}, Log: a.log, PageTTL: cfg.PageTTL.Std(), PageStale: cfg.PageStale.Std(),
		MaxFile: int64(cfg.MaxFileBytes), ForgetClaims: !cfg.ClaimsRemembered, Advisories: a.bad.find, Trust: a.trust,
	}
	for _, u := range cfg.Indexes() {
		password := u.Credentials.Password.Reveal()
		if u.Credentials.PasswordFile != "" {
			text, err := os.ReadFile(u.Credentials.PasswordFile)
			if err != nil {
				return fmt.Errorf("pypi: password of index %s: %w", u.Name, err)
			}
			password = strings.TrimRight(string(text), "\r\n")
		}
		in.Upstreams = append(in.Upstreams, index.Upstream{
			Name: u.Name, URL: u.URL, Private: u.Private, Claims: u.Claims,
			Username: u.Credentials.Username, Password: password, CredentialHosts: u.Credentials.Hosts,
		})
	}
	x, err := index.New(in)
	if err != nil {
		return fmt.Errorf("pypi: %w", err)
	}
	a.index = x
	a.closers = append(a.closers, func() error { x.Close(); return nil })
	return nil
}

// openTrust reads whom attestations must be signed through: a file, or what ships with modelgate.
func openTrust(file string) (*attestation.Root, error) {
	if file == "" {
		return attestation.Shipped()
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return attestation.ParseRoot(text)
}

// close closes in the opposite order: what works first, what it writes to last.
func (a *app) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	return errors.Join(errs...)
}

// memory lets the Hub's client remember facts in the record.
type memory struct{ store *store.Store }

func (m memory) Get(ctx context.Context, key string) ([]byte, bool, error) {
	fact, ok, err := m.store.Recall(ctx, "hub|"+key)
	return fact.Value, ok, err
}

func (m memory) Put(ctx context.Context, key string, value []byte) error {
	return m.store.Remember(ctx, "hub|"+key, value)
}

// declaredGroups turns the groups of the configuration into groups of the record.
func declaredGroups(cfg config.Config) ([]model.Group, error) {
	var out []model.Group
	for _, d := range cfg.SecurityGroups {
		settings := map[uuid.UUID]policy.Setting{}
		for _, r := range d.Rules {
			rule, err := policy.FindRule(r.Rule)
			if err != nil {
				return nil, fmt.Errorf("security_groups: %s: %w", d.Name, err)
			}
			settings[rule.UUID] = policy.Setting{State: model.RuleState(strings.ToUpper(r.State)), Values: r.Values}
		}
		id := uuid.NewSHA1(model.Namespace(), []byte("declared-group:"+d.Name))
		src := model.Source(strings.ToUpper(d.Source))
		g, err := policy.NewGroup(policy.Preset(cfg.Policy.Preset), id, d.Name, d.Description, src, settings)
		if err != nil {
			return nil, fmt.Errorf("security_groups: %s: %w", d.Name, err)
		}
		g.Declared = true
		out = append(out, g)
	}
	return out, nil
}

// newLogger logs as the configuration says.
func newLogger(cfg config.Log, w io.Writer, isTTY bool) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		return zerolog.Logger{}, fmt.Errorf("log.level: %w", err)
	}
	if cfg.Format == "console" || cfg.Format == "auto" && isTTY {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !isTTY, TimeFormat: "15:04:05"}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
