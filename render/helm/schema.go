package helm

import (
	"bytes"
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// schemaURL is the address under which Helm compiles a schema; relative
	// references resolve against it.
	schemaURL = "file:///values.schema.json"
	// maxViolations is how many violations of one schema are reported.
	maxViolations = 20
)

// errOutside is what every attempt to load another schema ends in.
var errOutside = errors.New("schemas are not loaded from anywhere")

// noLoader refuses every address. Helm's own validation opens file: and
// fetches http: references and shows in its errors what it read; of unknown
// urn: references it takes any value.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errOutside }

// checkSchemas validates values against the schema of c, and the values of
// each subchart against that subchart's. As in Helm, a subchart without values
// is not validated. All violations are reported.
func (l *chartLoader) checkSchemas(c *chart.Chart, values map[string]any) fault.List {
	var faults fault.List
	if c.Schema != nil {
		faults = l.checkSchema(c, values)
	}
	for _, sub := range c.Dependencies() {
		raw, set := values[sub.Name()]
		if !set || raw == nil {
			continue
		}
		below, ok := raw.(map[string]any)
		if !ok {
			file, _ := l.place(sub, chartFile)
			faults = append(faults, fault.New(fault.Schema, "the values of the subchart %s must be a mapping",
				fault.Clean(sub.ChartPath(), 200)).In(file, 0).At("", sub.Name()))
			continue
		}
		faults = append(faults, l.checkSchemas(sub, below)...)
	}
	return faults
}

func (l *chartLoader) checkSchema(c *chart.Chart, values map[string]any) (faults fault.List) {
	file, _ := l.place(c, schemaFile)
	defer func() {
		// The validator gives faults of a schema as errors and has panicked on
		// odd ones; Helm guards the call in the same way.
		if recover() != nil {
			faults = fault.List{fault.New(fault.Chart, "the schema cannot be used").In(file, 0)}
		}
	}()
	schema, err := compileSchema(c.Schema)
	if err != nil {
		return l.compileFaults(err, file)
	}
	if values == nil {
		values = map[string]any{}
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(schema.Validate(values), &invalid) {
		return nil
	}
	problem := "the value does not meet the schema of the chart " + fault.Clean(c.ChartPath(), 200)
	return l.violations(fault.Schema, problem, file, invalid)
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

func (l *chartLoader) compileFaults(err error, file string) fault.List {
	var outside *jsonschema.LoadURLError
	if errors.As(err, &outside) {
		return fault.List{fault.New(fault.SchemaRef, "the schema refers to something outside of it: %s", fault.Clean(outside.URL, 200)).
			In(file, 0).WithFix("copy what it refers to into the schema and refer to it with #/definitions/NAME")}
	}
	const problem = "the file is not a JSON schema"
	var meta *jsonschema.SchemaValidationError
	if errors.As(err, &meta) {
		var invalid *jsonschema.ValidationError
		if errors.As(meta.Err, &invalid) {
			return l.violations(fault.Chart, problem, file, invalid)
		}
	}
	if l.quote {
		return fault.List{fault.New(fault.Chart, "%s: %s", problem, fault.Clean(err.Error(), 256)).In(file, 0)}
	}
	return fault.List{fault.New(fault.Chart, problem).In(file, 0)}
}

// violations lists the leaves of a validation error: what is wrong with which
// value.
func (l *chartLoader) violations(code fault.Code, problem, file string, invalid *jsonschema.ValidationError) fault.List {
	printer := message.NewPrinter(language.English)
	var faults fault.List
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if !isAlternative(e) && len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				walk(cause)
			}
			return
		}
		if len(faults) == maxViolations {
			return
		}
		text := problem
		if l.quote {
			text += ": " + fault.Clean(describeViolation(e, printer), 384)
		}
		field := fault.Clean(strings.Join(e.InstanceLocation, "."), 256)
		faults = append(faults, fault.New(code, "%s", text).In(file, 0).At("", field))
	}
	walk(invalid)
	return faults
}

// describeViolation says what is wrong with one value. Of alternatives it says
// why each does not fit.
func describeViolation(e *jsonschema.ValidationError, printer *message.Printer) string {
	text := e.ErrorKind.LocalizedString(printer)
	if !isAlternative(e) || len(e.Causes) == 0 {
		return text
	}
	var reasons []string
	for _, cause := range e.Causes {
		for len(cause.Causes) > 0 {
			cause = cause.Causes[0]
		}
		reasons = append(reasons, cause.ErrorKind.LocalizedString(printer))
	}
	return text + " (" + strings.Join(reasons, "; ") + ")"
}

// isAlternative tells whether the causes of an error are the reasons why each
// of several alternatives does not fit, none of which is wrong by itself.
func isAlternative(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return true
	}
	return false
}
