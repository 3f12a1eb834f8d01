// Package rotation has Applications rendered again when what they were rendered
// from changes behind Git's back: a secret in Vault gets a new version, or the
// policies of an environment change.
//
// Every replica of the sidecar tells what it rendered to an [Index], and brings
// that into Leases that all replicas share. One of them leads: it alone asks
// Vault for the versions of what is in use, and sets Argo CD's annotation for a
// hard refresh on exactly the Applications that are behind. docs/rotation.md has
// the reasons.
package rotation
