package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/elazarl/goproxy"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
)

// newEngine configures goproxy: it parses CONNECT and calls decide, and does nothing by itself. Its transport, its certificates and its
// way of inspecting are never used.
func (s *Server) newEngine() *goproxy.ProxyHttpServer {
	engine := goproxy.NewProxyHttpServer()
	engine.Logger = engineLog{s.log}
	engine.ConnectDial = nil // it reads the environment
	engine.Tr = &http.Transport{}
	engine.OnRequest().HandleConnectFunc(func(_ string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
		return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: s.connect}, ctx.Req.Host
	})
	return engine
}

// connect answers a CONNECT whose connection was taken over. It returns when it is known what happens with the connection.
func (s *Server) connect(r *http.Request, conn net.Conn, _ *goproxy.ProxyCtx) {
	if !s.open.enter(conn) {
		_ = conn.Close()
		return
	}
	defer s.open.leave(conn)
	t, err := parseTarget(r.Host, 0)
	if err != nil || r.URL.User != nil || r.URL.Path != "" || r.URL.RawQuery != "" || r.URL.Host == "" {
		answer(conn, http.StatusBadRequest, "CONNECT needs host:port, and nothing else")
		return
	}
	d := s.policy.decide(t, s.clientOf(r))
	s.note(r, t, d, "connect")
	switch d.action {
	case Inspect:
		s.intercept(r.Context(), conn, &passage{target: t, scheme: "https", agent: agentOf(r), principal: auth.From(r.Context())})
	case Tunnel:
		s.tunnel(r, conn, t)
	default:
		answer(conn, http.StatusForbidden, "modelgate does not let "+t.String()+" be reached: "+d.why)
	}
}

// answerWithin is how long a client may take to accept an answer to CONNECT.
const answerWithin = 10 * time.Second

// answer ends a CONNECT with a status whose reason clients show.
func answer(conn net.Conn, status int, sentence string) {
	defer func() { _ = conn.Close() }()
	body := sentence + "\n"
	res := http.Response{
		Status: sentence, StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"}},
		Body:   io.NopCloser(bytes.NewReader([]byte(body))),
	}
	_ = conn.SetWriteDeadline(time.Now().Add(answerWithin))
	var text bytes.Buffer
	_ = res.Write(&text)            // to memory
	_, _ = conn.Write(text.Bytes()) // who left does not miss it
}

// established tells a client that its connection stands.
func established(conn net.Conn) error {
	if err := conn.SetWriteDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// replaying is a ResponseWriter whose taken-over connection begins with what the server has read ahead: some clients send the beginning of
// TLS together with CONNECT.
type replaying struct{ http.ResponseWriter }

// Hijack implements http.Hijacker.
func (w *replaying) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // the server's time limits end here
		return nil, nil, err
	}
	early := make([]byte, buffered.Reader.Buffered())
	if _, err := io.ReadFull(buffered, early); err != nil {
		return nil, nil, err
	}
	c := &replayed{Conn: conn, early: early}
	return c, bufio.NewReadWriter(bufio.NewReaderSize(c, 16), bufio.NewWriterSize(c, 16)), nil
}

// replayed is a connection of which some bytes have been read already.
type replayed struct {
	net.Conn
	early []byte
}

// Read gives the early bytes first.
func (c *replayed) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}

// addressOfText is the address of "host:port", the zero one if it is none.
func addressOfText(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// engineLog takes what goproxy says.
type engineLog struct{ log zerolog.Logger }

func (l engineLog) Printf(format string, args ...any) { l.log.Debug().Msgf(format, args...) }
