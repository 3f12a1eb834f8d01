package policy_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
)

func TestLevelsOnAGoodAndABadRender(t *testing.T) {
	for _, level := range builtin.Levels() {
		t.Run(string(level), func(t *testing.T) {
			gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Level: level}}})
			if v := evaluate(t, gate, goodObjects(t, 30)...); len(v.Outcomes) > 0 {
				t.Errorf("a good render got:\n%s", strings.Join(said(v), "\n"))
			}
			v := evaluate(t, gate, podObject(t, true))
			if !v.Denied() || v.Outcomes[0].Rule == "" || v.Outcomes[0].Fix == "" || v.Outcomes[0].File == "" {
				t.Errorf("a privileged pod got %+v", v.Outcomes)
			}
		})
	}
}

// TestNullFieldsAreJudged leaves every field of the objects null in turn, as a
// template with an empty value does. No rule may fail on it.
func TestNullFieldsAreJudged(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Compliance}}})
	objects := goodObjects(t, 9)
	objects = append(objects,
		podObject(t, true),
		objectOf(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}, rules: [{apiGroups: [''], resources: [secrets], verbs: [get], resourceNames: [a]}]}"),
		objectOf(t, "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}, spec: {listeners: [{name: l, protocol: HTTP}]}}"),
		objectOf(t, "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g}, spec: {servers: [{port: {number: 80, protocol: HTTP}, tls: {mode: SIMPLE}}]}}"),
		objectOf(t, "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: g}, spec: {mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: DISABLE}}}}"),
		objectOf(t, "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: g}, spec: {podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}], matchLabels: {a: b}}, ingress: [{}]}}"),
	)
	cases := 0
	for _, o := range objects {
		for _, variant := range withNulls(o) {
			cases++
			v := evaluate(t, gate, append([]object.Object{variant}, objects[0], objects[1])...)
			for _, outcome := range v.Outcomes {
				if outcome.Code != fault.Policy {
					t.Errorf("%v: %s", variant.Fields, outcome.Message)
				}
			}
		}
	}
	if cases < 200 {
		t.Errorf("only %d variants", cases)
	}
}

// withNulls returns a copy of the object for each of its fields, with that
// field null.
func withNulls(o object.Object) []object.Object {
	var variants []object.Object
	var visit func(path []any, value any)
	visit = func(path []any, value any) {
		if len(path) > 1 || (len(path) == 1 && path[0] != "kind" && path[0] != "apiVersion") {
			variant := o.Clone()
			var at any = variant.Fields
			for _, step := range path[:len(path)-1] {
				at = descend(at, step)
			}
			switch at := at.(type) {
			case map[string]any:
				at[path[len(path)-1].(string)] = nil
			case []any:
				at[path[len(path)-1].(int)] = nil
			}
			variants = append(variants, variant)
		}
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				visit(append(append([]any{}, path...), key), inner)
			}
		case []any:
			for i, inner := range value {
				visit(append(append([]any{}, path...), i), inner)
			}
		}
	}
	visit(nil, o.Fields)
	return variants
}

func descend(value, step any) any {
	if list, ok := value.([]any); ok {
		return list[step.(int)]
	}
	return value.(map[string]any)[step.(string)]
}
