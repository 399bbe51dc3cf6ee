package upstream

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"net/url"
)

// Equip gives a transport of somebody else's library the way out that modelgate's own requests take: the certificate authorities and the
// parent proxy that are configured, whatever the environment says. It is for the libraries that get credentials of cloud providers. Their
// metadata services are asked directly: they answer the machine that asks, not its proxy.
func (c *Client) Equip(t *http.Transport) {
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.roots != nil {
		t.TLSClientConfig.RootCAs = c.roots.Clone() // libraries add to it what variables name, while others read
	}
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		host := lower(req.URL.Hostname())
		ip, err := netip.ParseAddr(host)
		if host == "metadata.google.internal" || isLoopback(host) || err == nil && ip.Unmap().IsLinkLocalUnicast() {
			return nil, nil
		}
		return c.proxy, nil
	}
	t.ResponseHeaderTimeout, t.MaxResponseHeaderBytes = c.cfg.HeaderTimeout, maxHeader
}
