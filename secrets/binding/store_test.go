package binding_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

const teamARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team-a/"

func TestAuthorizePointer(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{
		{Name: "a", Projects: []string{"team-a"}, Apps: []string{"payments"}, Stores: []binding.Store{
			{Provider: "aws-sm", Names: []string{"team-a/*", "{project}/{app}/**"}, StoreName: "aws"},
			{Provider: "aws-sm", Names: []string{teamARN + "*"}, Kind: "SecretStore", StoreName: "aws-eu"},
			{Provider: "gcp-sm", Names: []string{"team-a-*"}, Project: "shop-prod", StoreName: "gcp"},
			{Provider: "azure-kv", Names: []string{"{project}-*"}, StoreName: "kv-a"},
		}},
		{Name: "everything of one store", Projects: []string{"team-a"}, Namespaces: []string{"team-a-prod"}, Stores: []binding.Store{
			{Provider: "azure-kv", Names: []string{"**"}, StoreName: "kv-all"},
			{Provider: "aws-sm", Names: []string{"shared/*"}, StoreName: "shared"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	other := teamA
	other.Project = "team-b"
	for _, test := range []struct {
		name     string
		identity binding.Identity
		ref      string
		want     string
	}{
		{"granted", teamA, "<aws-sm:team-a/db#k>", "a ClusterSecretStore/aws"},
		{"with the identity's names", teamA, "<aws-sm:team-a/payments/deep/db>", "a ClusterSecretStore/aws"},
		{"by an ARN", teamA, "<aws-sm:" + teamARN + "db-AbC123#k>", "a SecretStore/aws-eu"},
		{"a name of the project", teamA, "<azure-kv:team-a-db>", "a ClusterSecretStore/kv-a"},
		{"the next binding", teamA, "<azure-kv:anything>", "everything of one store ClusterSecretStore/kv-all"},
		{"the store's project", teamA, "<gcp-sm:team-a-db#k#3>", "a ClusterSecretStore/gcp"},
		{"the same project by its name", teamA, "<gcp-sm:projects/shop-prod/secrets/team-a-db>", "a ClusterSecretStore/gcp"},
		{"another project", teamA, "<gcp-sm:projects/shop-dev/secrets/team-a-db>", ""},
		{"another name", teamA, "<aws-sm:team-b/db>", ""},
		{"a longer name", teamA, "<aws-sm:team-ab/db>", ""},
		{"one part more", teamA, "<aws-sm:team-a/x/db>", ""},
		{"the same name in another store", teamA, "<gcp-sm:shared>", ""},
		{"an ARN of another account", teamA, "<aws-sm:" + strings.Replace(teamARN, "123456789012", "210987654321", 1) + "db-AbC123>", ""},
		{"no ARN by a pattern for names", teamA, "<aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbC123>", ""},
		{"another project of Argo CD", other, "<aws-sm:team-a/db#k>", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ref, err := reference.Parse(test.ref)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if grant, store, ok := set.Match(test.identity).AuthorizePointer(ref); ok {
				got = grant.Binding + " " + store.Kind + "/" + store.Name
			}
			if got != test.want {
				t.Errorf("%s is read by %q, want %q", test.ref, got, test.want)
			}
		})
	}
	if _, ok := set.Match(teamA).Authorize("team-a/db", "shared/x"); ok {
		t.Error("a name of another store gives a path of Vault")
	}
}

// A pattern for all names must not reach into other accounts by their ARNs, and a
// name that an Application's author chooses must not become a pattern.
func TestPointersStayNarrow(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{{Projects: []string{"*"}, Stores: []binding.Store{
		{Provider: "aws-sm", Names: []string{"**", "*"}, StoreName: "all"}, {Provider: "gcp-sm", Names: []string{"{app}"}, StoreName: "gcp"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := reference.Parse("<aws-sm:" + teamARN + "db-AbC123>")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := set.Match(teamA).AuthorizePointer(foreign); ok {
		t.Error("** gives an ARN")
	}
	ref, err := reference.Parse("<gcp-sm:db>")
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"*", "**", "d*", "", "{project}", "db/x"} {
		identity := teamA
		identity.App = app
		if _, _, ok := set.Match(identity).AuthorizePointer(ref); ok {
			t.Errorf("the name %q gives another's secret", app)
		}
	}
}

func TestNewSetRefusesStores(t *testing.T) {
	good := binding.Store{Provider: "aws-sm", Names: []string{"a/*"}, StoreName: "aws"}
	if _, err := binding.NewSet([]binding.Rule{{Projects: []string{"p"}, Stores: []binding.Store{good}}}); err != nil {
		t.Fatalf("a binding with a store alone: %v", err)
	}
	for field, edit := range map[string]func(*binding.Rule, *binding.Store){
		"stores[0].provider":   func(_ *binding.Rule, s *binding.Store) { s.Provider = "vault" },
		"stores[0].provider ":  func(_ *binding.Rule, s *binding.Store) { s.Provider = "" },
		"stores[0].names":      func(_ *binding.Rule, s *binding.Store) { s.Names = nil },
		"stores[0].names[0]":   func(_ *binding.Rule, s *binding.Store) { s.Names = []string{"a/**/b"} },
		"stores[0].project":    func(_ *binding.Rule, s *binding.Store) { s.Project = "shop-prod" },
		"stores[0].store.kind": func(_ *binding.Rule, s *binding.Store) { s.Kind = "Store" },
		"stores[0].store.name": func(_ *binding.Rule, s *binding.Store) { s.StoreName = "A_b" },
		"role":                 func(r *binding.Rule, _ *binding.Store) { r.Role = "reader" },
		"paths":                func(r *binding.Rule, _ *binding.Store) { r.Role, r.NonSecret = "reader", []string{"kv/a"} },
		"projects":             func(r *binding.Rule, _ *binding.Store) { r.Projects = nil },
	} {
		rule, store := binding.Rule{Projects: []string{"p"}}, good
		edit(&rule, &store)
		rule.Stores = []binding.Store{store}
		_, err := binding.NewSet([]binding.Rule{rule})
		faults := fault.Of(err)
		if len(faults) != 1 || faults[0].Code != fault.Config || faults[0].Field != "bindings[0]."+strings.TrimSpace(field) {
			t.Errorf("%s: %v, want one E_CONFIG", field, err)
		}
	}
}
