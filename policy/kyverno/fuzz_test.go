package kyverno_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
)

// cut is between a policy and the objects of a seed.
const cut = "\n# objects\n"

func seeds(f *testing.F) []string {
	f.Helper()
	var all []string
	for _, payload := range corpus.YAML() {
		all = append(all, payload, payload+cut+pod, ruled(aboutPods+anyImage)+cut+payload)
	}
	for i, pattern := range anchorPatterns {
		rule := aboutPods + "    validate: {pattern: {" + quoteKeys(pattern) + "}}\n"
		all = append(all, ruled(rule)+cut+"apiVersion: v1\nkind: Pod\n"+strings.Replace(podBodies[i%len(podBodies)], ", spec:", "\nspec:", 1)+"\n")
	}
	for _, block := range matchBlocks {
		all = append(all, policyOf("m", []string{block + ", validate: {pattern: {kind: x}}"})+cut+matched)
	}
	for i, key := range conditionKeys {
		value, operator := conditionValues[i], kyverno.Operators()[i%len(kyverno.Operators())]
		condition := aboutSamples + ", validate: {deny: {conditions: {any: [{key: " + key + ", operator: " + operator + ", value: " + value + "}]}}}"
		all = append(all, policyOf("c", []string{condition})+cut+conditionObject)
	}
	files, err := filepath.Glob("../../examples/kyverno/policies/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, string(text)+cut+workloads())
	}
	return append(all, controllerPolicies+cut+workloads(), ruled(aboutPods+anyImage)+cut+pod)
}

// FuzzPolicy loads any text as policies, and lets those that load judge any
// objects. What does not load is a fault with its line; what loads judges twice
// the same, under the ids that it has.
func FuzzPolicy(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	f.Fuzz(func(t *testing.T, text string) {
		policies, objects, _ := strings.Cut(text, cut)
		set, err := kyverno.Load(source(policies))
		if err != nil {
			if set != nil {
				t.Error("policies come with a fault")
			}
			for _, one := range fault.Of(err) {
				if one.Code != fault.PolicyLoad || one.Line <= 0 && one.File != "" && !strings.Contains(one.Message, "yaml:") {
					t.Errorf("refused without a line: %v", one)
				}
			}
			return
		}
		all, err := object.Decode("objects.yaml", []byte(objects))
		if err != nil || object.Check(all) != nil {
			all = decoded(t, pod)
		}
		ids := set.Rules()
		for _, o := range all {
			first, err := set.Check(t.Context(), o, "web", vap.Namespaces(all))
			if err != nil {
				t.Fatal(err)
			}
			again, _ := set.Check(t.Context(), o, "web", vap.Namespaces(all))
			if diff := cmp.Diff(first, again); diff != "" {
				t.Errorf("judged otherwise the second time:\n%s", diff)
			}
			for _, finding := range first {
				if !slices.Contains(ids, finding.Rule) || finding.Message == "" || finding.Line == 0 {
					t.Errorf("a finding of no rule, or without a word: %+v", finding)
				}
			}
		}
	})
}
