package proxy

import (
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/reply"
)

// answer answers a request that came through an inspected tunnel.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	pass, ok := passageOf(r)
	if !ok {
		refuse(w, r, http.StatusBadRequest, "not a connection of the proxy")
		return
	}
	s.inspect(w, r, pass)
}

// inspect checks a request and hands it to the door of its host.
func (s *Server) inspect(w http.ResponseWriter, r *http.Request, pass *passage) {
	if status, sentence := s.objection(r, pass); sentence != "" {
		s.log.Warn().Str("target", pass.String()).Str("host", reply.Line(r.Host, 200)).Str("method", reply.Line(r.Method, 20)).
			Str("from", r.RemoteAddr).Msg("request inside a tunnel is refused: " + sentence)
		refuse(w, r, status, sentence)
		return
	}
	door := s.doorOf(r, pass)
	if upgradeOf(r.Header) != "" {
		door = Door{Name: "upgrade", Handler: s.Upgrade}
	}
	s.metrics.requests.WithLabelValues(door.Name).Inc()
	border(door.Handler, w, outward(r, pass))
}

// pass lets a request of plain HTTP through to a host that is not inspected.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, pass *passage) {
	if s.Pass == nil {
		refuse(w, r, http.StatusForbidden, "plain HTTP is not passed on")
		return
	}
	s.metrics.requests.WithLabelValues("pass").Inc()
	border(s.Pass, w, outward(r, pass))
}

// objection says why a request is not answered, "" if nothing speaks against it.
func (s *Server) objection(r *http.Request, pass *passage) (int, string) {
	asked, err := parseTarget(r.Host, defaultPort(pass.scheme))
	upgrade := upgradeOf(r.Header)
	switch {
	case r.Method == http.MethodConnect, r.Method == "PRI", r.URL.Opaque != "":
		return http.StatusBadRequest, "a tunnel within the tunnel is not made"
	case err != nil, r.URL.User != nil:
		return http.StatusBadRequest, "the request names no valid host"
	case asked != pass.target:
		return http.StatusMisdirectedRequest, "the request is for another host than the connection"
	case hasOverride(r.Header):
		return http.StatusForbidden, "a header that overrides the method is not accepted"
	case upgrade != "" && (s.Upgrade == nil || upgrade != "websocket" || !s.sockets.Has(pass.host)):
		return http.StatusForbidden, "upgrading the connection is for hosts in proxy.websocket_hosts alone"
	default:
		return 0, ""
	}
}

func defaultPort(scheme string) int {
	if scheme == "http" {
		return 80
	}
	return 443
}

// hasOverride tells whether a header would have a server act as if the method were another one.
func hasOverride(h http.Header) bool {
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// upgradeOf is the protocol that a request wants to change to, in lower case, "" if none. To HTTP/2 in clear nobody needs to change: that
// wish is not heard.
func upgradeOf(h http.Header) string {
	var wanted []string
	for _, value := range h.Values("Upgrade") {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "h2c" {
				wanted = append(wanted, name)
			}
		}
	}
	return strings.Join(wanted, ",")
}

// doorOf finds who answers: the door of the host, the door that knows the request by its marks, or the one for everything else.
func (s *Server) doorOf(r *http.Request, pass *passage) Door {
	for _, d := range s.Doors {
		if d.Knows(pass.host, pass.port) {
			return d
		}
	}
	for _, d := range s.Doors {
		if d.Takes != nil && d.Takes(r) {
			return d
		}
	}
	return Door{Name: "web", Handler: s.Web}
}

// outward is a request as doors see it: its URL is whole, and what concerns this hop alone is gone.
func outward(r *http.Request, pass *passage) *http.Request {
	out := r.WithContext(r.Context())
	out.TLS = pass.tls
	u := *r.URL
	u.Scheme, u.Host = pass.scheme, pass.host
	if strings.Contains(pass.host, ":") {
		u.Host = "[" + pass.host + "]"
	}
	if pass.port != defaultPort(pass.scheme) {
		u.Host += ":" + strconv.Itoa(pass.port)
	}
	out.URL = &u
	out.Header = r.Header.Clone()
	for _, name := range []string{"Proxy-Authorization", "Proxy-Connection", "Proxy-Authenticate", "Http2-Settings"} {
		out.Header.Del(name)
	}
	if upgradeOf(out.Header) == "" {
		out.Header.Del("Upgrade")
	}
	return out
}

// frontier is what all answers to inspected requests pass: nobody is told of a way around the proxy.
type frontier struct {
	http.ResponseWriter
	begun bool
}

// border has a handler answer through a frontier.
func border(h http.Handler, w http.ResponseWriter, r *http.Request) {
	f := &frontier{ResponseWriter: w}
	h.ServeHTTP(f, r)
	if !f.begun { // net/http sends the header by itself then
		f.Header().Del("Alt-Svc")
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *frontier) WriteHeader(status int) {
	w.Header().Del("Alt-Svc")
	w.begun = w.begun || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *frontier) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (w *frontier) FlushError() error {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *frontier) Unwrap() http.ResponseWriter { return w.ResponseWriter }
