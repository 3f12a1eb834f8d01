package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	// paths is how many paths of Vault the references name.
	paths = 10
	// few and many are how many references an application has.
	few, many = 20, 200
	// settleTime is how long the sidecars are left alone before each request:
	// a worker that starts for the request before would take its processor.
	settleTime = 600 * time.Millisecond
)

// sealing is what resolving and sealing costs one application.
type sealing struct {
	references int
	// asIs renders and leaves the references, unchanged seals what it has
	// sealed before, and rotated seals values that are all new.
	asIs, unchanged, rotated contender
	// reads is how many secrets one render reads from Vault.
	reads int
}

// secretsDir is the directory of the application with so many references: 30
// objects, ten of which are Secrets with references to a path each.
func secretsDir(references int) string { return fmt.Sprintf("secrets-%d", references) }

func secretsFiles(references int) harness.Files {
	var text strings.Builder
	for i := range paths {
		fmt.Fprintf(&text, "apiVersion: v1\nkind: Secret\nmetadata: {name: service-%d}\nstringData:\n", i)
		for key := range references / paths {
			fmt.Fprintf(&text, "  key-%d: <vault:kv/bench/path-%d#key-%d>\n", key, i, key)
		}
		text.WriteString("---\n")
	}
	dir := secretsDir(references)
	files := harness.Files{dir + "/secrets.yaml": text.String()}
	for i := range services {
		files[fmt.Sprintf("%s/service-%d.yaml", dir, i)] = fmt.Sprintf(serviceYAML, fmt.Sprintf("service-%d", i))
	}
	return files
}

// measureSealing takes turns between a sidecar that leaves references and one
// that seals them, against a real Vault.
func measureSealing(ctx context.Context, lab *harness.Lab, dir string, runs int) (results []sealing, err error) {
	vault, err := harness.StartVault(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vault.Close()) }()
	repository, err := emptyRepository(ctx, filepath.Join(dir, "secrets"))
	if err != nil {
		return nil, err
	}
	for _, references := range []int{few, many} {
		if err := repository.Commit(ctx, secretsFiles(references)); err != nil {
			return nil, err
		}
	}
	config, err := sealingConfig(ctx, dir, vault)
	if err != nil {
		return nil, err
	}
	// Requests are counted through a proxy, and timed without one.
	sealer, counted := config("argocd-seal-sealing", vault.Direct), config("argocd-seal-counted", vault.Address)
	for _, plugin := range []harness.Plugin{sealer, counted} {
		if _, err := lab.Serve(ctx, plugin); err != nil {
			return nil, err
		}
	}
	for _, references := range []int{few, many} {
		result, err := raceSealing(ctx, lab, repository, vault, sealer, references, runs)
		if err != nil {
			return nil, err
		}
		vault.Asked()
		if _, err := render(ctx, lab, repository, plugin(counted.FullName()), references); err != nil {
			return nil, err
		}
		result.reads = reads(vault.Asked())
		results = append(results, result)
	}
	return results, nil
}

// render asks for the application with so many references and says how long
// that took.
func render(ctx context.Context, lab *harness.Lab, repository *harness.Repository, source v1alpha1.ApplicationSource, references int) (time.Duration, error) {
	source.Path = secretsDir(references)
	began := time.Now()
	response, err := lab.Generate(ctx, harness.Application{Name: "bench", Project: "default",
		Namespace: "bench", Repository: repository, Source: source})
	took := time.Since(began)
	if err == nil && len(response.Manifests) != objects {
		err = fmt.Errorf("rendered %d objects, want %d", len(response.Manifests), objects)
	}
	return took, err
}

func raceSealing(ctx context.Context, lab *harness.Lab, repository *harness.Repository, vault *harness.Vault, sealer harness.Plugin, references, runs int) (sealing, error) {
	result := sealing{
		references: references, asIs: contender{name: "references left as they stand", source: plugin(seal.FullName())},
		unchanged: contender{name: "sealed, no value has changed", source: plugin(sealer.FullName())},
		rotated:   contender{name: "sealed, every value is new", source: plugin(sealer.FullName())},
	}
	for i := range warmRuns + runs {
		for _, c := range []*contender{&result.asIs, &result.rotated, &result.unchanged} {
			if c == &result.rotated {
				if err := rotate(ctx, vault); err != nil {
					return sealing{}, err
				}
			}
			time.Sleep(settleTime)
			took, err := render(ctx, lab, repository, c.source, references)
			if err != nil {
				return sealing{}, fmt.Errorf("%s: %w", c.name, err)
			}
			if i >= warmRuns {
				c.took = append(c.took, took)
			}
		}
	}
	return result, nil
}

func reads(asked []string) int {
	count := 0
	for _, request := range asked {
		if strings.HasPrefix(request, "GET /v1/kv/data/") {
			count++
		}
	}
	return count
}

// rotate gives every key of every path a new value.
func rotate(ctx context.Context, vault *harness.Vault) error {
	for i := range paths {
		values := map[string]any{}
		for key := range many / paths {
			values[fmt.Sprintf("key-%d", key)] = rand.Text()
		}
		if err := vault.Write(ctx, fmt.Sprintf("kv/data/bench/path-%d", i), map[string]any{"data": values}); err != nil {
			return err
		}
	}
	return nil
}

// sealingConfig sets up a login, a certificate and a salt, and returns what makes
// plugins that use them and find Vault at an address.
func sealingConfig(ctx context.Context, dir string, vault *harness.Vault) (func(name, address string) harness.Plugin, error) {
	password := rand.Text()
	err := errors.Join(
		vault.Write(ctx, "sys/policies/acl/bench", map[string]any{"policy": `path "kv/data/bench/*" { capabilities = ["read"] }`}),
		vault.Write(ctx, "auth/userpass/users/bench", map[string]any{"password": password, "token_policies": "bench"}),
	)
	if err != nil {
		return nil, err
	}
	certificate, fingerprint, err := sealingCertificate()
	if err != nil {
		return nil, err
	}
	salt := make([]byte, 32)
	_, _ = rand.Read(salt)
	for name, content := range map[string][]byte{"password": []byte(password), "sealing.crt": certificate, "salt": salt} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o400); err != nil {
			return nil, err
		}
	}
	return func(name, address string) harness.Plugin {
		text := sealingYAML(dir, address, fingerprint)
		return harness.Plugin{Name: name, Version: "v1.0", Seal: text}
	}, nil
}

func sealingYAML(dir, address, fingerprint string) string {
	text, err := yaml.Marshal(map[string]any{
		"vault": map[string]any{"address": address, "requestsPerSecond": 10000, "roles": []any{map[string]any{
			"name": "bench", "method": "userpass", "username": "bench", "passwordFile": filepath.Join(dir, "password"),
		}}},
		"bindings": []any{map[string]any{"name": "bench", "repoURLs": []any{"file:///**"}, "namespaces": []any{"bench"}, "role": "bench",
			"paths": []any{"kv/bench/*"}}},
		"environments": []any{map[string]any{"name": "bench", "injection": map[string]any{
			"default": "sealed-secret", "sealedSecret": map[string]any{"certificateFile": filepath.Join(dir, "sealing.crt"),
				"fingerprint": fingerprint, "saltFile": filepath.Join(dir, "salt")},
		}}},
	})
	if err != nil {
		panic(err) // maps of strings have always a form
	}
	return string(text)
}

// sealingCertificate makes a certificate as the controller does: RSA with 4096
// bits. Nobody keeps the key.
func sealingCertificate() (certificate []byte, fingerprint string, err error) {
	const bits = 4096
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(der)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), hex.EncodeToString(sum[:]), nil
}

// sealingMarkdown is the report's part on sealing.
func sealingMarkdown(b *strings.Builder, results []sealing) {
	if len(results) == 0 {
		return
	}
	fmt.Fprintf(b, `
## Resolving and sealing

The same repo-server renders plain YAML of %d objects, among them ten Secrets whose references name %d paths of a real Vault
1.17.6 on the loopback address. Sealing is for an RSA key of 4096 bits, as the controller makes them. A value that was sealed
before for the same place is not encrypted again. Before each request all are left alone for as long as workers take to start.

| references | | median | fastest | slowest | added to the median | reads of Vault |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
`, objects, paths)
	for _, result := range results {
		for _, c := range []*contender{&result.asIs, &result.unchanged, &result.rotated} {
			count := result.reads
			if c == &result.asIs {
				count = 0
			}
			fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | %d |\n", result.references, c.name, milliseconds(c.median()),
				milliseconds(c.fastest()), milliseconds(c.slowest()), tenths(c.median()-result.asIs.median()), count)
		}
	}
}

func tenths(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
