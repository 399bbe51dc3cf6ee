package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"modelgate/internal/api"
	"modelgate/internal/config"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/hfmirror"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/proxy"
	"modelgate/internal/pypimirror"
	"modelgate/internal/upstream/hub"
	"modelgate/internal/upstream/index"
	"modelgate/internal/web"
)

// serveCommand runs the gateway until it is told to stop.
type serveCommand struct {
	Listen string `help:"Address to listen on; overrides the configuration." placeholder:"ADDR"`
}

// Time limits of the server. Bodies have none: downloads take as long as they take.
const (
	headerTimeout   = 30 * time.Second
	idleTimeout     = 3 * time.Minute
	shutdownTimeout = 30 * time.Second
	maxHeaderBytes  = 64 << 10
)

func (c *serveCommand) Run(g *globals, t terminal) error {
	environ := os.Environ()
	if c.Listen != "" {
		environ = append(environ, config.Variable("listen")+"="+c.Listen)
	}
	cfg, err := config.Load(g.Config, environ)
	if err != nil {
		return err
	}
	log, err := newLogger(cfg.Log, t.err, isTerminal(t.err))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return serve(ctx, cfg, log, t)
}

// serve runs the gateway until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, cfg config.Config, log zerolog.Logger, t terminal) (err error) {
	listeners, err := listen(cfg)
	defer func() { err = errors.Join(err, listeners.close()) }()
	if err != nil {
		return err
	}
	a, err := assemble(ctx, cfg, log, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	a.ports = listeners.ports()
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	d, err := a.doors()
	if err != nil {
		return err
	}
	var forward *proxy.Server
	var s3 *http.Server
	if listeners.proxy != nil || listeners.s3 != nil {
		out, err := a.openEgress()
		if err != nil {
			return err
		}
		if listeners.proxy != nil {
			if forward, err = a.forwardProxy(ctx, d, out); err != nil {
				return fmt.Errorf("forward proxy: %w", err)
			}
		}
		if listeners.s3 != nil {
			if s3, err = a.reverseS3(out.stores); err != nil {
				return err
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx) // one does not go on without the others
	go a.bad.keep(ctx)
	if listeners.proxy != nil {
		group.Go(func() error { return serveProxy(ctx, forward, listeners.proxy) })
	}
	if listeners.s3 != nil {
		group.Go(func() error {
			return serveHTTP(ctx, s3, func() error { return s3.Serve(listeners.s3) })
		})
	}
	server := &http.Server{
		Handler: a.handler(d), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ConnContext: withConnection,
		ErrorLog:    stdlog.New(warnings{log}, "", 0),
	}
	group.Go(func() error {
		return serveHTTP(ctx, server, func() error {
			if cfg.TLS.Cert != "" {
				return server.ServeTLS(listeners.mirrors, cfg.TLS.Cert, cfg.TLS.Key)
			}
			return server.Serve(listeners.mirrors)
		})
	})
	welcome(t.out, cfg, listeners.mirrors.Addr())
	<-ctx.Done()
	log.Info().Msg("stopping: requests under way may finish")
	return group.Wait()
}

// serveHTTP runs a server until ctx ends, then lets requests under way finish.
func serveHTTP(ctx context.Context, server *http.Server, run func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- run() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// listeners are where the gateway is reached; proxy and s3 are nil if they are off.
type listeners struct{ mirrors, proxy, s3 net.Listener }

// listen opens the listeners of the configuration. What was opened is to be closed after an error too.
func listen(cfg config.Config) (listeners, error) {
	var ls listeners
	for _, l := range []struct {
		into    *net.Listener
		what    string
		address string
	}{{&ls.mirrors, "listen", cfg.Listen}, {&ls.proxy, "proxy.listen", cfg.Proxy.Listen}, {&ls.s3, "objectstore.s3_listen", cfg.ObjectStore.S3Listen}} {
		if l.address == "" {
			continue
		}
		var err error
		if *l.into, err = net.Listen("tcp", l.address); err != nil {
			return ls, fmt.Errorf("%s: %w", l.what, err)
		}
	}
	return ls, nil
}

// close closes what servers have not closed.
func (ls listeners) close() error {
	var errs []error
	for _, l := range ls.open() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (ls listeners) open() []net.Listener {
	return slices.DeleteFunc([]net.Listener{ls.mirrors, ls.proxy, ls.s3}, func(l net.Listener) bool { return l == nil })
}

// ports are those that are listened at.
func (ls listeners) ports() []int {
	var out []int
	for _, l := range ls.open() {
		out = append(out, portOf(l))
	}
	return out
}

// doors are what answers for others, to mirrors and through the proxy alike.
type doors struct {
	hub      *hfmirror.Door
	packages *pypimirror.Door // nil if no index is configured
	pages    *web.Door
}

func (a *app) doors() (doors, error) {
	var d doors
	var err error
	d.hub, err = hfmirror.New(hfmirror.Config{
		Hub: a.hub, Gate: a.gate, Blobs: a.blobs, Origin: a.origin,
		Record: a.store.RecordDownload, Log: a.log,
		Endpoint: a.config.HuggingFace.Endpoint, PublicURL: a.config.PublicURL,
		BlockMetadata: a.config.HuggingFace.BlockMetadata, Hold: a.config.Scan.Hold.Std(), Bulk: cork, Registerer: a.metrics,
	})
	if err != nil {
		return d, fmt.Errorf("open the Hub's door: %w", err)
	}
	if d.packages, err = a.packages(); err != nil {
		return d, fmt.Errorf("open the package door: %w", err)
	}
	d.pages, err = web.New(web.Config{
		Store: a.store, Gate: a.gate, Preset: policy.Preset(a.config.Policy.Preset), Log: a.log, PublicURL: strings.TrimRight(a.config.PublicURL, "/"),
		Tenant: a.config.API.TenantID, StrictEnums: a.config.API.StrictEnums, Version: version, Settings: a.settings(),
	})
	if err != nil {
		return d, fmt.Errorf("open the pages: %w", err)
	}
	return d, nil
}

// settings are what the page about the gate shows: no secret is among them.
func (a *app) settings() []web.Setting {
	cfg := a.config
	orNone := func(given bool, what string) string {
		if given {
			return what
		}
		return "none"
	}
	return []web.Setting{
		{Name: "Hub", Value: cfg.HuggingFace.Endpoint},
		{Name: "Package index", Value: orNone(a.index != nil, "configured")},
		{Name: "Forward proxy", Value: orNone(cfg.Proxy.Listen != "", cfg.Proxy.Listen)},
		{Name: "Verdicts", Value: "memory" + map[bool]string{true: ", Redis"}[cfg.Redis.URL.Reveal() != ""]},
		{Name: "Data", Value: cfg.DataDir},
		{Name: "Preset of new groups", Value: string(cfg.Policy.Preset)},
		{Name: "When a scan fails", Value: string(cfg.Scan.OnError)},
		{Name: "Time limit of a scan", Value: cfg.Scan.Timeout.Std().String()},
		{Name: "Accounts", Value: "off: this machine alone may look"},
	}
}

// handler sends each request to its door. File routes of the Hub win over every other reading of a path.
func (a *app) handler(d doors) http.Handler {
	management := http.NewCrossOriginProtection().Handler(loopbackOnly(a.api(nil)))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok "+version+"\n")
	})
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	for _, path := range []string{"/aims/", "/oauth2/", "/guardian/"} {
		mux.Handle(path, management)
	}
	mux.Handle("/ui/", http.NewCrossOriginProtection().Handler(loopbackOnly(d.pages)))
	mux.Handle("/ui", http.RedirectHandler("/ui/", http.StatusSeeOther))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.packages != nil && d.packages.Handles(r) && !d.hub.Handles(r):
			d.packages.ServeHTTP(w, r)
		case ours(r.URL.Path) && !d.hub.Handles(r):
			mux.ServeHTTP(w, r)
		case r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html"): // a browser
			http.Redirect(w, r, "/ui/", http.StatusSeeOther)
		default:
			d.hub.ServeHTTP(w, r)
		}
	})
}

// packages is the door of the package indexes, nil if none is configured.
func (a *app) packages() (*pypimirror.Door, error) {
	if a.index == nil {
		return nil, nil
	}
	cfg := a.config
	door, err := pypimirror.New(pypimirror.Config{
		Index: a.index, Gate: a.gate, Blobs: a.blobs, Opener: a.index.Opener,
		Origin: func(e index.Entry, f model.File) gate.Origin { return &index.Origin{Index: a.index, Entry: e, File: f} },
		Record: a.store.RecordDownload, Log: a.log, PublicURL: cfg.PublicURL, Hold: cfg.Scan.Hold.Std(),
		HoldByRedirect: cfg.PyPI.Hold == "redirect", EnforceFile: cfg.PyPI.Enforce == "file", Bulk: cork, Registerer: a.metrics,
	})
	if err == nil {
		a.closers = append(a.closers, func() error { door.Close(); return nil })
	}
	return door, err
}

// ours tells whether a path begins like those of API and operations.
func ours(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "aims", "oauth2", "guardian", "ui", "healthz", "readyz", "metrics":
		return true
	default:
		return false
	}
}

// origin is a version on the Hub as the gate scans it.
func (a *app) origin(tok hub.Token, repo hub.Repo, commit string) gate.Origin {
	return &hub.Origin{Client: a.hub, Token: tok, Repo: repo, Commit: commit, Blobs: a.blobs}
}

// api is the door of the API. Progress, if not nil, is told of files as they are judged.
func (a *app) api(progress func(finding.NamedReport)) http.Handler {
	return api.New(api.Config{
		Progress: progress,
		Store:    a.store, Gate: a.gate, Hub: a.hub, Blobs: a.blobs, Log: a.log, PublicURL: a.config.PublicURL,
		Stores: a.stores, AnyBucket: a.blobs == nil, // a command reads what its user may read
		Tenant: a.config.API.TenantID, StrictEnums: a.config.API.StrictEnums, Preset: policy.Preset(a.config.Policy.Preset),
		PackageIndex: a.index != nil,
	})
}

// ready answers whether the record can be read: without it nothing can be judged.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn().Err(err).Msg("not ready")
		writeText(w, http.StatusServiceUnavailable, "the record cannot be read\n")
		return
	}
	writeText(w, http.StatusOK, "ready\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that left needs no answer
}

// loopbackOnly refuses everybody but this machine: API and pages have no accounts yet. What a proxy on this machine passes on
// comes from somewhere else.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromLoopback(r) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"code":"FORBIDDEN","message":"accounts are off (auth.enabled): API and pages answer this machine only"}`+"\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func fromLoopback(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// welcome says what to set.
func welcome(w io.Writer, cfg config.Config, addr net.Addr) {
	base := cfg.PublicURL
	if base == "" {
		scheme := "http"
		if cfg.TLS.Cert != "" {
			scheme = "https"
		}
		host := addr.String()
		if name, port, err := net.SplitHostPort(host); err == nil && net.ParseIP(name).IsUnspecified() {
			host = net.JoinHostPort("localhost", port)
		}
		base = scheme + "://" + host
	}
	base = strings.TrimRight(base, "/")
	fmt.Fprintf(w, `modelgate %s in front of %s

  export HF_ENDPOINT=%s

Then work as before: hf download, transformers, datasets. A model that fails is refused with the UUID of its scan:

  modelgate get-scan UUID --base-url %s

Data in %s. Documentation: docs/ (start with docs/clients.md).
`, version, cfg.HuggingFace.Endpoint, base, base, cfg.DataDir)
}

// isTerminal tells whether a stream is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// warnings takes what the HTTP server says of broken connections.
type warnings struct{ log zerolog.Logger }

func (w warnings) Write(line []byte) (int, error) {
	w.log.Warn().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
