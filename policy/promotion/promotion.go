// Package promotion judges an application that may ship only what another
// directory of its repository ships at the same revision, such as production
// after staging: every image by its digest. It also says whose approval a change
// of the application needs by CODEOWNERS, which is what makes a promotion more
// than an edit of two files.
package promotion

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// The ids of the rules.
const (
	RuleDigest = "promotion-digest"
	RuleSource = "promotion-source"
	RuleOwners = "promotion-owners"
)

// RuleIDs lists the ids of all rules.
func RuleIDs() []string { return []string{RuleDigest, RuleSource, RuleOwners} }

// Rule is what the platform asks of an environment.
type Rule struct {
	// Host is whose rules of CODEOWNERS hold; empty means GitHub's.
	Host codeowners.Host
	// RequireOwners denies an application whose directory nobody owns.
	RequireOwners bool
	// Owners are those of whom one must approve; they imply RequireOwners.
	Owners []string
}

// Digest names what the rule says.
func (r Rule) Digest() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("promotion: internal error: a rule of texts cannot be encoded")
	}
	return string(text)
}

// Request is one application with what it is promoted from.
type Request struct {
	// Path is the application's directory in the repository, and From the other.
	Path, From string
	// Source are the objects that From renders.
	Source []object.Object
	// Files are the files at and below Path.
	Files []string
	// File returns a file of the repository. It is nil where Argo CD sent only a
	// part of the repository, whose CODEOWNERS would not be the repository's.
	File func(name string) ([]byte, bool)
}

// Finding is one violation. Object is the number of the object, or -1 where it
// is the application as a whole.
type Finding struct {
	verdict.Outcome
	Object int
}

// Result is what a promotion was found to be.
type Result struct {
	Findings []Finding
	// Approvals say who must approve changes of what is judged.
	Approvals fault.List
	// Notices are to be known, and stop nothing.
	Notices fault.List
}

// Check judges the objects of an application.
func (r Rule) Check(ctx context.Context, objects []object.Object, request Request) (Result, error) {
	result, err := r.checkOwners(ctx, request)
	if err != nil {
		return Result{}, err
	}
	result.Findings = append(compare(objects, request), result.Findings...)
	return result, nil
}

// compare looks for each image among those of the source. A digest names the
// content, so that the same one from a mirror is the same image.
func compare(objects []object.Object, request Request) []Finding {
	shipped := map[string]bool{}
	digests := map[string][]string{}
	for _, image := range imagesOf(request.Source) {
		if image.digest != "" && !shipped[image.repository+"@"+image.digest] {
			shipped[image.repository+"@"+image.digest], shipped[image.digest] = true, true
			digests[image.repository] = append(digests[image.repository], image.digest)
		}
	}
	var findings []Finding
	for _, image := range imagesOf(objects) {
		var finding *Finding
		switch {
		case image.digest == "":
			finding = unpinned(image, request.From)
		case !shipped[image.digest]:
			finding = unshipped(image, request.From, digests[image.repository])
		default:
			continue
		}
		finding.Outcome = finding.About(objects[image.object])
		finding.Object = image.object
		findings = append(findings, *finding)
	}
	return findings
}

func unpinned(image image, from string) *Finding {
	return violation(RuleDigest, "the image has no digest", image.field,
		fmt.Sprintf("the image %s is not pinned by a digest, by which %s could be seen to ship it", image.text, from),
		"write it as NAME@sha256:..., with the digest that "+from+" ships")
}

func unshipped(image image, from string, digests []string) *Finding {
	slices.Sort(digests)
	instead := "it ships no image of this repository"
	if len(digests) > 0 {
		instead = "it ships " + shorten(digests)
	}
	finding := violation(RuleSource, "the image was not promoted", image.field,
		fmt.Sprintf("%s does not ship %s@%s; %s", from, image.repository, image.digest, instead),
		"bring the digest to "+from+" first, or use one that is there")
	finding.Metadata = map[string]any{"image": image.text, "from": from}
	if len(digests) > 0 {
		finding.Metadata["shipped"] = digests
	}
	return finding
}

// shorten names the first texts and counts the others.
func shorten(texts []string) string {
	const shown = 3
	if len(texts) <= shown {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:shown], ", "), len(texts)-shown)
}

func violation(rule, title, field, message, fix string) *Finding {
	return &Finding{Object: -1, Outcome: verdict.Outcome{
		Rule: rule, Bundle: "promotion", Title: title, Severity: "high", Decision: verdict.Deny, Code: fault.Policy, Field: field,
		Message: fault.Clean(message, 2*verdict.MaxMessageBytes), Fix: fault.Clean(fix, verdict.MaxMessageBytes),
	}}
}
