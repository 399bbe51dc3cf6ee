package proxy

import (
	"net"
	"net/netip"
	"sync"
)

// crowd bounds how many connections there are, in all and of each client.
type crowd struct {
	all, each int

	mu    sync.Mutex
	count int
	by    map[netip.Addr]int
}

// listen bounds the connections of a listener. Those beyond the bound are closed at once: their clients try again.
func (c *crowd) listen(l net.Listener) net.Listener { return crowdListener{l, c} }

type crowdListener struct {
	net.Listener
	crowd *crowd
}

// Accept waits for a connection that there is room for.
func (l crowdListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(conn.RemoteAddr())
		if !l.crowd.enter(from) {
			_ = conn.Close()
			continue
		}
		return &counted{Conn: conn, leave: sync.OnceFunc(func() { l.crowd.leave(from) })}, nil
	}
}

func (c *crowd) enter(from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count >= c.all || c.by[from] >= c.each {
		return false
	}
	c.count++
	c.by[from]++
	return true
}

func (c *crowd) leave(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count--
	if c.by[from]--; c.by[from] == 0 {
		delete(c.by, from)
	}
}

// counted is a connection of the crowd.
type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// addressOf is the address of a client, the zero one if it has none.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
