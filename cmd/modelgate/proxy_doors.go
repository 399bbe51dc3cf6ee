package main

import (
	"slices"

	"modelgate/internal/config"
	"modelgate/internal/hfmirror"
	"modelgate/internal/proxy"
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
