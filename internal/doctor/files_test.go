package doctor_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
)

func TestNothingToLookAt(t *testing.T) {
	_, err := doctor.Run(t.Context(), doctor.Options{})
	if fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), "argocd-seal init") {
		t.Errorf("without a file: %v", err)
	}
	_, err = doctor.Run(t.Context(), doctor.Options{File: "/nowhere/plugin.yaml"})
	if fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), "/nowhere/plugin.yaml: there is no such file") {
		t.Errorf("with a file that is not there: %v", err)
	}
}

func TestConfigurationThatIsWrong(t *testing.T) {
	s := examine(t, nil, "rendr: {}\n", doctor.Options{})
	s.expect("file", "", doctor.Failed, `plugin.yaml:8:1 rendr: unknown field`, "")
	s.expect("others", "", doctor.Unchecked, "it does not load", "")
	s.expect("sandbox", "", doctor.OK, "a worker starts, confined by", "")
	s = examine(t, nil, "rendr: {}\n", doctor.Options{Only: []doctor.Area{doctor.Vault}})
	s.expect("file", "", doctor.Failed, "unknown field", "")
	s = examine(t, nil, "bindings: [{name: shop, role: reader, paths: [kv/x]}]\nenvironments: [{name: live, injection: {default: vault-agent, workloadRole: w}}]\n", doctor.Options{})
	s.expect("bindings", "shop", doctor.Failed, `its role "reader" is not under vault.roles`, "add the role to vault.roles")
	s.expect("bindings", "", doctor.Failed, "must have repoURLs and namespaces", "")
	s.expect("environments", "", doctor.Failed, "Vault has no address", "set vault.address")
	s.expect("environments", "live", doctor.Warning, "no policy judges its objects", "set policy.level")
	s.expect("reach", "", doctor.Unchecked, "vault.address is not set", "")
	s.expect("access", "shop", doctor.Unchecked, "vault.address is not set", "")
	s = examine(t, nil, "", doctor.Options{})
	s.expect("environments", "", doctor.Warning, "nothing is judged", "argocd-seal init")
	s.expect("certificate", "", doctor.Unchecked, "no environment seals", "")
	s.expect("trail", "", doctor.Unchecked, "audit.directory is not set", "")
	s.expect("socket", "", doctor.Unchecked, "this is not the sidecar's container", "kubectl -n argocd exec")
	s.expect("ready", "", doctor.Unchecked, "telemetry.address is not set", "telemetry.address")
	s.expect("identity", "", doctor.Unchecked, "none is kept", "audit.directory")
	if s.Count(doctor.Failed) > 0 {
		t.Errorf("nothing is configured, and something failed: %+v", s.Findings)
	}
	s = examine(t, nil, "vault: {address: \"https://127.0.0.1:1\", caFile: /nowhere/ca.pem}\n", doctor.Options{})
	s.expect("reach", "", doctor.Failed, "/nowhere/ca.pem: the CA certificate cannot be read", "")
}

// A platform whose secrets all lie elsewhere misses no Vault.
func TestStoresWithoutVault(t *testing.T) {
	const stores = "bindings: [{name: shop, projects: [shop], stores: [{provider: aws-sm, names: [shop/*], store: {name: aws}}]}]\n"
	s := examine(t, nil, stores+"environments: [{name: live, injection: {default: external-secret}}]\n", doctor.Options{})
	if s.Count(doctor.Failed) > 0 {
		t.Errorf("something failed: %+v", s.Findings)
	}
	s = examine(t, nil, stores+"vault: {address: \"https://127.0.0.1:1\"}\nenvironments: [{name: live, injection: {default: vault-agent, workloadRole: w}}]\n", doctor.Options{Only: []doctor.Area{doctor.Configuration}})
	s.expect("environments", "", doctor.Failed, "no environment allows external-secret", "injection.allowed")
}

func TestOnlyWhatIsAskedFor(t *testing.T) {
	s := examine(t, nil, "", doctor.Options{Only: []doctor.Area{doctor.Configuration}})
	if slices.ContainsFunc(s.Findings, func(f doctor.Finding) bool { return f.Area != doctor.Configuration }) || len(s.Findings) == 0 {
		t.Errorf("found %+v", s.Findings)
	}
}

func TestSandboxLayersThatAreMissing(t *testing.T) {
	s := examine(t, nil, "render: {sandbox: {require: [seccomp]}}\n", doctor.Options{})
	for _, finding := range s.Findings {
		if finding.Check == "sandbox" && finding.Status == doctor.OK && !strings.Contains(finding.Seen, "no-new-privs") {
			t.Errorf("active are %s", finding.Seen)
		}
	}
	for _, required := range []bool{true, false} {
		finding := doctor.Missing("landlock", required)
		want := map[bool]doctor.Status{true: doctor.Failed, false: doctor.Warning}[required]
		if finding.Status != want || !strings.Contains(finding.Fix, "5.13") || required != strings.Contains(finding.Fix, "render.sandbox.require") {
			t.Errorf("required %v: %+v", required, finding)
		}
	}
}

const sealingConfig = "environments:\n- {name: live, policy: {level: basic-security}, injection: {default: sealed-secret, sealedSecret: {certificateFile: %s, fingerprint: %q, saltFile: %s}}}\n"

func TestSealing(t *testing.T) {
	year := 365 * 24 * time.Hour
	good, pinned := certificate(t, time.Now().Add(-time.Hour), time.Now().Add(year))
	goodSalt := salt(t, 32, 0o400)
	old, oldPinned := certificate(t, time.Now().Add(-year), time.Now().Add(-48*time.Hour))
	soon, soonPinned := certificate(t, time.Now().Add(-year), time.Now().Add(10*24*time.Hour))
	early, earlyPinned := certificate(t, time.Now().Add(year), time.Now().Add(2*year))
	weak, err := filepath.Abs("../../secrets/seal/testdata/weak.pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file, fingerprint, salt, check string
		status                         doctor.Status
		seen, fix                      string
	}{
		"good":            {good, pinned, goodSalt, "certificate", doctor.OK, "RSA of 2048 bits, the pinned fingerprint, good until", ""},
		"good salt":       {good, pinned, goodSalt, "salt", doctor.OK, "the same text seals to the same bytes", ""},
		"expired":         {old, oldPinned, goodSalt, "certificate", doctor.Failed, "it expired on", "kubeseal --fetch-cert > " + old},
		"expires":         {soon, soonPinned, goodSalt, "certificate", doctor.Warning, "in 10 days", "kubeseal --fetch-cert > " + soon},
		"early":           {early, earlyPinned, goodSalt, "certificate", doctor.Failed, "valid only from", "date -u"},
		"another":         {good, strings.Repeat("0", 64), goodSalt, "certificate", doctor.Failed, "sha256:" + pinned + ", which is not the pinned one", "set environments[0].injection.sealedSecret.fingerprint"},
		"no file":         {"/nowhere/cert.pem", pinned, goodSalt, "certificate", doctor.Failed, "/nowhere/cert.pem", "kubeseal --fetch-cert > /nowhere/cert.pem"},
		"weak":            {weak, pinned, goodSalt, "certificate", doctor.Failed, "no RSA key of at least 2048 bits", "a key of 4096 bits"},
		"open salt":       {good, pinned, salt(t, 32, 0o644), "salt", doctor.Failed, "has mode 0644", "chmod 0400 "},
		"short salt":      {good, pinned, salt(t, 31, 0o400), "salt", doctor.Failed, "has 31 bytes instead of 32", "head -c 32 /dev/urandom"},
		"no salt":         {good, pinned, "/nowhere/salt", "salt", doctor.Failed, "/nowhere/salt", "head -c 32 /dev/urandom > /nowhere/salt"},
		"salt of another": {old, oldPinned, salt(t, 32, 0o440), "salt", doctor.OK, "32 bytes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := examine(t, nil, fmt.Sprintf(sealingConfig, test.file, test.fingerprint, test.salt), doctor.Options{Only: []doctor.Area{doctor.Sealing}})
			s.expect(test.check, "live", test.status, test.seen, test.fix)
			s.expect("controller", "", doctor.Unchecked, "its cluster only", "--kubeconfig")
		})
	}
}

// auditKey makes the key of a trail.
func auditKey(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.key")
	if _, err := chain.GenerateKey(file, file+".pub"); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAuditTrail(t *testing.T) {
	key, dir := auditKey(t), t.TempDir()
	s := examine(t, nil, fmt.Sprintf("audit: {directory: %s, key: %s}\n", dir, key), doctor.Options{})
	s.expect("key", "", doctor.OK, "key ", "")
	s.expect("trail", "", doctor.OK, "has 0 bytes of events", "")
	s.expect("identity", "", doctor.Unchecked, "has no request", "refresh an application")
	s = examine(t, nil, "audit: {directory: /nowhere/trail, key: /nowhere/key}\n", doctor.Options{})
	s.expect("key", "", doctor.Failed, "/nowhere/key", "argocd-seal audit key /nowhere/key audit.pub")
	s.expect("trail", "", doctor.Unchecked, "/nowhere/trail is not there", "")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	s = examine(t, nil, fmt.Sprintf("audit: {directory: %s, key: %s, maxSize: 1Ti}\n", key, key), doctor.Options{})
	s.expect("key", "", doctor.Failed, "has mode 0644", "chmod 0400 "+key)
	s.expect("trail", "", doctor.Failed, "is no directory", "mount a directory at "+key)
	s = examine(t, nil, fmt.Sprintf("audit: {directory: %s, key: %s, maxSize: 1Ti}\n", dir, key), doctor.Options{})
	s.expect("trail", "", doctor.Warning, "the disk has room for", "set audit.maxSize")
}

// The last requests in the trail say what the repo-server sends.
func TestIdentityThatArrives(t *testing.T) {
	for name, test := range map[string]struct {
		projects  []string
		bindings  string
		status    doctor.Status
		seen, fix string
	}{
		"sent":          {[]string{"shop", "books"}, "", doctor.OK, "2 requests at the end of the audit trail, all with the project", ""},
		"not sent":      {[]string{"", ""}, "bindings: [{name: a, projects: [shop], role: r, paths: [kv/x]}]", doctor.Failed, "2 without the project: for those bindings[0] match nothing", "3.2.12"},
		"sent at times": {[]string{"", "shop"}, "environments: [{name: live, match: {projects: [shop]}, policy: {level: basic-security}}]", doctor.Failed, "1 without the project: for those environments[0].match match nothing", "ARGOCD_APP_PROJECT_NAME"},
		"not needed":    {[]string{""}, "", doctor.OK, "nothing in plugin.yaml asks for it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			key, dir := auditKey(t), t.TempDir()
			signer, err := chain.ReadSigner(key)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := trail.Open(trail.Options{Directory: dir, Signer: signer})
			if err != nil {
				t.Fatal(err)
			}
			for _, project := range test.projects {
				if _, err := kept.Append(t.Context(), audit.Event{Type: audit.Render, App: "web", Project: project, Outcome: "OK"}); err != nil {
					t.Fatal(err)
				}
			}
			defer kept.Close()
			s := examine(t, nil, fmt.Sprintf("audit: {directory: %s, key: %s}\n%s\n", dir, key, test.bindings), doctor.Options{Only: []doctor.Area{doctor.Sidecar}})
			s.expect("identity", "", test.status, test.seen, test.fix)
		})
	}
}

func TestSinks(t *testing.T) {
	key, dir := auditKey(t), t.TempDir()
	posted := 0
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted++ }))
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0)
	receiver.StartTLS()
	defer receiver.Close()
	authority := write(t, "ca.pem", pemOf(receiver.Certificate().Raw), 0o600)
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 not what was expected\r\n"))
			_ = conn.Close()
		}
	}()
	// The path of a webhook may be what lets one write to it.
	watch := canary.Over(t)
	path := watch.Secret(canary.Draw())
	s := examine(t, watch, fmt.Sprintf(`audit:
  directory: %s
  key: %s
  sinks:
  - {name: good, webhook: "%[3]s/%[7]s?key=%[7]s", caFile: %[4]s}
  - {name: stranger, webhook: "%[3]s/%[7]s?key=%[7]s"}
  - {name: no-token, webhook: "%[3]s/%[7]s?key=%[7]s", caFile: %[4]s, tokenFile: /nowhere/token}
  - {name: down, fluent: "%[5]s", insecure: true}
  - {name: not-tls, syslog: "%[6]s"}
  - {name: no-key, fluent: "%[6]s", insecure: true, sharedKeyFile: /nowhere/key}
`, dir, key, receiver.URL, authority, streamtest.FreeAddress(t), plain.Addr(), path), doctor.Options{})
	s.expect("sink", "good", doctor.OK, "the webhook receiver "+receiver.URL+" takes connections; nothing was sent", "")
	s.expect("sink", "stranger", doctor.Failed, "not signed by an authority", "set audit.sinks[1].caFile")
	s.expect("sink", "no-token", doctor.Failed, "/nowhere/token", "correct the files that audit.sinks[2] names")
	s.expect("sink", "down", doctor.Failed, "refuses connections", "start the receiver, correct audit.sinks[3].fluent")
	s.expect("sink", "not-tls", doctor.Failed, "does not speak TLS", "set audit.sinks[4].caFile")
	s.expect("sink", "no-key", doctor.Failed, "/nowhere/key", "correct the files that audit.sinks[5] names")
	if posted > 0 {
		t.Errorf("%d events were sent", posted)
	}
}

// A receiver that accepts and says nothing does not hold the doctor up.
func TestSinkThatHangs(t *testing.T) {
	silent, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		<-hello.Context().Done()
		return nil, context.Canceled
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := examine(t, nil, fmt.Sprintf("audit:\n  directory: %s\n  key: %s\n  sinks: [{name: silent, syslog: %q}]\n", t.TempDir(), auditKey(t), silent.Addr()), doctor.Options{Limit: 2 * time.Second})
	s.expect("sink", "silent", doctor.Failed, "took too long", "start the receiver")
}
