package helm

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The forms of Helm's and text/template's errors. Templates are named by the
// chart's path, such as "app/charts/db/templates/x.yaml"; lines count from 1
// and columns from 0.
var (
	// What fail and required say, and what does not parse.
	refused  = regexp.MustCompile(`(?s)^execution error (?:at|in) \((.+?)(?::(\d+))?(?::(\d+))?\): (.*)$`)
	unparsed = regexp.MustCompile(`(?s)^parse error (?:at|in) \((.+?)(?::(\d+))?(?::(\d+))?\): (.*)$`)
	// One step of the chain from a template to the call that failed.
	step      = regexp.MustCompile(`(?s)^template: ([^\n]+?):(\d+)(?::(\d+))?: (?:executing ".*?" at <(.*?)>: )?(.*)$`)
	calling   = regexp.MustCompile(`^error calling ([A-Za-z0-9_]+): `)
	undefined = regexp.MustCompile(`template "([^"]*)" not defined|no template "([^"]*)" associated`)
	unknown   = regexp.MustCompile(`function "([^"]*)" not defined`)
)

// tplForms are how Helm begins an error in a text given to tpl, which it quotes.
var tplForms = []string{"cannot parse template ", "error during tpl function execution for "}

const panicked = "rendering template failed: "

// position is a place in a template.
type position struct {
	template     string
	line, column int
}

// failure is what can be told of a failed render.
type failure struct {
	// at is where it happened, from the file that Helm rendered.
	at, from position
	// expression is the call that failed, perhaps shortened by text/template.
	expression string
	reason     string
	// inTpl says that it happened in a text given to tpl at that place.
	inTpl bool
}

// templateFault turns an error of Helm's engine into a fault at the template's
// line. Sources tells where a template stands in the source.
func templateFault(err error, sources map[string]string, quote bool) *fault.Error {
	text := err.Error()
	if strings.HasPrefix(text, panicked) {
		return fault.New(fault.RenderCrash, "a template made Helm crash")
	}
	var problem *fault.Error
	var at position
	if match := refused.FindStringSubmatch(text); match != nil {
		at = positionOf(match[1], match[2], match[3])
		problem = said(quote, "the chart refuses to render", match[4])
	} else if match := unparsed.FindStringSubmatch(text); match != nil {
		at = positionOf(match[1], match[2], match[3])
		problem = said(quote, "the template does not parse", match[4])
	} else {
		failed := follow(text)
		at = failed.at
		problem = failed.fault(sources, quote)
	}
	problem = problem.In(sourceOf(at.template, sources), at.line)
	problem.Column = at.column
	return advise(problem, text)
}

// follow walks down the chain of calls that an error of text/template spells
// out, to the innermost place in a file.
func follow(text string) failure {
	var failed failure
	for {
		if match := step.FindStringSubmatch(text); match != nil {
			here := positionOf(match[1], match[2], match[3])
			if failed.from.template == "" {
				failed.from = here
			}
			if !failed.inTpl {
				failed.at = here
			}
			// A text that does not parse has no expression; its caller has.
			failed.expression, text = cmp.Or(match[4], failed.expression), match[5]
			if call := calling.FindStringSubmatch(text); call != nil {
				text = text[len(call[0]):]
			}
			continue
		}
		inner, isTpl := intoTpl(text)
		if !isTpl {
			failed.reason = strings.TrimPrefix(text, "template: ")
			return failed
		}
		failed.inTpl, text = true, inner
	}
}

// intoTpl skips the text that was given to tpl.
func intoTpl(text string) (string, bool) {
	for _, form := range tplForms {
		rest, ok := strings.CutPrefix(text, form)
		if !ok {
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", false
		}
		return strings.TrimPrefix(rest[len(quoted):], ": "), true
	}
	return "", false
}

func (f failure) fault(sources map[string]string, quote bool) *fault.Error {
	what := "the template fails"
	if f.inTpl {
		what = "the text given to tpl here fails"
	}
	problem := said(quote, what, f.reason)
	if quote && f.expression != "" {
		expression := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(f.expression, "{{"), "}}"))
		problem.Message += " in {{ " + fault.Clean(expression, 128) + " }}"
	}
	if f.from.template != "" && f.from.template != f.at.template {
		problem.Message += ", used by " + fault.Clean(sourceOf(f.from.template, sources), 200) + ":" + strconv.Itoa(f.from.line)
	}
	return problem
}

// said is a fault that quotes Helm's reason where that is allowed.
func said(quote bool, what, reason string) *fault.Error {
	if !quote {
		return fault.New(fault.Template, "%s", what)
	}
	reason = strings.NewReplacer("HELM_ERR_START", "", "HELM_ERR_END", "").Replace(reason)
	return fault.New(fault.Template, "%s: %s", what, fault.Clean(strings.TrimSpace(reason), maxQuote))
}

// advise adds what to do about the faults that people meet most.
func advise(problem *fault.Error, text string) *fault.Error {
	switch {
	case strings.Contains(text, "nil pointer evaluating"):
		return problem.WithFix("set the value, or guard the expression with if or default")
	case undefined.MatchString(text):
		return problem.WithFix("define the named template, or vendor the library chart that has it")
	case unknown.MatchString(text):
		return problem.WithFix("use a function that Helm has; env and expandenv are not among them")
	default:
		return problem
	}
}

func positionOf(template, line, column string) position {
	at := position{template: template}
	at.line, _ = strconv.Atoi(line)
	if n, err := strconv.Atoi(column); err == nil {
		at.column = n + 1
	}
	return at
}

func sourceOf(template string, sources map[string]string) string {
	if file, ok := sources[template]; ok {
		return file
	}
	return template
}
