package sink

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// takenPause is how often the system is asked whether the other side has all.
const takenPause = 5 * time.Millisecond

// taken waits until the receiver's system has taken all that was sent. It matters
// where a receiver has ended the connection before it got anything: its end comes
// first and looks like that of one that has read all, and the reset follows.
func taken(ctx context.Context, conn net.Conn) error {
	raw, err := tcp(conn).SyscallConn()
	if err != nil {
		return explain(err)
	}
	for {
		var unsent, pending int
		var asked error
		err := raw.Control(func(fd uintptr) {
			if pending, asked = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); asked == nil {
				unsent, asked = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
			}
		})
		switch {
		case err != nil || asked != nil || pending != 0:
			return failure(Closed, "the receiver ended the connection")
		case unsent == 0:
			return nil
		case ctx.Err() != nil:
			return failure(Timeout, "the receiver took too long")
		}
		sleep(ctx, takenPause)
	}
}
