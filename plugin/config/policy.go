package config

import (
	"fmt"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

// Policy is the section policy: where policies come from that are not in a
// directory, and when all of them are looked at again.
type Policy struct {
	// How often sources, directories and waivers are looked at for changes; 0
	// means at start only.
	Interval Duration `json:"interval" range:"0s..24h"`
	// Most time to fetch one source.
	Timeout Duration `json:"timeout" range:"1s..5m"`
	// How long policies may go without being found up to date before readiness
	// calls them stale; 0 means for ever. What is loaded judges all the same.
	StaleAfter Duration `json:"staleAfter" range:"0s..720h"`
	// A directory that keeps what pinned sources hold, so that a start does not
	// need the registry or Git server; empty for none.
	CacheDir string `json:"cacheDir"`
	// Bundles in registries and Git repositories; environments name them.
	Sources []PolicySource `json:"sources"`
}

// PolicySource is a bundle of policies in an OCI registry or a Git repository.
// Its files are read at each fetch.
type PolicySource struct {
	// What environments call it.
	Name string `json:"name" jsonschema:"required"`
	// A repository in a registry, as registry.example.com/policies/platform, that
	// conftest push filled. http:// before it is taken for loopback only.
	OCI string `json:"oci"`
	// The digest of the bundle, sha256: and 64 digits. Nothing else is ever used.
	Digest string `json:"digest"`
	// Instead of digest, with follow: the tag to follow.
	Tag string `json:"tag"`
	// A Git repository, as https://git.example.com/policies.git. Plain http is
	// taken for loopback only.
	Git string `json:"git"`
	// The commit, 40 digits. Nothing else is ever used.
	Commit string `json:"commit"`
	// Instead of commit, with follow: the branch to follow.
	Branch string `json:"branch"`
	// Whether the source moves with its tag or branch: whoever can move that
	// decides what is judged.
	Follow bool `json:"follow"`
	// The directory in the bundle that is its root; empty is all of it.
	Path string `json:"path"`
	// A PEM file with the authorities that sign the server's certificate; empty
	// means the system's.
	CAFile string `json:"caFile"`
	// The user, with passwordFile.
	Username string `json:"username"`
	// A file with the password, or a token that goes in its place.
	PasswordFile string `json:"passwordFile"`
	// A file with a bearer token.
	TokenFile string `json:"tokenFile"`
	// The packages to ask, with wildcards; empty means every package with rules.
	Namespaces []string `json:"namespaces"`
	// The version of Rego; empty reads each file as v1, and as v0 where it is not v1.
	Version string `json:"version" enum:"v1,v0"`
	// Whether every rule gets the list of all objects, as conftest's --combine does.
	Combine bool `json:"combine"`
}

// Remote is where the source is and how it is asked.
func (s PolicySource) Remote() remote.Source {
	return remote.Source{
		Name: s.Name, OCI: s.OCI, Digest: s.Digest, Tag: s.Tag, Git: s.Git, Commit: s.Commit, Branch: s.Branch, Follow: s.Follow,
		Path: s.Path, CAFile: s.CAFile, Username: s.Username, PasswordFile: s.PasswordFile, TokenFile: s.TokenFile,
	}
}

func defaultPolicy() Policy {
	return Policy{Interval: Duration(5 * time.Minute), Timeout: Duration(remote.DefaultTimeout), StaleAfter: Duration(time.Hour)}
}

func (p Policy) check(r *reader, environments []Environment) {
	var names []string
	known := map[string]bool{}
	for i, source := range p.Sources {
		field := fmt.Sprintf("policy.sources[%d]", i)
		for _, problem := range source.Remote().Problems() {
			r.refuse(field+"."+problem.Field, problem.Fix, "%s", problem.Message)
		}
		r.once(known, field+".name", source.Name)
		names = append(names, source.Name)
	}
	for i, environment := range environments {
		for j, name := range environment.Policy.Sources {
			if !known[name] {
				r.unknown(fmt.Sprintf("environments[%d].policy.sources[%d]", i, j), name, names, "policy.sources has no %q", name)
			}
		}
	}
}
