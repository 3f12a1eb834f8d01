package config

import (
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
)

// Audit is the section audit: the trail of what was rendered, by whom, from which
// commit, with which secret versions and which verdict.
type Audit struct {
	// The directory that holds the trail of argocd-seal serve, for each replica one
	// of its own; empty keeps none.
	Directory string `json:"directory"`
	// Whether a request fails where its event cannot be written. Lines that a sink
	// has not sent yet are then never deleted.
	Required bool `json:"required"`
	// A PEM file with the Ed25519 key that signs the trail, readable by its owner
	// only. argocd-seal audit key makes one.
	Key string `json:"key"`
	// How often the trail is signed.
	Checkpoint AuditCheckpoint `json:"checkpoint"`
	// Most bytes of one file of the trail.
	SegmentSize Size `json:"segmentSize" range:"2Mi..1Gi"`
	// Most bytes of all files of the trail; the oldest are deleted. At least twice
	// segmentSize.
	MaxSize Size `json:"maxSize" range:"4Mi..1Ti"`
	// Whether a request waits until its event is on the disk, so that a power cut
	// takes none away.
	Sync bool `json:"sync"`
	// The name of this process in its events; empty means the host's name, which is
	// the Pod's.
	Instance string `json:"instance"`
	// Whether argocd-seal serve also prints each line of the trail on standard output.
	// Without a directory it prints events that have no chain.
	Stdout bool `json:"stdout"`
	// Where the trail is sent to.
	Sinks []AuditSink `json:"sinks"`
}

// AuditCheckpoint is the section audit.checkpoint.
type AuditCheckpoint struct {
	// Most events that are not signed yet.
	Events int `json:"events" range:"1..100000"`
	// Most time that an event is not signed.
	Interval Duration `json:"interval" range:"1s..24h"`
}

func defaultAudit() Audit {
	return Audit{
		Checkpoint:  AuditCheckpoint{Events: trail.DefaultCheckpointEvents, Interval: Duration(trail.DefaultCheckpointInterval)},
		SegmentSize: trail.DefaultSegmentSize,
		MaxSize:     trail.DefaultMaxSize,
	}
}

func (a Audit) check(r *reader) {
	switch {
	case a.Directory == "" && a.Required:
		r.refuse("audit.directory", "name a directory that outlives the process", "a trail that is required needs a directory")
	case a.Directory == "" && a.Key != "":
		r.refuse("audit.directory", "name a directory that outlives the process", "the key has nothing to sign")
	case a.Directory == "" && len(a.Sinks) > 0:
		r.refuse("audit.directory", "name a directory that outlives the process", "what sinks have not got yet waits in the trail, which has no directory")
	case a.Directory != "" && a.Key == "":
		r.refuse("audit.key", "make a key with argocd-seal audit key", "a trail is signed, and its key is missing")
	}
	if a.MaxSize < 2*a.SegmentSize {
		r.refuse("audit.maxSize", "choose at least twice segmentSize", "two segments do not fit into it")
	}
	checkSinks(r, a.Sinks)
}

// Trail returns the section in the form that opening a trail takes.
func (a Audit) Trail(signer *chain.Signer) trail.Options {
	return trail.Options{
		Directory:          a.Directory,
		Signer:             signer,
		Instance:           a.Instance,
		CheckpointEvents:   a.Checkpoint.Events,
		CheckpointInterval: a.Checkpoint.Interval.Duration(),
		SegmentSize:        int64(a.SegmentSize),
		MaxSize:            int64(a.MaxSize),
		Sync:               a.Sync,
		Required:           a.Required,
	}
}
