package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

const examples = "../../examples"

// installed puts the program under test into a directory of its own, by its name,
// and returns the environment of a shell that finds it.
func installed(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	// A symbolic link would not do: the program starts itself as its worker by
	// the name of its file.
	if err := os.Link(self, filepath.Join(bin, "argocd-seal")); err != nil {
		content, readErr := os.ReadFile(self)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err := os.WriteFile(filepath.Join(bin, "argocd-seal"), content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// pipelineFiles are the snippets, with what finds their commands.
var pipelineFiles = map[string]func(t *testing.T, content []byte) []string{
	"github-actions.yml": func(t *testing.T, content []byte) []string {
		var workflow struct {
			Jobs map[string]struct {
				Steps []struct{ Name, Run string }
			}
		}
		decode(t, content, &workflow)
		var commands []string
		for _, job := range workflow.Jobs {
			for _, step := range job.Steps {
				if step.Name != "Install argocd-seal" && step.Run != "" {
					commands = append(commands, step.Run)
				}
			}
		}
		return commands
	},
	"gitlab-ci.yml": func(t *testing.T, content []byte) []string {
		var jobs map[string]struct {
			Script      []string `json:"script"`
			AfterScript []string `json:"after_script"`
		}
		decode(t, content, &jobs)
		var commands []string
		for _, job := range jobs {
			commands = slices.Concat(commands, job.Script, job.AfterScript)
		}
		return commands
	},
	"pre-commit-config.yaml": func(t *testing.T, content []byte) []string {
		var config struct {
			Repos []struct{ Hooks []struct{ Entry string } }
		}
		decode(t, content, &config)
		return []string{config.Repos[0].Hooks[0].Entry}
	},
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

// TestPipelines runs the commands of each snippet in a repository whose objects
// pass, and in one with a privileged container.
func TestPipelines(t *testing.T) {
	environ := installed(t)
	files, err := filepath.Glob(examples + "/ci/*.y*ml")
	if err != nil || len(files) != len(pipelineFiles) {
		t.Fatalf("found %v (%v), the table has %d", files, err, len(pipelineFiles))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			commands := pipelineFiles[filepath.Base(file)](t, content)
			checks := 0
			for _, privileged := range []bool{false, true} {
				dir := pipelineRepository(t, privileged)
				for _, command := range commands {
					want := exitOK
					if strings.HasPrefix(command, "argocd-seal check") {
						checks++
						if privileged {
							want = exitDenied
						}
					}
					if code, output := shell(t, dir, environ, command); code != want {
						t.Errorf("%s exits with %d, want %d:\n%s", command, code, want, output)
					}
				}
			}
			if checks < 2 {
				t.Errorf("found only %d checks in %q", checks, commands)
			}
		})
	}
}

func shell(t testing.TB, dir string, environ []string, command string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = dir, environ
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, string(text)
	case errors.As(err, &exit):
		return exit.ExitCode(), string(text)
	default:
		t.Fatal(err)
		return 0, ""
	}
}

// pipelineRepository is a repository with the example policies and one
// application.
func pipelineRepository(t *testing.T, privileged bool) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "policies"), os.DirFS(examples+"/policies")); err != nil {
		t.Fatal(err)
	}
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    image: registry.example.com/web:1.2\n"
	if privileged {
		pod += "    securityContext: {privileged: true}\n"
	}
	for name, content := range map[string]string{".git/HEAD": "", "apps/web/pod.yaml": pod} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTheWorkflowHasLeastRights holds the workflow to what GitHub's hardening
// guide asks: actions by commit, rights by job, and nothing of the event in a
// shell.
func TestTheWorkflowHasLeastRights(t *testing.T) {
	content, err := os.ReadFile(examples + "/ci/github-actions.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct{ Permissions map[string]string }
	}
	decode(t, content, &workflow)
	if workflow.Permissions == nil || len(workflow.Permissions) > 0 {
		t.Errorf("the workflow has the rights %v", workflow.Permissions)
	}
	for name, job := range workflow.Jobs {
		if len(job.Permissions) != 2 || job.Permissions["contents"] != "read" || job.Permissions["security-events"] != "write" {
			t.Errorf("job %s has the rights %v", name, job.Permissions)
		}
	}
	uses := regexp.MustCompile(`uses: .*`).FindAllString(string(content), -1)
	for _, line := range uses {
		if !regexp.MustCompile(`^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(line) {
			t.Errorf("%q is not pinned", line)
		}
	}
	if len(uses) != 2 {
		t.Errorf("found %d actions, want 2", len(uses))
	}
	if run := regexp.MustCompile(`run: .*\$\{\{`).FindString(string(content)); run != "" {
		t.Errorf("%q puts an expression into a shell", run)
	}
}

// TestExamplesCheck judges all examples, as the README says, and validates what
// code scanning would get.
func TestExamplesCheck(t *testing.T) {
	environ := installed(t)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	// Paths are those below the root of the repository.
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"argocd-seal check examples", "argocd-seal policy test examples/policies"} {
		if code, output := shell(t, dir, environ, command); code != exitOK {
			t.Errorf("%s exits with %d:\n%s", command, code, output)
		}
	}
	code, text := shell(t, dir, environ, "argocd-seal check examples --level compliance-validation --format sarif 2>/dev/null")
	if code != exitDenied {
		t.Errorf("exits with %d, want %d", code, exitDenied)
	}
	validateSARIF(t, text)
	for _, place := range []string{"kustomize-app/base/deployment.yaml", "helm-app/templates/migration.yaml", "helm-kustomize/templates/deployment.yaml", "monorepo/queue/deployment.yaml"} {
		if !strings.Contains(text, `"uri": "examples/`+place+`"`) {
			t.Errorf("no result is at %s", place)
		}
	}
	for _, match := range regexp.MustCompile(`"uri": "(examples/[^"]+)"`).FindAllStringSubmatch(text, -1) {
		if info, err := os.Stat(filepath.Join(dir, match[1])); err != nil || info.IsDir() {
			t.Errorf("a result is at %s, which is no file", match[1])
		}
	}
}

func validateSARIF(t *testing.T, text string) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../policy/report/testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("not valid SARIF: %v", err)
	}
}
