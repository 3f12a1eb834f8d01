package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
)

const (
	examplesDir = "../../examples/observability"
	metricsDoc  = "../../docs/observability.md"
)

// TestObservability holds the guide, the dashboard and the rules against what a
// sidecar shows after requests.
func TestObservability(t *testing.T) {
	s := startSidecar(t)
	s.use(t)
	scraped, rest := s.scrape(t), reserved(t)
	families := parse(t, scraped)
	for name, family := range parse(t, rest) {
		if _, ok := families[name]; !ok {
			families[name] = family
		}
	}
	t.Run("guide", func(t *testing.T) { checkGuide(t, families) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, families) })
	t.Run("rules", func(t *testing.T) { checkRules(t, families) })
	t.Run("promtool check metrics", func(t *testing.T) {
		promtool(t, scraped, "check", "metrics")
		promtool(t, rest, "check", "metrics")
	})
	s.stop()
	canary.Over(t).See("traces", s.collector.Text())
}

func parse(t *testing.T, scraped string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scraped))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// checkGuide expects a row for each metric of the plugin, and no other rows.
func checkGuide(t *testing.T, families map[string]*dto.MetricFamily) {
	content, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if !strings.HasPrefix(name, "argocd_seal_") {
			continue
		}
		family := families[name]
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+label.GetName()+"`")
		}
		want = append(want, fmt.Sprintf("| `%s` | %s |%s| %s |", name, strings.ToLower(family.GetType().String()), cell(labels), family.GetHelp()))
	}
	got := regexp.MustCompile("(?m)^\\| `argocd_seal_.*$").FindAllString(string(content), -1)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s should have this table:\n%s", metricsDoc, strings.Join(want, "\n"))
	}
}

// cell is a cell of a table in Markdown.
func cell(parts []string) string {
	if len(parts) == 0 {
		return " "
	}
	return " " + strings.Join(parts, ", ") + " "
}

type dashboard struct {
	UID        string  `json:"uid"`
	Title      string  `json:"title"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID      int                            `json:"id"`
	Type    string                         `json:"type"`
	Title   string                         `json:"title"`
	GridPos struct{ H, W, X, Y int }       `json:"gridPos"`
	Targets []struct{ Expr, RefID string } `json:"targets"`
}

func checkDashboard(t *testing.T, families map[string]*dto.MetricFamily) {
	content, err := os.ReadFile(filepath.Join(examplesDir, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, variable := range board.Templating.List {
		variables = append(variables, variable.Name)
	}
	if board.UID == "" || board.Title == "" || !slices.Equal(variables, []string{"datasource", "job", "instance"}) {
		t.Errorf("the dashboard %q %q has the variables %v", board.UID, board.Title, variables)
	}
	queries, shown := []string{}, map[string]bool{}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("the panel %q lies over %q or outside of the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			if checkQuery(t, "the panel "+p.Title, target.Expr, families) == 0 {
				t.Errorf("the panel %q asks for no metric", p.Title)
			}
			for _, match := range metricName.FindAllStringSubmatch(target.Expr, -1) {
				shown[match[1]] = true
			}
			queries = append(queries, target.Expr)
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "argocd_seal_") && !shown[name] && !shown[name+"_bucket"] && !shown[name+"_count"] {
			t.Errorf("no panel shows %s", name)
		}
	}
	checkQueries(t, queries)
}

// checkQueries has Prometheus' own parser read the queries of the dashboard.
func checkQueries(t *testing.T, queries []string) {
	t.Helper()
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	replace := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$job", ".*", "$instance", ".*")
	var rules []rule
	for i, query := range queries {
		rules = append(rules, rule{fmt.Sprintf("dashboard:query:%d", i), replace.Replace(query)})
	}
	content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record, Alert, Expr string
			Labels, Annotations map[string]string
		} `json:"rules"`
	} `json:"groups"`
}

// runbooks are the guides for an emergency that alerts may lead to.
var runbooks = []string{"vault-outage", "policy-emergency", "stolen-salt-or-certificate", "leaked-secret", "compromised-repository"}

func checkRules(t *testing.T, families map[string]*dto.MetricFamily) {
	content, err := os.ReadFile(filepath.Join(examplesDir, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(filepath.Join(examplesDir, "rules_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			checkQuery(t, rule.Record+rule.Alert, rule.Expr, families)
			if rule.Alert == "" {
				continue
			}
			alerts++
			for _, half := range []string{" fires\n", " stays quiet\n"} {
				if !strings.Contains(string(tests), "- name: "+rule.Alert+half) {
					t.Errorf("no test shows that %s%s", rule.Alert, half)
				}
			}
			if !strings.Contains(string(guide), "| `"+rule.Alert+"` | "+rule.Labels["severity"]+" |") {
				t.Errorf("%s has no row for %s, severity %s", metricsDoc, rule.Alert, rule.Labels["severity"])
			}
			checkRunbook(t, rule.Alert, rule.Annotations["runbook_url"])
		}
	}
	if alerts < 20 {
		t.Errorf("found %d alerts", alerts)
	}
	promtool(t, "", "check", "rules", filepath.Join(examplesDir, "rules.yaml"))
	promtool(t, "", "test", "rules", filepath.Join(examplesDir, "rules_test.yaml"))
}

func checkRunbook(t *testing.T, alert, url string) {
	t.Helper()
	if url == "" {
		return
	}
	name := strings.TrimSuffix(filepath.Base(url), ".md")
	if !slices.Contains(runbooks, name) {
		t.Errorf("%s leads to %s, which is no runbook", alert, url)
	}
	dir := "../../docs/runbooks"
	if _, err := os.Stat(dir); err != nil {
		return
	}
	if _, err := os.Stat(filepath.Join(dir, name+".md")); err != nil {
		t.Errorf("%s leads to a runbook that is not there: %s", alert, name)
	}
}

// promtool runs Prometheus' tool and expects success.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is not installed: make debian installs it")
		}
		t.Skip("promtool is not installed: make debian installs it")
	}
	command := exec.CommandContext(t.Context(), "promtool", args...)
	command.Stdin = strings.NewReader(stdin)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output.String())
	}
}

// TestMonitors reads the objects for Prometheus' operator strictly enough to see a
// misspelt field, and compares them with each other.
func TestMonitors(t *testing.T) {
	type endpoint struct {
		Port, Path, Interval string
		Relabelings          []struct{ TargetLabel, Replacement string }
	}
	type object struct {
		APIVersion, Kind string
		Metadata         map[string]any
		Spec             struct {
			Selector                 map[string]any
			PodMetricsEndpoints      []endpoint
			Endpoints                []endpoint
			ClusterIP                string
			PublishNotReadyAddresses bool
			Ports                    []map[string]any
		}
	}
	var endpoints []endpoint
	for _, name := range []string{"monitors/podmonitor.yaml", "monitors/servicemonitor.yaml"} {
		content, err := os.ReadFile(filepath.Join(examplesDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(content), "\n---\n") {
			var o object
			if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			endpoints = append(endpoints, append(o.Spec.PodMetricsEndpoints, o.Spec.Endpoints...)...)
		}
	}
	if len(endpoints) != 2 || fmt.Sprint(endpoints[0]) != fmt.Sprint(endpoints[1]) {
		t.Fatalf("the two do not scrape alike: %v", endpoints)
	}
	if relabel := endpoints[0].Relabelings; len(relabel) != 1 || relabel[0].Replacement != "argocd-seal" {
		t.Errorf("the job is not called argocd-seal: %v", relabel)
	}
}
