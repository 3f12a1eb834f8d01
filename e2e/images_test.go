package e2e

import (
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// The passwords of the registry, before and after it is changed, which nobody else
// must see.
const (
	registryPassword = "hunter2-of-the-registry"
	nextPassword     = "hunter3-of-the-registry"
)

const guestbook = "apps/guestbook"

// shipped is the example examples/images with a registry that exists and fresh keys.
type shipped struct {
	*testing.T
	lab        *harness.Lab
	registry   *harness.ImageRegistry
	repository *harness.Repository
	// seal is the example's second document, for this registry.
	seal string
	// errors are all that the repo-server was answered.
	errors []string
}

var exampleDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

func newShipped(t *testing.T, lab *harness.Lab) *shipped {
	t.Helper()
	s := &shipped{T: t, lab: lab, registry: harness.NewImageRegistry(t, registryPassword)}
	s.repository = harness.NewRepository(t, harness.Files{"README.md": "shop\n"})
	must(t, s.repository.CommitTree(t.Context(), "../examples/images", "."))
	_, seal, _ := strings.Cut(s.example("plugin.yaml"), "kind: SealConfig\n")
	s.seal = strings.NewReplacer(
		"/etc/argocd-seal/images/release.pub", filepath.Join(s.registry.Dir, "cosign.pub"),
		"/etc/argocd-seal/images/.dockerconfigjson", s.registry.PullSecret(),
		"/etc/argocd-seal/images/", s.examples()+"/",
		"fresh: 1h", "fresh: 0s", // so that each render asks
	).Replace(seal)
	return s
}

func (s *shipped) examples() string {
	dir, err := filepath.Abs("../examples/images")
	must(s.T, err)
	return dir
}

// example is a file of the example for this registry.
func (s *shipped) example(file string) string {
	text, err := os.ReadFile(filepath.Join("../examples/images", file))
	must(s.T, err)
	return strings.ReplaceAll(string(text), "registry.example.com", s.registry.Host)
}

// ship has production name a digest, as the pipeline does.
func (s *shipped) ship(digest string) {
	must(s.T, s.repository.Commit(s.Context(), harness.Files{
		"base/deployment.yaml":          s.example("base/deployment.yaml"),
		"staging/kustomization.yaml":    s.example("staging/kustomization.yaml"),
		"production/kustomization.yaml": exampleDigest.ReplaceAllString(s.example("production/kustomization.yaml"), digest),
	}))
}

// serve starts a plugin with the example's settings, changed.
func (s *shipped) serve(name string, changes ...string) (plugin harness.Plugin, process *harness.Process) {
	plugin = harness.Plugin{Name: name, Version: "v1.0", Seal: strings.NewReplacer(changes...).Replace(s.seal)}
	return plugin, serve(s.T, s.lab, plugin)
}

// render asks for an environment's directory, in its namespace.
func (s *shipped) render(environment string, plugin harness.Plugin) (manifests string, err error) {
	app := application(s.repository, environment, plugin.FullName())
	app.Name, app.Namespace = "guestbook-"+environment, "guestbook-"+environment
	response, err := s.lab.Generate(s.Context(), app)
	if err != nil {
		s.errors = append(s.errors, err.Error())
		if response != nil && len(response.Manifests) > 0 {
			s.Errorf("manifests came with the error: %v", response.Manifests)
		}
		return "", err
	}
	return strings.Join(response.Manifests, "\n"), nil
}

// emits expects the manifests to run an image of the repository.
func (s *shipped) emits(environment string, plugin harness.Plugin, image string) {
	s.Helper()
	got, err := s.render(environment, plugin)
	if want := `"image":"` + s.registry.Host + "/" + guestbook + image + `"`; err != nil || !strings.Contains(got, want) {
		s.Errorf("%s lacks %s: %v\n%s", environment, want, err, got)
	}
}

// refuses expects an error with all these words.
func (s *shipped) refuses(environment string, plugin harness.Plugin, words ...string) {
	s.Helper()
	got, err := s.render(environment, plugin)
	if err == nil {
		s.Errorf("%s gave %s", environment, got)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			s.Errorf("the error of %s lacks %q: %v", environment, word, err)
		}
	}
}

// release signs and attests an image all that the example's production demands.
func (s *shipped) release(digest string) {
	s.registry.Sign(s, guestbook, digest)
	s.registry.Attest(s, guestbook, digest, "slsaprovenance1", builtFrom(s.repository.URL, s.repository.Revision))
	s.registry.Attest(s, guestbook, digest, "vuln", scanned("MEDIUM"))
	s.registry.Attest(s, guestbook, digest, "spdxjson", fields{
		"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "guestbook", "dataLicense": "CC0-1.0", "documentNamespace": "https://sbom.example.com/1",
		"creationInfo": fields{"created": now(), "creators": []any{"Tool: syft"}},
		"packages":     []any{fields{"SPDXID": "SPDXRef-1", "name": "busybox", "versionInfo": "1.37.0", "downloadLocation": "NOASSERTION"}},
	})
}

type fields = map[string]any

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// builtFrom is provenance of an image that was built from a repository.
func builtFrom(repository, commit string) fields {
	return fields{
		"buildDefinition": fields{
			"buildType":            "https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters":   fields{"workflow": fields{"repository": repository, "ref": "refs/heads/main", "path": "image.yaml"}},
			"resolvedDependencies": []any{fields{"uri": "git+" + repository + "@refs/heads/main", "digest": fields{"gitCommit": commit}}},
		},
		"runDetails": fields{"builder": fields{"id": "https://builder.example.com"}},
	}
}

// scanned is a report of now with one vulnerability that has a fix.
func scanned(severity string) fields {
	found := []any{fields{"VulnerabilityID": "GHSA-0000-0000-0001", "PkgName": "libssl3", "InstalledVersion": "3.5.1-1", "FixedVersion": "3.5.4-1", "Severity": severity}}
	return fields{
		"scanner": fields{"uri": "pkg:github/aquasecurity/trivy@0.74.0", "version": "0.74.0", "result": fields{
			"SchemaVersion": 2, "CreatedAt": now(), "ArtifactName": "guestbook", "ArtifactType": "container_image",
			"Results": []any{fields{"Target": "guestbook", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}},
		}},
		"metadata": fields{"scanStartedOn": now(), "scanFinishedOn": now()},
	}
}

// TestImages ships the example examples/images through the repo-server, with images
// that Cosign itself signed: production denies the unsigned guestbook and admits the
// signed one, and staging follows a tag.
func TestImages(t *testing.T) {
	each(t, nil, func(t *testing.T, lab *harness.Lab) {
		s := newShipped(t, lab)
		metrics := freeAddress(t)
		plugin, process := s.serve("argocd-seal-images", "environments:\n", "telemetry: {address: \""+metrics+"\"}\nenvironments:\n")

		signed := s.registry.Push(t, guestbook, "1.4")
		s.ship(signed)
		s.refuses("production", plugin, "E_IMAGE_SIGNATURE: ", "base/deployment.yaml:1 Deployment guestbook spec.template.spec.containers[0].image: ", "has no signature; one by release is demanded")
		s.emits("staging", plugin, ":1.4@"+signed) // there it is a warning, and the tag is resolved

		s.release(signed)
		s.eventually("production", plugin) // what was denied is looked at again after some seconds
		s.emits("production", plugin, "@"+signed)
		s.emits("staging", plugin, ":1.4@"+signed)

		moved := s.registry.Push(t, guestbook, "1.4")
		s.emits("staging", plugin, ":1.4@"+moved)
		s.emits("production", plugin, "@"+signed)

		s.halfDone(plugin)
		s.ship(signed)
		s.emits("production", plugin, "@"+signed)

		s.outage(plugin, signed, moved)
		s.unseen(metrics, process)
	})
}

// eventually waits until an environment is rendered.
func (s *shipped) eventually(environment string, plugin harness.Plugin) {
	s.Helper()
	const patience = 60 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		_, err := s.render(environment, plugin)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.Fatal(err)
		}
	}
}

// halfDone ships an image that is signed, but built from elsewhere, with a severe
// vulnerability and no SBOM.
func (s *shipped) halfDone(plugin harness.Plugin) {
	s.Helper()
	digest := s.registry.Push(s, guestbook, "half")
	s.registry.Sign(s, guestbook, digest)
	s.registry.Attest(s, guestbook, digest, "slsaprovenance1", builtFrom("https://git.example.com/elsewhere", s.repository.Revision))
	s.registry.Attest(s, guestbook, digest, "vuln", scanned("CRITICAL"))
	s.ship(digest)
	s.refuses("production", plugin,
		"E_IMAGE_ATTESTATION: ", "image-provenance: the source is https://git.example.com/elsewhere, and that of the application is asked for",
		"E_IMAGE_VULNERABLE: ", "image-vulnerabilities: a vulnerability is more severe than medium: GHSA-0000-0000-0001 (libssl3, critical, fixed in 3.5.4-1)",
		"image-sbom: ")
}

// outage takes the registry away: only what was verified before is admitted, and only
// by a rule that says so.
func (s *shipped) outage(plugin harness.Plugin, signed, unknown string) {
	s.Helper()
	strict, _ := s.serve("argocd-seal-strict", "onUnavailable: cached", "onUnavailable: deny")
	s.emits("production", strict, "@"+signed)
	s.registry.Down.Store(true)
	s.refuses("production", strict, "E_IMAGE_REGISTRY: ", "base/deployment.yaml:1 Deployment guestbook spec.template.spec.containers[0].image: ", s.registry.Host+" fails")
	s.emits("production", plugin, "@"+signed)
	s.ship(unknown)
	s.refuses("production", plugin, "E_IMAGE_REGISTRY: ")
	s.ship(signed)
	s.emits("production", plugin, "@"+signed)
	s.registry.Down.Store(false)
	s.eventually("production", strict)

	s.registry.ChangePassword(nextPassword)
	s.refuses("production", strict, "E_IMAGE_REGISTRY: ", s.registry.Host+" refuses the login")
	s.registry.WritePullSecret(s)
	s.eventually("production", strict) // without a restart
}

// unseen expects the registry's password in nothing that anybody sees.
func (s *shipped) unseen(metrics string, process *harness.Process) {
	s.Helper()
	answer, err := http.Get("http://" + metrics + "/metrics")
	must(s.T, err)
	defer func() { _ = answer.Body.Close() }()
	series, err := io.ReadAll(answer.Body)
	must(s.T, err)
	if !strings.Contains(string(series), "argocd_seal_") || process.Log() == "" || len(s.errors) == 0 {
		s.Error("there is nothing to look through")
	}
	for where, text := range map[string]string{"metrics": string(series), "logs": s.lab.Logs(), "errors": strings.Join(s.errors, "\n")} {
		for _, password := range []string{registryPassword, nextPassword} {
			for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte(harness.RegistryUser + ":" + password))} {
				if strings.Contains(text, form) {
					s.Errorf("the %s hold the registry's password", where)
				}
			}
		}
	}
}
