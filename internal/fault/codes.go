//go:generate go run ./internal/errorsdoc ../../docs/errors.md

package fault

import (
	"slices"
	"strings"
)

// Code names a kind of fault. Codes are part of the product's interface: people
// search for them and alerts match on them, so a code is never renamed and never
// reused. docs/errors.md is generated from [Codes].
type Code string

// The codes, by stage. [Codes] says what each means.
const (
	Internal    Code = "E_INTERNAL"
	Canceled    Code = "E_CANCELED"
	Timeout     Code = "E_TIMEOUT"
	Busy        Code = "E_BUSY"
	Limit       Code = "E_LIMIT"
	Config      Code = "E_CONFIG"
	Stream      Code = "E_STREAM"
	ArchivePath Code = "E_ARCHIVE_PATH"
	ArchiveLink Code = "E_ARCHIVE_LINK"
	ArchiveType Code = "E_ARCHIVE_TYPE"
	ArchiveDup  Code = "E_ARCHIVE_DUP"
	EnvDup      Code = "E_ENV_DUP"
	Identity    Code = "E_IDENTITY"
	Environment Code = "E_ENVIRONMENT"
	Parameter   Code = "E_PARAMETER"
	Path        Code = "E_PATH"
	RemoteRef   Code = "E_REMOTE_REF"
	Plugin      Code = "E_PLUGIN"
	Kustomize   Code = "E_KUSTOMIZE"
	Chart       Code = "E_CHART"
	Dependency  Code = "E_DEP"
	Schema      Code = "E_SCHEMA"
	SchemaRef   Code = "E_SCHEMA_REF"
	Hook        Code = "E_HOOK"
	Template    Code = "E_TEMPLATE"
	RenderCrash Code = "E_RENDER_CRASH"
	YAML        Code = "E_YAML"
	YAMLAlias   Code = "E_YAML_ALIAS"
	YAMLDup     Code = "E_YAML_DUP"
	YAMLNumber  Code = "E_YAML_NUM"
	YAMLTag     Code = "E_YAML_TAG"
	YAMLEnc     Code = "E_YAML_ENC"
	ObjectShape Code = "E_OBJECT"
	ObjectDup   Code = "E_OBJECT_DUP"
	Empty       Code = "E_EMPTY"
	Sandbox     Code = "E_SANDBOX"

	RefSyntax        Code = "E_REF_SYNTAX"
	RefPosition      Code = "E_REF_POSITION"
	Forbidden        Code = "E_FORBIDDEN"
	IdentityStreamed Code = "E_IDENTITY_STREAMED"
	Vault            Code = "E_VAULT"
	VaultDynamic     Code = "E_VAULT_DYNAMIC"
	Secret           Code = "E_SECRET"
	Modifier         Code = "E_MODIFIER"
	PlainSecret      Code = "E_PLAIN_SECRET"
	Namespace        Code = "E_NAMESPACE"
	Injection        Code = "E_INJECTION"
	Seal             Code = "E_SEAL"
	Leak             Code = "E_LEAK"
	Policy           Code = "E_POLICY"
	PolicyEngine     Code = "E_POLICY_ENGINE"
	PolicyLoad       Code = "E_POLICY_LOAD"
	PolicyFetch      Code = "E_POLICY_FETCH"
	Waiver           Code = "E_WAIVER"
	KubeVersion      Code = "E_KUBE_VERSION"
	Image            Code = "E_IMAGE"
	ImageSignature   Code = "E_IMAGE_SIGNATURE"
	ImageAttestation Code = "E_IMAGE_ATTESTATION"
	ImageVulnerable  Code = "E_IMAGE_VULNERABLE"
	ImageRegistry    Code = "E_IMAGE_REGISTRY"
	Audit            Code = "E_AUDIT"
	AuditFull        Code = "E_AUDIT_FULL"
	AuditSink        Code = "E_AUDIT_SINK"
	AuditLost        Code = "E_AUDIT_LOST"
)

// Denies tells whether the code means that a rule of the platform was asked and does
// not let something pass, and not that something failed.
func (c Code) Denies() bool {
	return c == Policy || c == Image || c == ImageSignature || c == ImageAttestation || c == ImageVulnerable
}

// Meaning is what the documentation says of one code.
type Meaning struct {
	Code Code
	// Stage is where in a request the fault arises.
	Stage string
	// Title is what happened, in a few words.
	Title string
	// Cause says when it happens, in one or two sentences.
	Cause string
	// Fix says what a person does about it.
	Fix string
}

// usual is what a person does about a fault of the code where the fault itself
// does not say it, as a sentence part.
func (c Code) usual() string {
	at := slices.IndexFunc(codes, func(m Meaning) bool { return m.Code == c })
	if at < 0 {
		return ""
	}
	first, rest, _ := strings.Cut(strings.TrimSuffix(codes[at].Fix, "."), " ")
	if first != "Argo" && first != "Vault" {
		first = strings.ToLower(first)
	}
	return first + " " + rest
}

// Codes lists every code, in the order of the stages of a request.
func Codes() []Meaning { return append([]Meaning(nil), codes...) }

var codes = []Meaning{
	{Config, "start", "the configuration is wrong", "plugin.yaml has an unknown field, a wrong type or a value that cannot work.", "Correct the line that the message names; the nearest known name is given where a name is misspelt."},
	{Sandbox, "start", "a required sandbox layer is missing", "render.sandbox.require names a layer that this kernel or container does not give.", "Give the container the missing right, or take the layer out of render.sandbox.require."},
	{Stream, "intake", "the stream is not what the repo-server sends", "The archive is empty, cut short, has bytes after its end, does not match its checksum, or messages come in the wrong order.", "Retry; if it stays, look for a proxy or a plugin between repo-server and sidecar."},
	{Limit, "any", "a limit was reached", "An archive, file, document, template or output is larger than the platform allows.", "Make it smaller, exclude files from the repo-server's stream, or ask the platform team to raise the limit that the message names."},
	{ArchivePath, "intake", "a path in the archive is not clean", "A name is absolute, climbs with .., is too long or has characters that no repository needs.", "Rename the file in the repository."},
	{ArchiveLink, "intake", "a symbolic link cannot be followed", "A link leaves the archive, goes in a circle, or points at something that is not a file.", "Make the link point at a regular file inside the repository, or replace it by the file."},
	{ArchiveType, "intake", "an entry is neither file, directory nor link", "The archive has a hard link, device, pipe or sparse file.", "Remove the entry from the repository."},
	{ArchiveDup, "intake", "two entries have one name", "The archive names a path twice, or uses one path as file and as directory.", "Remove one of the two."},
	{EnvDup, "intake", "an environment entry came twice", "The request names an ARGOCD_APP_ variable more than once.", "Find out who else can reach the plugin's socket."},
	{Identity, "identity", "the request does not say who it is for", "A variable that Argo CD always sets is missing or malformed.", "Run a supported Argo CD release; see docs/compatibility.md."},
	{Environment, "identity", "the application belongs to no environment", "plugin.yaml lists environments and the rules of none match the application; or its repository's URL, or the namespace of an object, could be that of another one.", "Add a rule for it to environments, or a last environment without rules for everything else; write URL and namespace as the rules do."},
	{Parameter, "identity", "a parameter is unknown or has the wrong type", "spec.source.plugin.parameters holds a name that this plugin does not know, or a string where it expects a list or a map.", "Use one of the names in docs/parameters.md; the nearest one is given."},
	{Path, "render", "a path leads out of the source", "A file or directory that the application refers to is missing or lies outside of what the repo-server sent.", "Correct the path, or add it to argocd.argoproj.io/manifest-generate-paths."},
	{RemoteRef, "render", "a remote reference is refused", "A kustomization or chart names something on another host.", "Vendor it into the repository, or ask the platform team to allow the host."},
	{Plugin, "render", "a renderer plugin is refused", "A kustomization asks for an exec, container or Go plugin.", "Use a builtin transformer, or render it before committing."},
	{Kustomize, "render", "kustomize cannot build", "The kustomization or something it uses is wrong.", "Correct what the message quotes; kustomize build shows the same on a laptop."},
	{Chart, "render", "the chart is not valid", "Chart.yaml, a values file or the release name is wrong.", "Correct the file that the message names; helm lint shows the same."},
	{Dependency, "render", "a chart dependency is missing", "Chart.yaml lists a dependency that is not in charts/.", "Run helm dependency update and commit charts/, or ask the platform team to allow the repository."},
	{Schema, "render", "values do not meet the chart's schema", "values.schema.json refuses the merged values.", "Correct the values that the message names."},
	{SchemaRef, "render", "a schema refers to something outside the chart", "values.schema.json has a $ref with a scheme such as http or file.", "Copy the referred schema into values.schema.json and refer to it with #/definitions."},
	{Hook, "render", "a Helm hook is unknown", "helm.sh/hook names an event that Helm does not know, so Helm would drop the object silently.", "Correct the hook's name."},
	{Template, "render", "a template failed", "A Helm template does not parse, calls fail or required, or uses a value that is not there.", "Correct the line that the message names."},
	{RenderCrash, "render", "rendering crashed", "The renderer died on this input, by endless recursion or for lack of memory. Other applications are not affected.", "Undo the last change of the application; look for a template or an anchor that refers to itself."},
	{Timeout, "render", "rendering took too long", "The request's deadline passed before the objects were rendered.", "Look for loops in templates, or ask the platform team for a longer render.timeout."},
	{Busy, "render", "too many renders wait", "All workers are busy and the queue is full.", "Argo CD retries by itself; ask the platform team for more workers if it lasts."},
	{Canceled, "any", "the caller went away", "The repo-server ended the request before it was answered.", "Argo CD retries by itself."},
	{YAML, "objects", "a document is not YAML", "A file or a rendered template cannot be parsed.", "Correct the line that the message names."},
	{YAMLAlias, "objects", "aliases repeat too much", "An alias refers to itself, or aliases of aliases grow without measure.", "Write the repeated part out, or use fewer aliases."},
	{YAMLDup, "objects", "a key stands twice", "A mapping has the same key twice; readers disagree on which one counts.", "Remove one of the two."},
	{YAMLNumber, "objects", "a number cannot be kept exactly", "A number is infinite, not a number, or larger than 64 bits.", "Write it as a string in quotes."},
	{YAMLTag, "objects", "a YAML tag is not known", "A node has a tag other than the standard ones.", "Remove the tag."},
	{YAMLEnc, "objects", "a file is not UTF-8", "YAML and JSON must be UTF-8.", "Save the file as UTF-8."},
	{ObjectShape, "objects", "this is not a Kubernetes object", "A document lacks apiVersion, kind or a valid metadata.name.", "Correct the object, or exclude the file."},
	{ObjectDup, "objects", "an object stands twice", "Two documents have the same group, kind, namespace and name. It is a warning, since Argo CD takes the last one.", "Remove one of the two."},
	{Empty, "objects", "nothing was rendered", "The application rendered no object; Argo CD would delete everything it has.", "Check the path, includes and conditions, or set render.allowEmpty."},
	{Internal, "any", "a fault of the plugin itself", "Something happened that should not. The log has the request's id.", "Report it with the id."},
	{RefSyntax, "secrets", "a reference is malformed", "A text begins like a reference to Vault and does not follow the grammar.", "Correct it as docs/references.md shows."},
	{RefPosition, "secrets", "a reference stands where no value may go", "A reference stands outside of the data of a Secret and is not the whole value of a container's environment variable.", "Move it into a Secret's data or stringData, or make it the whole value of an env entry."},
	{Forbidden, "secrets", "the application may not use this reference", "No binding lets this project, application, repository and namespace read the path. The answer is the same whether or not the path exists.", "Check the path's spelling, or ask the platform team for a binding."},
	{IdentityStreamed, "secrets", "no secrets for uploaded files", "The files were uploaded by a user and not read from the repository at a commit, so no reference is resolved.", "Commit and push, then let Argo CD render the commit."},
	{Vault, "secrets", "Vault could not be asked", "Vault is down, sealed, slow, redirecting or refuses the login.", "Argo CD retries by itself; if it lasts, the platform team runs argocd-seal doctor."},
	{VaultDynamic, "secrets", "this is not a static secret", "The mount is not a KV engine, or the answer carries a lease or a token.", "Refer to a KV secret; dynamic credentials cannot be sealed."},
	{Secret, "secrets", "a secret is not available", "Path, version or key is missing, deleted, destroyed, null or not readable with the binding's role. One text for all of these.", "Check path, key and version in Vault with the role of the binding."},
	{Modifier, "secrets", "a modifier cannot be applied", "A modifier is unknown, has wrong arguments, or the value does not have the form that it needs.", "Correct the modifiers as docs/references.md shows, or correct the value in Vault."},
	{PlainSecret, "secrets", "a Secret holds data in clear", "The repository has a Secret with data and without references; it would end in Argo CD's cache as it is.", "Put the data in Vault and refer to it, or ask the platform team to set injection.plainSecrets."},
	{Namespace, "secrets", "a secret has no allowed namespace", "A Secret has no namespace, or one that the binding does not allow.", "Remove metadata.namespace or use the application's destination namespace."},
	{Injection, "secrets", "an injection cannot express this", "The chosen injection is not allowed here, or cannot carry what the Secret or the workload asks for.", "Do what the message says, or choose another injection."},
	{Seal, "secrets", "nothing can be sealed", "The certificate is expired, not the pinned one or too weak, or the salt file has the wrong size or mode.", "The platform team corrects certificate and salt; argocd-seal doctor shows which."},
	{Leak, "secrets", "a value would have left in clear", "The last search found a value from Vault in what would be emitted, so nothing was.", "Take the text out of the manifest, or ask the platform team to list the path and key under nonSecret."},
	{Policy, "gate", "a policy denies the object", "A rule of the bundles that the platform chose for this environment does not let the object pass.", "Do what the rule's fix says, or ask for a waiver."},
	{PolicyEngine, "gate", "a policy did not give an answer", "A rule failed, gave something other than a set of messages, or took too long on this object. What is not judged is denied.", "The platform team corrects the policy at the line that the message names."},
	{PolicyLoad, "start", "a policy cannot be loaded", "A bundle does not compile, calls a builtin that is not allowed, or has a rule that could never deny anything.", "Correct the policy at the line that the message names; argocd-seal policy test shows the same."},
	{PolicyFetch, "start", "a remote bundle cannot be fetched", "The registry or Git server is down or refuses the login, does not have the digest or commit, or has something there that is no bundle or is too large. At start the plugin stops; later the policies that are loaded stay.", "Do what the message says; check the source in policy.sources, the network and the files with credentials."},
	{Waiver, "start", "a waiver is not valid", "A waiver lacks a rule, selector, owner, reason or expiry, or names a rule that no bundle has.", "Correct the waiver at the line that the message names."},
	{KubeVersion, "gate", "the cluster's version is not known here", "There are no schemas for the Kubernetes version of the destination, so objects were checked against those of the nearest version. It is a warning.", "The platform team updates the plugin."},
	{Image, "images", "an image is not one that may run here", "The image's text is malformed, names a tag where a digest is demanded, or belongs to no rule of the environment.", "Write the image as name@sha256:..., from a repository that the platform's rules name."},
	{ImageSignature, "images", "an image is not signed as demanded", "The image has no signature, or none by a signer whom the environment's rule accepts, for this digest, made while the certificate was valid.", "Sign the digest that the message names with a key or identity that the rule accepts; cosign verify shows the same."},
	{ImageAttestation, "images", "an image lacks an attestation", "Provenance, vulnerability report or SBOM is missing, is not signed by who may attest, is too old, or says something else than the rule demands.", "Attest the digest that the message names in the build, and sign with a key or identity that the rule accepts."},
	{ImageVulnerable, "images", "an image has vulnerabilities", "The signed report names vulnerabilities that are more severe than the rule accepts and that no VEX statement excepts.", "Update the packages that the message names, rebuild and scan; or publish a VEX statement if it does not affect the image."},
	{ImageRegistry, "images", "an image's registry could not be asked", "The registry is not one of those that the platform lists, is down, slow, refuses the login, redirects elsewhere or answers with something else than was asked for. What is not verified is denied.", "Argo CD retries by itself; if it lasts, the platform team checks images.registries, the network and the credentials."},
	{Audit, "audit", "the audit trail cannot be used", "The directory, the key or a file of the trail cannot be read or written, another process writes it, or its last lines are not what was written.", "The platform team does what the message says; argocd-seal audit verify shows whether a trail is whole."},
	{AuditFull, "audit", "there is no room for the audit trail", "The disk is full, or the trail has reached audit.maxSize with lines that a reader still needs.", "Make room on the disk, look why the reader is behind, or raise audit.maxSize."},
	{AuditSink, "audit", "a sink does not get the audit trail", "A receiver cannot be reached, does not acknowledge or refuses, or the sink's cursor cannot be read or stored. Requests are answered all the same; lines wait on disk and are sent again.", "Look at the reason in the log, the receiver, and the sink's files with certificates and tokens; see docs/audit-sinks.md."},
	{AuditLost, "audit", "a sink missed lines of the audit trail", "A receiver was away for so long that the trail had to drop lines which it had not acknowledged.", "Take the lines that the log names from another sink or a copy of the trail, and give the trail more room or the receiver less time to be away."},
}
