package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// finding is what the tests look at in a report of the doctor.
type finding struct{ Check, Subject, Status, Seen, Fix string }

// doctor runs argocd-seal doctor on the second document of a plugin.yaml.
func doctor(t *testing.T, settings string, args ...string) (code int, findings []finding) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plugin.yaml")
	const first = "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: argocd-seal}\nspec: {generate: {command: [argocd-seal, generate]}}\n" +
		"---\napiVersion: argocd-seal.io/v1alpha1\nkind: SealConfig\n"
	must(t, os.WriteFile(file, []byte(first+settings), 0o600))
	code, stdout, stderr := command(t, append([]string{"doctor", "--config", file, "--format", "json"}, args...)...)
	var report struct{ Findings []finding }
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("exit status %d, %v\n%s%s", code, err, stdout, stderr)
	}
	return code, report.Findings
}

// found returns the finding of a check about a subject.
func found(t *testing.T, findings []finding, check, subject string) finding {
	t.Helper()
	for _, one := range findings {
		if one.Check == check && one.Subject == subject {
			return one
		}
	}
	t.Fatalf("there is no %s of %q in %+v", check, subject, findings)
	return finding{}
}

// TestDoctorKnowsWhatArgoCDSends has each release render once: 2.14 does not send
// the project, so that a binding by project would match nothing there.
func TestDoctorKnowsWhatArgoCDSends(t *testing.T) {
	for server, want := range map[harness.Binary]finding{
		harness.ArgoCD2: {Status: "failed", Seen: "1 request at the end of the audit trail, 1 without the project: for those bindings[0] match nothing"},
		harness.ArgoCD3: {Status: "ok", Seen: "1 request at the end of the audit trail, all with the project"},
	} {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			t.Parallel()
			lab, a := harness.New(t, server), newAudited(t)
			plugin := a.plugin("required: true")
			serve(t, lab, plugin)
			generate(t, lab, application(harness.NewRepository(t, harness.Files{"app/pod.yaml": pod}), "app", plugin.FullName()))
			_, findings := doctor(t, plugin.Seal+"bindings: [{name: shop, projects: [team-a], role: reader, paths: [kv/shop/*]}]\n", "--only", "sidecar")
			if got := found(t, findings, "identity", ""); got.Status != want.Status || got.Seen != want.Seen {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestDoctorShrinksTheStream has real repo-servers stream a repository that is
// larger than the sidecar takes, then with what the doctor advises.
func TestDoctorShrinksTheStream(t *testing.T) {
	harness.Need(t, harness.Seal)
	const limits = "render: {limits: {archive: {compressedBytes: 64Ki}}}\n"
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	repository := harness.NewRepository(t, harness.Files{
		"apps/web/overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: p-\n",
		"apps/web/base/kustomization.yaml":          "resources: [pod.yaml]\n",
		"apps/web/base/pod.yaml":                    pod,
		"assets/noise":                              base64.StdEncoding.EncodeToString(noise),
	})
	code, findings := doctor(t, limits, "--only", "repository", "--repository", strings.TrimPrefix(repository.URL, "file://"))
	stream := found(t, findings, "stream", "")
	if code != 1 || stream.Status != "failed" || !strings.Contains(stream.Seen, "render.limits.archive.compressedBytes refuses it") {
		t.Fatalf("exit status %d, %+v", code, stream)
	}
	exclusions := regexp.MustCompile(`reposerver\.plugin\.tar\.exclusions: (\S+)`).FindStringSubmatch(stream.Fix)
	annotation := regexp.MustCompile(`with the annotation (\S+)$`).FindStringSubmatch(found(t, findings, "application", "apps/web/overlays/prod").Seen)
	if exclusions == nil || annotation == nil {
		t.Fatalf("no advice in %+v", findings)
	}
	plugin := harness.Plugin{Name: "argocd-seal", Seal: limits}
	for _, server := range servers {
		for name, settings := range map[string][]string{
			"exclusions": {"ARGOCD_REPO_SERVER_PLUGIN_TAR_EXCLUSIONS=" + exclusions[1]},
			"annotation": {"ARGOCD_REPO_SERVER_PLUGIN_USE_MANIFEST_GENERATE_PATHS=true"},
			"nothing":    nil,
		} {
			t.Run(filepath.Base(string(server))+"/"+name, func(t *testing.T) {
				t.Parallel()
				lab := harness.New(t, server, settings...)
				sidecar := serve(t, lab, plugin)
				app := application(repository, "apps/web/overlays/prod", plugin.FullName())
				if name == "annotation" {
					app.GeneratePaths = annotation[1]
				}
				_, err := lab.Generate(t.Context(), app)
				// A repo-server that is still sending says no more than that it could not.
				if refused := strings.Contains(sidecar.Log(), "E_LIMIT"); refused != (name == "nothing") || refused != (err != nil) {
					t.Errorf("with %v and %q: refused is %v, %v", settings, app.GeneratePaths, refused, err)
				}
			})
		}
	}
}

// TestDoctorKnowsTheController asks a real API server.
func TestDoctorKnowsTheController(t *testing.T) {
	harness.Need(t, harness.Seal)
	cluster := harness.NewCluster(t)
	must(t, cluster.Namespace(t.Context(), "sealing"))
	for name, image := range map[string]string{
		"old": "docker.io/bitnami/sealed-secrets-controller:0.35.0", "new": "bitnami/sealed-secrets-controller:v0.36.1",
		"mirrored": "registry.example.com/sealed-secrets@sha256:" + strings.Repeat("a", 64), "other": "nginx:1.27.0",
	} {
		labels := map[string]string{"app": name}
		_, err := cluster.Client.AppsV1().Deployments("sealing").Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Image: image}}},
				},
			},
		}, metav1.CreateOptions{})
		must(t, err)
	}
	kubeconfig := func(token string) string {
		file := filepath.Join(t.TempDir(), "kubeconfig")
		must(t, clientcmd.WriteToFile(clientcmdapi.Config{
			Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: cluster.Config.Host, CertificateAuthorityData: cluster.Config.CAData}},
			AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: token}},
			Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
			CurrentContext: "x",
		}, file))
		return file
	}
	const sealing = "environments: [{name: live, injection: {default: sealed-secret, sealedSecret: {certificateFile: /nowhere/a, fingerprint: a, saltFile: /nowhere/b}}}]\n"
	_, findings := doctor(t, sealing, "--only", "sealing", "--kubeconfig", kubeconfig(cluster.Config.BearerToken))
	for name, want := range map[string]finding{
		"old":      {Status: "failed", Seen: "CVE-2026-22728", Fix: "kubectl -n sealing set image deployment/old controller=IMAGE"},
		"new":      {Status: "ok", Seen: "release 0.36.1"},
		"mirrored": {Status: "warning", Seen: "does not tell a release", Fix: "upgrade it to 0.36.0"},
	} {
		got := found(t, findings, "controller", "sealing/"+name)
		if got.Status != want.Status || !strings.Contains(got.Seen, want.Seen) || !strings.Contains(got.Fix, want.Fix) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if text := fmt.Sprint(findings); strings.Contains(text, "nginx") {
		t.Errorf("found a controller where there is none: %s", text)
	}
	must(t, cluster.ServiceAccount(t.Context(), "sealing", "nobody"))
	token, err := cluster.Token(t.Context(), "sealing", "nobody", harness.APIAudience)
	must(t, err)
	_, findings = doctor(t, sealing, "--only", "sealing", "--kubeconfig", kubeconfig(token))
	if got := found(t, findings, "controller", ""); got.Status != "not checked" || !strings.Contains(got.Seen, "may not list Deployments") {
		t.Errorf("without rights: %+v", got)
	}
}
