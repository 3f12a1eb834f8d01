package query

import (
	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
)

// MaxLine is the longest line in bytes that is read, without its line feed: the
// longest that is written. A longer one is passed over and reported. An event of
// the plugin has some kilobytes.
const MaxLine = chain.MaxLine

// Record is one event with its place in the trail. Line and the lists of the
// event are valid until the next one is read; texts stay. Inputs, Milliseconds and
// what the trail says of itself are not read, since no question is asked of them.
type Record struct {
	audit.Event
	Seq uint64
	// Line is the event as it stands in the trail, without the line feed.
	Line []byte
	// File is the name of the file, and Number the line in it from 1 on.
	File   string
	Number int
}
