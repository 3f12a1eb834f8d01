package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkCheckHundredOverlays checks a repository of 100 overlays of one base,
// from the start of the program to its end. cores is the time that all
// processors worked for it by the time that passed.
func BenchmarkCheckHundredOverlays(b *testing.B) {
	environ := installed(b)
	dir := hundredOverlays(b)
	var worked, passed time.Duration
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), "bash", "-c", "exec argocd-seal check .")
		cmd.Dir, cmd.Env = dir, environ
		began := time.Now()
		if output, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, output)
		}
		passed += time.Since(began)
		worked += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(worked.Seconds()/passed.Seconds(), "cores")
	b.ReportMetric(worked.Seconds()/float64(b.N), "cpu-s/op")
}

// hundredOverlays is a repository of 100 overlays of one base.
func hundredOverlays(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	files := map[string]string{
		".git/HEAD":               "",
		"base/kustomization.yaml": "resources: [deployment.yaml]\n",
		"base/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n" +
			"  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: app\n        image: registry.example.com/web:1.2\n",
	}
	for i := range 100 {
		files[fmt.Sprintf("overlays/%02d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../../base]\nnamePrefix: n%02d-\nreplicas: [{name: web, count: 3}]\n", i)
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkDiffHundredOverlays compares two commits of that repository: one overlay
// changes, or the base and with it all of them.
func BenchmarkDiffHundredOverlays(b *testing.B) {
	environ := installed(b)
	dir := hundredOverlays(b)
	git := "git -c user.name=a -c user.email=a@example.com "
	prepare := "rm -rf .git && git init -q -b main && git add -A && " + git + "commit -qm one && git tag one && " +
		"sed -i s/3/4/ overlays/07/kustomization.yaml && " + git + "commit -qam two && git tag two && " +
		"sed -i s/1.2/1.3/ base/deployment.yaml && " + git + "commit -qam three && git tag three"
	if code, output := shell(b, dir, environ, prepare); code != 0 {
		b.Fatal(output)
	}
	for _, test := range []struct{ name, command, want string }{
		{"one", "argocd-seal diff one two", "1 of 100 applications differs"},
		{"all", "argocd-seal diff two three", "100 of 100 applications differ"},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				if code, output := shell(b, dir, environ, test.command); code != exitOK || !strings.Contains(output, test.want) {
					b.Fatalf("exits with %d: %s", code, output)
				}
			}
		})
	}
}
