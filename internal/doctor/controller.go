package doctor

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	kubefault "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxDeployments bounds what the API server is asked for.
	maxDeployments = 500
	controllerFix  = "argocd-seal doctor --kubeconfig FILE, with a connection to the cluster of the controller"
)

// safeController is the first release of sealed-secrets without CVE-2026-22728,
// by which who reads a SealedSecret has it sealed anew for the whole cluster.
var safeController = [3]int{0, 36, 0}

// controllerImage finds the version in the name of the controller's image.
var controllerImage = regexp.MustCompile(`sealed-secrets(?:-controller)?(?:/[a-z0-9._-]+)?:v?([0-9]+)\.([0-9]+)\.([0-9]+)`)

// checkController asks the API server which release of the sealed-secrets
// controller runs.
func (v *visit) checkController(ctx context.Context) []Finding {
	a := about{area: Sealing, check: "controller"}
	seals := false
	for _, environment := range v.seal.Environments {
		seals = seals || environment.Injection.Seals()
	}
	if !seals {
		return nil
	}
	if v.Tools.Kubernetes == nil {
		return []Finding{a.unchecked(controllerFix, "its release is known to its cluster only")}
	}
	settings, err := v.Tools.Kubernetes()
	if err != nil {
		return []Finding{a.unchecked(controllerFix, "the cluster was not asked: %s", placed(fault.Of(err)[0]))}
	}
	client, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return []Finding{a.unchecked(controllerFix, "the API server cannot be asked with this kubeconfig")}
	}
	list, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{Limit: maxDeployments})
	switch {
	case kubefault.IsForbidden(err) || kubefault.IsUnauthorized(err):
		return []Finding{a.unchecked(controllerFix, "this account may not list Deployments")}
	case err != nil:
		return []Finding{a.unchecked(controllerFix, "the API server does not answer")}
	}
	var findings []Finding
	for _, deployment := range list.Items {
		found := controllers(a, deployment)
		if findings = append(findings, found...); len(found) > 0 {
			findings = append(findings, v.present(ctx, client, deployment))
		}
	}
	if len(findings) == 0 {
		return []Finding{a.unchecked("look in the cluster that the environment deploys to: "+controllerFix, "no Deployment of this cluster runs an image called sealed-secrets-controller")}
	}
	return findings
}

// controllers are the findings about one Deployment: none where it is no
// controller.
func controllers(a about, deployment appsv1.Deployment) []Finding {
	var findings []Finding
	for _, container := range deployment.Spec.Template.Spec.Containers {
		if !strings.Contains(container.Image, "sealed-secrets") {
			continue
		}
		a := a.of(deployment.Namespace + "/" + deployment.Name)
		upgrade := fmt.Sprintf("upgrade it to 0.36.0 or newer: kubectl -n %s set image deployment/%s %s=IMAGE", deployment.Namespace, deployment.Name, container.Name)
		version, known := versionOf(container.Image)
		switch {
		case !known:
			findings = append(findings, a.warn(upgrade, "its image %s does not tell a release", container.Image))
		case older(version, safeController):
			findings = append(findings, a.fail(fault.Seal, upgrade, "release %d.%d.%d lets anybody who reads a SealedSecret have it sealed anew for the whole cluster (CVE-2026-22728)", version[0], version[1], version[2]))
		default:
			findings = append(findings, a.ok("release %d.%d.%d", version[0], version[1], version[2]))
		}
	}
	return findings
}

func versionOf(image string) (version [3]int, known bool) {
	match := controllerImage.FindStringSubmatch(image)
	if match == nil {
		return version, false
	}
	for i := range version {
		number, err := strconv.Atoi(match[i+1])
		if err != nil {
			return version, false
		}
		version[i] = number
	}
	return version, true
}

func older(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
