package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// watcher is a program that watches a directory, and what it has printed.
type watcher struct {
	testing.TB
	dir   string
	cmd   *exec.Cmd
	lines chan string
	ended sync.WaitGroup
}

// watchDir starts the program in a directory.
func watchDir(t testing.TB, dir string, args ...string) *watcher {
	t.Helper()
	w := &watcher{TB: t, dir: dir, lines: make(chan string, 10_000)}
	// The shell finds the program by the PATH of the environment.
	w.cmd = exec.CommandContext(t.Context(), "bash", append([]string{"-c", `exec argocd-seal "$@"`, "watch"}, args...)...)
	w.cmd.Dir, w.cmd.Env = dir, installed(t)
	reader, writer := io.Pipe()
	w.cmd.Stdout, w.cmd.Stderr = writer, writer
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.ended.Go(func() {
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			w.lines <- scanner.Text()
		}
		close(w.lines)
	})
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // it has ended already, or must now
		_ = w.cmd.Wait()
		_ = writer.Close()
		w.ended.Wait()
	})
	return w
}

// expect reads on until a line fits, and returns all lines that it read.
func (w *watcher) expect(pattern string) string {
	w.Helper()
	var read strings.Builder
	fits, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		select {
		case line, ok := <-w.lines:
			fmt.Fprintln(&read, line)
			if ok && fits.MatchString(line) {
				return read.String()
			}
			if !ok {
				w.Fatalf("it ended before it printed %q:\n%s", pattern, read.String())
			}
		case <-late:
			w.Fatalf("it has not printed %q but\n%s", pattern, read.String())
		}
	}
}

// write replaces a file as editors do.
func (w *watcher) write(name, content string) {
	w.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		w.Fatal(err)
	}
}

// interrupt ends the watch as Ctrl-C does, and checks that it ends well.
func (w *watcher) interrupt() {
	w.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		w.Fatal(err)
	}
	err := w.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) || err != nil {
		w.Errorf("after an interrupt it ends with %v", err)
	}
}

const watchedPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    image: registry.example.com/web:%s\n"

func watchedRepository(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		".git/HEAD": "", ".gitignore": "build\n",
		"apps/web/pod.yaml":    fmt.Sprintf(watchedPod, "1"),
		"apps/web/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: <vault:kv/shop/db#password>}\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRenderWatch(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte("kv/shop/db: {password: a, other: b}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := watchDir(t, watchedRepository(t), "render", "apps/web", "--values-from", values, "--namespace", "shop", "--watch")
	w.expect(`^\d\d:\d\d:\d\d$`)
	w.expect(`^2 objects in \S+$`)
	w.write("apps/web/pod.yaml", fmt.Sprintf(watchedPod, "2"))
	w.expect(`^  ~ Pod web  apps/web/pod.yaml:1$`)
	w.expect(`^      spec.containers\[app\].image: registry.example.com/web:1 → registry.example.com/web:2$`)
	w.expect(`^      Pod web app: registry.example.com/web:1 → registry.example.com/web:2$`)
	// What is sealed differs only where its reference does.
	w.write("apps/web/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: <vault:kv/shop/db#other>}\n")
	if text := w.expect(`the ciphertext of spec.encryptedData.password changes`); strings.Contains(text, "Pod web") {
		t.Errorf("the Pod has not changed:\n%s", text)
	}
	// The values are read again, and what is sealed from the same is the same.
	if err := os.WriteFile(values, []byte("kv/shop/db: {password: a, other: changed}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.expect(`the ciphertext of spec.encryptedData.password changes`)
	if err := os.WriteFile(values, []byte("kv/shop/db: {password: changed, other: changed}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.expect(`no object differs from before`)
	// A new directory, and one that Git ignores.
	w.write("build/pod.yaml", "x")
	w.write("apps/web/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web\n")
	if text := w.expect(`E_YAML: apps/web/pod.yaml`); strings.Count(text, ":") == 0 {
		t.Errorf("printed %s", text)
	}
	// It goes on, and compares with what could be rendered last.
	w.write("apps/web/pod.yaml", fmt.Sprintf(watchedPod, "3"))
	w.expect(`registry.example.com/web:2 → registry.example.com/web:3$`)
	// The directory goes and comes back.
	if err := os.RemoveAll(filepath.Join(w.dir, "apps")); err != nil {
		t.Fatal(err)
	}
	w.expect(`E_PATH`)
	w.write("apps/web/pod.yaml", fmt.Sprintf(watchedPod, "3"))
	w.expect(`^  - SealedSecret shop/db`)
	w.interrupt()
}

func TestCheckWatch(t *testing.T) {
	dir, elsewhere := watchedRepository(t), t.TempDir()
	policy := filepath.Join(elsewhere, "own.rego")
	rule := func(image string) string {
		return "package main\n\nimport rego.v1\n\n# METADATA\n# title: old image\n# custom:\n#   id: old-image\ndeny contains msg if {\n  some c in input.spec.containers\n  endswith(c.image, \":" + image + "\")\n  msg := \"the image is old\"\n}\n"
	}
	if err := os.WriteFile(policy, []byte(rule("2")), 0o600); err != nil {
		t.Fatal(err)
	}
	w := watchDir(t, dir, "check", ".", "--policy", elsewhere, "--watch")
	w.expect(`^2 objects in 1 application: 0 denied`)
	w.write("apps/web/pod.yaml", fmt.Sprintf(watchedPod, "2"))
	w.expect(`^2 objects in 1 application in \S+: 1 denied, `)
	w.expect(`^apps/web$`)
	w.expect(`^  ~ Pod web`)
	w.expect(`^      new  deny  old-image  Pod web: the image is old$`)
	// Another application, and a policy that changes.
	w.write("apps/new/pod.yaml", fmt.Sprintf(watchedPod, "1"))
	w.expect(`^3 objects in 2 applications in `)
	w.expect(`^  is new: 1 object$`)
	if err := os.WriteFile(policy, []byte(rule("1")), 0o600); err != nil {
		t.Fatal(err)
	}
	text := w.expect(`gone deny  old-image  Pod web`)
	if !strings.Contains(text, "new  deny  old-image  Pod web") {
		t.Errorf("the other application is not denied now:\n%s", text)
	}
	// A policy that does not load changes nothing.
	if err := os.WriteFile(policy, []byte("package main\n\ndeny contains"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.expect(`E_POLICY_LOAD`)
	w.write("apps/web/pod.yaml", fmt.Sprintf(watchedPod, "1"))
	w.expect(`: 2 denied, `)
	w.interrupt()
}

func TestWatchRefuses(t *testing.T) {
	environ := installed(t)
	dir := watchedRepository(t)
	for command, want := range map[string]string{
		"argocd-seal check . --watch --format sarif":  "E_PARAMETER: --watch shows a table",
		"argocd-seal render nowhere --watch":          "E_PATH: there is no directory nowhere",
		"argocd-seal check . /tmp --watch":            "E_PARAMETER: --watch takes directories of one repository",
		"argocd-seal render . --watch --config x.yml": "E_CONFIG",
	} {
		if code, output := shell(t, dir, environ, command); code != exitError || !strings.Contains(output, want) {
			t.Errorf("%s exits with %d and prints %s", command, code, output)
		}
	}
}

// BenchmarkRenderWatch measures how long it takes from a file's change to what is
// printed of it, for 30 objects of an overlay; offline seals nothing here, as there
// is no reference.
func BenchmarkRenderWatch(b *testing.B) {
	benchmarkWatch(b, "render", "overlay", "--watch")
}

// BenchmarkCheckWatch does so with the policies of the production level.
func BenchmarkCheckWatch(b *testing.B) {
	benchmarkWatch(b, "check", "overlay", "--level", "production-security", "--watch")
}

func benchmarkWatch(b *testing.B, args ...string) {
	w := watchDir(b, overlayOfThirty(b), args...)
	w.expect(`30 objects in `)
	i := 0
	for b.Loop() {
		b.StopTimer()
		time.Sleep(time.Second) // a person takes longer, and a worker has started by then
		i++
		b.StartTimer()
		w.write("overlay/kustomization.yaml", overlayKustomization(i+1))
		w.expect(fmt.Sprintf(`spec.replicas: %d → %d$`, i, i+1))
	}
	w.interrupt()
}

func overlayKustomization(replicas int) string {
	return fmt.Sprintf("resources: [../base]\nnamespace: bench\nnamePrefix: production-\nreplicas: [{name: service-0, count: %d}]\n", replicas)
}

// overlayOfThirty is an overlay of ten services with three objects each.
func overlayOfThirty(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	files := map[string]string{".git/HEAD": "", "overlay/kustomization.yaml": overlayKustomization(1)}
	var resources, generators strings.Builder
	for i := range 10 {
		fmt.Fprintf(&resources, "- service-%d.yaml\n", i)
		fmt.Fprintf(&generators, "- name: service-%d\n  literals: [LEVEL=info]\n", i)
		files[fmt.Sprintf("base/service-%d.yaml", i)] = fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: service-%[1]d}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: service-%[1]d}}\n"+
			"  template:\n    metadata: {labels: {app: service-%[1]d}}\n    spec:\n      containers:\n      - name: main\n        image: registry.example.com/service-%[1]d:1.0.0\n        envFrom: [{configMapRef: {name: service-%[1]d}}]\n"+
			"---\napiVersion: v1\nkind: Service\nmetadata: {name: service-%[1]d}\nspec:\n  selector: {app: service-%[1]d}\n  ports: [{name: http, port: 80}]\n", i)
	}
	files["base/kustomization.yaml"] = "resources:\n" + resources.String() + "configMapGenerator:\n" + generators.String()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
