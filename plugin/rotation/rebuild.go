package rotation

import (
	"iter"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// maxRecorded is the length at which the audit trail cuts a name.
const maxRecorded = 256

// Rebuild notes the renders of an audit trail, such as after a restart. Events
// of other types, and renders that failed, count for nothing; of each source of
// an application at each revision the last one counts, in whatever order they
// come. It stops at the first error and returns it.
func (x *Index) Rebuild(events iter.Seq2[audit.Event, error]) error {
	for event, err := range events {
		if err != nil {
			return err
		}
		if event.Type == audit.Render && event.Outcome == "OK" && !cut(event.Repo) && !cut(event.Path) {
			x.Used(event.App, renderOf(event))
		}
	}
	return nil
}

func renderOf(event audit.Event) Render {
	made := Render{
		RepoURL: event.Repo, Path: event.Path, Revision: event.Revision, Environment: event.Environment,
		// An event has the time of its end.
		Began: event.Time.Add(-time.Duration(event.Milliseconds["total"] * float64(time.Millisecond))),
	}
	if event.Verdict != nil {
		made.Bundle = event.Verdict.Bundle
	}
	for _, one := range event.References {
		if !one.Pinned && one.Store == "" && !cut(one.Path) {
			made.Uses = append(made.Uses, Use{Secret{one.Binding, one.Mount, one.Path}, one.Version})
		}
	}
	return made
}

// cut tells whether a name may have lost its end.
func cut(name string) bool { return len(name) >= maxRecorded-utf8Max && strings.HasSuffix(name, "...") }

// utf8Max is by how much a cut at the boundary of a character is shorter.
const utf8Max = 4
