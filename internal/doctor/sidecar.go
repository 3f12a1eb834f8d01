package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

const (
	socketMode = 0o600
	// maxReadiness bounds the answer of /readyz in bytes.
	maxReadiness = 1 << 20
	logCommand   = "kubectl -n argocd logs deployment/argocd-repo-server -c argocd-seal"
	startFix     = "look why the sidecar does not serve: " + logCommand
)

// checkSockets calls the plugin on each of its sockets, as the repo-server does.
func (v *visit) checkSockets(ctx context.Context) []Finding {
	a := about{area: Sidecar, check: "socket"}
	if missingFile(v.SocketDir) {
		return []Finding{a.unchecked("in the cluster: kubectl -n argocd exec deployment/argocd-repo-server -c argocd-seal -- argocd-seal doctor",
			"there is no directory %s: this is not the sidecar's container", v.SocketDir)}
	}
	var findings []Finding
	for _, name := range v.file.Sockets() {
		findings = append(findings, v.socket(ctx, a.of(name), filepath.Join(v.SocketDir, name))...)
	}
	return findings
}

func (v *visit) socket(ctx context.Context, a about, path string) []Finding {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{a.fail(fault.Config, startFix+"; both containers must mount the volume of "+v.SocketDir, "%s is not there", path)}
	case err != nil:
		return []Finding{a.fail(fault.Config, "run the doctor as the sidecar's user", "%s cannot be looked at", path)}
	case info.Mode().Type() != fs.ModeSocket:
		return []Finding{a.fail(fault.Config, "find out who made it, then remove it: rm "+path, "%s is no socket", path)}
	}
	findings := []Finding{v.call(ctx, a, path)}
	if mode := info.Mode().Perm(); mode != socketMode {
		findings = append(findings, a.warn("chmod 0600 "+path, "its mode is %04o: others than its owner may connect, and are refused by their uid alone", mode))
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return findings
	}
	if owner := int(stat.Uid); owner != 0 && !slices.Contains(v.seal.Socket.AllowedUIDs, owner) {
		findings = append(findings, a.warn("run the sidecar as the repo-server's user: securityContext.runAsUser: 999",
			"its owner is %d, which socket.allowedUIDs does not name: with mode 0600 the repo-server must run as %d too", owner, owner))
	}
	return findings
}

// call asks the plugin for its configuration.
func (v *visit) call(ctx context.Context, a about, path string) Finding {
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return a.fail(fault.Internal, "give --socket-dir as a path from the root", "%s cannot be called", path)
	}
	defer func() { _ = conn.Close() }()
	answer, err := apiclient.NewConfigManagementPluginServiceClient(conn).CheckPluginConfiguration(ctx, &emptypb.Empty{})
	switch {
	case err == nil && answer.GetIsDiscoveryConfigured() != v.file.Plugin.Spec.Discover.Enabled():
		return a.warn("give the sidecar a moment to read plugin.yaml again, or restart it", "the plugin answers, and its discovery is not what %s says: it runs with another file", v.File)
	case err == nil:
		return a.ok("the plugin answers as user %d", os.Geteuid())
	case ctx.Err() != nil || status.Code(err) == codes.DeadlineExceeded:
		return a.fail(fault.Timeout, "restart the sidecar, and report what its log says", "something accepts connections and does not answer")
	case unserved(ctx, path):
		return a.fail(fault.Config, startFix, "nobody serves it: the process that made it has ended")
	}
	return a.fail(fault.Config, "run the doctor as the repo-server's user, or name the user in plugin.yaml: socket.allowedUIDs: [999, "+strconv.Itoa(os.Geteuid())+"]",
		"the plugin closes connections of user %d, or what answers is not the plugin", os.Geteuid())
}

// unserved tells whether nobody listens on a socket, or this user may not connect.
func unserved(ctx context.Context, path string) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return true
	}
	_ = conn.Close()
	return false
}

// checkReady asks the running sidecar what its own checks say.
func (v *visit) checkReady(ctx context.Context) []Finding {
	a := about{area: Sidecar, check: "ready"}
	address := v.seal.Telemetry.Address
	if address == "" {
		return []Finding{a.unchecked(`set telemetry.address: ":8080" in plugin.yaml`, "telemetry.address is not set, so the sidecar shows no health")}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []Finding{a.fail(fault.Config, "write telemetry.address as host:port", "%q is not an address", address)}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	report, err := readiness(ctx, "http://"+net.JoinHostPort(host, port)+"/readyz")
	if err != nil {
		return []Finding{a.unchecked(startFix, "no sidecar answers at %s of this host", address)}
	}
	var findings []Finding
	for _, one := range report.Checks {
		if !one.OK {
			// Whatever answers at the port could name a command to copy.
			message, _, _ := strings.Cut(one.Message, "; fix: ")
			findings = append(findings, a.of(one.Name).fail(one.Code, "look at the sidecar's log: "+logCommand, "since %s: %s", one.Since.UTC().Format("2006-01-02 15:04:05"), message))
		}
	}
	switch {
	case !report.Ready:
		findings = append(findings, a.fail(fault.Busy, "mend what the failing checks name", "the sidecar is not ready: the pod gets no requests"))
	case len(findings) == 0:
		findings = append(findings, a.ok("the sidecar is ready, and its %s pass", prose.Several(len(report.Checks), "check")))
	}
	return findings
}

func readiness(ctx context.Context, url string) (telemetry.Report, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return telemetry.Report{}, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return telemetry.Report{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReadiness))
	if err != nil {
		return telemetry.Report{}, err
	}
	var report telemetry.Report
	return report, json.Unmarshal(body, &report)
}
