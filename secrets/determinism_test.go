package secrets_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// mixed is an application with all that could depend on an order: several
// Secrets, a workload that uses two of them, variables that are lifted, values
// that the leak scan watches.
var mixed = strings.Join([]string{
	secretWith("stringData: {a: <vault:kv/demo/db#password>, b: '<vault:kv/demo/db#username>:x', c: lit, d: <vault:kv/demo/db#big>}"),
	"apiVersion: v1\nkind: Secret\nmetadata: {name: more}\nstringData: <vault:kv/demo/app>",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: tls}\ntype: kubernetes.io/tls\nstringData: {tls.crt: <vault:kv/demo/db#yaml>, tls.key: <vault:kv/demo/db#password>}",
	strings.Replace(deployment, "{name: db}", "{name: db}}, {secretRef: {name: more}", 1),
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: <vault:kv/demo/db#password>}, {name: F, value: <vault:kv/demo/db#port>}]}]}",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {host: <vault:kv/demo/app#host>, n: <vault:kv/demo/app#replicas>}",
}, "\n---\n")

// TestO9OneOutput seals the application a hundred times in this process and a
// hundred times in each of two others, with one and with eight threads, each
// time from another order of its objects.
func TestO9OneOutput(t *testing.T) {
	const child = "ARGOCD_SEAL_TEST_CHILD"
	if stdout := os.Stdout; os.Getenv(child) != "" {
		// The watch over a test takes standard output away.
		fmt.Fprintf(stdout, "outputs=%s\n", strings.Join(outputs(t), ","))
		return
	}
	here := outputs(t)
	if len(here) != 1 {
		t.Errorf("%d distinct outputs, want 1", len(here))
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []string{"1", "8"} {
		command := exec.CommandContext(t.Context(), executable, "-test.run=^TestO9OneOutput$", "-test.v")
		command.Env = append(os.Environ(), child+"=1", "GOMAXPROCS="+threads, drawnBefore+"="+strings.Join(drawn(), ","))
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		if want := "outputs=" + here[0] + "\n"; !strings.Contains(string(output), want) {
			t.Errorf("with %s threads the other process gives %s", threads, output)
		}
	}
}

// outputs returns the digests of what a hundred runs emit.
func outputs(t *testing.T) []string {
	t.Helper()
	var distinct []string
	seen := map[string]bool{}
	for range 100 {
		objects := parse(t, mixed)
		rand.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		result, err := newStage(t).Apply(t.Context(), secrets.Request{Identity: identity, Objects: objects})
		if err != nil {
			t.Fatal(err)
		}
		object.Sort(result.Objects) // as the pipeline does
		sum := sha256.Sum256([]byte(encode(t, result.Objects)))
		if digest := hex.EncodeToString(sum[:]); !seen[digest] {
			seen[digest], distinct = true, append(distinct, digest)
		}
	}
	return distinct
}
