package rotation

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unique"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// Problem is what can be wrong with a secret in use.
type Problem string

// The problems.
const (
	// Deleted and Destroyed: a version in use, or the one that the next render
	// would read, is.
	Deleted   Problem = "deleted"
	Destroyed Problem = "destroyed"
	// Missing: Vault has no such secret any more.
	Missing Problem = "missing"
	// Unwatched: the login may not read the secret's metadata.
	Unwatched Problem = "unwatched"
	// Old: the current version is older than the platform wants.
	Old Problem = "old"
)

// Problems returns all problems.
func Problems() []Problem { return []Problem{Deleted, Destroyed, Missing, Unwatched, Old} }

// finding is one problem of one version of a secret; version 0 is the secret.
type finding struct {
	secret  unique.Handle[Secret]
	problem Problem
	version int
}

// inspect lists what is wrong with a secret in use.
func inspect(secret unique.Handle[Secret], metadata vault.Metadata, used *usage, maxAge time.Duration, now time.Time) []finding {
	asked := map[int]bool{metadata.Current: true}
	for version := range used.versions {
		asked[int(version)] = true
	}
	var found []finding
	for number := range asked {
		version, known := metadata.Versions[number]
		switch {
		case !known: // Vault keeps the last versions only
		case version.Destroyed:
			found = append(found, finding{secret, Destroyed, number})
		case !version.Readable(now):
			found = append(found, finding{secret, Deleted, number})
		case maxAge > 0 && number == metadata.Current && now.Sub(version.Created) > maxAge:
			found = append(found, finding{secret, Old, number})
		}
	}
	return found
}

// sentence tells people of a finding.
func (f finding) sentence(used *usage) string {
	renders := 0
	for _, count := range used.versions {
		renders += count
	}
	what := map[Problem]string{
		Deleted: "is deleted", Destroyed: "is destroyed", Missing: "is not in Vault any more",
		Unwatched: "is not watched: the role may not read its metadata", Old: "is older than rotation.maxAge",
	}[f.problem]
	subject := f.secret.Value().Logical()
	if f.version > 0 {
		subject = fmt.Sprintf("version %d of %s", f.version, subject)
	}
	return fault.Clean(fmt.Sprintf("%s %s; in use by %s, in %d renders", subject, what, strings.Join(used.apps, ", "), renders), 1024)
}

// report tells of findings that are new since the round before, and counts all.
func (r *Rotation) report(ctx context.Context, found []finding, inUse map[unique.Handle[Secret]]*usage) {
	now := map[finding]bool{}
	counts := map[Problem]int{}
	for _, one := range found {
		if now[one] {
			continue
		}
		now[one] = true
		counts[one.problem]++
		if r.reported[one] {
			continue
		}
		secret := one.secret.Value()
		message := one.sentence(inUse[one.secret])
		r.log.WithField("problem", one.problem).Warn(message)
		r.record(ctx, audit.Event{
			Type: audit.Secret, Outcome: outcomeOf(one.problem), Message: message,
			References: []audit.Reference{{Binding: secret.Binding, Mount: secret.Mount, Path: secret.Path, Version: one.version}},
		})
	}
	r.reported = now
	r.counters.update(func(s *Stats) { s.Problems = counts })
}

func outcomeOf(problem Problem) string {
	switch problem {
	case Old:
		return "OK"
	case Unwatched:
		return string(fault.Config)
	default:
		return string(fault.Secret)
	}
}
