package setup

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxAnswer bounds one answer in bytes, and maxTries how often it may be wrong.
	maxAnswer = 4096
	maxTries  = 5
)

// Given are the answers of the command line, by flag.
type Given map[string]string

// Complete returns all answers: those that were given, and for the others the
// defaults.
func Complete(given Given) (Answers, error) {
	return collect(given, func(_ Question, suggestion string) (string, error) { return suggestion, nil })
}

// Without refuses to begin where nobody can be asked and an answer is missing.
func Without(given Given) (Answers, error) {
	var missing []string
	answers, err := collect(given, func(question Question, suggestion string) (string, error) {
		missing = append(missing, "--"+question.Flag)
		return suggestion, nil
	})
	if len(missing) > 0 {
		return Answers{}, fault.New(fault.Parameter, "there is no terminal to ask on").
			WithFix("take the defaults with --yes, or give the missing answers: %s", strings.Join(missing, ", "))
	}
	return answers, err
}

// Ask asks for each answer that was not given. An empty line is the default.
func Ask(given Given, in io.Reader, out io.Writer) (Answers, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, maxAnswer), maxAnswer)
	return collect(given, func(question Question, suggestion string) (string, error) {
		for range maxTries {
			_, _ = fmt.Fprintf(out, "%s [%s]: ", question.Text, suggestion)
			if !lines.Scan() {
				_, _ = fmt.Fprintln(out)
				return "", fault.New(fault.Canceled, "the questions were not answered, and nothing was written")
			}
			answer := strings.TrimSpace(lines.Text())
			if answer == "" {
				answer = suggestion
			}
			problem := question.Check(answer)
			if problem == nil {
				return answer, nil
			}
			_, _ = fmt.Fprintf(out, "  %s: %s\n", problem.Message, problem.Fix)
		}
		return "", fault.New(fault.Parameter, "--%s has no answer after %d tries, and nothing was written", question.Flag, maxTries)
	})
}

// collect asks for what was not given, and reports all that is wrong together.
func collect(given Given, ask func(question Question, suggestion string) (string, error)) (Answers, error) {
	var answers Answers
	var faults fault.List
	for _, question := range Questions() {
		answer, known := given[question.Flag]
		switch {
		case known:
		case question.Needless != nil && question.Needless(answers):
			answer = question.suggestion(answers)
		default:
			var err error
			if answer, err = ask(question, question.suggestion(answers)); err != nil {
				return Answers{}, err
			}
		}
		if problem := question.Check(answer); problem != nil {
			faults = append(faults, problem.At("", "--"+question.Flag))
		}
		*question.Into(&answers) = answer
	}
	return answers, faults.OrNil()
}
