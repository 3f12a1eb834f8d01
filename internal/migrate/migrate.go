// Package migrate moves a repository from argocd-vault-plugin, and from
// argocd-lovely-plugin, to this plugin: placeholders become native references,
// environment variables of Applications become parameters, and the paths in use
// become bindings.
//
// [New] looks at a source tree and returns a [Plan], which changes nothing. The
// plan is exact where it can be: what each placeholder means is compared, before
// and after, in every file and, with a [Renderer], in every application of the
// tree as it renders. What does not come to the same is left alone and listed.
package migrate

import (
	"cmp"
	"context"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Renderer renders applications as the sidecar does. A request has a tree, a
// path and parameters; limits are the renderer's own.
type Renderer interface {
	Render(ctx context.Context, request render.Request) (render.Result, error)
}

// Input is what a migration is made of.
type Input struct {
	// Tree is the repository.
	Tree *source.Tree
	// Scope is the directory whose files may change; "." is all of them.
	Scope string
	// Linked tells which names are symbolic links: what they lead to is changed in
	// its own place, or not at all.
	Linked func(name string) bool
	// KV is the version of Vault's KV engine that argocd-vault-plugin was told,
	// "1" or "2"; empty means what the repository says, and then "2".
	KV string
	// Renderer shows where values of charts, literals of kustomizations and the
	// like end. Without it they stay as they are.
	Renderer Renderer
	// Progress is told how many applications are rendered next, where it is set. step
	// is called for each that is done, from any goroutine, and stop after the last.
	Progress func(total int) (step, stop func())
}

// Finding is something that stays as it is.
type Finding struct {
	File string `json:"file"`
	// Line counts from 1; 0 means the whole file.
	Line int `json:"line"`
	// Code is a stable word for the reason.
	Code string `json:"code"`
	// What is the placeholder, variable or field.
	What string `json:"what"`
	// Reason says why it stays, Fix what a person can do.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
}

// The codes of findings, beside the obstacles of package avp.
const (
	CodePosition = "position"
	CodeBase64   = "base64"
	CodeUnseen   = "unseen"
	CodeMixed    = "mixed"
	CodeMeaning  = "meaning"
	CodeYAML     = "yaml"
	CodeFolded   = "folded"
	CodeBackend  = "backend"
	CodePlugin   = "plugin"
	CodeVariable = "variable"
	CodeSetting  = "setting"
	CodeLink     = "link"
	CodeGeneric  = "generic"
	CodeList     = "list"
)

// Move is one thing that has moved.
type Move struct {
	File string `json:"file"`
	Line int    `json:"line"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Change is the new content of a file.
type Change struct {
	File          string
	Before, After []byte
}

// Plan is what a migration would do. It is complete: nothing more is read or
// decided when it is carried out.
type Plan struct {
	Changes  []Change
	Moves    []Move
	Findings []Finding
	// Notes are what people should know and need not act on.
	Notes []string
	// Plugin is the plugin.yaml that fits, empty where nothing of the two plugins
	// was found.
	Plugin []byte
}

// planner is a plan in the making.
type planner struct {
	Input
	files    []*file
	reader   same.Reader
	settings avp.Settings
	findings []Finding
	moves    []Move
	notes    []string
	// defined are the plugins that the repository defines, once they are read.
	defined []definition
	// reach are the directories that a kustomization builds upon, by its own.
	reach map[string][]string
	// owners are the directories that files are rendered with, by their own.
	owners map[string]string
}

// New plans the migration of a tree. Its errors are faults, for what is wrong
// with the input as a whole.
func New(ctx context.Context, input Input) (*Plan, error) {
	if input.KV != "" && input.KV != avp.KV1 && input.KV != avp.KV2 {
		return nil, fault.New(fault.Parameter, "there is no version %q of the KV engine", fault.Clean(input.KV, 40)).WithFix("write 1 or 2")
	}
	if !input.Tree.HasDir(input.Scope) {
		return nil, fault.New(fault.Path, "there is no directory %s", fault.Clean(input.Scope, 200))
	}
	p := &planner{Input: input, reach: map[string][]string{}, owners: map[string]string{}}
	p.load()
	p.readSettings()
	p.learnMounts()
	p.findPlaceholders()
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	applications := p.applications()
	plan := &Plan{}
	for _, f := range p.files {
		after, err := p.rewritten(f)
		if err != nil {
			return nil, err
		}
		if after != nil {
			plan.Changes = append(plan.Changes, Change{File: f.name, Before: f.data, After: after})
		}
	}
	p.report()
	p.sourceFiles()
	plan.Plugin = p.pluginFile(applications)
	plan.Moves, plan.Findings, plan.Notes = p.moves, p.findings, p.notes
	plan.sort()
	return plan, nil
}

// sort brings the plan into the order of files and lines, without repeats.
func (p *Plan) sort() {
	slices.SortFunc(p.Changes, func(a, b Change) int { return cmp.Compare(a.File, b.File) })
	slices.SortStableFunc(p.Moves, func(a, b Move) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	slices.SortStableFunc(p.Findings, func(a, b Finding) int {
		byPlace := cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		if byPlace == 0 && a.Line == 0 { // no order of the file's own
			return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Reason, b.Reason))
		}
		return byPlace
	})
	p.Findings = slices.Compact(p.Findings)
	for i, note := range p.Notes {
		p.Notes[i] = fault.Clean(note, maxSentence)
	}
	slices.Sort(p.Notes)
	p.Notes = slices.Compact(p.Notes)
}

// find notes something that stays as it is.
func (p *planner) find(f *file, line int, what string, o *avp.Obstacle) {
	if !f.inScope {
		return
	}
	p.findings = append(p.findings, newFinding(f.name, line, what, o))
}

// newFinding cleans the texts, which hold what stands in the repository.
func newFinding(file string, line int, what string, o *avp.Obstacle) Finding {
	return Finding{
		File: file, Line: line, Code: o.Code, What: fault.Clean(what, 200), Reason: fault.Clean(o.Message, maxSentence), Fix: fault.Clean(o.Fix, maxSentence),
	}
}

// maxSentence is how many bytes a reason, a fix and a note have at most.
const maxSentence = 600
