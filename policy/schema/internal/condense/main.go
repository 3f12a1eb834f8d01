// Command condense writes the schemas of Kubernetes' own kinds that the gate
// checks objects against: `make schemas`. It reads the OpenAPI document of each
// release from the Go module of Kubernetes, which the module proxy serves and
// the checksum database vouches for, and writes what is needed of them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/argocd-seal/argocd-seal-plugin/policy/schema/internal/catalog"
)

// releases are the newest releases of each minor version that the module proxy
// serves, oldest first. A new one goes to the end.
var releases = []string{
	"1.28.15", "1.29.15", "1.30.14", "1.31.14", "1.32.13", "1.33.13", "1.34.4", "1.35.4", "1.36.3", "1.37.2",
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: condense FILE"))
	}
	versions := make([]catalog.Version, len(releases))
	for i, release := range releases {
		document, err := read(context.Background(), release)
		if err != nil {
			fail(fmt.Errorf("kubernetes %s: %w", release, err))
		}
		definitions, err := condense(document)
		if err != nil {
			fail(fmt.Errorf("kubernetes %s: %w", release, err))
		}
		versions[i] = catalog.Version{Release: release, Definitions: definitions}
	}
	packed, err := catalog.Encode(versions)
	if err != nil {
		fail(err)
	}
	if err := os.WriteFile(os.Args[1], packed, 0o644); err != nil {
		fail(err)
	}
	fmt.Printf("%s: %d versions in %d KiB\n", os.Args[1], len(releases), len(packed)>>10)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "condense:", err)
	os.Exit(1)
}

// read returns the OpenAPI document of a release, in version 2: one file for
// all groups.
func read(ctx context.Context, release string) ([]byte, error) {
	output, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", "k8s.io/kubernetes@v"+release).Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download: %w: %s", err, output)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(output, &module); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(module.Dir, "api", "openapi-spec", "swagger.json"))
}
