// Package config reads plugin.yaml, the one file that the platform team writes.
//
// The file has two YAML documents. The first is Argo CD's own
// ConfigManagementPlugin, so that the same file also serves argocd-cmp-server,
// which reads nothing else of it. The second is this plugin's SealConfig; where
// it is missing, [Default] holds.
//
// Both are read strictly: a name that is not known, a wrong type, a key that
// stands twice and a value out of range are faults with line and column, and all
// of them are reported together. Nothing of an application's repository and no
// environment variable ever reaches this package.
//
// A section of SealConfig is one file here: its type, its defaults, its checks.
// The comments on the fields and the tags range and enum are what
// docs/configuration.md and docs/plugin.schema.json are generated from.
package config

//go:generate go run ./internal/reference ../../docs
