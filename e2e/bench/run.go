package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/differential"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	// leastRuns keeps a median from being a matter of luck.
	leastRuns = 20
	// warmRuns are not counted: the first request of each contender clones.
	warmRuns = 3
	// idleTime is how long the sidecar is left alone before its memory is read.
	idleTime = 3 * time.Second
)

// contender is one way to render the application.
type contender struct {
	name   string
	source v1alpha1.ApplicationSource
	took   []time.Duration
}

// median of the counted runs.
func (c *contender) median() time.Duration {
	sorted := slices.Sorted(slices.Values(c.took))
	return sorted[len(sorted)/2]
}

func (c *contender) fastest() time.Duration { return slices.Min(c.took) }

func (c *contender) slowest() time.Duration { return slices.Max(c.took) }

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runs := flags.Int("n", 40, "counted runs of each contender")
	output := flags.String("o", "", "file to write the report to, besides standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *runs < leastRuns {
		return fmt.Errorf("-n %d is too few for a median, want at least %d", *runs, leastRuns)
	}
	result, err := measure(ctx, *runs)
	if err != nil {
		return err
	}
	text := result.markdown()
	if _, err := io.WriteString(stdout, text); err != nil || *output == "" {
		return err
	}
	return os.WriteFile(*output, []byte(text), 0o644)
}

// measure starts the servers, takes the measurements and stops the servers.
func measure(ctx context.Context, runs int) (result report, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	search, err := searchPath(dir)
	if err != nil {
		return report{}, err
	}
	lab, err := harness.Start(ctx, harness.ArgoCD2, search)
	if err != nil {
		return report{}, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	repository, err := makeRepository(ctx, filepath.Join(dir, "repository"))
	if err != nil {
		return report{}, err
	}
	sidecar, err := servePlugins(ctx, lab)
	if err != nil {
		return report{}, err
	}
	if result.idle, err = settled(ctx, sidecar.PID()); err != nil {
		return report{}, err
	}
	for _, v := range variants {
		contenders := newContenders()
		if err := race(ctx, lab, repository, v.dir, contenders, runs); err != nil {
			return report{}, fmt.Errorf("%s: %w", v.dir, err)
		}
		result.tables = append(result.tables, table{title: v.title, contenders: contenders})
	}
	if result.after, err = settled(ctx, sidecar.PID()); err != nil {
		return report{}, err
	}
	if result.sealing, err = measureSealing(ctx, lab, dir, runs); err != nil {
		return report{}, err
	}
	result.gating, err = measureGate(ctx)
	return result, err
}

// race gives every contender its turn, again and again, so that what else
// happens on the machine hits all alike.
func race(ctx context.Context, lab *harness.Lab, repository *harness.Repository, dir string, contenders []*contender, runs int) error {
	var want differential.Objects
	for i := range warmRuns + runs {
		for _, c := range contenders {
			source := c.source
			source.Path = dir
			began := time.Now()
			response, err := lab.Generate(ctx, harness.Application{Name: "bench", Project: "default",
				Namespace: "bench", Repository: repository, Source: source})
			took := time.Since(began)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i >= warmRuns {
				c.took = append(c.took, took)
				continue
			}
			got, err := differential.ParseLines([]byte(strings.Join(response.Manifests, "\n")))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if want == nil {
				want = got
			}
			if difference := differential.Diff(want, got); difference != "" || len(got) != objects {
				return fmt.Errorf("%s: renders %d objects that differ from native: %s", c.name, len(got), difference)
			}
		}
	}
	return nil
}

// The plugins: our own sidecar, and upstream's server with the least possible
// work, which shows what the plugin protocol alone costs.
var (
	seal = harness.Plugin{Name: "argocd-seal", Version: "v1.0"}
	cat  = harness.Plugin{Name: "cat", Generate: []string{"cat", renderedFile}}
)

func servePlugins(ctx context.Context, lab *harness.Lab) (*harness.Process, error) {
	if _, err := lab.ServeCMP(ctx, cat); err != nil {
		return nil, err
	}
	return lab.Serve(ctx, seal)
}

// newContenders returns who takes part; the first is what the others are
// compared with.
func newContenders() []*contender {
	return []*contender{
		{name: "native kustomize", source: v1alpha1.ApplicationSource{Kustomize: &v1alpha1.ApplicationSourceKustomize{}}},
		{name: "plugin that runs `cat`", source: plugin(cat.FullName())},
		{name: "argocd-seal", source: plugin(seal.FullName())},
	}
}

func plugin(name string) v1alpha1.ApplicationSource {
	return v1alpha1.ApplicationSource{Plugin: &v1alpha1.ApplicationSourcePlugin{Name: name}}
}

// searchPath makes a PATH on which the repo-server finds kustomize.
func searchPath(dir string) (string, error) {
	kustomize, err := harness.Kustomize.Path()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return "", err
	}
	return bin + string(os.PathListSeparator) + os.Getenv("PATH"), os.Symlink(kustomize, filepath.Join(bin, "kustomize"))
}
