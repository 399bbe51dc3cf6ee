package hubtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"syscall"
	"time"

	"modelgate/internal/model"
)

// Host is one of the two servers of a Hub.
type Host string

// The servers: the Hub itself, and the content network that large files come from.
const (
	Main Host = "hub"
	CDN  Host = "cdn"
)

// TB is what New needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Options adjust a Hub. The zero value is the Hub as it is.
type Options struct {
	Listen   string        // address of the Hub; "" is a free port of 127.0.0.1
	Content  string        // address of the content network; "" is a free port of 127.0.0.1
	PageSize int           // entries of a page of a tree; 0 is 1000, and 50 with expand
	Lifetime time.Duration // of signed addresses; 0 is an hour
	NoXet    bool          // do not offer Xet for LFS files
}

// Hub is a running stand-in. All methods may be called at any time.
type Hub struct {
	URL    string // "http://127.0.0.1:port" of the Hub
	CDNURL string // the same of the content network

	opts   Options
	secret []byte // signs addresses of the content network
	main   *server
	cdn    *server

	mu     sync.RWMutex
	repos  map[string]*Repo // by kind/id
	order  []*Repo
	users  map[string]*user // by name
	tokens map[string]*user
	orgs   map[string]map[string]any

	faults faults
	limits limits
	log    record
}

// user is somebody with tokens.
type user struct {
	name string
	orgs []string
}

// New starts a Hub that ends with the test.
func New(t TB, opts ...Options) *Hub {
	t.Helper()
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	h, err := Start(o)
	if err != nil {
		t.Fatalf("start stand-in hub: %v", err)
	}
	t.Cleanup(h.Close)
	return h
}

// Start starts a Hub. The caller closes it.
func Start(opts Options) (*Hub, error) {
	if opts.Lifetime == 0 {
		opts.Lifetime = time.Hour
	}
	h := &Hub{
		opts: opts, secret: make([]byte, 32),
		repos: map[string]*Repo{}, users: map[string]*user{}, tokens: map[string]*user{}, orgs: map[string]map[string]any{},
	}
	if _, err := rand.Read(h.secret); err != nil {
		return nil, fmt.Errorf("make secret of stand-in hub: %w", err)
	}
	var err error
	if h.main, err = listen(opts.Listen, h.around(Main, http.HandlerFunc(h.serveMain))); err != nil {
		return nil, err
	}
	if h.cdn, err = listen(opts.Content, h.around(CDN, http.HandlerFunc(h.serveCDN))); err != nil {
		h.main.close()
		return nil, err
	}
	h.URL, h.CDNURL = "http://"+h.main.addr, "http://"+h.cdn.addr
	return h, nil
}

// Close stops both servers and cuts every connection.
func (h *Hub) Close() {
	h.main.close()
	h.cdn.close()
}

// Stop takes a server away: connections are cut, new ones refused. Start it again with Resume.
func (h *Hub) Stop(host Host) { h.server(host).stop() }

// Resume lets a stopped server listen again at the same address.
func (h *Hub) Resume(host Host) error { return h.server(host).start() }

func (h *Hub) server(host Host) *server {
	if host == CDN {
		return h.cdn
	}
	return h.main
}

// AddModel adds a model with one commit on main. Its id is "org/name" or "name".
func (h *Hub) AddModel(id string, files Files) *Repo { return h.Add(model.Models, id, files) }

// AddDataset adds a dataset with one commit on main.
func (h *Hub) AddDataset(id string, files Files) *Repo { return h.Add(model.Datasets, id, files) }

// AddSpace adds a space with one commit on main.
func (h *Hub) AddSpace(id string, files Files) *Repo { return h.Add(model.Spaces, id, files) }

// AddKernel adds a kernel with one commit on main.
func (h *Hub) AddKernel(id string, files Files) *Repo { return h.Add(model.Kernels, id, files) }

// Add adds a repository with one commit on main.
func (h *Hub) Add(kind model.Kind, id string, files Files) *Repo {
	r := &Repo{
		hub: h, kind: kind, id: id, readers: map[string]bool{}, card: map[string]any{}, extra: map[string]any{},
		security: map[string]map[string]any{}, branches: map[string]*commit{}, tagRefs: map[string]*commit{},
		pulls: map[string]*commit{}, converts: map[string]*commit{},
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r.branches["main"] = r.newCommit(nil, "initial commit", files)
	h.repos[string(kind)+"/"+id] = r
	h.order = append(h.order, r)
	return r
}

// AddUser adds a user with an access token, and organizations that the user belongs to. A user may have several tokens.
func (h *Hub) AddUser(name, token string, orgs ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.users[name]
	if u == nil {
		u = &user{name: name}
		h.users[name] = u
	}
	u.orgs = append(u.orgs, orgs...)
	h.tokens[token] = u
}

// AddOrganization adds an organization. Plan is "", "team" or "enterprise".
func (h *Hub) AddOrganization(name string, verified bool, plan string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	org := map[string]any{
		"_id": id24(name), "name": name, "fullname": name, "type": "org", "avatarUrl": "/avatars/" + name + ".svg",
		"numUsers": 3, "numModels": 1, "numDatasets": 0, "numSpaces": 0, "numFollowers": 12, "numPapers": 0,
	}
	if verified { // the Hub leaves the field out otherwise
		org["isVerified"] = true
	}
	if plan != "" {
		org["plan"] = plan
	}
	h.orgs[name] = org
}

// Repo returns a repository by its present or a former id, nil if there is none.
func (h *Hub) Repo(kind model.Kind, id string) *Repo {
	r, _ := h.find(kind, id)
	return r
}

// find returns the repository of that id. If it had the id formerly, renamed is its present one.
func (h *Hub) find(kind model.Kind, id string) (r *Repo, renamed string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.order {
		if r.kind == kind && r.id == id {
			return r, ""
		}
	}
	if r := h.repos[string(kind)+"/"+id]; r != nil {
		return r, r.id
	}
	for _, r := range h.order {
		for _, f := range r.former {
			if r.kind == kind && f == id {
				return r, r.id
			}
		}
	}
	return nil, ""
}

// server is a listener that can go away and come back at the same address.
type server struct {
	addr    string
	handler http.Handler

	mu   sync.Mutex
	srv  *http.Server
	end  chan struct{}
	held int // socket that holds the address while nobody listens, or -1
}

func listen(addr string, handler http.Handler) (*server, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	s := &server{addr: addr, handler: handler, held: -1}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		return nil
	}
	l, err := shared().Listen(context.Background(), "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen as stand-in hub: %w", err)
	}
	s.addr = l.Addr().String()
	s.free()
	srv := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	end := make(chan struct{})
	s.srv, s.end = srv, end
	go func() {
		defer close(end)
		_ = srv.Serve(l) // it ends with stop
	}()
	return nil
}

// stop makes the address refuse connections. The address stays ours meanwhile, so that nobody else answers there.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return
	}
	s.held = hold(s.addr)
	_ = s.srv.Close()
	<-s.end
	s.srv = nil
}

// close gives the address back.
func (s *server) close() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free()
}

func (s *server) free() {
	if s.held >= 0 {
		_ = syscall.Close(s.held)
	}
	s.held = -1
}
