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
	// Output is the SHA-256 of the manifests that left, joined by line feeds, in
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

	// Recovered and Removed are set by the trail alone, and so is Checkpoint, which
	// stays the last field: its signature is over the line before it.
	Recovered  *Recovered `json:"recovered,omitempty"`
	Removed    *Removed   `json:"removed,omitempty"`
	Checkpoint *Signature `json:"checkpoint,omitempty"`
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
}

// Injection is what one object became.
type Injection struct {
	Object string   `json:"object"`
	Kind   string   `json:"kind"`
	Keys   []string `json:"keys,omitempty"`
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
	// From and To are the first and the last seq.
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// Readers are those that had not read all of it.
	Readers []Missed `json:"readers,omitempty"`
}

// Missed is what one reader can no longer read.
type Missed struct {
	Reader string `json:"reader"`
	// From is the first seq that it misses.
	From uint64 `json:"from"`
}

// Signature signs the chain up to the line that holds it.
type Signature struct {
	// Key is the id of the key: the first 32 digits of the SHA-256 of its public
	// half in the form PKIX, in hexadecimal.
	Key string `json:"key"`
	// Within promises the next checkpoint within that many lines.
	Within int `json:"within"`
	// Signature is the Ed25519 signature, in base64, of all bytes of the line up to
	// and with the quote that opens it.
	Signature string `json:"signature"`
}
