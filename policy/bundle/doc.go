// Package bundle loads a set of Rego policies and their data: it reads files
// within limits, parses Rego v1 and v0, refuses rules that could not deny
// anything, compiles once, and names the result by a digest.
//
// A bundle is read-only after Load, and safe for concurrent use. Whatever is
// wrong with a policy is found here, at start, with its file and line, because
// a policy that fails quietly at request time lets objects through.
package bundle
