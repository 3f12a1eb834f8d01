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
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
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
	for _, one := range image.Of(request.Source) {
		name, digest := one.Name.Familiar(), one.Name.Digest
		if digest != "" && !shipped[name+"@"+digest] {
			shipped[name+"@"+digest], shipped[digest] = true, true
			digests[name] = append(digests[name], digest)
		}
	}
	var findings []Finding
	for _, one := range image.Of(objects) {
		var finding *Finding
		switch {
		case one.Name.Digest == "":
			finding = unpinned(one, request.From)
		case !shipped[one.Name.Digest]:
			finding = unshipped(one, request.From, digests[one.Name.Familiar()])
		default:
			continue
		}
		finding.Outcome = finding.About(objects[one.Object])
		finding.Object = one.Object
		findings = append(findings, *finding)
	}
	return findings
}

func unpinned(one image.Image, from string) *Finding {
	return violation(RuleDigest, "the image has no digest", one.Field,
		fmt.Sprintf("the image %s is not pinned by a digest, by which %s could be seen to ship it", one.Text, from),
		"write it as NAME@sha256:..., with the digest that "+from+" ships")
}

func unshipped(one image.Image, from string, digests []string) *Finding {
	slices.Sort(digests)
	instead := "it ships no image of this repository"
	if len(digests) > 0 {
		instead = "it ships " + shorten(digests)
	}
	finding := violation(RuleSource, "the image was not promoted", one.Field,
		fmt.Sprintf("%s does not ship %s@%s; %s", from, one.Name.Familiar(), one.Name.Digest, instead),
		"bring the digest to "+from+" first, or use one that is there")
	finding.Metadata = map[string]any{"image": one.Text, "from": from}
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
