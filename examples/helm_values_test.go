package examples_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// chart is what helm/values.yaml sets.
type chart struct {
	Global struct {
		SecurityContext *corev1.PodSecurityContext `json:"securityContext"`
	} `json:"global"`
	Configs struct {
		Params map[string]string `json:"params"`
		CM     map[string]string `json:"cm"`
	} `json:"configs"`
	RepoServer struct {
		ServiceAccount struct {
			Create    bool   `json:"create"`
			Name      string `json:"name"`
			Automount *bool  `json:"automountServiceAccountToken"`
		} `json:"serviceAccount"`
		Automount  *bool              `json:"automountServiceAccountToken"`
		Grace      *int64             `json:"terminationGracePeriodSeconds"`
		Containers []corev1.Container `json:"extraContainers"`
		Volumes    []corev1.Volume    `json:"volumes"`
	} `json:"repoServer"`
}

// TestHelmValues holds the values for the Helm chart against the components, field
// by field.
func TestHelmValues(t *testing.T) {
	var values chart
	read(t, "install/helm/values.yaml", &values)
	spec := component(t)
	got := corev1.PodSpec{
		ServiceAccountName:            values.RepoServer.ServiceAccount.Name,
		AutomountServiceAccountToken:  values.RepoServer.Automount,
		TerminationGracePeriodSeconds: values.RepoServer.Grace,
		SecurityContext:               values.Global.SecurityContext,
		Containers:                    values.RepoServer.Containers,
		Volumes:                       values.RepoServer.Volumes,
	}
	if difference := cmp.Diff(spec, got); difference != "" {
		t.Errorf("pod (-component +values):\n%s", difference)
	}
	var account corev1.ServiceAccount
	read(t, "install/sidecar/service-account.yaml", &account)
	from := values.RepoServer.ServiceAccount
	if !from.Create || from.Name != account.Name || *from.Automount != *account.AutomountServiceAccountToken {
		t.Errorf("the chart makes the account %+v, want one as in the component", from)
	}
	var parameters, settings corev1.ConfigMap
	read(t, "install/sidecar/command-parameters.yaml", &parameters)
	read(t, "install/health/argocd-cm.yaml", &settings)
	if difference := cmp.Diff(parameters.Data, values.Configs.Params); difference != "" {
		t.Errorf("argocd-cmd-params-cm (-component +values):\n%s", difference)
	}
	if difference := cmp.Diff(settings.Data, values.Configs.CM); difference != "" {
		t.Errorf("argocd-cm (-component +values):\n%s", difference)
	}
}
