package sink_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gateway stands between a sink and its receiver as a network that fails: it
// passes bytes on, ends connections with a reset, is slow, or is not there.
type gateway struct {
	t        *testing.T
	target   string
	listener net.Listener
	address  string
	// resetAfter is how many bytes of the sink are passed on before a reset, for
	// so many connections; delay is before each part that is passed on.
	resetAfter  atomic.Int64
	resets      atomic.Int64
	delay       atomic.Int64
	connections atomic.Int64
	wait        sync.WaitGroup
}

func newGateway(t *testing.T, target string) *gateway {
	t.Helper()
	g := &gateway{t: t, target: target}
	g.up("127.0.0.1:0")
	t.Cleanup(g.down)
	return g
}

func (g *gateway) up(address string) {
	g.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		g.t.Fatal(err)
	}
	g.listener, g.address = listener, listener.Addr().String()
	g.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.connections.Add(1)
			g.wait.Go(func() { g.pass(conn.(*net.TCPConn)) })
		}
	})
}

// down takes the receiver's address away; open connections live on.
func (g *gateway) down() { _ = g.listener.Close() }

func (g *gateway) pass(client *net.TCPConn) {
	limit := int64(-1)
	if g.resets.Add(-1) >= 0 {
		limit = g.resetAfter.Load()
	}
	conn, err := net.Dial("tcp", g.target)
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	var back sync.WaitGroup
	back.Go(func() { g.copy(client, server, -1) })
	if cut := g.copy(server, client, limit); cut {
		reset(client)
	}
	back.Wait()
	_, _ = client.Close(), server.Close()
}

// copy passes on what comes, the end and resets too, and says whether the limit
// was reached.
func (g *gateway) copy(to, from *net.TCPConn, limit int64) (cut bool) {
	part := make([]byte, 4<<10)
	for {
		time.Sleep(time.Duration(g.delay.Load()))
		n, err := from.Read(part)
		if limit >= 0 && int64(n) > limit {
			_, _ = to.Write(part[:limit])
			_ = to.CloseWrite()
			return true
		}
		if limit >= 0 {
			limit -= int64(n)
		}
		if _, bad := to.Write(part[:n]); bad != nil {
			reset(from)
			return false
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite()
			return false
		default:
			reset(to)
			return false
		}
	}
}

// reset ends a connection at once; what was not read is lost.
func reset(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}
