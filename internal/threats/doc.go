// Package threats holds nothing but tests: one for each attack and each fault of
// an engine that the threat model of docs/security.md counts, named after its
// id, and most of them against the sidecar's own process, over its socket, as the
// repo-server reaches it.
//
// Around each test values and tokens are watched for, in every form, in all that
// somebody else could see: answers, logs, metrics, traces, the audit trail and
// files. `make threats` runs all of it and counts the rows.
package threats
