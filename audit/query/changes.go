package query

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// OK is the outcome of what did not fail.
const OK = "OK"

// Change says how a render differs from the one before of the same source of
// the same application, and what else is different.
type Change string

// The changes. The words are those that people see.
const (
	// Same is a render with the same output, one that failed, and what is no
	// render.
	Same Change = ""
	// First is a render that has none before it in what was read.
	First Change = "first"
	// ByCommit came with another commit.
	ByCommit Change = "commit"
	// BySecrets came from the same commit with other secrets or versions of them.
	BySecrets Change = "secrets"
	// ByBoth came with both.
	ByBoth Change = "commit and secrets"
	// BySettings came from the same commit and secrets: parameters of the
	// Application, the plugin's configuration, the certificate or its version.
	BySettings Change = "settings"
)

// maxSources bounds how many sources of applications are remembered, some 150
// bytes each.
const maxSources = 500_000

// changes remembers the last output of each source of each application. It
// takes events in the order in which they happened.
type changes struct{ last map[digest]state }

type digest [16]byte

type state struct{ output, revision, secrets digest }

// add tells how an event changed what its application consists of.
func (c *changes) add(e *audit.Event) (Change, error) {
	if e.Type != audit.Render || e.Outcome != OK || e.Output == "" {
		return Same, nil
	}
	source := sum(e.Project, e.App, e.Environment, e.Repo, e.Path)
	now := state{output: sum(e.Output), revision: sum(e.Revision), secrets: secretsOf(e.References)}
	before, known := c.last[source]
	if !known && len(c.last) >= maxSources {
		return Same, fault.New(fault.Limit, "the trail has more than %d applications with their sources", maxSources).
			WithFix("ask for some of them with --project, --environment or --app")
	}
	if c.last == nil {
		c.last = map[digest]state{}
	}
	c.last[source] = now
	switch {
	case !known:
		return First, nil
	case before.output == now.output:
		return Same, nil
	case before.revision != now.revision && before.secrets != now.secrets:
		return ByBoth, nil
	case before.revision != now.revision:
		return ByCommit, nil
	case before.secrets != now.secrets:
		return BySecrets, nil
	default:
		return BySettings, nil
	}
}

// sum is short, since nothing secret or signed depends on it.
func sum(texts ...string) digest {
	full := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return digest(full[:16])
}

func secretsOf(references []audit.Reference) digest {
	names := make([]string, len(references))
	for i, reference := range references {
		names[i] = SecretName(reference)
	}
	slices.Sort(names)
	return sum(slices.Compact(names)...)
}
