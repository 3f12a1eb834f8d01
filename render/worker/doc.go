// Package worker renders requests in processes of their own.
//
// A few dozen bytes of YAML or template end a Go process in a way that recover
// cannot see, neither Helm nor kustomize can be cancelled, and kustomize keeps
// state that outlives a build. So a [Pool] starts this program again with a
// hidden argument, before anybody asks; [Serve] in the child confines itself
// (package sandbox), brings the engines to working temperature and waits. A
// worker renders one request and is killed, whatever came of it.
//
// # Protocol
//
// Both directions are frames: one byte for the kind, four bytes for the length
// of the payload in big-endian order, the payload. The parent writes to the
// child's standard input
//
//	S  setup, gob: the sandbox's configuration; sent when the child starts
//	Q  request, gob: everything but the content of the files
//	   and then the files' bytes, one after the other, in the order and with the
//	   sizes that Q names
//
// and the child writes to its standard output
//
//	R  ready, JSON: the sandbox's layers
//	O  object: a line of JSON {"file","line"}, a newline, the object's JSON
//	W  warning, JSON of one fault
//	F  fault, JSON of one fault
//	D  done, JSON: how many of each there were, and the kind of the source
//
// A child that cannot start sends F and D in place of R. The parent takes what
// a child sends as hostile: every length, count and depth is bounded, unknown
// kinds, fields and codes are refused, and what a child writes to standard
// error is looked at but never shown.
package worker
