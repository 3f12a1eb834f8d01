package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
)

// maxPresent bounds what a controller answers, in bytes.
const maxPresent = 64 << 10

// present holds the certificate that a controller seals with now against those
// that the environments have pinned. It is fetched as kubeseal --fetch-cert does,
// through the API server.
func (v *visit) present(ctx context.Context, client kubernetes.Interface, deployment appsv1.Deployment) Finding {
	a := about{area: Sealing, check: "present"}.of(deployment.Namespace + "/" + deployment.Name)
	content := fetch(ctx, client, deployment)
	block, _ := pem.Decode(content)
	if block == nil {
		return a.unchecked("compare by hand: kubeseal --fetch-cert | openssl x509 -noout -fingerprint -sha256", "its present certificate cannot be had through the API server")
	}
	var pinned []string
	for _, environment := range v.seal.Environments {
		if _, err := seal.ParseCertificate(content, environment.Injection.SealedSecret.Fingerprint); err == nil && environment.Injection.Seals() {
			pinned = append(pinned, environment.Name)
		}
	}
	sum := sha256.Sum256(block.Bytes)
	if len(pinned) == 0 {
		return a.warn("where an environment deploys to this cluster: kubeseal --fetch-cert > FILE, and set its injection.sealedSecret.fingerprint to the one that is named",
			"its present certificate is sha256:%s, which no environment has pinned", hex.EncodeToString(sum[:]))
	}
	return a.ok("its present certificate is the one of %s", strings.Join(pinned, ", "))
}

// fetch asks the services in front of a controller for its certificate; nothing
// where none gives one.
func fetch(ctx context.Context, client kubernetes.Interface, deployment appsv1.Deployment) []byte {
	services, err := client.CoreV1().Services(deployment.Namespace).List(ctx, metav1.ListOptions{Limit: maxDeployments})
	if err != nil {
		return nil
	}
	pods := labels.Set(deployment.Spec.Template.Labels)
	for _, service := range services.Items {
		if len(service.Spec.Selector) == 0 || !labels.SelectorFromSet(service.Spec.Selector).Matches(pods) {
			continue
		}
		for _, port := range service.Spec.Ports {
			name := port.Name
			if name == "" {
				name = strconv.Itoa(int(port.Port))
			}
			answer, err := client.CoreV1().Services(service.Namespace).ProxyGet("http", service.Name, name, "/v1/cert.pem", nil).Stream(ctx)
			if err != nil {
				continue
			}
			content, err := io.ReadAll(io.LimitReader(answer, maxPresent))
			_ = answer.Close()
			if block, _ := pem.Decode(content); err == nil && block != nil && block.Type == "CERTIFICATE" {
				return content
			}
		}
	}
	return nil
}
