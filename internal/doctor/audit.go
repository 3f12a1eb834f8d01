package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// checkTrail looks at the key and the directory of the audit trail. The trail is
// not opened: only the sidecar writes it.
func (v *visit) checkTrail(context.Context) []Finding {
	settings := v.seal.Audit
	onTrail := about{area: Audit, check: "trail"}
	switch {
	case settings.Directory == "" && settings.Stdout:
		return []Finding{onTrail.ok("events are printed on standard output, without a chain")}
	case settings.Directory == "":
		return []Finding{onTrail.unchecked("", "audit.directory is not set: nothing is kept")}
	}
	onKey := about{area: Audit, check: "key"}
	var findings []Finding
	if signer, err := chain.ReadSigner(settings.Key); err != nil {
		findings = append(findings, keyFault(onKey, fault.Of(err)[0], settings.Key))
	} else {
		findings = append(findings, onKey.ok("key %s", signer.ID()))
	}
	return append(findings, directory(onTrail, settings))
}

// keyFault gives the command that mends the file.
func keyFault(a about, wrong *fault.Error, file string) Finding {
	finding := a.fault(wrong)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		finding.Fix = fmt.Sprintf("argocd-seal audit key %s audit.pub, and mount it as docs/install.md shows", file)
	case err == nil && info.Mode().Perm()&0o037 != 0:
		finding.Fix = fmt.Sprintf("chmod 0400 %s; in a pod: defaultMode: 0400 and an fsGroup", file)
	}
	return finding
}

// directory tells whether the trail has a place, and room in it.
func directory(a about, settings config.Audit) Finding {
	dir := settings.Directory
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.unchecked("", "%s is not there: this is not the sidecar's container, or the sidecar has not started yet", dir)
	case err != nil || !info.IsDir():
		return a.fail(fault.Audit, "mount a directory at "+dir, "%s is no directory that can be read", dir)
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		return a.fail(fault.Audit, fmt.Sprintf("chown %d %s; in a pod: a volume of the sidecar's own, and an fsGroup", os.Geteuid(), dir), "this user, %d, may not write to %s", os.Geteuid(), dir)
	}
	segments, err := chain.Segments(dir)
	if err != nil {
		return a.fail(fault.Audit, "look at the rights of "+dir, "the files in %s cannot be listed", dir)
	}
	var used int64
	for _, one := range segments {
		used += one.Size
	}
	var disk unix.Statfs_t
	if unix.Statfs(dir, &disk) != nil {
		return a.ok("%s has %s of events", dir, size(used))
	}
	free := int64(disk.Bavail) * disk.Bsize
	if missing := int64(settings.MaxSize) - used; free < missing {
		return a.warn("set audit.maxSize below what the volume holds, or make the volume larger",
			"%s has %s of events and may get %s, and the disk has room for %s", dir, size(used), size(int64(settings.MaxSize)), size(free))
	}
	return a.ok("%s has %s of events, and room for %s", dir, size(used), size(int64(settings.MaxSize)))
}

// checkSinks connects to each receiver and sends it nothing.
func (v *visit) checkSinks(ctx context.Context) []Finding {
	var checks []check
	for i, one := range v.seal.Audit.Sinks {
		checks = append(checks, check{name: "sink", areas: []Area{Audit}, limit: v.Limit, run: func(ctx context.Context) []Finding {
			return []Finding{receiver(ctx, one.Config(), i)}
		}})
	}
	return runAll(ctx, checks)
}

func receiver(ctx context.Context, settings sink.Config, index int) Finding {
	a := about{area: Audit, check: "sink"}.of(settings.Name)
	field := fmt.Sprintf("audit.sinks[%d]", index)
	address, kind := hostOf(settings.Webhook), "webhook"
	switch {
	case settings.Fluent != "":
		address, kind = settings.Fluent, "fluent"
	case settings.Syslog != "":
		address, kind = settings.Syslog, "syslog"
	}
	err := settings.Probe(ctx)
	if err == nil {
		return a.ok("the %s receiver %s takes connections; nothing was sent", kind, address)
	}
	var failed *sink.Failure
	if !errors.As(err, &failed) {
		return a.fail(fault.AuditSink, "correct "+field+"."+kind, "the receiver %s cannot be asked", address)
	}
	fix := fmt.Sprintf("start the receiver, correct %s.%s, or let the network through", field, kind)
	switch failed.Reason {
	case sink.TLS:
		fix = fmt.Sprintf("set %s.caFile to the authority of the receiver's certificate, and serverName to a name in it", field)
	case sink.Credential:
		fix = fmt.Sprintf("correct the files that %s names, and what the receiver expects of them", field)
	}
	return a.fail(fault.AuditSink, fix, "%s: %s", address, failed.Text)
}

// hostOf leaves scheme and host of a URL: for some hooks the rest is what lets one
// write to them.
func hostOf(text string) string {
	address, err := url.Parse(text)
	if err != nil {
		return "the webhook"
	}
	return (&url.URL{Scheme: address.Scheme, Host: address.Host}).String()
}

// size writes bytes as people say them.
func size(bytes int64) string {
	const unit = 1024
	switch {
	case bytes >= 10*unit*unit:
		return fmt.Sprintf("%d MiB", bytes/unit/unit)
	case bytes >= unit*unit:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/unit/unit)
	case bytes >= unit:
		return fmt.Sprintf("%d KiB", bytes/unit)
	}
	return fmt.Sprintf("%d bytes", bytes)
}
