package main

import (
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
)

// exampleRegistry is the registry that examples name.
const exampleRegistry = "localhost:50001"

// image pushes the image of an example, the empty one, to a registry of this process,
// has something done to it, and runs the example. The port has as many digits as the
// one that is shown.
func (r reached) image(do func(key signtest.Key, image name.Digest)) string {
	containers, key := signtest.NewRegistry(r.T), signtest.NewKey(r.T)
	host := strings.Replace(containers.Host, "127.0.0.1", "localhost", 1)
	if len(host) != len(exampleRegistry) {
		r.Skipf("the port of %s has not five digits", host)
	}
	image := containers.PushImage(r.T, "apps/web", "1.2", empty.Image)
	do(key, image)
	for _, file := range []string{"plugin.yaml", "app/pod.yaml"} {
		content, err := os.ReadFile(file)
		if err != nil {
			r.Fatal(err)
		}
		write(r.T, file, strings.ReplaceAll(string(content), exampleRegistry, host), 0o600)
	}
	write(r.T, "release.pub", string(key.PEM(r.T)), 0o600)
	return strings.ReplaceAll(r.command(), host, exampleRegistry)
}

func (r reached) unsigned() string { return r.image(func(signtest.Key, name.Digest) {}) }

func (r reached) unattested() string {
	return r.image(func(key signtest.Key, image name.Digest) { key.Sign(r.T, image) })
}

func (r reached) vulnerable() string {
	return r.image(func(key signtest.Key, image name.Digest) {
		now := time.Now().UTC().Format(time.RFC3339)
		key.Attest(r.T, image, "https://cosign.sigstore.dev/attestation/vuln/v1", map[string]any{
			"scanner": map[string]any{"uri": "pkg:github/aquasecurity/trivy@0.74.0", "result": map[string]any{
				"SchemaVersion": 2, "ArtifactName": "web", "CreatedAt": now,
				"Results": []any{map[string]any{"Target": "web", "Vulnerabilities": []any{map[string]any{
					"VulnerabilityID": "EXAMPLE-2026-1001", "PkgName": "libssl3", "InstalledVersion": "3.5.1", "FixedVersion": "3.5.4", "Severity": "CRITICAL",
				}}}},
			}},
			"metadata": map[string]any{"scanStartedOn": now, "scanFinishedOn": now},
		})
	})
}
