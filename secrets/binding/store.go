package binding

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// Store lets identities name secrets of a store other than Vault. Nothing is
// read from it: an operator in the cluster does, through the object that Kind
// and StoreName name.
type Store struct {
	// Provider is the word of the references, such as aws-sm.
	Provider string
	// Names are patterns for the names. {project}, {app} and {namespace} stand for
	// the identity's own, as one segment. A pattern fits an ARN only where it
	// begins as one.
	Names []string
	// Project is the Google Cloud project of the store; references that name a
	// project must name this one.
	Project string
	// Kind is SecretStore or ClusterSecretStore, and StoreName the object's name.
	Kind      string
	StoreName string
}

// The kinds of External Secrets Operator's stores.
const (
	KindSecretStore        = "SecretStore"
	KindClusterSecretStore = "ClusterSecretStore"
)

const arn = "arn:"

// objectName is what Kubernetes and the operator's schema take as a store's name.
var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

const maxObjectName = 253

// cloudProject is an ID or a number of a Google Cloud project.
var cloudProject = regexp.MustCompile(`^(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,19})$`)

// Problem is what is wrong with one field of a store.
type Problem struct{ Field, Message, Fix string }

// Problems returns everything that keeps a store from being used. Fields are
// those of plugin.yaml.
func (s Store) Problems() []Problem {
	var problems []Problem
	add := func(field, fix, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...), fix})
	}
	if s.Provider == "" {
		add("provider", "write aws-sm, gcp-sm or azure-kv", "is missing")
	} else if !slices.Contains(reference.Stores(), reference.Store(s.Provider)) {
		add("provider", "write aws-sm, gcp-sm or azure-kv", "%q is no store", fault.Clean(s.Provider, 80))
	}
	if len(s.Names) == 0 {
		add("names", "list the names that may be referred to, such as team-a/*", "is missing")
	}
	for i, name := range s.Names {
		if _, err := pattern.Compile(placeholders.Replace(name)); err != nil {
			add(fmt.Sprintf("names[%d]", i), err.Fix, "%s", err.Message)
		}
	}
	if s.Project != "" && s.Provider != string(reference.GCP) {
		add("project", "remove it", "only gcp-sm has projects")
	} else if s.Project != "" && !cloudProject.MatchString(s.Project) {
		add("project", "write the project's ID or number", "%q is no project of Google Cloud", fault.Clean(s.Project, 80))
	}
	if s.Kind != "" && s.Kind != KindSecretStore && s.Kind != KindClusterSecretStore {
		add("store.kind", "write SecretStore or ClusterSecretStore", "%q is no kind of store", fault.Clean(s.Kind, 80))
	}
	switch {
	case s.StoreName == "":
		add("store.name", "name the SecretStore or ClusterSecretStore that reads", "is missing")
	case len(s.StoreName) > maxObjectName || !objectName.MatchString(s.StoreName):
		add("store.name", "write it as kubectl get shows it", "%q cannot be the name of an object", fault.Clean(s.StoreName, 80))
	}
	return problems
}

// StoreRef names the object of External Secrets Operator that reads a store.
type StoreRef struct{ Kind, Name string }

// ref is the object that reads, whose kind is ClusterSecretStore where none is
// set, as with the store for Vault.
func (s Store) ref() StoreRef {
	if s.Kind == "" {
		return StoreRef{KindClusterSecretStore, s.StoreName}
	}
	return StoreRef{s.Kind, s.StoreName}
}

// granted is a store with the identity's names in its patterns.
type granted struct {
	Store
	names []pattern.Pattern
}

// newGranted expands the patterns of a store. Those of ARNs are told apart by
// their text before that, which no name of an identity can change.
func newGranted(store Store, expand func(text string) (pattern.Pattern, bool)) granted {
	one := granted{Store: store}
	for _, text := range store.Names {
		if expanded, ok := expand(text); ok {
			one.names = append(one.names, expanded)
		} else {
			one.names = append(one.names, pattern.Pattern{}) // matches nothing, and keeps the order
		}
	}
	return one
}

func (g *granted) allows(ref *reference.Reference) bool {
	if g.Provider != string(ref.Store) || ref.Project() != "" && ref.Project() != g.Project {
		return false
	}
	name := ref.Name()
	for i, text := range g.Store.Names {
		if strings.HasPrefix(text, arn) == strings.HasPrefix(name, arn) && g.names[i].Match(name) {
			return true
		}
	}
	return false
}

// AuthorizePointer returns the grant of the first rule that lets the identity
// name a secret of another store, and the object that reads it. It knows nothing
// of what exists.
func (g *Grants) AuthorizePointer(ref *reference.Reference) (*Grant, StoreRef, bool) {
	for _, grant := range g.rules {
		for i := range grant.stores {
			if grant.stores[i].allows(ref) {
				return grant, grant.stores[i].ref(), true
			}
		}
		if grant.anyStore {
			return grant, StoreRef{KindClusterSecretStore, string(ref.Store)}, true
		}
	}
	return nil, StoreRef{}, false
}
