package promotion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// newFile stands for a file that is added to a directory. It has no extension,
// so that only a rule for the directory covers it.
const newFile = "argocd-seal-new-file"

// subject is a file whose owners are asked for, and what people call it.
type subject struct{ file, name string }

// lack is a subject that nobody, or nobody of those asked for, must approve
// changes of.
type lack struct {
	file    string
	line    int
	message string
	fix     string
}

// checkOwners tells who must approve changes of the application's directory.
// Where the platform asks for it and nobody must, that is a violation; otherwise
// it is something to know.
func (r Rule) checkOwners(ctx context.Context, request Request) (Result, error) {
	host := cmp.Or(r.Host, codeowners.GitHub)
	if request.File == nil {
		return r.report(Result{}, lack{
			message: "nobody can tell who must approve changes of " + request.Path + ": Argo CD sent only a part of the repository",
			fix:     "add /CODEOWNERS to the Application's annotation argocd.argoproj.io/manifest-generate-paths, or remove it",
		}), nil
	}
	file, found, err := codeowners.Find(host, request.File)
	if err != nil {
		return Result{}, err
	}
	if !found {
		return r.report(Result{}, lack{
			message: "nobody must approve changes of " + request.Path + ": there is no CODEOWNERS where " + host.String() + " looks for it",
			fix:     "add " + host.Places()[0] + " with a rule for the directory",
		}), nil
	}
	own := []subject{{path.Join(request.Path, newFile), request.Path}}
	for _, name := range request.Files {
		own = append(own, subject{name, name})
	}
	approvals, lacks, err := r.ask(ctx, file, own)
	if err != nil {
		return Result{}, err
	}
	result := Result{Approvals: approvals}
	if r.required() {
		lacks = append(lacks, r.itself(file, host)...)
	}
	if len(file.Skipped) > 0 {
		result.Notices = append(result.Notices, fault.New(fault.Policy, "%s: %s passes over this line%s", RuleOwners, host, more(len(file.Skipped))).
			In(file.Name, file.Skipped[0]).WithFix("correct the line"))
	}
	return r.report(result, lacks...), nil
}

// itself asks who may change CODEOWNERS, and who may add one where the host looks
// first: they decide about all that it says.
func (r Rule) itself(file *codeowners.File, host codeowners.Host) []lack {
	places := host.Places()
	for _, name := range places[:slices.Index(places, file.Name)+1] {
		if one, ok := r.lacks(file, subject{name, name}, file.Approvals(name)); ok {
			return []lack{one}
		}
	}
	return nil
}

// ask looks every subject up. The approvals name each rule once, with the first
// subject that it covers. Of the subjects that lack an owner, the first is
// enough to know.
func (r Rule) ask(ctx context.Context, file *codeowners.File, subjects []subject) (needed fault.List, lacks []lack, err error) {
	seen := map[int]bool{}
	for _, subject := range subjects {
		if err := ctx.Err(); err != nil {
			return nil, nil, ended(err, file.Name)
		}
		approvals := file.Approvals(subject.file)
		if one, ok := r.lacks(file, subject, approvals); ok && len(lacks) == 0 {
			lacks = append(lacks, one)
		}
		for _, approval := range approvals {
			if approval.Needed() && !seen[approval.Line] && len(needed) < verdict.MaxMessagesARule {
				seen[approval.Line] = true
				needed = append(needed, fault.New(fault.Policy, "%s: changes of %s need %s", RuleOwners, subject.name, describe(approval)).
					In(file.Name, approval.Line))
			}
		}
	}
	return needed, lacks, nil
}

func ended(err error, name string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.PolicyEngine, "the owners of the files could not be found in time").In(name, 0)
	}
	return fault.New(fault.Canceled, "the request ended while owners were looked up")
}

// lacks says what is wrong with the approvals of a subject, if anything. Any one
// owner of a rule may approve, so that all of them must be among those that the
// platform trusts.
func (r Rule) lacks(file *codeowners.File, subject subject, approvals []codeowners.Approval) (lack, bool) {
	missing := lack{file: file.Name, message: "nobody must approve changes of " + subject.name, fix: "give " + subject.name + " an owner"}
	var others []string
	for _, approval := range approvals {
		missing.line = approval.Line
		if !approval.Needed() {
			continue
		}
		strangers := slices.DeleteFunc(slices.Clone(approval.Owners), r.trusts)
		if len(strangers) == 0 {
			return lack{}, false
		}
		others = append(others, strangers...)
	}
	trusted := strings.Join(r.Owners, " or ")
	if len(others) > 0 {
		missing.message = fmt.Sprintf("%s may approve changes of %s without %s", shorten(others), subject.name, trusted)
	}
	if len(r.Owners) > 0 {
		missing.fix += " with no names but " + trusted
	}
	return missing, true
}

// trusts compares as the hosts do, without regard to case.
func (r Rule) trusts(owner string) bool {
	return len(r.Owners) == 0 || slices.ContainsFunc(r.Owners, func(one string) bool { return strings.EqualFold(one, owner) })
}

func (r Rule) required() bool { return r.RequireOwners || len(r.Owners) > 0 }

// report adds violations of what is lacking where the platform requires owners,
// and notices where it does not.
func (r Rule) report(result Result, lacks ...lack) Result {
	for _, one := range lacks {
		if !r.required() {
			result.Notices = append(result.Notices, fault.New(fault.Policy, "%s: %s", RuleOwners, one.message).In(one.file, one.line).WithFix("%s", one.fix))
			continue
		}
		finding := violation(RuleOwners, "nobody has to approve", "", one.message, one.fix)
		finding.File, finding.Line = one.file, one.line
		result.Findings = append(result.Findings, *finding)
	}
	return result
}

func describe(approval codeowners.Approval) string {
	needed := "the approval of "
	if approval.Count > 1 {
		needed = fmt.Sprintf("%d approvals of ", approval.Count)
	}
	needed += strings.Join(approval.Owners, " or ")
	if approval.Section != "" {
		needed += " (" + approval.Section + ")"
	}
	return fault.Clean(needed, verdict.MaxMessageBytes)
}

func more(count int) string {
	if count == 1 {
		return ""
	}
	return fmt.Sprintf(" and %d more", count-1)
}
