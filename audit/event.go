// Package audit is the trail of what was rendered, by whom, from which commit,
// with which secret versions and which verdict. It never holds a value.
package audit

import "time"

// Version is the version of the schema of [Event]. Fields are only added within
// a version; readers pass over fields that they do not know.
const Version = 1

// Type says what an event is about.
type Type string

// The types. A request of Argo CD is a Render; all others happen in the
// background. A Checkpoint signs the chain up to itself.
const (
	Render     Type = "render"
	Refresh    Type = "refresh"
	Policies   Type = "policies"
	Config     Type = "config"
	Secret     Type = "secret"
	Start      Type = "start"
	Stop       Type = "stop"
	Recovery   Type = "recovery"
	Checkpoint Type = "checkpoint"
)

// Event is one thing that happened. Strings that a tenant can choose are cleaned
// and bounded by whoever makes the event. Fields that do not apply are left out
// of the JSON.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Type    Type      `json:"type"`
	// Instance names the process, such as the Pod's name.
	Instance string `json:"instance,omitempty"`
	// ID names the request, the same as in the log.
	ID string `json:"id,omitempty"`

	App       string `json:"app,omitempty"`
	Project   string `json:"project,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Repo      string `json:"repo,omitempty"`
	Path      string `json:"path,omitempty"`
	Revision  string `json:"revision,omitempty"`
	// Author and Subject are of the commit, where the stream carries them.
	Author  string `json:"author,omitempty"`
	Subject string `json:"subject,omitempty"`

	Environment string `json:"environment,omitempty"`
	// Renderer is kustomize, helm, plain or another kind of source.
	Renderer string `json:"renderer,omitempty"`
	Objects  int    `json:"objects,omitempty"`
	// Outcome is OK, or the stable code of the first error.
	Outcome string `json:"outcome"`
	// Codes are all codes of a failure, each once and sorted.
	Codes []string `json:"codes,omitempty"`

	Verdict    *Verdict    `json:"verdict,omitempty"`
	References []Reference `json:"references,omitempty"`
	Injections []Injection `json:"injections,omitempty"`
	// Certificate is the SHA-256 of the certificate that sealed, in hexadecimal.
	Certificate string `json:"certificate,omitempty"`
	// Output is the SHA-256 of the manifests that left, a line feed after each, in
	// hexadecimal.
	Output string `json:"output,omitempty"`
	// Source is the SHA-256 of the archive as it was received, in hexadecimal.
	Source string `json:"source,omitempty"`
	// Inputs are digests of what was fetched from elsewhere, by name: bundles of
	// policies by their source.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Milliseconds is how long it took, by stage and as "total".
	Milliseconds map[string]float64 `json:"milliseconds,omitempty"`
	// Message explains background events in a sentence.
	Message string `json:"message,omitempty"`
}

// Verdict is what the gate decided.
type Verdict struct {
	// Decision is deny, warn, waived or pass: the most severe that occurred.
	Decision string `json:"decision"`
	// Bundle is the digest of all that decided.
	Bundle string `json:"bundle"`
	// Denied, Warned are the ids of the rules that did, each once and sorted.
	Denied []string `json:"denied,omitempty"`
	Warned []string `json:"warned,omitempty"`
	Waived []Waiver `json:"waived,omitempty"`
}

// Waiver is a use of an exception.
type Waiver struct {
	Rule    string `json:"rule"`
	Object  string `json:"object,omitempty"`
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
}

// Reference is a key of Vault that was used. The value is never here.
type Reference struct {
	Binding string `json:"binding,omitempty"`
	Mount   string `json:"mount"`
	Path    string `json:"path"`
	// Key is empty where all keys were taken.
	Key string `json:"key,omitempty"`
	// Version is 0 where nothing was read or the engine has no versions.
	Version int `json:"secretVersion,omitempty"`
	// Pinned is set where the reference names the version itself.
	Pinned bool `json:"pinned,omitempty"`
	// Previous is the version before, of a Refresh.
	Previous int `json:"previousVersion,omitempty"`
}

// Injection is what one object became.
type Injection struct {
	Object string   `json:"object"`
	Kind   string   `json:"kind"`
	Keys   []string `json:"keys,omitempty"`
}
