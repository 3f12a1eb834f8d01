package plugin

import (
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// listenPrivately opens a socket of mode 0600. The mask of the process is
// narrowed for the moment of its creation, so that there is no moment in which
// others can connect; it is called before anything else runs.
func listenPrivately(path string) (*net.UnixListener, error) {
	mask := syscall.Umask(0o177)
	defer syscall.Umask(mask)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fault.New(fault.Config, "the socket %s cannot be opened", path).
			WithFix("the directory must exist and be writable, and the path at most 107 bytes long")
	}
	return listener, nil
}

// peerListener accepts connections of allowed users only. The mode of the
// socket says who may connect; this says it again where root or a changed mode
// would let others in.
type peerListener struct {
	*net.UnixListener
	allowed []int
	log     logrus.FieldLogger
}

// Accept returns the next connection of an allowed user and closes all others
// before they can send a byte.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && (uid == os.Getuid() || slices.Contains(l.allowed, uid)) {
			return conn, nil
		}
		l.log.WithField("uid", uid).Warn("a connection was refused; socket.allowedUIDs names who may connect")
		_ = conn.Close()
	}
}

func peerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid := -1
	var failed error
	if err := raw.Control(func(fd uintptr) {
		credentials, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			failed = err
			return
		}
		uid = int(credentials.Uid)
	}); err != nil {
		return -1, err
	}
	return uid, failed
}
