package helm

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// maxQuote bounds what one fault quotes of Helm's text.
const maxQuote = 512

// loadFault locates what Helm's loader says about a chart's own files.
func (l *chartLoader) loadFault(err error, base string) *fault.Error {
	text := err.Error()
	name := chartFile
	if rest, ok := strings.CutPrefix(text, "cannot load "); ok {
		if file, _, found := strings.Cut(rest, ": "); found {
			return yamlFault(err, l.quote).In(path.Join(base, file), yamlErrorLine(err))
		}
	}
	problem, field := "the chart is not valid", ""
	if match := chartField.FindStringSubmatch(text); match != nil {
		field = match[1]
	}
	switch {
	case strings.Contains(text, "Chart.yaml file is missing"):
		problem = "the directory has no Chart.yaml"
	case l.quote:
		problem += ": " + fault.Clean(strings.TrimPrefix(text, "validation: "), maxQuote)
	}
	return fault.New(fault.Chart, "%s", problem).In(path.Join(base, name), 0).At("", field)
}

// chartField is the field of Chart.yaml that Helm's text speaks of.
var chartField = regexp.MustCompile(`\bchart\.metadata\.(\w+) `)

var chartName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,249}$`)

// checkChartName holds Chart.yaml to the names that "helm create" makes: the
// name becomes part of paths.
func checkChartName(c *chart.Chart, file string) error {
	if chartName.MatchString(c.Name()) {
		return nil
	}
	return fault.New(fault.Chart, "the name of the chart must be at most 250 letters, digits, dots, dashes and underscores").
		In(file, 0).At("", "name")
}

var (
	errorLine   = regexp.MustCompile(`\bline (\d+)\b`)
	leadingLine = regexp.MustCompile(`^line \d+: `)
)

// yamlErrorLine returns the line that a YAML reader's error names, 0 for none.
func yamlErrorLine(err error) int {
	if match := errorLine.FindStringSubmatch(err.Error()); match != nil {
		line, _ := strconv.Atoi(match[1])
		return yamlhint.Line(err.Error(), line, nil)
	}
	return 0
}

// yamlFault says that a file of the chart, or values, cannot be read.
func yamlFault(err error, quote bool) *fault.Error {
	text := err.Error()
	for _, noise := range []string{"yaml: ", "json: "} {
		if at := strings.LastIndex(text, noise); at >= 0 {
			text = text[at+len(noise):]
		}
	}
	text = leadingLine.ReplaceAllString(text, "")
	switch {
	case strings.Contains(text, "into Go value of type map[string]interface {}"):
		return fault.New(fault.Chart, "the values must be a mapping")
	case quote:
		return fault.New(fault.Chart, "the YAML cannot be read: %s", fault.Clean(text, maxQuote))
	default:
		return fault.New(fault.Chart, "the YAML cannot be read")
	}
}
