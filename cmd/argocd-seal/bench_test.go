package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkCheckHundredOverlays checks a repository of 100 overlays of one base,
// from the start of the program to its end. cores is the time that all
// processors worked for it by the time that passed.
func BenchmarkCheckHundredOverlays(b *testing.B) {
	environ := installed(b)
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
