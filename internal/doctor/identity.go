package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

const (
	// tailBytes is how much of the end of the trail is looked at.
	tailBytes = 4 << 20
	projectUp = "run a release of Argo CD that sends ARGOCD_APP_PROJECT_NAME, such as 3.2.12; until then write repoURLs and namespaces in the place of projects"
)

// requests are what the end of the trail says of requests.
type requests struct{ all, withoutProject int }

// checkIdentity tells from the end of the audit trail what the repo-server sends
// about applications: Argo CD 2.14 does not send the project.
func (v *visit) checkIdentity(context.Context) []Finding {
	a := about{area: Sidecar, check: "identity"}
	dir := v.seal.Audit.Directory
	switch {
	case dir == "":
		return []Finding{a.unchecked("set audit.directory, or look at the field project of the sidecar's log", "what the repo-server sends is known from the audit trail, and none is kept")}
	case missingFile(dir):
		return []Finding{a.unchecked("", "what the repo-server sends is known from the audit trail, and %s is not there", dir)}
	}
	seen, err := lastRequests(dir)
	switch {
	case err != nil:
		return []Finding{a.unchecked("argocd-seal audit verify shows whether the trail is whole", "the audit trail cannot be read")}
	case seen.all == 0:
		return []Finding{a.unchecked("refresh an application that uses the plugin, then ask again", "the end of the audit trail has no request")}
	case seen.withoutProject == 0:
		return []Finding{a.ok("%s at the end of the audit trail, all with the project", prose.Several(seen.all, "request"))}
	}
	users := v.projectUsers()
	if len(users) == 0 {
		return []Finding{a.ok("%s at the end of the audit trail, %d without the project, and nothing in plugin.yaml asks for it", prose.Several(seen.all, "request"), seen.withoutProject)}
	}
	return []Finding{a.fail(fault.Identity, projectUp, "%s at the end of the audit trail, %d without the project: for those %s match nothing", prose.Several(seen.all, "request"), seen.withoutProject, strings.Join(users, ", "))}
}

// maxUsers is how many places are named.
const maxUsers = 6

// projectUsers are the parts of plugin.yaml that ask for the project.
func (v *visit) projectUsers() []string {
	var users []string
	for i, one := range v.seal.Bindings {
		if len(one.Projects) > 0 || slices.ContainsFunc(one.Paths, func(path string) bool { return strings.Contains(path, "{project}") }) {
			users = append(users, fmt.Sprintf("bindings[%d]", i))
		}
	}
	for i, one := range v.seal.Environments {
		if len(one.Match.Projects) > 0 {
			users = append(users, fmt.Sprintf("environments[%d].match", i))
		}
	}
	if len(users) > maxUsers {
		users = append(users[:maxUsers], fmt.Sprintf("%d more", len(users)-maxUsers))
	}
	return users
}

// lastRequests reads the end of the newest file of a trail that has requests.
func lastRequests(dir string) (requests, error) {
	segments, err := chain.Segments(dir)
	if err != nil {
		return requests{}, err
	}
	for _, segment := range slices.Backward(segments) {
		seen, err := requestsOf(segment)
		if err != nil || seen.all > 0 {
			return seen, err
		}
	}
	return requests{}, nil
}

func requestsOf(segment chain.Segment) (requests, error) {
	var seen requests
	file, err := os.OpenFile(segment.Path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return seen, err
	}
	defer func() { _ = file.Close() }()
	begin := max(segment.Size-tailBytes, 0)
	lines := chain.NewLines(io.NewSectionReader(file, begin, segment.Size-begin))
	for number := 0; ; number++ {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, chain.ErrTorn):
			return seen, nil
		case err != nil:
			return seen, err
		case number == 0 && begin > 0:
			continue // it may be the end of a line
		}
		var event audit.Event
		if json.Unmarshal(line, &event) != nil || event.Type != audit.Render || event.App == "" {
			continue
		}
		seen.all++
		if event.Project == "" {
			seen.withoutProject++
		}
	}
}
