package doctor_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// workerArgument makes the test binary a render worker.
const workerArgument = "doctor-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerArgument {
		if worker.Serve(context.Background(), os.Stdin, os.Stdout, engine.Render, engine.Warmup) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// tools connect to a Vault as the program does, and render in workers. Policies
// are the program's to load.
func tools() doctor.Tools {
	return doctor.Tools{
		Vault: func(ctx context.Context, settings config.Vault) (*vault.Client, func(), error) {
			made := vault.Config{
				Address: settings.Address, ServerName: settings.ServerName, CACert: settings.CAFile,
				Timeout: settings.Timeout.Duration(), RequestsPerSecond: float64(settings.RequestsPerSecond),
			}
			for _, role := range settings.Roles {
				made.Roles = append(made.Roles, vault.Role(role))
			}
			client, err := vault.New(made)
			if err != nil {
				return nil, func() {}, err
			}
			return client, func() {
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				_ = client.Close(last)
			}, nil
		},
		Policies: func(context.Context, *config.SealConfig) (*reload.Gate, error) { return nil, nil },
		Images:   func(*config.SealConfig) (*supplychain.Verifier, error) { return nil, nil },
		Workers: func(settings config.Render) (*worker.Pool, error) {
			log := logrus.New()
			log.SetOutput(io.Discard)
			return worker.NewPool(worker.Config{
				Args: []string{workerArgument}, Spares: settings.Workers.Spares, Concurrency: settings.Workers.Concurrency,
				MemoryBytes: int64(settings.Workers.Memory), Timeout: settings.Timeout.Duration(), OutputBytes: int64(settings.Limits.OutputBytes), Logger: log,
			})
		},
	}
}

// seen is a report that a test asks.
type seen struct {
	doctor.Report
	t *testing.T
}

// examine looks at a SealConfig, which is given without its head. A test fails
// where a secret of its watch is in what was seen.
func examine(t *testing.T, watch *canary.Watch, settings string, options doctor.Options) seen {
	t.Helper()
	options.File = filepath.Join(t.TempDir(), "plugin.yaml")
	const head = "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: seal}\nspec: {generate: {command: [argocd-seal, generate]}}\n" +
		"---\napiVersion: argocd-seal.io/v1alpha1\nkind: SealConfig\n"
	if err := os.WriteFile(options.File, []byte(head+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if options.SocketDir == "" {
		options.SocketDir = filepath.Join(t.TempDir(), "nowhere")
	}
	if options.Tools.Vault == nil {
		options.Tools = tools()
	}
	report, err := doctor.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range report.Findings {
		if finding.Status == doctor.Failed && finding.Fix == "" {
			t.Errorf("nothing mends %+v", finding)
		}
	}
	for _, format := range []string{doctor.Table, doctor.JSON} {
		var text strings.Builder
		if err := report.Write(&text, format, doctor.Look{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if watch != nil {
			watch.See(format, text.String())
		}
	}
	return seen{report, t}
}

// expect wants a finding with a status whose text, and whose mending line, hold
// something.
func (s seen) expect(check, subject string, status doctor.Status, seen, fix string) {
	s.t.Helper()
	var others []string
	for _, finding := range s.Findings {
		if finding.Check != check || subject != "" && finding.Subject != subject {
			continue
		}
		if finding.Status == status && strings.Contains(finding.Seen, seen) && strings.Contains(finding.Fix, fix) {
			return
		}
		others = append(others, fmt.Sprintf("%s: %s; fix: %s", finding.Status, finding.Seen, finding.Fix))
	}
	s.t.Errorf("no %s of %s %q with %q and the fix %q among\n%s", status, check, subject, seen, fix, strings.Join(others, "\n"))
}

func write(t *testing.T, name string, content []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes one that is valid in a period, and returns its file and its
// fingerprint.
func certificate(t *testing.T, from, until time.Time) (file, fingerprint string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return write(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600), hex.EncodeToString(sum[:])
}

func salt(t *testing.T, size int, mode os.FileMode) string {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content)
	return write(t, "salt", content, mode)
}

// user makes a user of Vault with a policy, and returns what vault.roles says of
// it.
func user(t *testing.T, watch *canary.Watch, server *vaulttest.Server, name, policy, ttl string) string {
	t.Helper()
	unique := "doctor-" + name + "-" + canary.Draw()[:8]
	server.User(t, unique, policy, ttl)
	password := watch.Secret(canary.Draw())
	server.Write(t, "auth/userpass/users/"+unique, map[string]any{"password": password})
	file := write(t, "password", []byte(password), 0o600)
	return fmt.Sprintf("{name: %s, method: userpass, username: %s, passwordFile: %s}", name, unique, file)
}

// onVault is a configuration with one binding of one role.
func onVault(address, role, paths, more string) string {
	return fmt.Sprintf(`vault:
  address: %q
  timeout: 2s
  roles: [%s]
bindings:
- {name: shop, projects: [shop], role: reader, paths: [%s]}
environments:
- {name: live, policy: {level: basic-security}, injection: {default: vault-agent, workloadRole: w}}
%s`, address, role, paths, more)
}

// ofVault looks at Vault alone, which spares a test the rest.
var ofVault = doctor.Options{Only: []doctor.Area{doctor.Vault, doctor.Bindings}}

const reading = `path "kv/data/shop/*" { capabilities = ["read"] }
path "kv/subkeys/shop/*" { capabilities = ["read"] }
path "kv/metadata/shop/*" { capabilities = ["read"] }`

// replace changes a part of a configuration that must be there.
func replace(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in\n%s", old, text)
	}
	return strings.Replace(text, old, with, 1)
}

func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, before)
	found, _, end := strings.Cut(rest, after)
	if !ok || !end {
		t.Fatalf("%q is not in %s", before, text)
	}
	return found
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
