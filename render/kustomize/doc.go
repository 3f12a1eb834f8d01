// Package kustomize renders a kustomization in process, from memory.
//
// A build has three parts. The survey looks at every kustomization that the
// build will visit, before kustomize does: each path must lead to something in
// the source, nothing may lead to another host, and no plugin may ask for a
// program. The edits put parameters, charts and the output of an earlier stage
// into an in-memory copy of the kustomization. The build proper hands the
// result to kustomize's own library, behind one fence: one build at a time, no
// plugins, no schema kept from another build, panics turned into faults.
//
// Two things are left to the worker process that this package is meant to run
// in. Kustomize cannot be cancelled, and some inputs end a Go process: those
// that the survey does not see, such as a stack overflow, end the worker. And
// kustomize opens URLs and runs git by itself; the survey refuses every
// reference that would make it, and the worker has neither network nor exec.
package kustomize
