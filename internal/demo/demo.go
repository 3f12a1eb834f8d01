package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/cmp"
	"google.golang.org/protobuf/types/known/emptypb"
	"sigs.k8s.io/yaml"
)

// requestTimeout bounds the whole request.
const requestTimeout = time.Minute

// application is the part of an Argo CD Application that the demo needs.
type application struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Project     string `json:"project"`
		Destination struct {
			Namespace string `json:"namespace"`
		} `json:"destination"`
		Source struct {
			RepoURL string `json:"repoURL"`
			Path    string `json:"path"`
			Plugin  struct {
				Name string `json:"name"`
			} `json:"plugin"`
		} `json:"source"`
	} `json:"spec"`
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	binary := flags.String("binary", "bin/argocd-seal", "the built argocd-seal")
	config := flags.String("config", "plugin.yaml", "the sidecar's configuration")
	file := flags.String("application", "examples/applications/payments.yaml", "the Application to render")
	values := flags.String("values-from", "examples/values.yaml", "the values that stand for Vault's")
	root := flags.String("root", "examples", "the directory that is streamed, as if it were the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	app, err := readApplication(*file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sidecar, err := startSidecar(ctx, *binary, *config, *values, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sidecar.stop()) }()
	socket, err := sidecar.await(ctx, app.Spec.Source.Plugin.Name)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "demo: the sidecar serves on %s\n", filepath.Base(socket))
	manifests, err := generate(ctx, socket, *root, app)
	if err != nil {
		return err
	}
	if err := write(stdout, manifests); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "demo: Argo CD gets %d manifests for %s of %s\n", len(manifests), app.Spec.Source.Path, app.Metadata.Name)
	return compare(stderr, *values, manifests)
}

func readApplication(file string) (application, error) {
	var app application
	text, err := os.ReadFile(file)
	if err != nil {
		return app, err
	}
	if err := yaml.Unmarshal(text, &app); err != nil {
		return app, fmt.Errorf("%s: %w", file, err)
	}
	return app, nil
}

// generate asks the sidecar as the repo-server does: with its client, and with
// its code to pack and stream the files.
func generate(ctx context.Context, socket, root string, app application) ([]string, error) {
	connection, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	if _, err := client.CheckPluginConfiguration(ctx, &emptypb.Empty{}); err != nil {
		return nil, err
	}
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	env := []string{
		"ARGOCD_APP_NAME=" + app.Metadata.Name,
		"ARGOCD_APP_PROJECT_NAME=" + app.Spec.Project,
		"ARGOCD_APP_NAMESPACE=" + app.Spec.Destination.Namespace,
		"ARGOCD_APP_REVISION=" + strings.Repeat("0", 40),
		"ARGOCD_APP_SOURCE_REPO_URL=" + app.Spec.Source.RepoURL,
		"ARGOCD_APP_SOURCE_PATH=" + app.Spec.Source.Path,
	}
	if err := cmp.SendRepoStream(ctx, filepath.FromSlash(app.Spec.Source.Path), root, stream, env, nil); err != nil {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

// compare says how many of the values stand in what Argo CD gets. One that does
// is an error.
func compare(w io.Writer, file string, manifests []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var paths map[string]map[string]string
	if err := yaml.Unmarshal(text, &paths); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	values, shown := 0, 0
	for _, keys := range paths {
		for _, value := range keys {
			values++
			if strings.Contains(strings.Join(manifests, "\n"), value) {
				shown++
			}
		}
	}
	fmt.Fprintf(w, "demo: of %d values in %s it shows %d\n", values, file, shown)
	if shown > 0 {
		return errors.New("a value was emitted in clear")
	}
	return nil
}

// write prints manifests, which are JSON, as one stream of YAML.
func write(w io.Writer, manifests []string) error {
	for _, manifest := range manifests {
		text, err := yaml.JSONToYAML([]byte(manifest))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
