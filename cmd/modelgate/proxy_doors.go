package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"modelgate/internal/config"
	"modelgate/internal/hfmirror"
	"modelgate/internal/proxy"
	"modelgate/internal/pypimirror"
)

// hubSite is the door of the Hub's site.
func (a *app) hubSite(hub *hfmirror.Door) proxy.Door {
	return proxy.Door{Name: "hub", Hosts: hubHosts(a.config.HuggingFace.Endpoint), Handler: hub.Proxied(a.address())}
}

// hubContent is the door of the Hub's content network, which is closed.
func (a *app) hubContent(hub *hfmirror.Door) proxy.Door {
	return proxy.Door{
		Name: "hub-content", Hosts: ownContentHosts(a.config.HuggingFace.RedirectHosts), Sends: []string{"*.huggingface.co", "*.hf.co"},
		Knows:   func(host string, _ int) bool { return hfmirror.IsContentHost(host) },
		Handler: hub.Content(a.address()),
	}
}

// hubHosts are the hosts of the Hub's site.
func hubHosts(endpoint string) []string {
	hosts := []string{"huggingface.co", "hf.co"}
	if own := hostOf(endpoint); !slices.Contains(hosts, own) {
		hosts = append(hosts, own)
	}
	return hosts
}

// ownContentHosts are the hosts that the configuration lets the Hub send the gate to for files, without those that it names by default: they
// stand for all of the Hub's sites, and which of them hold files is known.
func ownContentHosts(redirects []string) []string {
	usual := config.Default().HuggingFace.RedirectHosts
	return slices.DeleteFunc(slices.Clone(redirects), func(host string) bool { return slices.Contains(usual, host) })
}

// learnWithin is how long indexes may take to tell where they keep their files.
const learnWithin = time.Minute

// packageHosts is the door of the package indexes and of the hosts where they keep files: those that pages have named. What they answer besides
// pages and files is judged by its content. The door knows no host if no index is configured.
func (a *app) packageHosts(ctx context.Context, packages *pypimirror.Door, web http.Handler) proxy.Door {
	door := proxy.Door{Name: "packages", Handler: web}
	if packages == nil {
		return door
	}
	a.index.Recall(ctx)
	ctx, cancel := context.WithTimeout(ctx, learnWithin)
	learned := make(chan struct{})
	go func() {
		defer close(learned)
		defer cancel()
		a.index.Learn(ctx)
	}()
	a.closers = append(a.closers, func() error { cancel(); <-learned; return nil })
	for _, i := range a.config.PyPI.Indexes() {
		door.Hosts = append(door.Hosts, hostOf(i.URL))
	}
	door.Knows = func(host string, _ int) bool { return a.index.KnowsHost(host) }
	door.Handler = packages.Proxied(a.address(), web)
	return door
}
