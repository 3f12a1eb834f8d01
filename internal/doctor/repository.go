package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor/stream"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

const (
	// saving is what a setting must save, of what is streamed and in bytes, to be
	// worth a warning.
	savingPart  = 2
	savingBytes = 256 << 10
	// shownUnread is how many directories are named that nobody reads.
	shownUnread = 5
)

// checkRepository tells what the repo-server streams for each application, and
// which settings would have it stream less.
func (v *visit) checkRepository(ctx context.Context) []Finding {
	a := about{area: Repository, check: "stream"}
	settings := v.seal.Render
	settings.Sandbox.Require = nil
	pool, err := v.Tools.Workers(settings)
	if err != nil {
		return a.faults(err)
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return a.faults(err)
	}
	question := stream.Question{Root: v.Repository, Apps: v.Apps, Excluded: v.Excluded, Limits: settings.Request(), Renderer: pool}
	for _, environment := range v.seal.Environments {
		if from := environment.Promotion; from.From != "" {
			question.Promotions = append(question.Promotions, from.From)
			question.Owners = question.Owners || from.RequireOwners || len(from.Owners) > 0
		}
	}
	answer, err := stream.Measure(ctx, question)
	if err != nil {
		return a.faults(err)
	}
	findings := v.streamed(a, answer)
	for _, app := range answer.Apps {
		findings = append(findings, v.application(app, answer, question.Owners))
	}
	if answer.More > 0 {
		findings = append(findings, about{area: Repository, check: "application"}.unchecked("name them with --app", "%s more, because there are so many", prose.Several(answer.More, "application")))
	}
	return findings
}

// streamed judges the whole repository, which is what is streamed for an
// application without the annotation.
func (v *visit) streamed(a about, answer stream.Answer) []Finding {
	now := answer.Now
	seen := fmt.Sprintf("%s for every render, %s unpacked, %s", size(now.Packed), size(now.Unpacked), prose.Several(now.Entries, "entry"))
	seen = strings.Replace(seen, "entrys", "entries", 1)
	fix := ""
	if len(answer.Exclusions) > 0 {
		fix = "in argocd-cmd-params-cm: reposerver.plugin.tar.exclusions: " + strings.Join(append(v.Excluded, answer.Exclusions...), ";") +
			" (it holds for all repositories)"
	}
	var findings []Finding
	switch {
	case v.tooLarge(now) != "":
		if fix == "" {
			fix = "use the annotations that are named below, or raise render.limits.archive." + v.tooLarge(now)
		}
		findings = append(findings, a.fail(fault.Limit, fix, "%s; render.limits.archive.%s refuses it", seen, v.tooLarge(now)))
	case saves(now, answer.Then):
		findings = append(findings, a.warn(fix, "%s; %s would do", seen, size(answer.Then.Packed)))
	default:
		findings = append(findings, a.ok("%s", seen))
	}
	findings[0].Bytes = &Bytes{Now: now.Packed, Then: answer.Then.Packed}
	if unread := unreadOf(answer); unread != "" {
		findings = append(findings, about{area: Repository, check: "unread"}.ok("no application reads %s", unread))
	}
	return findings
}

// tooLarge names the limit that an archive passes.
func (v *visit) tooLarge(now stream.Size) string {
	limits := v.seal.Render.Limits.Archive
	switch {
	case now.Packed > int64(limits.CompressedBytes):
		return "compressedBytes"
	case now.Unpacked > int64(limits.ExpandedBytes):
		return "expandedBytes"
	case now.Entries > limits.Entries:
		return "entries"
	case now.Largest > int64(limits.FileBytes):
		return "fileBytes"
	}
	return ""
}

func saves(now, then stream.Size) bool {
	return now.Packed-then.Packed >= savingBytes && then.Packed*savingPart <= now.Packed
}

func unreadOf(answer stream.Answer) string {
	var parts []string
	for _, one := range answer.Unread[:min(len(answer.Unread), shownUnread)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", one.Path, size(one.Bytes)))
	}
	return strings.Join(parts, ", ")
}

// application says what one application reads.
func (v *visit) application(app stream.App, answer stream.Answer, owners bool) Finding {
	a := about{area: Repository, check: "application"}.of(app.Path)
	reads := strings.Join(app.Reads, ", ")
	annotation := "annotate the Application: argocd.argoproj.io/manifest-generate-paths: " + app.Annotation +
		`; and in argocd-cmd-params-cm: reposerver.plugin.use.manifest.generate.paths: "true"`
	switch {
	case app.Fault != nil:
		return a.unchecked("argocd-seal render "+app.Path, "it cannot be rendered, so what it reads is not known: %s: %s", app.Fault.Code, placed(app.Fault))
	case app.Annotation == "" && owners:
		return a.ok("reads %s, and CODEOWNERS at the root: the whole repository must be streamed", reads)
	case app.Annotation == "":
		return a.ok("reads %s: the whole repository must be streamed", reads)
	case v.tooLarge(app.Then) != "":
		return a.fail(fault.Limit, annotation, "reads %s; even then %s are streamed, which render.limits.archive.%s refuses", reads, size(app.Then.Packed), v.tooLarge(app.Then))
	// What the exclusions save needs no annotation.
	case saves(answer.Then, app.Then):
		finding := a.warn(annotation, "reads %s: %s instead of %s", reads, size(app.Then.Packed), size(answer.Now.Packed))
		finding.Bytes = &Bytes{Now: answer.Now.Packed, Then: app.Then.Packed}
		return finding
	}
	finding := a.ok("reads %s: %s with the annotation %s", reads, size(app.Then.Packed), app.Annotation)
	finding.Bytes = &Bytes{Now: answer.Now.Packed, Then: app.Then.Packed}
	return finding
}
