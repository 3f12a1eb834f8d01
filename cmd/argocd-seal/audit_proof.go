package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxFindings bounds what a page says about the proof of many trails.
const maxFindings = 50

// proveTrails proves each trail that a report is made of. Without keys nobody
// has checked.
func proveTrails(ctx context.Context, streams []query.Stream, keys []string) (report.Verification, error) {
	var proved report.Verification
	if len(keys) == 0 {
		return proved, nil
	}
	public, err := publicKeys(keys)
	if err != nil {
		return proved, err
	}
	proved.Checked, proved.Whole = true, true
	for _, stream := range streams {
		if len(stream.Paths()) == 0 {
			return proved, fault.New(fault.Parameter, "--key proves files, and standard input can be read once only").WithFix("name the directory or files of the trail")
		}
		found, err := verify.Paths(ctx, stream.Paths(), nil, verify.Options{Keys: public})
		// A trail that nothing signs is told on the page.
		if err != nil && (found.Lines == 0 || found.Bad != nil) {
			return proved, err
		}
		add(&proved, found, err)
	}
	proved.Findings = proved.Findings[:min(len(proved.Findings), maxFindings)]
	return proved, nil
}

func add(proved *report.Verification, found verify.Report, unproved error) {
	proved.Lines += int(found.Lines)
	if found.Proved > 0 {
		proved.Signed += int(found.Proved - found.First + 1)
	}
	for _, key := range found.Keys {
		if !slices.Contains(proved.Keys, key.ID) {
			proved.Keys = append(proved.Keys, key.ID)
		}
	}
	if bad := found.Bad; bad != nil {
		proved.Whole = false
		proved.Findings = append(proved.Findings, fmt.Sprintf("%s, line %d: %s: %s", bad.File, bad.Line, bad.Reason, bad.Message))
	}
	if unproved != nil {
		proved.Findings = append(proved.Findings, unproved.Error())
	}
	proved.Findings = append(proved.Findings, found.Notes...)
	if found.MoreNotes > 0 {
		proved.Findings = append(proved.Findings, fmt.Sprintf("%d more notes", found.MoreNotes))
	}
}
