// Package image_test checks what the Dockerfile promises, on machines that have
// no container engine: it reads the Dockerfile and builds the binary with the
// very command that stands in it.
package image_test

import (
	"debug/elf"
	"go/version"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func TestImageRunsAsUserOfRepoServer(t *testing.T) {
	users := final(t).all("USER")
	if len(users) != 1 {
		t.Fatalf("the final stage has %d USER, want 1", len(users))
	}
	if uid, _, _ := strings.Cut(users[0].text, ":"); uid != "999" {
		t.Errorf("USER is %s, want the uid 999 as a number: Kubernetes cannot check a name", users[0].text)
	}
}

func TestImageHasNothingButCopiedFiles(t *testing.T) {
	s := final(t)
	if s.from != "scratch" {
		t.Errorf("the final stage is FROM %s, want scratch: anything else may bring a shell", s.from)
	}
	allowed := []string{"COPY", "LABEL", "USER", "ENTRYPOINT", "CMD", "ENV", "WORKDIR"}
	for _, i := range s.instructions {
		if !slices.Contains(allowed, i.name) {
			t.Errorf("the final stage has %s %s", i.name, i.text)
		}
	}
	for _, copied := range s.all("COPY") {
		for _, tool := range []string{"sh", "bash", "busybox", "git", "helm", "kustomize"} {
			if path.Base(copied.args[0]) == tool || path.Base(copied.args[len(copied.args)-1]) == tool {
				t.Errorf("the image would hold %s", tool)
			}
		}
	}
}

func TestImageStartsBuiltBinary(t *testing.T) {
	s, first := final(t), stages(t)[0]
	_, args := buildCommand(t)
	built := output(args)
	if built == "" {
		t.Fatal("go build has no -o")
	}
	entrypoint := execForm(t, s, "ENTRYPOINT")
	for _, copied := range s.all("COPY") {
		if slices.Contains(copied.flags, "--from="+first.name) && copied.args[0] == built {
			if entrypoint[0] != copied.args[1] {
				t.Errorf("ENTRYPOINT is %s, and the binary is at %s", entrypoint[0], copied.args[1])
			}
			if command := execForm(t, s, "CMD"); !slices.Equal(command, []string{"serve"}) {
				t.Errorf("CMD is %v, want serve", command)
			}
			return
		}
	}
	t.Errorf("no COPY takes %s from the stage %s", built, first.name)
}

func TestEveryCopiedFileIsInBuildContext(t *testing.T) {
	content, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(string(content), ""))
	checked := 0
	for _, s := range stages(t) {
		for _, copied := range s.all("COPY") {
			if slices.ContainsFunc(copied.flags, func(flag string) bool { return strings.HasPrefix(flag, "--from=") }) {
				continue
			}
			for _, name := range copied.args[:len(copied.args)-1] {
				checked++
				if _, err := os.Stat(name); err != nil {
					t.Errorf("COPY %s: %v", name, err)
				}
				if top, _, _ := strings.Cut(path.Clean(name), "/"); slices.Contains(ignored, top) {
					t.Errorf("COPY %s, and .dockerignore leaves it out", name)
				}
			}
		}
	}
	if checked < 4 {
		t.Errorf("looked at %d files, want go.mod, go.sum, plugin.yaml and LICENSE at least", checked)
	}
}

// Whatever a package of the binary embeds or imports must reach the build.
func TestBuildContextHasEveryPackage(t *testing.T) {
	content, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{.Dir}}{{end}}", "./cmd/argocd-seal")
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range strings.Fields(string(packages)) {
		relative, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(filepath.ToSlash(relative), "/")
		if slices.Contains(strings.Fields(string(content)), top) {
			t.Errorf("the binary needs %s, and .dockerignore leaves %s out", relative, top)
		}
	}
}

func TestImageHasConfigurationWhereServeLooks(t *testing.T) {
	const where = "/home/argocd/cmp-server/config/plugin.yaml"
	found := slices.ContainsFunc(final(t).all("COPY"), func(i instruction) bool {
		return slices.Equal(i.args, []string{"plugin.yaml", where})
	})
	if !found {
		t.Errorf("no COPY puts plugin.yaml at %s", where)
	}
	for _, name := range []string{"plugin.yaml", "examples/install/sidecar/plugin.yaml"} {
		if _, err := config.Load(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImageHoldsNoSecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)token|passw|secret|credential|_key\b|vault_`)
	for _, s := range stages(t) {
		for _, i := range s.instructions {
			if (i.name == "ENV" || i.name == "ARG") && secret.MatchString(i.text) {
				t.Errorf("%s %s would stay in the image's history", i.name, i.text)
			}
		}
	}
}

// go.mod names the oldest Go that works. The image takes a later patch of the same
// line where that mends faults.
func TestImageIsBuiltWithTheGoOfGoMod(t *testing.T) {
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	oldest := regexp.MustCompile(`(?m)^go ([0-9.]+)$`).FindSubmatch(module)
	image := regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:([0-9.]+)$`).FindSubmatch(content)
	if oldest == nil || image == nil {
		t.Fatalf("go.mod names %q and the Dockerfile %q", oldest, image)
	}
	want, got := "go"+string(oldest[1]), "go"+string(image[1])
	if version.Lang(got) != version.Lang(want) || version.Compare(got, want) < 0 {
		t.Errorf("the image is built with %s, want %s or a later patch of it", got, want)
	}
}

// The base image has no C library and no dynamic linker.
func TestBinaryIsStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("links the whole program")
	}
	env, args := buildCommand(t)
	if !slices.Contains(env, "CGO_ENABLED=0") {
		t.Errorf("go build runs with %v, want CGO_ENABLED=0", env)
	}
	binary := filepath.Join(t.TempDir(), "argocd-seal")
	for i, arg := range args {
		args[i] = strings.ReplaceAll(strings.ReplaceAll(arg, output(args), binary), "${VERSION}", "1.2.3-test")
	}
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	checkStatic(t, binary)
	text, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "1.2.3-test") {
		t.Errorf("version printed %q (%v), want the version that the build was given", text, err)
	}
}

func checkStatic(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the binary asks for a dynamic linker")
		}
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs the libraries %v (%v)", libraries, err)
	}
}
