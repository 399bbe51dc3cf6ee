package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"modelgate/internal/auth"
	"modelgate/internal/config"
	"modelgate/internal/download"
	"modelgate/internal/model"
	"modelgate/internal/objectstore"
	"modelgate/internal/proxy"
	"modelgate/internal/proxy/authority"
	"modelgate/internal/scanner"
	"modelgate/internal/upstream"
)

// openAuthority takes the certificate authority of the configuration, or that of the data directory, which is made if there is none.
func openAuthority(cfg config.Config) (*authority.Authority, error) {
	if cfg.Proxy.CACert == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
			return nil, fmt.Errorf("data_dir: %w", err)
		}
		return authority.Open(cfg.DataDir)
	}
	cert, err := pemText(cfg.Proxy.CACert)
	if err != nil {
		return nil, fmt.Errorf("proxy.ca_cert: %w", err)
	}
	key, err := pemText(cfg.Proxy.CAKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("proxy.ca_key: %w", err)
	}
	return authority.Load(cert, key)
}

// pemText is a value that is PEM itself, or else the file of that name.
func pemText(value string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(value), "-----BEGIN ") {
		return []byte(value), nil
	}
	return os.ReadFile(value)
}

// egress is the way to hosts that clients name themselves, with the doors for them. It serves the forward proxy and the endpoint of S3 alike.
type egress struct {
	relay  *upstream.Relay
	web    *download.Door
	stores *objectstore.Door
}

func (a *app) openEgress() (egress, error) {
	relay, err := a.relay()
	if err != nil {
		return egress{}, err
	}
	web, err := a.webDoor(relay)
	if err != nil {
		return egress{}, err
	}
	stores, err := objectstore.New(objectstore.Config{
		Elsewhere: web, Pickled: scanner.Pickled, Stores: a.stores, Endpoints: doorEndpoints(a.config.ObjectStore.Endpoints), Models: a.config.ObjectStore.Models,
		Relay: relay, Gate: a.gate, Blobs: a.blobs, Record: a.store.RecordDownload, Log: a.log,
		PublicURL: a.address(), Hold: a.config.Scan.Hold.Std(), Registerer: a.metrics,
	})
	if err != nil {
		return egress{}, fmt.Errorf("open the door of object stores: %w", err)
	}
	return egress{relay: relay, web: web, stores: stores}, nil
}

// forwardProxy is the forward proxy, whose doors are those of the mirrors.
func (a *app) forwardProxy(ctx context.Context, d doors, out egress) (*proxy.Server, error) {
	cfg := a.config.Proxy
	ca, err := openAuthority(a.config)
	if err != nil {
		return nil, err
	}
	accounts, err := proxyAccounts(cfg.Accounts)
	if err != nil {
		return nil, err
	}
	rules, err := proxyRules(cfg.Rules)
	if err != nil {
		return nil, err
	}
	clients, err := prefixes(cfg.Clients)
	if err != nil {
		return nil, fmt.Errorf("proxy.clients: %w", err)
	}
	p, err := proxy.New(proxy.Config{
		Authority: ca, Clients: clients, Accounts: accounts, Doors: a.proxyDoors(ctx, d, out), Web: out.web, Dial: out.relay.Dial,
		Pass: passOn(out.relay), Upgrade: upgradeBy(out.relay),
		Policy: proxy.Policy{
			Rules: rules, Ports: cfg.ConnectPorts, AllowHosts: cfg.AllowHosts, RefuseHosts: cfg.RefuseHosts, TunnelHosts: cfg.TunnelHosts,
			Default: proxy.Action(cfg.Default),
		},
		H2Hosts: append(speakHTTP2(), cfg.H2Hosts...), WebSocketHosts: cfg.WebSocketHosts, PrivateNames: cfg.PrivateNames,
		MaxConnections: cfg.MaxConnections, MaxPerClient: cfg.MaxPerClient, Log: a.log, Registerer: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	for _, host := range p.OpenDoors() {
		a.log.Warn().Str("host", host).Msg("models or packages come from this host, and it is tunnelled (proxy.tunnel_hosts, proxy.rules): nothing of it is judged")
	}
	if out.relay.HasParent() {
		a.log.Info().Msg("the proxy has a parent, which finds the addresses of names: whether they are private is not looked at here")
	}
	return p, nil
}

// speakHTTP2 are hosts with clients that speak HTTP/2 alone: gRPC, to the storage of Google.
func speakHTTP2() []string {
	return []string{"storage.googleapis.com", "storage.mtls.googleapis.com", "*.rep.googleapis.com"}
}

// relay is the way to the hosts that clients of the proxy ask for.
func (a *app) relay() (*upstream.Relay, error) {
	cfg := a.config.Proxy
	bypass, err := proxy.NewHosts(cfg.ParentBypass)
	if err != nil {
		return nil, fmt.Errorf("proxy.parent_bypass: %w", err)
	}
	relay, err := a.out.NewRelay(upstream.RelayConfig{
		AllowPrivate: cfg.AllowPrivate, Own: a.ports, Parent: cfg.Parent.Reveal(), Bypass: bypass.Has,
		Exempt: privateEndpoints(a.config.ObjectStore.Endpoints),
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { relay.Close(); return nil })
	return relay, nil
}

// proxyDoors are the doors that answer for hosts by their names. The first that knows a host answers for it.
func (a *app) proxyDoors(ctx context.Context, d doors, out egress) []proxy.Door {
	return []proxy.Door{
		a.hubSite(d.hub),
		{Name: "hub-datasets", Hosts: []string{"datasets-server.huggingface.co"}, Handler: out.web}, // judged by its content
		a.packageHosts(ctx, d.packages, out.web),
		{Name: "objectstore", Sends: objectstore.Hosts(), Knows: out.stores.Knows, Takes: out.stores.Takes, Handler: out.stores},
		a.hubContent(d.hub), // behind the stores: a Hub may keep its files in one that holds much else
	}
}

// address is what links to the gate start with where no request tells.
func (a *app) address() string {
	if a.config.PublicURL != "" {
		return a.config.PublicURL
	}
	scheme := "http"
	if a.config.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + a.config.Listen
}

// webDoor answers for inspected hosts that no other door knows.
func (a *app) webDoor(relay *upstream.Relay) (*download.Door, error) {
	door, err := download.New(download.Config{
		Relay: relay, Gate: a.gate, Blobs: a.blobs, Pickled: scanner.Pickled, Record: a.store.RecordDownload, Log: a.log,
		PublicURL: a.address(), Hold: a.config.Scan.Hold.Std(), Registerer: a.metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("open the door of downloads: %w", err)
	}
	return door, nil
}

// passOn lets requests of plain HTTP through to hosts that are not inspected.
func passOn(relay *upstream.Relay) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.Pass(w, r, nil, func(err error) { writeTrouble(w, r, err) })
	})
}

// upgradeBy lets connections change their protocol. An answer that does not do so keeps its status and has no body, since nobody judges it.
func upgradeBy(relay *upstream.Relay) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.Pass(w, r, withoutBody, func(err error) { writeTrouble(w, r, err) })
	})
}

// withoutBody takes the body from an answer, unless the connection has changed its protocol.
func withoutBody(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Content-Encoding", "Trailer"} {
		res.Header.Del(name)
	}
	err := res.Body.Close()
	res.Body, res.ContentLength, res.TransferEncoding, res.Trailer = http.NoBody, 0, nil, nil
	return err
}

// writeTrouble answers a request whose host gave no answer.
func writeTrouble(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // who left needs no answer
	}
	status := http.StatusBadGateway
	switch {
	case errors.Is(err, upstream.ErrRefused):
		status = http.StatusForbidden
	case upstream.IsLate(err):
		status = http.StatusGatewayTimeout
	}
	writeText(w, status, "modelgate: "+upstream.Cause(err)+"\n")
}

// proxyAccounts are who may use the proxy; nil lets everybody in.
func proxyAccounts(list []config.ProxyAccount) (*auth.Accounts, error) {
	if len(list) == 0 {
		return nil, nil
	}
	accounts := &auth.Accounts{}
	for _, a := range list {
		token := a.Token.Reveal()
		if a.TokenFile != "" {
			text, err := os.ReadFile(a.TokenFile)
			if err != nil {
				return nil, fmt.Errorf("proxy.accounts: token of %s: %w", a.Name, err)
			}
			token = strings.TrimSpace(string(text))
		}
		groups, err := groupsBySource(a.Groups)
		if err != nil {
			return nil, fmt.Errorf("proxy.accounts: %s: %w", a.Name, err)
		}
		if err := accounts.Add(auth.Principal{Name: a.Name, Groups: groups}, token); err != nil {
			return nil, fmt.Errorf("proxy.accounts: %w", err)
		}
	}
	return accounts, nil
}

// groupsBySource are names of security groups by the source that they are for.
func groupsBySource(names map[string]string) (map[model.Source]string, error) {
	groups := map[model.Source]string{}
	for source, group := range names {
		s := model.Source(strings.ToUpper(source))
		if !slices.Contains(model.Sources(), s) {
			return nil, fmt.Errorf("%q is no source", source)
		}
		groups[s] = group
	}
	return groups, nil
}

// proxyRules turns the rules of the configuration into those of the proxy.
func proxyRules(list []config.ProxyRule) ([]proxy.Rule, error) {
	var out []proxy.Rule
	for _, r := range list {
		from, err := prefixes(r.From)
		if err != nil {
			return nil, fmt.Errorf("proxy.rules: %w", err)
		}
		out = append(out, proxy.Rule{Action: proxy.Action(r.Action), Hosts: r.Hosts, Ports: r.Ports, From: from, Users: r.Users})
	}
	return out, nil
}

// prefixes reads networks.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// portOf is the port that a listener has.
func portOf(l net.Listener) int {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

// hostOf is the host of an address, in lower case.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// serveProxy runs the forward proxy until ctx ends, then lets what is under way finish.
func serveProxy(ctx context.Context, p *proxy.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- p.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the proxy: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := p.Shutdown(grace)
	if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
