package kustomize

import (
	"bytes"
	"log"
	"os"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// options returns how kustomize is run; nothing else in this package may make a
// krusty.Options, whose zero value lifts the restriction on files. The order is
// the one that kustomize build uses where nobody asks for another.
func options() *krusty.Options {
	o := krusty.MakeDefaultOptions()
	o.Reorder = krusty.ReorderOptionUnspecified
	o.AddManagedbyLabel = false
	o.LoadRestrictions = types.LoadRestrictionsRootOnly
	o.PluginConfig = types.DisabledPluginConfig()
	return o
}

// fence is held while kustomize runs. Kustomize keeps the OpenAPI schema in
// globals that two builds would share (kustomize issue 4824), and the fence
// swaps process-wide outputs besides.
var fence sync.Mutex

// runKustomize builds one directory behind the fence. The notes are the lines
// that kustomize logged meanwhile. customSchema says that the build sets a
// schema: it is thrown away afterwards. Kustomize itself never does, so that the
// next build would merge lists by the schema of this one and drop containers
// (the early return in kyaml's openapi.SetSchema; seen in fluxcd/pkg#1237).
func runKustomize(fsys *files, dir string, customSchema bool) (found []*resource.Resource, notes []string, err error) {
	fence.Lock()
	defer fence.Unlock()
	if openapi.GetSchemaVersion() != openapi.DefaultOpenAPI {
		openapi.ResetOpenAPI()
	}
	logged, restore := captureOutput()
	defer func() {
		restore()
		notes = lines(logged.String())
		// Kustomize and kyaml index and assert without looking, on schemas and
		// annotations among others; the panic's text may quote what they read.
		if recover() != nil {
			found, err = nil, fault.New(fault.RenderCrash, "kustomize crashed on this input")
			customSchema = true
		}
		if customSchema {
			openapi.ResetOpenAPI()
		}
	}()
	resources, err := krusty.MakeKustomizer(options()).Run(fsys, absolute(dir))
	if err != nil {
		return nil, nil, err
	}
	return resources.Resources(), nil, nil
}

// captureOutput keeps kustomize from printing. It logs unused variables with
// package log, which is kept, and writes warnings about deprecated fields to
// standard error, which is dropped: the survey has already reported them, with
// file and line.
func captureOutput() (logged *bytes.Buffer, restore func()) {
	stderr, writer, flags := os.Stderr, log.Writer(), log.Flags()
	logged = &bytes.Buffer{}
	os.Stderr = nil
	log.SetOutput(logged)
	log.SetFlags(0)
	return logged, func() {
		os.Stderr = stderr
		log.SetOutput(writer)
		log.SetFlags(flags)
	}
}

func lines(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			found = append(found, line)
		}
	}
	return found
}

// decode turns one of kustomize's resources into an object. It takes the JSON
// form, from which kustomize makes its YAML.
func decode(resource *resource.Resource) (objects []object.Object, err error) {
	defer func() {
		if recover() != nil {
			objects, err = nil, fault.New(fault.RenderCrash, "kustomize crashed while writing an object")
		}
	}()
	data, err := resource.MarshalJSON()
	if err != nil {
		return nil, fault.New(fault.Kustomize, "the result holds an object that cannot be written").
			At(resource.GetKind()+" "+resource.GetName(), "")
	}
	return object.Decode("", data)
}
