package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// pluginYAML is what stands before a section that a guide shows.
const pluginYAML = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: argocd-seal}
spec:
  generate: {command: [argocd-seal, generate]}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
`

// TestSinkExamplesLoad loads every section audit of the two guides as the sidecar
// does.
func TestSinkExamplesLoad(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(audit:\n.*?)```")
	texts := guides(t)
	kinds := map[string]int{}
	for _, guide := range []string{"audit.md", "audit-sinks.md"} {
		for _, found := range block.FindAllStringSubmatch(texts[guide], -1) {
			file, err := config.Parse(guide, []byte(pluginYAML+found[1]))
			if err != nil {
				t.Errorf("%v\n%s", err, found[1])
				continue
			}
			audit := file.Seal.Audit
			if audit.Stdout {
				kinds["stdout"]++
			}
			for _, one := range audit.Sinks {
				for kind, receiver := range map[string]string{"fluent": one.Fluent, "syslog": one.Syslog, "webhook": one.Webhook} {
					if receiver != "" {
						kinds[kind]++
					}
				}
			}
		}
	}
	for _, kind := range []string{"fluent", "syslog", "webhook", "stdout"} {
		if kinds[kind] == 0 {
			t.Errorf("no example has the sink %s", kind)
		}
	}
}

// TestSinkReasonsAreDocumented holds the reasons that the log may give against
// the table of the guide.
func TestSinkReasonsAreDocumented(t *testing.T) {
	text := guides(t)["audit-sinks.md"]
	reasons := []sink.Reason{sink.Connect, sink.TLS, sink.Credential, sink.Timeout, sink.Closed, sink.Refused, sink.Answer, sink.Trail, sink.Cursor}
	var known []string
	for _, reason := range reasons {
		known = append(known, string(reason))
	}
	_, table, found := strings.Cut(text, "| `reason` |")
	if !found {
		t.Fatal("the guide has no table of reasons")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		if !slices.Contains(known, row[1]) {
			t.Errorf("the guide explains %s, which is no reason", row[1])
		}
		known = slices.DeleteFunc(known, func(name string) bool { return name == row[1] })
	}
	if len(known) > 0 {
		t.Errorf("the guide does not explain %s", strings.Join(known, ", "))
	}
}
