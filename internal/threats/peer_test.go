package threats

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
)

// dialEnv has this test binary connect to a socket and say what comes back.
const dialEnv = "ARGOCD_SEAL_TEST_DIAL"

func init() {
	path := os.Getenv(dialEnv)
	if path == "" {
		return
	}
	conn, err := net.Dial("unix", path) //nolint:noctx // a process of its own
	if err != nil {
		fmt.Print("closed")
		os.Exit(0)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	answer := make([]byte, 9)
	count, _ := conn.Read(answer)
	fmt.Printf("%x", answer[:count])
	os.Exit(0)
}

// asUser connects to a socket as another user, and returns the first bytes of the
// answer.
func asUser(t testing.TB, uid uint32, socket string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	// The other user cannot read the directory of the test binary.
	copied := fmt.Sprintf("/tmp/dial-%d.test", os.Getpid())
	content, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(copied, content, 0o755))
	defer func() { _ = os.Remove(copied) }()
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), copied)
	command.Env, command.Dir, command.Stdout = []string{dialEnv + "=" + socket}, "/", &said
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	err = command.Run()
	return said.String(), err
}

// discover asks whether the plugin renders a repository, and for its parameters.
func (s *sidecar) discover(t testing.TB, packed []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sum := sha256.Sum256(packed)
	data := &message{Request: &apiclient.AppStreamRequest_Metadata{Metadata: &apiclient.ManifestRequestMetadata{
		AppRelPath: "app", Checksum: hex.EncodeToString(sum[:]), Size_: int64(len(packed)), Env: identity(),
	}}}
	match, err := s.client.MatchRepository(ctx)
	must(t, err)
	must(t, match.Send(data))
	must(t, match.Send(chunkOf(packed)))
	_, err = match.CloseAndRecv()
	must(t, err)
	announce, err := s.client.GetParametersAnnouncement(ctx)
	must(t, err)
	must(t, announce.Send(data))
	must(t, announce.Send(chunkOf(packed)))
	_, err = announce.CloseAndRecv()
	must(t, err)
}

// metric is the value of one metric, as text.
func (s *sidecar) metric(t testing.TB, name string) string {
	t.Helper()
	_, text, err := s.get("/metrics")
	must(t, err)
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
