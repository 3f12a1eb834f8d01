// Package compare tells what differs between two states of an application: which
// objects come, go and change, field by field, with what their references to
// Vault, their injections, images and verdicts become.
//
// Objects are compared as they were rendered, with their references and before
// any value is read. Data that a Secret holds in clear is compared but never part
// of what this package returns: it tells that it differs and no more.
package compare
