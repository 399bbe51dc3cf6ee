package proxy

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// serveOwn answers requests to the proxy itself: the PAC file and the authority's certificate, which clients are configured with.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, r, http.StatusBadRequest, "this is a proxy")
		return
	}
	switch r.URL.Path {
	case "/proxy.pac":
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		own := r.Host
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); own == "" && ok {
			own = local.String()
		}
		_, _ = w.Write([]byte(s.pac(own))) // who left does not miss it
	case "/ca.pem":
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.Authority.PEM())
	default:
		refuse(w, r, http.StatusBadRequest, "this is a proxy: set HTTPS_PROXY to it")
	}
}

// pac is the file that tells clients what to ask the proxy for: everything but what is private. Hosts of which it is known that they are not
// just tunnelled are asked for there and nowhere else, should it fail; others, too, if tunnelling is not the default.
func (s *Server) pac(own string) string {
	gated := slices.Concat(s.Policy.RefuseHosts)
	for _, d := range s.Doors {
		gated = append(append(gated, d.Hosts...), d.Sends...)
	}
	for _, r := range s.Policy.Rules {
		if r.Action != Tunnel {
			gated = append(gated, r.Hosts...)
		}
	}
	slices.Sort(gated)
	rest := "PROXY " + pacText(own)
	if s.policy.byDefault == Tunnel {
		rest += "; DIRECT"
	}
	return fmt.Sprintf(`function FindProxyForURL(url, host) {
  var gated = %s;
  var direct = %s;
  function among(list) {
    for (var i = 0; i < list.length; i++) {
      var p = list[i];
      if (p.substring(0, 2) == "*." ? dnsDomainIs(host, p.substring(1)) : host == p) return true;
    }
    return false;
  }
  host = host.toLowerCase();
  if (among(gated)) return "PROXY %s";
  if (isPlainHostName(host) || among(direct)) return "DIRECT";
  return %q;
}
`, pacList(slices.Compact(gated)), pacList(s.PrivateNames), pacText(own), rest)
}

// pacText keeps what a client sent as its Host from being anything but a host in a script.
func pacText(host string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]_", r) {
			return r
		}
		return -1
	}, host)
}

func pacList(list []string) string {
	if list == nil {
		list = []string{}
	}
	text, err := json.Marshal(list)
	if err != nil { // a list of strings
		return "[]"
	}
	return string(text)
}
