package main

import (
	"context"
	"net"
)

// connectionKey is under which a request's context has the connection that it came by.
type connectionKey struct{}

// withConnection puts a connection into the contexts of its requests. Only bare TCP connections are of use: what is encrypted
// never goes from disk to network by itself.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if tcp, ok := c.(*net.TCPConn); ok {
		return context.WithValue(ctx, connectionKey{}, tcp)
	}
	return ctx
}

// cork makes the kernel send full packets only, until done is called: a large file then costs a third of the processor's time.
// (Go switches it off for all connections with TCP_NODELAY, which suits small answers.)
func cork(ctx context.Context) (done func()) {
	tcp, ok := ctx.Value(connectionKey{}).(*net.TCPConn)
	if !ok || setCork(tcp, true) != nil {
		return func() {}
	}
	return func() { _ = setCork(tcp, false) } // a connection that broke meanwhile needs nothing
}
