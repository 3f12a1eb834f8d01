package install

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// pod is a pod as the ReplicaSet of a workload makes it.
func pod(t *testing.T, workload *unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	// The template is in the same place in a Deployment and a StatefulSet.
	var read appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(workload.Object, &read); err != nil {
		t.Fatal(err)
	}
	template := read.Spec.Template
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: workload.GetName() + "-", Labels: template.Labels},
		Spec:       template.Spec,
	}
}

// admit lets the API server judge a pod by the standard of Argo CD's namespace.
func (s *site) admit(t *testing.T, pod *corev1.Pod) error {
	t.Helper()
	_, err := s.Client.CoreV1().Pods("argocd").Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

func (s *site) testPodSecurity(t *testing.T, objects []*unstructured.Unstructured) {
	judged := 0
	for _, object := range objects {
		if object.GetKind() != "Deployment" && object.GetKind() != "StatefulSet" {
			continue
		}
		judged++
		if err := s.admit(t, pod(t, object)); err != nil {
			t.Errorf("the pod of %s is not restricted: %v", object.GetName(), err)
		}
	}
	if judged < 7 {
		t.Errorf("judged %d workloads, want all of Argo CD's", judged)
	}
	for name, weaken := range weaker {
		changed := pod(t, find(t, objects, "Deployment", "argocd-repo-server"))
		at := slices.IndexFunc(changed.Spec.Containers, func(c corev1.Container) bool { return c.Name == "argocd-seal" })
		weaken(changed.Spec.Containers[at].SecurityContext)
		if err := s.admit(t, changed); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("the sidecar %s, and the API server says: %v", name, err)
		}
	}
}

// weaker takes from the sidecar what the standard asks of it.
var weaker = map[string]func(*corev1.SecurityContext){
	"may be root":           func(c *corev1.SecurityContext) { c.RunAsNonRoot = nil },
	"is root":               func(c *corev1.SecurityContext) { c.RunAsUser = new(int64(0)) },
	"may gain rights":       func(c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = nil },
	"keeps capabilities":    func(c *corev1.SecurityContext) { c.Capabilities = nil },
	"may call all syscalls": func(c *corev1.SecurityContext) { c.SeccompProfile = nil },
}
