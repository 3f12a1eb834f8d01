// Package helm renders charts in process, from memory, into what
// "helm template NAME DIR --include-crds" prints.
//
// [Render] serves an application that is itself a chart. [Template] serves
// whoever needs a chart inside of something else: a kustomization's helmCharts,
// or a chart that kustomize changes afterwards.
//
// A chart comes from whoever can push to a repository. What Helm would do with
// the world outside of the chart is therefore absent: no dependency is fetched,
// no schema is loaded from another place, no file is read but those of the
// source, lookup finds nothing and no host name is resolved. What a template
// can do to the process itself, such as recursing through tpl until the stack
// is full or looping for hours, Helm gives no means to stop: callers run this
// package in a worker that they can kill.
package helm
