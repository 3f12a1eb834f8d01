package shape

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// clusterScoped are the kinds of Kubernetes itself that live in no namespace, by
// group and kind.
var clusterScoped = map[string]bool{
	"/Namespace": true, "/Node": true, "/PersistentVolume": true,
	"rbac.authorization.k8s.io/ClusterRole": true, "rbac.authorization.k8s.io/ClusterRoleBinding": true,
	"apiextensions.k8s.io/CustomResourceDefinition": true, "apiregistration.k8s.io/APIService": true,
	"admissionregistration.k8s.io/MutatingWebhookConfiguration": true, "admissionregistration.k8s.io/ValidatingWebhookConfiguration": true,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy": true, "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": true,
	"admissionregistration.k8s.io/MutatingAdmissionPolicy": true, "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": true,
	"certificates.k8s.io/CertificateSigningRequest": true, "flowcontrol.apiserver.k8s.io/FlowSchema": true,
	"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": true, "networking.k8s.io/IngressClass": true,
	"node.k8s.io/RuntimeClass": true, "policy/PodSecurityPolicy": true, "scheduling.k8s.io/PriorityClass": true,
	"storage.k8s.io/CSIDriver": true, "storage.k8s.io/CSINode": true, "storage.k8s.io/StorageClass": true, "storage.k8s.io/VolumeAttachment": true,
	"gateway.networking.k8s.io/GatewayClass": true,
}

// Scope returns the namespace that an object goes to, which is empty for one
// that lives in none. Known is false for a custom kind that names no namespace,
// of which nobody can say here whether it lives in one.
func Scope(o object.Object, destination string) (namespace string, known bool) {
	if o.Namespace() != "" {
		return o.Namespace(), true
	}
	if clusterScoped[o.Group()+"/"+o.Kind()] {
		return "", true
	}
	custom := strings.Contains(o.Group(), ".") && !strings.HasSuffix(o.Group(), ".k8s.io")
	return destination, !custom
}
