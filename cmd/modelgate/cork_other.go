//go:build !linux

package main

import (
	"errors"
	"net"
)

// setCork is for Linux alone.
func setCork(*net.TCPConn, bool) error { return errors.ErrUnsupported }
