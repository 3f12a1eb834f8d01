package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the program under test as well: scripts call it by its
// name, and it starts itself again as its own worker.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"without-landlock": withoutLandlock,
		"argocd-seal":      func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, Setup: func(env *testscript.Env) error {
		env.Setenv("EXAMPLES", filepath.Join(root, "examples"))
		env.Setenv("SAMPLE", filepath.Join(root, "audit/testdata/sample.jsonl"))
		env.Setenv("SAMPLEKEY", filepath.Join(root, "audit/testdata/sample.pub"))
		return nil
	}})
}
