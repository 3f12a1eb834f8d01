package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
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
	certificate, fingerprint := controllerCertificate(t)
	expose(t, cluster, "new", certificate)
	const sealing = "environments: [{name: live, injection: {default: sealed-secret, sealedSecret: {certificateFile: /nowhere/a, fingerprint: %q, saltFile: /nowhere/b}}}]\n"
	_, findings := doctor(t, fmt.Sprintf(sealing, fingerprint), "--only", "sealing", "--kubeconfig", kubeconfig(cluster.Config.BearerToken))
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
	if got := found(t, findings, "present", "sealing/new"); got.Status != "ok" || got.Seen != "its present certificate is the one of live" {
		t.Errorf("the present certificate: %+v", got)
	}
	if got := found(t, findings, "present", "sealing/old"); got.Status != "not checked" || !strings.Contains(got.Fix, "kubeseal --fetch-cert") {
		t.Errorf("a controller without a service: %+v", got)
	}
	_, others := doctor(t, fmt.Sprintf(sealing, "00"), "--only", "sealing", "--kubeconfig", kubeconfig(cluster.Config.BearerToken))
	if got := found(t, others, "present", "sealing/new"); got.Status != "warning" || !strings.Contains(got.Seen, "sha256:"+fingerprint+", which no environment has pinned") {
		t.Errorf("another certificate: %+v", got)
	}
	if text := fmt.Sprint(findings); strings.Contains(text, "nginx") {
		t.Errorf("found a controller where there is none: %s", text)
	}
	must(t, cluster.ServiceAccount(t.Context(), "sealing", "nobody"))
	token, err := cluster.Token(t.Context(), "sealing", "nobody", harness.APIAudience)
	must(t, err)
	_, findings = doctor(t, fmt.Sprintf(sealing, fingerprint), "--only", "sealing", "--kubeconfig", kubeconfig(token))
	if got := found(t, findings, "controller", ""); got.Status != "not checked" || !strings.Contains(got.Seen, "may not list Deployments") {
		t.Errorf("without rights: %+v", got)
	}
}

// controllerCertificate is one as a controller has it.
func controllerCertificate(t *testing.T) (content []byte, fingerprint string) {
	t.Helper()
	content, err := os.ReadFile("../secrets/seal/testdata/cert.pem")
	must(t, err)
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	return content, hex.EncodeToString(sum[:])
}

// expose serves a certificate where the API server finds it behind the service of
// a Deployment. An API server proxies to no loopback address.
func expose(t *testing.T, cluster *harness.Cluster, app string, certificate []byte) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(ownAddress(t), "0"))
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/cert.pem" {
			_, _ = w.Write(certificate)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	at := listener.Addr().(*net.TCPAddr)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "controller-" + app},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{{Name: "http", Port: 8080}}},
	}
	_, err = cluster.Client.CoreV1().Services("sealing").Create(t.Context(), service, metav1.CreateOptions{})
	must(t, err)
	// It wants to know the pod, too.
	must(t, cluster.ServiceAccount(t.Context(), "sealing", "default"))
	pod, err := cluster.Client.CoreV1().Pods("sealing").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: service.Name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Image: "controller"}}},
	}, metav1.CreateOptions{})
	must(t, err)
	pod.Status.PodIP, pod.Status.PodIPs = at.IP.String(), []corev1.PodIP{{IP: at.IP.String()}}
	_, err = cluster.Client.CoreV1().Pods("sealing").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	must(t, err)
	endpoints := &corev1.Endpoints{ //nolint:staticcheck // no controller makes EndpointSlices here
		ObjectMeta: metav1.ObjectMeta{Name: service.Name},
		Subsets: []corev1.EndpointSubset{{ //nolint:staticcheck // the same
			Addresses: []corev1.EndpointAddress{{IP: at.IP.String(), TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "sealing", Name: pod.Name}}},
			Ports:     []corev1.EndpointPort{{Name: "http", Port: int32(at.Port)}},
		}},
	}
	_, err = cluster.Client.CoreV1().Endpoints("sealing").Create(t.Context(), endpoints, metav1.CreateOptions{})
	must(t, err)
}

// ownAddress is one of this machine's that is not loopback.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	must(t, err)
	for _, one := range addresses {
		if at, ok := one.(*net.IPNet); ok && at.IP.To4() != nil && at.IP.IsGlobalUnicast() {
			return at.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}
