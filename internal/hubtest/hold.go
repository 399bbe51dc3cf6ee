package hubtest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// shared lets several sockets of ours have one address.
func shared() *net.ListenConfig {
	return &net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if controlErr := c.Control(func(fd uintptr) { err = reuse(int(fd)) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
}

func reuse(fd int) error { return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soReusePort, 1) }

// soReusePort is SO_REUSEPORT of Linux, which package syscall lacks on some processors.
const soReusePort = 15

// hold takes an address without listening there, or returns -1: connections are refused, and nobody else gets the address.
func hold(addr string) int {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().Is4() {
		return -1
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	if err := errors.Join(reuse(fd), syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})); err != nil {
		_ = syscall.Close(fd)
		return -1
	}
	return fd
}
