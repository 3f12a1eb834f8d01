package plugin_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
)

// Another user's connection is closed before it has said a word, even where the
// mode of the socket lets it through.
func TestB7OtherUsersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		const reason = "only root can become another user"
		if os.Getenv("CI") == "true" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	s := serve(t, plugin.Discovery{})
	for path := s.socket; path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(path) == os.TempDir() {
			break
		}
	}
	result := make(chan error, 1)
	go func() {
		// The thread becomes somebody else for good and ends with the goroutine.
		runtime.LockOSThread()
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			result <- errno
			return
		}
		conn, err := net.Dial("unix", s.socket)
		if err != nil {
			result <- err
			return
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		// A server that accepts sends its HTTP/2 settings first.
		n, err := conn.Read(make([]byte, 1))
		if n > 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("read %d bytes, %v; want a closed connection", n, err)
		}
		result <- nil
	}()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	s.checkStillServes(t)
	if !strings.Contains(s.log.String(), "a connection was refused") {
		t.Error("the refusal is not logged")
	}
}
