package config

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
)

// Vault says how to reach HashiCorp Vault. Nothing of it is read from the
// environment.
type Vault struct {
	// Vault's address, https://host:port. Plain http is taken for loopback only.
	Address string `json:"address"`
	// Vault's namespace; empty for none.
	Namespace string `json:"namespace"`
	// A PEM file with the authorities that sign Vault's certificate; empty means
	// the system's.
	CAFile string `json:"caFile"`
	// A PEM file with the client certificate for mutual TLS.
	ClientCertFile string `json:"clientCertFile"`
	// A PEM file with the key of the client certificate.
	ClientKeyFile string `json:"clientKeyFile"`
	// The name in Vault's certificate where it is not the address's.
	ServerName string `json:"serverName"`
	// Most time for one request to Vault.
	Timeout Duration `json:"timeout" range:"100ms..1m"`
	// Most requests that the sidecar makes in one second.
	RequestsPerSecond int `json:"requestsPerSecond" range:"1..10000"`
	// The ways to log in; bindings name them.
	Roles []VaultRole `json:"roles"`
}

// VaultRole is one way to log in. Its files are read at each login.
type VaultRole struct {
	// What bindings call it.
	Name string `json:"name" jsonschema:"required"`
	// The auth method.
	Method string `json:"method" jsonschema:"required" enum:"kubernetes,approle,jwt,userpass,token"`
	// Where the auth method is mounted; empty means at its name.
	Mount string `json:"mount"`
	// Vault's namespace where it is not vault.namespace.
	Namespace string `json:"namespace"`
	// The role's name in Vault, for kubernetes and jwt.
	VaultRole string `json:"vaultRole"`
	// A file with a service account's token, a JWT or a Vault token.
	TokenFile string `json:"tokenFile"`
	// The role id, for approle.
	RoleID string `json:"roleID"`
	// A file with the secret id, for approle.
	SecretIDFile string `json:"secretIDFile"`
	// The user, for userpass.
	Username string `json:"username"`
	// A file with the password, for userpass.
	PasswordFile string `json:"passwordFile"`
}

func defaultVault() Vault {
	return Vault{Timeout: Duration(5 * time.Second), RequestsPerSecond: 100}
}

func (v Vault) check(r *reader) {
	if address, err := url.Parse(v.Address); v.Address != "" && (err != nil || address.Host == "") {
		r.refuse("vault.address", "write it as https://host:port", "%q is not an address", v.Address)
	}
	seen := map[string]bool{}
	for i, role := range v.Roles {
		if seen[role.Name] {
			r.refuse(fmt.Sprintf("vault.roles[%d].name", i), "remove one of the two", "%q stands twice", role.Name)
		}
		seen[role.Name] = true
	}
}

// checkBindings refuses a binding whose login does not exist, and stores that
// cannot be used: otherwise the first application that uses it would find out.
func (c *SealConfig) checkBindings(r *reader) {
	names := make([]string, len(c.Vault.Roles))
	for i, role := range c.Vault.Roles {
		names[i] = role.Name
	}
	for i, bound := range c.Bindings {
		if bound.Role != "" && len(names) > 0 && !slices.Contains(names, bound.Role) {
			r.unknown(fmt.Sprintf("bindings[%d].role", i), bound.Role, names, "vault.roles has no %q", bound.Role)
		}
		for n, store := range bound.rule().Stores {
			for _, problem := range store.Problems() {
				r.refuse(fmt.Sprintf("bindings[%d].stores[%d].%s", i, n, problem.Field), problem.Fix, "%s", problem.Message)
			}
		}
	}
}

// Binding says which applications may read which paths, and with which login.
// What no binding allows is refused.
type Binding struct {
	// The name that messages show.
	Name string `json:"name" jsonschema:"required"`
	// Patterns for the AppProject.
	Projects []string `json:"projects"`
	// Patterns for the Application's name; they count only beside projects.
	Apps []string `json:"apps"`
	// Patterns for the repository's URL. Needed where Argo CD sends no project.
	RepoURLs []string `json:"repoURLs"`
	// Patterns for the destination namespace, which are also the namespaces that
	// secrets may be sealed for.
	Namespaces []string `json:"namespaces"`
	// The login, by its name in vault.roles; none where the binding has stores alone.
	Role string `json:"role"`
	// Paths as mount/path, matched part by part; "**" may end them. {project},
	// {app} and {namespace} stand for the application's own.
	Paths []string `json:"paths"`
	// Paths, or path#key, whose values are no secrets and may stand anywhere.
	NonSecret []string `json:"nonSecret"`
	// Allowed injections; empty means those of the environment, but for plaintext.
	Injections []string `json:"injections" enum:"sealed-secret,external-secret,vault-static-secret,secret-provider-class,vault-agent,plaintext"`
	// Other stores than Vault. The sidecar never reads them: references become
	// ExternalSecrets.
	Stores []BoundStore `json:"stores"`
}

// BoundStore is another store than Vault, and which of its secrets may be
// referred to.
type BoundStore struct {
	// The word of the references: AWS Secrets Manager, Google Cloud Secret Manager
	// or Azure Key Vault.
	Provider string `json:"provider" jsonschema:"required" enum:"aws-sm,gcp-sm,azure-kv"`
	// Patterns for the names, matched part by part; "**" may end them. {project},
	// {app} and {namespace} stand for the application's own. A pattern fits an ARN
	// only where it begins with "arn:".
	Names []string `json:"names" jsonschema:"required"`
	// For gcp-sm: the project of the store, which references may name.
	Project string `json:"project"`
	// The object of External Secrets Operator that reads the store.
	Store StoreRef `json:"store" jsonschema:"required"`
}

// StoreRef names an object of External Secrets Operator.
type StoreRef struct {
	// The store's kind; empty means ClusterSecretStore. A SecretStore lies in the
	// namespace of the Secret.
	Kind string `json:"kind" enum:"SecretStore,ClusterSecretStore"`
	// The store's name.
	Name string `json:"name" jsonschema:"required"`
}

// OfVault tells whether the binding is for paths of Vault.
func (b Binding) OfVault() bool { return len(b.Paths) > 0 }

// Rules returns the bindings as the secrets stage takes them.
func (c *SealConfig) Rules() []binding.Rule {
	rules := make([]binding.Rule, len(c.Bindings))
	for i, bound := range c.Bindings {
		rules[i] = bound.rule()
	}
	return rules
}

// AsksVault tells whether any reference can lead to Vault.
func (c *SealConfig) AsksVault() bool { return slices.ContainsFunc(c.Bindings, Binding.OfVault) }

// PointsElsewhere tells whether any reference can lead to another store.
func (c *SealConfig) PointsElsewhere() bool {
	return slices.ContainsFunc(c.Bindings, func(b Binding) bool { return len(b.Stores) > 0 })
}

func (b Binding) rule() binding.Rule {
	rule := binding.Rule{
		Name: b.Name, Projects: b.Projects, Apps: b.Apps, RepoURLs: b.RepoURLs, Namespaces: b.Namespaces,
		Role: b.Role, Paths: b.Paths, NonSecret: b.NonSecret, Injections: b.Injections,
	}
	for _, store := range b.Stores {
		rule.Stores = append(rule.Stores, binding.Store{
			Provider: store.Provider, Names: store.Names, Project: store.Project, Kind: store.Store.Kind, StoreName: store.Store.Name,
		})
	}
	return rule
}
