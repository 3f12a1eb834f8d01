// Package remote fetches bundles of policies from OCI registries, in the layout
// that conftest push writes, and from Git repositories.
//
// A source is pinned: to the digest of a manifest or to a commit, and then no
// other content is ever taken. Only where the platform says so does a source
// follow a tag or a branch. Either way every byte is checked against the digest
// or commit that it was asked for by.
//
// Nothing is written but to the cache, if there is one, and no program is run.
// What a server sends is bounded in bytes, files, depth and time; credentials go
// to the source's own host alone, over TLS, and into no error.
package remote
