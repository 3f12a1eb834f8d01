package policy

import (
	"io/fs"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// DefaultTimeout bounds one evaluation where [Config.Timeout] is 0.
const DefaultTimeout = 10 * time.Second

// maxOutcomes bounds a verdict. A render with more is denied as a whole.
const maxOutcomes = 20000

// SchemaOff leaves objects unchecked by the schemas of Kubernetes; the other
// choices are [verdict.Deny] and [verdict.Warn]. An environment that does not
// choose denies at [builtin.Enhanced] and above, and is unchecked below.
const SchemaOff verdict.Decision = "off"

// Config is what the platform asks of each environment.
type Config struct {
	// Environments by name. To evaluate one that is not here is a fault.
	Environments map[string]Environment
	// Waivers is a file in WaiversFS; empty means that nothing is waived.
	Waivers   string
	WaiversFS fs.FS
	// Inputs are the digests or commits of what bundles were fetched from, by name.
	// Verdicts repeat them.
	Inputs map[string]string
	// Timeout bounds one evaluation; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Now is the clock that waivers expire by; nil means [time.Now].
	Now func() time.Time
}

// Environment is what is asked of the objects of one environment. At least a
// level, the schema check, one set of policies or a promotion must be set.
type Environment struct {
	// Level of the built-in bundle; empty leaves it out.
	Level builtin.Level
	// Parameters for the rules of the built-in bundle.
	Parameters map[string]any
	// Bundles are the platform's own policies.
	Bundles []Bundle
	// Gatekeeper are files with ConstraintTemplates and their constraints.
	Gatekeeper []bundle.Source
	// AdmissionPolicies are files with ValidatingAdmissionPolicies, their bindings
	// and parameters.
	AdmissionPolicies []bundle.Source
	// Kyverno are files with Kyverno's ClusterPolicies.
	Kyverno []bundle.Source
	// Schema is what becomes of objects that do not fit the API of their cluster:
	// see [SchemaOff]. Empty is what the level asks for.
	Schema verdict.Decision
	// Promotion lets only images through that another directory ships; nil asks
	// nothing. Each [Input] must then say what that directory renders.
	Promotion *promotion.Rule
	// Images is the digest of what is demanded of images; empty where nothing is.
	// Each [Input] must then say what was found about them.
	Images string
	// Enforcement is [verdict.Deny] where it is empty. With [verdict.Warn] every
	// violation warns; a rule that gives no answer still denies.
	Enforcement verdict.Decision
}

// asks tells whether anything but a schema is asked.
func (e Environment) asks() bool {
	return e.Level != "" || len(e.Bundles)+len(e.Gatekeeper)+len(e.AdmissionPolicies)+len(e.Kyverno) > 0 || e.Promotion != nil || e.Images != ""
}

// Bundle is a set of policies of the platform.
type Bundle struct {
	// Name stands in messages and reports.
	Name     string
	Policies []bundle.Source
	Data     []bundle.Source
	// Namespaces and Version are those of [bundle.Options].
	Namespaces []string
	Version    bundle.Version
	// Combine gives every rule the list of all objects, as conftest's --combine
	// does. Without it a rule can ask for that with custom.input in its METADATA.
	Combine bool
}

// Input is one request to the gate.
type Input struct {
	// Objects are judged as they are; the gate does not change them.
	Objects []object.Object
	// Environment is one of those of the [Config].
	Environment string
	// KubeVersion is the destination's version, such as "1.33.2"; empty is
	// unknown.
	KubeVersion string
	// Namespace is where objects without a namespace go.
	Namespace string
	// Sealed is set for the second look, at the sealed form.
	Sealed bool
	// Promotion is what the application is promoted from, for environments that
	// ask.
	Promotion *promotion.Request
	// Images is what was found about the images of the objects, for environments that
	// ask.
	Images *supplychain.Result
	// ImagesUnverified is set where a person judges without registries and knows it.
	ImagesUnverified bool
}
