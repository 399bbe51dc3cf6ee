package proxy

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"modelgate/internal/auth"
	"modelgate/internal/reply"
)

// enter answers what comes to the proxy's own address: CONNECT, requests whose address is whole (plain HTTP), and the two files that
// clients are configured with. Nothing else of modelgate is reachable here.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect && !r.URL.IsAbs() {
		s.serveOwn(w, r)
		return
	}
	if !s.welcome(r) {
		s.metrics.connects.WithLabelValues("stranger").Inc()
		refuse(w, r, http.StatusForbidden, "the proxy is not for clients of your network (proxy.clients)")
		return
	}
	p, ok := s.authenticate(r)
	if !ok {
		s.metrics.connects.WithLabelValues("unauthenticated").Inc()
		w.Header().Set("Proxy-Authenticate", `Basic realm="modelgate", charset="UTF-8"`)
		refuse(w, r, http.StatusProxyAuthRequired, "the proxy needs a token: name and token as user name and password")
		return
	}
	r = r.WithContext(auth.With(r.Context(), p))
	if r.Method == http.MethodConnect {
		s.engine.ServeHTTP(&replaying{ResponseWriter: w}, r)
		return
	}
	s.servePlain(w, r)
}

// welcome tells whether a client's address is one of those that may use the proxy.
func (s *Server) welcome(r *http.Request) bool {
	from := addressOfText(r.RemoteAddr)
	return len(s.Clients) == 0 || slices.ContainsFunc(s.Clients, func(p netip.Prefix) bool { return p.Contains(from) })
}

// authenticate finds who is calling. The token is the password of Basic, whose user name is free, or that of Bearer.
func (s *Server) authenticate(r *http.Request) (auth.Principal, bool) {
	if s.Accounts == nil {
		return auth.Principal{}, true
	}
	if values := r.Header.Values("Proxy-Authorization"); len(values) == 1 {
		return s.Accounts.Find(tokenOf(values[0]))
	}
	return auth.Principal{}, false
}

// tokenOf reads the token of Proxy-Authorization (RFC 7617, RFC 6750), "" if there is none.
func tokenOf(header string) string {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest
	case "basic":
		text, err := base64.StdEncoding.DecodeString(rest)
		_, password, ok := strings.Cut(string(text), ":")
		if err != nil || !ok {
			return ""
		}
		return password
	default:
		return ""
	}
}

// servePlain answers a request of plain HTTP, whose address is whole. What a door or a site is asked then is asked over plain HTTP too.
// net/http has taken the host from the address, as a proxy must (RFC 9112, 3.2.2); a Host header that says otherwise counts for nothing,
// and goes nowhere.
func (s *Server) servePlain(w http.ResponseWriter, r *http.Request) {
	if r.URL.Scheme != "http" || r.URL.User != nil {
		refuse(w, r, http.StatusBadRequest, "the proxy takes addresses of http:// without a user name, and CONNECT")
		return
	}
	t, err := parseTarget(r.URL.Host, 80)
	if err != nil {
		refuse(w, r, http.StatusBadRequest, "the address has no valid host")
		return
	}
	d := s.policy.decidePlain(t, s.clientOf(r))
	s.note(r, t, d, "plain")
	pass := &passage{target: t, scheme: "http", agent: agentOf(r), principal: auth.From(r.Context())}
	switch d.action {
	case Inspect:
		s.inspect(w, r, pass)
	case Tunnel:
		s.pass(w, r, pass)
	default:
		refuse(w, r, http.StatusForbidden, "modelgate does not let "+t.String()+" be reached: "+d.why)
	}
}

// agentOf is the User-Agent, in a form and length that are fit for logs.
func agentOf(r *http.Request) string { return reply.Line(r.UserAgent(), 200) }

// clientOf is who sent a request.
func (s *Server) clientOf(r *http.Request) client {
	return client{address: addressOfText(r.RemoteAddr), name: auth.From(r.Context()).Name}
}

// note counts and logs what is done with a connection.
func (s *Server) note(r *http.Request, t target, d decision, kind string) {
	s.metrics.connects.WithLabelValues(string(d.action)).Inc()
	s.log.Info().Str("kind", kind).Str("target", t.String()).Str("action", string(d.action)).Str("why", d.why).
		Str("from", r.RemoteAddr).Str("account", auth.From(r.Context()).Name).Str("client", agentOf(r)).Msg("proxy")
}

// refuse answers with a sentence of the proxy's own. On HTTP/1.1 it is the reason phrase too, since clients show no more of a CONNECT.
func refuse(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	sentence = reply.Line(sentence, 300)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Error-Message", sentence)
	reply.Refuse(&reply.Writer{ResponseWriter: w}, r, r.Method == http.MethodConnect, status, fmt.Sprintf("%s (%s)", http.StatusText(status), sentence), []byte(sentence+"\n"))
}
