package examples_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
)

// component is what the component sidecar makes of the repo-server.
func component(t *testing.T) corev1.PodSpec {
	t.Helper()
	var deployment appsv1.Deployment
	read(t, "install/sidecar/repo-server.yaml", &deployment)
	spec := deployment.Spec.Template.Spec
	if len(spec.Containers) != 1 || spec.Containers[0].Name != "argocd-seal" {
		t.Fatal("the patch of the repo-server does not add the one container argocd-seal")
	}
	return spec
}

// read reads a file strictly: an unknown field is a mistake.
func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestInstallFiles holds the paths in plugin.yaml against the mounts of the
// sidecar: each must be a file that a volume has.
func TestInstallFiles(t *testing.T) {
	if _, err := config.Load("install/sidecar/plugin.yaml"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("install/sidecar/plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var second any
	_, text, _ := strings.Cut(string(content), "\n---\n")
	if err := yaml.Unmarshal([]byte(text), &second); err != nil {
		t.Fatal(err)
	}
	paths := absolute(second)
	if len(paths) < 5 {
		t.Fatalf("found the paths %v, want those of Vault, of the certificates and of the salt", paths)
	}
	spec := component(t)
	for _, file := range paths {
		if problem := missing(spec, file); problem != "" {
			t.Errorf("plugin.yaml names %s: %s", file, problem)
		}
	}
}

// absolute returns every text below a value that is an absolute path.
func absolute(value any) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		for _, below := range value {
			found = append(found, absolute(below)...)
		}
	case []any:
		for _, below := range value {
			found = append(found, absolute(below)...)
		}
	case string:
		if path.IsAbs(value) {
			found = append(found, value)
		}
	}
	return found
}

// missing says why a file cannot be there, or nothing.
func missing(spec corev1.PodSpec, file string) string {
	for _, mount := range spec.Containers[0].VolumeMounts {
		name, inside := strings.CutPrefix(file, mount.MountPath+"/")
		if !inside && file != mount.MountPath {
			continue
		}
		at := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if at < 0 {
			return "the mount's volume " + mount.Name + " is not there"
		}
		return lacks(spec.Volumes[at], name)
	}
	return "no mount has it"
}

// lacks says why a volume has no such file, or nothing. A ConfigMap's keys are
// the platform's, a directory is filled at run time.
func lacks(volume corev1.Volume, name string) string {
	var files []string
	switch {
	case volume.ConfigMap != nil, volume.EmptyDir != nil:
		return ""
	case volume.Secret != nil:
		for _, item := range volume.Secret.Items {
			files = append(files, item.Path)
		}
	case volume.Projected != nil:
		for _, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				files = append(files, source.ServiceAccountToken.Path)
			}
		}
	}
	if !slices.Contains(files, name) {
		return fmt.Sprintf("the volume %s has %v", volume.Name, files)
	}
	return ""
}

// TestInstallProtectsFiles holds what is secret to a mode that others cannot read,
// and to one container.
func TestInstallProtectsFiles(t *testing.T) {
	spec := component(t)
	secret := 0
	for _, volume := range spec.Volumes {
		var mode *int32
		switch {
		case volume.Secret != nil:
			mode = volume.Secret.DefaultMode
		case volume.Projected != nil:
			mode = volume.Projected.DefaultMode
		default:
			continue
		}
		secret++
		if mode == nil || *mode != 0o400 {
			t.Errorf("the volume %s has no mode 0400", volume.Name)
		}
	}
	if secret != 3 {
		t.Errorf("%d volumes hold something secret, want salt, audit key and token", secret)
	}
	if group := spec.SecurityContext.FSGroup; group == nil || *group != *spec.Containers[0].SecurityContext.RunAsGroup {
		t.Error("without an fsGroup that is the sidecar's group, files of mode 0400 are root's alone")
	}
	for _, mount := range spec.Containers[0].VolumeMounts {
		if shared := mount.Name == "tmp" || mount.Name == "var-files"; shared {
			t.Errorf("the sidecar shares %s with the repo-server", mount.Name)
		}
	}
	token := projectedToken(spec)
	if token == nil || token.Audience != "vault" || *token.ExpirationSeconds > 600 {
		t.Errorf("the token is %+v, want one for Vault alone that lives for ten minutes", token)
	}
}

func projectedToken(spec corev1.PodSpec) *corev1.ServiceAccountTokenProjection {
	for _, volume := range spec.Volumes {
		if volume.Projected != nil {
			return volume.Projected.Sources[0].ServiceAccountToken
		}
	}
	return nil
}

// TestInstallFits holds plugin.yaml against the container's ports and resources
// and against what Argo CD waits for.
func TestInstallFits(t *testing.T) {
	file, err := config.Load("install/sidecar/plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seal, container := file.Seal, component(t).Containers[0]
	if got := ":" + strconv.Itoa(int(container.Ports[0].ContainerPort)); got != seal.Telemetry.Address {
		t.Errorf("the port is %s, and telemetry.address is %s", got, seal.Telemetry.Address)
	}
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
		if probe.HTTPGet.Port.StrVal != container.Ports[0].Name {
			t.Errorf("a probe asks %s, which is not the port of the sidecar", probe.HTTPGet.Port.StrVal)
		}
	}
	workers := seal.Render.Workers
	if workers.Concurrency == 0 {
		t.Error("a worker for each CPU of the node is not bounded by what the container may use")
	}
	var parameters corev1.ConfigMap
	read(t, "install/sidecar/command-parameters.yaml", &parameters)
	for _, name := range []string{"controller.repo.server.timeout.seconds", "server.repo.server.timeout.seconds"} {
		patience, err := time.ParseDuration(parameters.Data[name] + "s")
		if err != nil || seal.Render.Timeout.Duration() >= patience {
			t.Errorf("a render may take %s, and %s is %s", seal.Render.Timeout.Duration(), name, patience)
		}
	}
	for _, volume := range component(t).Volumes {
		if volume.Name == "argocd-seal-trail" && volume.EmptyDir.SizeLimit.Value() <= int64(seal.Audit.MaxSize) {
			t.Errorf("the trail may grow to %d bytes, and its volume to %s", seal.Audit.MaxSize, volume.EmptyDir.SizeLimit)
		}
	}
	// Workers at their limit and the one in reserve, spares that wait, and the parent with the archives.
	const spare, parent = 100 << 20, 512 << 20
	need := int64(workers.Concurrency+1)*int64(workers.Memory) + int64(workers.Spares)*spare + parent
	limit := container.Resources.Limits[corev1.ResourceMemory]
	if limit.Value() < need {
		t.Errorf("the memory limit is %s, and the workers and the parent may need %s", limit.String(),
			resource.NewQuantity(need, resource.BinarySI))
	}
}

// TestRotationLeases holds the names that the Role gives rights for against those
// that rotation uses: a Lease without a rule would be an application that is never
// refreshed.
func TestRotationLeases(t *testing.T) {
	content, err := os.ReadFile("install/rotation/rights.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n---\n")
	var role rbacv1.Role
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		t.Fatal(err)
	}
	want := []string{"argocd-seal-rotation"}
	for shard := range rotation.Shards {
		want = append(want, fmt.Sprintf("argocd-seal-rotation-%02d", shard))
	}
	var got []string
	for _, rule := range role.Rules {
		got = append(got, rule.ResourceNames...)
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("leases (-used +in the Role):\n%s", difference)
	}
}
