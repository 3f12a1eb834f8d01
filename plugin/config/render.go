package config

import (
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Render is the section render.
type Render struct {
	// Most time for one request, from its first byte to its answer. The caller's
	// own deadline wins where it is earlier: the Argo CD controller waits 60s
	// unless told otherwise.
	Timeout Duration `json:"timeout" range:"1s..15m"`
	// The processes that render.
	Workers Workers `json:"workers"`
	// What one application may cost.
	Limits Limits `json:"limits"`
	// Whether an application may render to nothing. Argo CD then removes all
	// objects of that application, so it is an error by default.
	AllowEmpty bool `json:"allowEmpty"`
	// Whether the text of kustomize, Helm and YAML errors is shown to the
	// application's team, and the lines that faults speak of. Rendering never sees
	// a value from Vault, so that the text quotes only what the repository holds;
	// of a line what could be a credential is left out.
	QuoteErrors bool `json:"quoteErrors"`
	// The confinement of the processes that render.
	Sandbox Sandbox `json:"sandbox"`
}

// Workers is the section render.workers.
type Workers struct {
	// How many applications are rendered at a time; 0 means one for each CPU. One
	// more is rendered where others have them all, for a project that has none.
	Concurrency int `json:"concurrency" range:"0..64"`
	// How many workers are started ahead of requests and wait.
	Spares int `json:"spares" range:"0..64"`
	// How many requests may wait for a worker, half of them of one project; one
	// more gets E_BUSY.
	Queue int `json:"queue" range:"0..10000"`
	// Most memory of one worker.
	Memory Size `json:"memory" range:"128Mi..16Gi"`
	// Most CPU time that a worker may use for one request.
	CPU Duration `json:"cpu" range:"1s..15m"`
}

// Limits is the section render.limits.
type Limits struct {
	// What the repo-server may send.
	Archive ArchiveLimits `json:"archive"`
	// Most objects of one application.
	Objects int `json:"objects" range:"1..100000"`
	// Most bytes of all objects of one application together, as JSON.
	OutputBytes Size `json:"outputBytes" range:"64Ki..64Mi"`
	// Most bytes of one string in an object.
	ScalarBytes Size `json:"scalarBytes" range:"1Ki..16Mi"`
}

// ArchiveLimits is the section render.limits.archive.
type ArchiveLimits struct {
	// Most bytes of the archive as it is sent.
	CompressedBytes Size `json:"compressedBytes" range:"64Ki..1Gi"`
	// Most bytes of the archive after decompression. The sidecar holds them in
	// memory.
	ExpandedBytes Size `json:"expandedBytes" range:"1Mi..4Gi"`
	// Most bytes of one file.
	FileBytes Size `json:"fileBytes" range:"64Ki..1Gi"`
	// Most bytes that one compressed byte may become.
	Ratio int `json:"ratio" range:"10..1100"`
	// How many bytes are expanded before ratio counts.
	RatioFreeBytes Size `json:"ratioFreeBytes" range:"64Ki..64Mi"`
	// Most files, directories and symbolic links.
	Entries int `json:"entries" range:"100..1000000"`
	// Most bytes of all names together.
	NamesBytes Size `json:"namesBytes" range:"64Ki..256Mi"`
	// Most bytes of one name.
	NameBytes int `json:"nameBytes" range:"64..4096"`
	// Most parts of one name, counting directories and the file.
	Segments int `json:"segments" range:"4..256"`
	// Most symbolic links between a name and its file.
	LinkHops int `json:"linkHops" range:"1..40"`
}

// Sandbox is the section render.sandbox.
type Sandbox struct {
	// Layers without which the sidecar does not start. All that the kernel gives
	// are used in any case and are logged at start.
	Require []string `json:"require" enum:"descriptors,directory,parent-death,no-dump,limits,memory,no-new-privs,landlock,seccomp"`
}

func defaultRender() Render {
	return Render{
		Timeout: Duration(time.Minute),
		Workers: Workers{
			Spares: 2,
			Queue:  128,
			Memory: 512 << 20,
			CPU:    Duration(time.Minute),
		},
		Limits: Limits{
			Archive:     archiveLimits(source.DefaultLimits()),
			Objects:     5000,
			OutputBytes: 10 << 20,
			ScalarBytes: 1 << 20,
		},
		QuoteErrors: true,
	}
}

func archiveLimits(l source.Limits) ArchiveLimits {
	return ArchiveLimits{
		CompressedBytes: Size(l.CompressedBytes),
		ExpandedBytes:   Size(l.ExpandedBytes),
		FileBytes:       Size(l.FileBytes),
		Ratio:           int(l.Ratio),
		RatioFreeBytes:  Size(l.RatioFreeBytes),
		Entries:         l.Entries,
		NamesBytes:      Size(l.NamesBytes),
		NameBytes:       l.NameBytes,
		Segments:        l.Segments,
		LinkHops:        l.LinkHops,
	}
}

// Source returns the limits in the form that reading a source takes.
func (l ArchiveLimits) Source() source.Limits {
	return source.Limits{
		CompressedBytes: int64(l.CompressedBytes),
		ExpandedBytes:   int64(l.ExpandedBytes),
		FileBytes:       int64(l.FileBytes),
		Ratio:           int64(l.Ratio),
		RatioFreeBytes:  int64(l.RatioFreeBytes),
		Entries:         l.Entries,
		NamesBytes:      int64(l.NamesBytes),
		NameBytes:       l.NameBytes,
		Segments:        l.Segments,
		LinkHops:        l.LinkHops,
	}
}

// Request returns the limits in the form that a render request takes.
func (r Render) Request() render.Limits {
	return render.Limits{
		Objects:     r.Limits.Objects,
		OutputBytes: int64(r.Limits.OutputBytes),
		ScalarBytes: int(r.Limits.ScalarBytes),
		QuoteErrors: r.QuoteErrors,
	}
}
