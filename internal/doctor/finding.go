package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxSeen bounds what a finding says in bytes: names come from files of others.
const maxSeen = 600

// maxFix bounds each line of what mends a finding in bytes. Commands are not to be
// cut short.
const maxFix = 4096

// about makes findings of one check.
type about struct {
	area    Area
	check   string
	subject string
}

func (a about) of(subject string) about {
	a.subject = fault.Clean(subject, 120)
	return a
}

func (a about) finding(status Status, fix, format string, args ...any) Finding {
	return Finding{
		Area: a.area, Check: a.check, Subject: a.subject, Status: status,
		Seen: fault.Clean(fmt.Sprintf(format, args...), maxSeen), Fix: copyable(fix),
	}
}

// copyable cleans what mends a finding, line by line: commands may have several.
func copyable(fix string) string {
	lines := strings.Split(fix, "\n")
	for i, line := range lines {
		lines[i] = fault.Clean(line, maxFix)
	}
	return strings.Join(lines, "\n")
}

// plain are names that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./@-]*$`)

// quoted writes a name that others chose as one word of a shell, in one line.
func quoted(name string) string {
	name = fault.Clean(name, maxFix)
	if plain.MatchString(name) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

func (a about) ok(format string, args ...any) Finding { return a.finding(OK, "", format, args...) }

func (a about) unchecked(fix, format string, args ...any) Finding {
	return a.finding(Unchecked, fix, format, args...)
}

func (a about) warn(fix, format string, args ...any) Finding {
	return a.finding(Warning, fix, format, args...)
}

// fail says with which code a request or a start would fail. A code that does not
// exist, as anybody may send one, is left out.
func (a about) fail(code fault.Code, fix, format string, args ...any) Finding {
	f := a.finding(Failed, fix, format, args...)
	if slices.ContainsFunc(fault.Codes(), func(known fault.Meaning) bool { return known.Code == code }) {
		f.Code = code
	}
	return f
}

// faults makes a finding of each fault in an error.
func (a about) faults(err error) []Finding {
	var findings []Finding
	for _, one := range fault.Of(err) {
		findings = append(findings, a.fault(one))
	}
	return findings
}

func (a about) fault(f *fault.Error) Finding {
	fix := fault.Clean(f.Advice(), maxSeen)
	if fix == "" {
		fix = ways[f.Code]
	}
	if fix == "" {
		fix = "docs/errors.md has more about " + string(f.Code)
	}
	return a.fail(f.Code, fix, "%s", placed(f))
}

// ways are what to do about faults that name no way out themselves.
var ways = map[fault.Code]string{
	fault.Config:     "correct in plugin.yaml what is named",
	fault.PolicyLoad: "correct the policy at the line that is named; argocd-seal policy test DIR shows the same",
	fault.Waiver:     "correct the waiver at the line that is named",
	fault.Timeout:    "give it more time with --timeout, and look at what it waits for",
	fault.Canceled:   "give it more time with --timeout, and look at what it waits for",
	fault.Path:       "correct the path that is named",
}

// placed is a fault's place and message, without code and fix, which a finding
// shows by themselves.
func placed(f *fault.Error) string {
	bare := *f
	bare.Fix, bare.Nearest, bare.Known = "", "", ""
	return strings.TrimPrefix(bare.Error(), string(f.Code)+": ")
}

// span writes a length of time as people say it, rounded.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{day, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*unit.of {
			return fmt.Sprintf("%d %s", (d+unit.of/2)/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%d seconds", (d+time.Second/2)/time.Second)
}
