package install

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// testNetworks reads the policies as a network plugin does, since an API server
// enforces none: what selects a pod is added up.
func testNetworks(t *testing.T, objects []*unstructured.Unstructured) {
	policies, pods := networks(t, objects)
	// callers of each port, of all the pods in Argo CD's namespace.
	for port, want := range map[int][]string{
		8081: {"argocd-application-controller", "argocd-applicationset-controller", "argocd-notifications-controller", "argocd-server"},
		8084: nil,
		8080: nil,
	} {
		if got := callers(t, policies, pods, "argocd-repo-server", port); !slices.Equal(got, want) {
			t.Errorf("port %d of the repo-server can be reached by %v, want %v", port, got, want)
		}
	}
	want := []string{"argocd-application-controller", "argocd-repo-server", "argocd-server"}
	if got := callers(t, policies, pods, "argocd-redis", 6379); !slices.Equal(got, want) {
		t.Errorf("Redis can be reached by %v, want %v", got, want)
	}
	if got, want := reached(t, policies, pods["argocd-repo-server"]), []string{"22", "443", "53", "53", "6379", "6443", "8200"}; !slices.Equal(got, want) {
		t.Errorf("the repo-server may reach the ports %v, want %v", got, want)
	}
	for _, name := range []string{"argocd-repo-server", "argocd-redis"} {
		for _, policy := range selecting(t, policies, pods[name]) {
			if !slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
				t.Errorf("%s lets %s reach anything", policy.Name, name)
			}
		}
	}
}

// testReceivers takes the comment signs from the rule for a collector of traces and
// for receivers of the audit trail.
func (s *site) testReceivers(t *testing.T, r release) {
	rule := regexp.MustCompile(`(?m)^    # - to:\n(?:    #   .*\n)+`)
	objects := installation(t, r, func(dir string) {
		file := filepath.Join(dir, "network", "repo-server.yaml")
		content, err := os.ReadFile(file)
		must(t, err)
		commented := rule.FindString(string(content))
		edit(t, file, commented, strings.ReplaceAll(commented, "    # ", "    "))
	})
	policies, pods := networks(t, objects)
	for _, port := range []string{"4317", "6514", "24224"} {
		if got := reached(t, policies, pods["argocd-repo-server"]); !slices.Contains(got, port) {
			t.Errorf("the repo-server may reach the ports %v, want %s among them", got, port)
		}
	}
	must(t, s.apply(t.Context(), s.Config, find(t, objects, "NetworkPolicy", "argocd-repo-server-network-policy")))
}

// networks returns the policies of an installation, and the labels of its pods by
// what makes them.
func networks(t *testing.T, objects []*unstructured.Unstructured) ([]networkingv1.NetworkPolicy, map[string]labels.Set) {
	t.Helper()
	var policies []networkingv1.NetworkPolicy
	pods := map[string]labels.Set{}
	for _, object := range objects {
		switch object.GetKind() {
		case "NetworkPolicy":
			var policy networkingv1.NetworkPolicy
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
				t.Fatal(err)
			}
			policies = append(policies, policy)
		case "Deployment", "StatefulSet":
			pods[object.GetName()] = pod(t, object).Labels
		}
	}
	return policies, pods
}

// reached returns the ports that a pod may connect to, wherever they are.
func reached(t *testing.T, policies []networkingv1.NetworkPolicy, pod labels.Set) []string {
	t.Helper()
	var ports []string
	for _, policy := range selecting(t, policies, pod) {
		for _, rule := range policy.Spec.Egress {
			for _, port := range rule.Ports {
				ports = append(ports, fmt.Sprint(port.Port))
			}
		}
	}
	slices.Sort(ports)
	return ports
}

// selecting returns the policies that hold for a pod.
func selecting(t *testing.T, policies []networkingv1.NetworkPolicy, pod labels.Set) []networkingv1.NetworkPolicy {
	t.Helper()
	var found []networkingv1.NetworkPolicy
	for _, policy := range policies {
		if matches(t, &policy.Spec.PodSelector, pod) {
			found = append(found, policy)
		}
	}
	return found
}

// callers returns the pods of the namespace that may connect to a port of another.
func callers(t *testing.T, policies []networkingv1.NetworkPolicy, pods map[string]labels.Set, target string, port int) []string {
	t.Helper()
	var names []string
	for _, policy := range selecting(t, policies, pods[target]) {
		for _, rule := range policy.Spec.Ingress {
			opens := slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
				return p.Port.IntValue() == port && (p.Protocol == nil || *p.Protocol == corev1.ProtocolTCP)
			})
			if !opens && len(rule.Ports) > 0 {
				continue
			}
			for name, set := range pods {
				if admits(t, rule.From, set) {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// admits tells whether a rule lets a pod of Argo CD's namespace in.
func admits(t *testing.T, from []networkingv1.NetworkPolicyPeer, pod labels.Set) bool {
	t.Helper()
	if len(from) == 0 {
		return true
	}
	namespace := labels.Set{corev1.LabelMetadataName: "argocd"}
	return slices.ContainsFunc(from, func(peer networkingv1.NetworkPolicyPeer) bool {
		return peer.IPBlock == nil &&
			(peer.NamespaceSelector == nil || matches(t, peer.NamespaceSelector, namespace)) &&
			(peer.PodSelector == nil || matches(t, peer.PodSelector, pod))
	})
}

func matches(t *testing.T, selector *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(set)
}
