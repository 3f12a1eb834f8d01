// Package audit is the trail of what was rendered, by whom, from which commit,
// with which secret versions and which verdict. It never holds a value.
package audit

//go:generate go run ./internal/reference ../docs

import "time"

// Version is the version of the schema of [Event]. Fields are only added within
// a version; readers pass over fields that they do not know.
const Version = 1

// Type says what an event is about.
type Type string

// The types. A request of Argo CD is a Render; all others happen in the
// background. The trail writes the last three by itself: a Recovery says what is
// missing in the trail and why, a Retention which lines were deleted because they
// were the oldest, and a Checkpoint signs the chain up to itself.
const (
	Render     Type = "render"
	Refresh    Type = "refresh"
	Policies   Type = "policies"
	Config     Type = "config"
	Secret     Type = "secret"
	Start      Type = "start"
	Stop       Type = "stop"
	Recovery   Type = "recovery"
	Retention  Type = "retention"
	Checkpoint Type = "checkpoint"
)

// Types returns all types.
func Types() []Type {
	return []Type{Render, Refresh, Policies, Config, Secret, Start, Stop, Recovery, Retention, Checkpoint}
}

// Event is one thing that happened. Strings that a tenant can choose are cleaned
// and bounded by whoever makes the event. Fields that do not apply are left out
// of the JSON.
//
// docs/audit.schema.json and the table of docs/audit.md are generated from the
// comments of the fields.
type Event struct {
	// Version is that of the schema.
	Version int `json:"version"`
	// Time is what the clock said when the event was made, in UTC.
	Time time.Time `json:"time"`
	// Type is what the event is about.
	Type Type `json:"type"`
	// Instance is the name of the process, such as the Pod's.
	Instance string `json:"instance,omitempty"`
	// ID is the name of the request, the same as in the log.
	ID string `json:"id,omitempty"`

	// App is the Application's name.
	App string `json:"app,omitempty"`
	// Project is the AppProject; Argo CD 2.14 does not send it.
	Project string `json:"project,omitempty"`
	// Namespace is the destination's.
	Namespace string `json:"namespace,omitempty"`
	// Repo is the URL of the repository.
	Repo string `json:"repo,omitempty"`
	// Path is the application's directory in the repository.
	Path string `json:"path,omitempty"`
	// Revision is the commit.
	Revision string `json:"revision,omitempty"`
	// Author is who made the commit, where the stream carries it.
	Author string `json:"author,omitempty"`
	// Subject is the first line of the commit's message, where the stream carries it.
	Subject string `json:"subject,omitempty"`

	// Environment is the one whose rules the application matched.
	Environment string `json:"environment,omitempty"`
	// Renderer is kustomize, helm, plain or another kind of source.
	Renderer string `json:"renderer,omitempty"`
	// Objects is how many Kubernetes objects were rendered.
	Objects int `json:"objects,omitempty"`
	// Outcome is OK, or the stable code of the first error.
	Outcome string `json:"outcome"`
	// Codes are all codes of a failure, each once and sorted.
	Codes []string `json:"codes,omitempty"`

	// Verdict is what the gate decided, where it was asked.
	Verdict *Verdict `json:"verdict,omitempty"`
	// References are the keys of Vault and of other stores that were used. A value is
	// never here.
	References []Reference `json:"references,omitempty"`
	// Injections are what objects with references became.
	Injections []Injection `json:"injections,omitempty"`
	// Images are those that were looked at, each once, where the environment demands
	// something of images.
	Images []Image `json:"images,omitempty"`
	// Omitted is how many entries are left out of a list, by its name, where it was
	// too long for an event: references, injections, keys, images, denied, warned or
	// waived.
	Omitted map[string]int `json:"omitted,omitempty"`
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
	// Message is a background event in a sentence.
	Message string `json:"message,omitempty"`

	// Recovered is what a recovery found. The trail alone sets it.
	Recovered *Recovered `json:"recovered,omitempty"`
	// Removed is which lines were deleted. The trail alone sets it.
	Removed *Removed `json:"removed,omitempty"`
	// Checkpoint is the signature of a checkpoint. The trail alone sets it. It stays
	// the last field: the signature is over all of the line before it.
	Checkpoint *Signature `json:"checkpoint,omitempty"`
}

// Complete returns the event with what every event has: the version, and the time
// and the instance where it had none.
func (e Event) Complete(now time.Time, instance string) Event {
	e.Version = Version
	if e.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.UTC()
	if e.Instance == "" {
		e.Instance = instance
	}
	return e
}

// Verdict is what the gate decided.
type Verdict struct {
	// Decision is deny, warn, waived or pass: the most severe that occurred.
	Decision string `json:"decision"`
	// Bundle is the digest of all that decided.
	Bundle string `json:"bundle"`
	// Denied are the ids of the rules that denied, each once and sorted.
	Denied []string `json:"denied,omitempty"`
	// Warned are the ids of the rules that warned, each once and sorted.
	Warned []string `json:"warned,omitempty"`
	// Waived are the exceptions that were used.
	Waived []Waiver `json:"waived,omitempty"`
}

// Waiver is a use of an exception.
type Waiver struct {
	// Rule is the id of the rule that was waived.
	Rule string `json:"rule"`
	// Object is the one that it was waived for; empty means the application.
	Object string `json:"object,omitempty"`
	// Owner is who answers for the exception.
	Owner string `json:"owner"`
	// Reason is why there is one.
	Reason string `json:"reason"`
	// Expires is the day on which it ends.
	Expires string `json:"expires"`
}

// Reference is a key of Vault that was used. The value is never here.
type Reference struct {
	// Binding is the rule that let the application use it.
	Binding string `json:"binding,omitempty"`
	// Store is another store than Vault that the reference points to, such as
	// aws-sm. The plugin never reads it.
	Store string `json:"store,omitempty"`
	// Mount is where the engine is mounted; empty for another store.
	Mount string `json:"mount"`
	// Path is the secret's, below the mount; for another store it is its name.
	Path string `json:"path"`
	// Key is empty where all keys were taken.
	Key string `json:"key,omitempty"`
	// Version is 0 where nothing was read or the engine has no versions.
	Version int `json:"secretVersion,omitempty"`
	// Label is the version that a reference to another store names, in that
	// store's words.
	Label string `json:"versionLabel,omitempty"`
	// Pinned is set where the reference names the version itself.
	Pinned bool `json:"pinned,omitempty"`
	// Previous is the version before, of a Refresh.
	Previous int `json:"previousVersion,omitempty"`
}

// Injection is what one object became.
type Injection struct {
	// Object is its kind, namespace and name, such as "Secret prod/db".
	Object string `json:"object"`
	// Kind is the injection, such as sealed-secret.
	Kind string `json:"kind"`
	// Keys are the names of its keys.
	Keys []string `json:"keys,omitempty"`
}

// Image is an image that was looked at.
type Image struct {
	// Image is registry and repository.
	Image string `json:"image"`
	// Digest is what runs.
	Digest string `json:"digest"`
	// Rule is the name of the rule that it was held against.
	Rule string `json:"rule,omitempty"`
	// SignedBy are the names of the signers whose signatures count.
	SignedBy []string `json:"signedBy,omitempty"`
}

// Recovered is what a Recovery found.
type Recovered struct {
	// TornBytes is the size of the unfinished line that was cut off.
	TornBytes int64 `json:"tornBytes,omitempty"`
	// Unsigned is how many lines at the end no checkpoint had signed when the trail
	// was opened: the process before did not close it.
	Unsigned uint64 `json:"unsigned,omitempty"`
	// Refused is how many events before this one could not be written.
	Refused uint64 `json:"refused,omitempty"`
}

// Removed is which lines were deleted.
type Removed struct {
	// From is the seq of the first.
	From uint64 `json:"from"`
	// To is the seq of the last.
	To uint64 `json:"to"`
	// Readers are those that still needed some of them.
	Readers []Missed `json:"readers,omitempty"`
}

// Missed is what one reader can no longer read.
type Missed struct {
	// Reader is its name.
	Reader string `json:"reader"`
	// From is the first seq that it misses.
	From uint64 `json:"from"`
}

// Signature signs the chain up to the line that holds it.
type Signature struct {
	// Key is the id of the key: the first 32 digits of the SHA-256 of its public
	// half in the form PKIX, in hexadecimal.
	Key string `json:"key"`
	// Within is how many lines may follow before the next checkpoint.
	Within int `json:"within"`
	// Signature is the Ed25519 signature, in base64, of all bytes of the line up to
	// and with the quote that opens it.
	Signature string `json:"signature"`
}
