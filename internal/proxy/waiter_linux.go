package proxy

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// waiter waits until something can be read of a connection, without holding anything meanwhile: whoever asks the kernel to move bytes
// between two connections holds a pipe for it, two descriptors and its memory, also while nothing comes.
type waiter struct{ raw syscall.RawConn }

func newWaiter(conn net.Conn) *waiter {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &waiter{raw}
}

// wait returns how many bytes can be read at once; none at the end of the stream.
func (w *waiter) wait() (n int64, err error) {
	var failed error
	err = w.raw.Read(func(fd uintptr) bool {
		var done bool
		n, done, failed = readable(int(fd))
		return done
	})
	return n, errors.Join(err, failed)
}

// readable looks how many bytes can be read; it is not done if none can now but some may come.
func readable(fd int) (n int64, done bool, err error) {
	count, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil || count > 0 {
		return int64(count), true, err
	}
	for { // none is there, or none will come
		var one [1]byte
		got, _, err := unix.Recvfrom(fd, one[:], unix.MSG_PEEK)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, false, nil
		default:
			return int64(max(got, 0)), true, err
		}
	}
}
