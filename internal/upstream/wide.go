package upstream

import (
	"crypto/tls"
	"io"
	"net"
)

// Sizes of what is read of a connection at once: TLS by itself asks for one record at a time, and gives one at a time.
const (
	wideRead  = 128 << 10
	maxRecord = 5 + 16<<10 + 256 // of TLS, encrypted (RFC 8446, 5.2)
)

// wide is a connection that is read in large pieces.
type wide struct {
	net.Conn
	buffer []byte // nil until something is read
	unread []byte // part of buffer
}

// Read implements io.Reader. Like that of TLS, it is called by one at a time.
func (c *wide) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if len(p) >= wideRead {
			return c.Conn.Read(p)
		}
		if c.buffer == nil {
			c.buffer = make([]byte, wideRead)
		}
		n, err := c.Conn.Read(c.buffer)
		c.unread = c.buffer[:n]
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// wideOf is the connection below TLS, nil if it is not one.
func wideOf(conn net.Conn) *wide {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil // plain bytes are read in large pieces anyway
	}
	w, _ := secure.NetConn().(*wide)
	return w
}

// gathered is the body of an answer that gives as much as has come, where TLS would give a record.
type gathered struct {
	io.ReadCloser
	conn *wide
	err  error // of a read that has given something first
}

// Read implements io.Reader. It goes on while another whole record has surely come, so that it never waits with something in its hands.
func (g *gathered) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.ReadCloser.Read(p)
	for err == nil && n > 0 && len(p)-n >= maxRecord && len(g.conn.unread) >= maxRecord {
		var more int
		more, err = g.ReadCloser.Read(p[n:])
		n += more
	}
	if n > 0 && err != nil {
		g.err, err = err, nil
	}
	return n, err
}
