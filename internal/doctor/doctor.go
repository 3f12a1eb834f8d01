// Package doctor looks whether what plugin.yaml promises is there: files,
// policies, Vault, receivers, the running sidecar and what the repo-server sends
// to it. It changes nothing, and it reads no secret.
//
// Each check is one function that ends within a time of its own, whatever it
// waits for. It returns findings: what was seen, and where something is wrong,
// the command or the line of plugin.yaml that mends it. A finding never holds a
// value, a token or the text of a library.
package doctor

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// Status is how a check ended.
type Status string

// The ways in which a check ends. Unchecked means that nothing can be said, for
// the reason that the finding names.
const (
	OK        Status = "ok"
	Warning   Status = "warning"
	Failed    Status = "failed"
	Unchecked Status = "not checked"
)

// Area groups findings.
type Area string

// The areas, in the order of a report.
const (
	Configuration Area = "configuration"
	Policies      Area = "policies"
	Images        Area = "images"
	Rendering     Area = "rendering"
	Sealing       Area = "sealing"
	Vault         Area = "vault"
	Bindings      Area = "bindings"
	Audit         Area = "audit"
	Sidecar       Area = "sidecar"
	Repository    Area = "repository"
)

// Areas lists the areas in the order of a report.
func Areas() []Area {
	return []Area{Configuration, Policies, Images, Rendering, Sealing, Vault, Bindings, Audit, Sidecar, Repository}
}

// Finding is what one check saw of one thing.
type Finding struct {
	Area Area `json:"area"`
	// Check is the check's name, which stays the same from release to release.
	Check string `json:"check"`
	// Subject is what was looked at where there are several: a role, an
	// environment, an application.
	Subject string `json:"subject,omitempty"`
	Status  Status `json:"status"`
	// Code is that of the fault which a request would meet, where there is one.
	Code fault.Code `json:"code,omitempty"`
	// Seen is what was seen, or why nothing was.
	Seen string `json:"seen"`
	// Fix is the command or the line of a file that mends it. It may have several
	// lines.
	Fix string `json:"fix,omitempty"`
	// Bytes are what is streamed; of the area repository alone.
	Bytes *Bytes `json:"bytes,omitempty"`
}

// Bytes is what the repo-server streams for one render, compressed.
type Bytes struct {
	// Now is with the settings as they are, and Then with those that the fix names.
	Now  int64 `json:"now"`
	Then int64 `json:"then"`
}

// Report is what all checks saw.
type Report struct {
	// Config is the file that was looked at; empty where there was none.
	Config   string    `json:"config,omitempty"`
	Findings []Finding `json:"findings"`
}

// Count returns how many findings have a status.
func (r Report) Count(status Status) int {
	count := 0
	for _, finding := range r.Findings {
		if finding.Status == status {
			count++
		}
	}
	return count
}

// Tools are parts of the program that only its commands put together.
type Tools struct {
	// Vault connects to the configured Vault; close revokes the tokens.
	Vault func(ctx context.Context, settings config.Vault) (client *vault.Client, close func(), err error)
	// Policies loads all policies as a start does; nil where none are asked.
	Policies func(ctx context.Context, settings *config.SealConfig) (*reload.Gate, error)
	// Images sets up the verification of images; nil where nothing is demanded.
	Images func(settings *config.SealConfig) (*supplychain.Verifier, error)
	// Workers makes the pool of render workers.
	Workers func(settings config.Render) (*worker.Pool, error)
	// Kubernetes returns how to reach the API server of the sealed-secrets
	// controller, or why there is none to ask.
	Kubernetes func() (*rest.Config, error)
}

// Options say what to look at.
type Options struct {
	// File is plugin.yaml; empty looks at a repository alone.
	File string
	// SocketDir is where the sidecar puts its sockets.
	SocketDir string
	// Repository is the directory of a clone whose stream is measured; empty
	// measures none. Apps are applications in it, by default all, and Excluded the
	// globs that the repo-server leaves out already.
	Repository string
	Apps       []string
	Excluded   []string
	// Only names the areas to look at; empty means all.
	Only []Area
	// Limit bounds one check; 0 means [DefaultLimit].
	Limit time.Duration
	Tools Tools
}

// DefaultLimit bounds one check.
const DefaultLimit = 15 * time.Second

// repositoryLimit bounds the look at a repository, which is packed and rendered
// several times.
const repositoryLimit = 10 * time.Minute

// visit is one run of the doctor.
type visit struct {
	Options
	// file is nil where plugin.yaml does not load; seal then has the defaults.
	file *config.File
	seal *config.SealConfig
	// wrong is why plugin.yaml does not load.
	wrong fault.List
}

// Run looks at everything. Its error is E_CONFIG where there is nothing to look
// at: no file and no repository.
func Run(ctx context.Context, options Options) (Report, error) {
	if options.Limit <= 0 {
		options.Limit = DefaultLimit
	}
	v := &visit{Options: options}
	if err := v.load(); err != nil {
		return Report{}, err
	}
	checks := slices.DeleteFunc(v.checks(), func(c check) bool { return !slices.ContainsFunc(c.areas, v.asked) })
	findings := slices.DeleteFunc(runAll(ctx, checks), func(f Finding) bool { return !v.asked(f.Area) })
	slices.SortStableFunc(findings, func(a, b Finding) int { return slices.Index(Areas(), a.Area) - slices.Index(Areas(), b.Area) })
	return Report{Config: options.File, Findings: findings}, nil
}

// asked tells whether an area is looked at. A file that does not load is told of
// in any case: nothing else can be said then.
func (v *visit) asked(area Area) bool {
	return len(v.Only) == 0 || slices.Contains(v.Only, area) || area == Configuration && len(v.wrong) > 0
}

// checks are those that the options ask for.
func (v *visit) checks() []check {
	var checks []check
	add := func(name string, run func(context.Context) []Finding, areas ...Area) {
		checks = append(checks, check{name: name, areas: areas, limit: v.Limit, run: run})
	}
	if v.File != "" {
		add("file", v.checkFile, Configuration)
		add("workers", v.checkWorkers, Rendering)
	}
	if v.file != nil {
		add("policies", v.checkPolicies, Policies)
		add("images", v.checkImages, Images)
		add("certificate", v.checkSealing, Sealing)
		add("controller", v.checkController, Sealing)
		add("vault", v.checkVault, Vault, Bindings)
		add("trail", v.checkTrail, Audit)
		add("sink", v.checkSinks, Audit)
		add("socket", v.checkSockets, Sidecar)
		add("ready", v.checkReady, Sidecar)
		add("identity", v.checkIdentity, Sidecar)
	}
	if v.Repository != "" {
		add("stream", v.checkRepository, Repository)
		checks[len(checks)-1].limit = repositoryLimit
	}
	for i := range checks {
		if checks[i].name == "vault" {
			checks[i].limit = 3 * v.Limit // its parts have the limit each
		}
	}
	return checks
}

// check is one function that looks at something.
type check struct {
	name  string
	areas []Area
	limit time.Duration
	run   func(ctx context.Context) []Finding
}

// runAll runs checks beside each other and returns their findings in order.
func runAll(ctx context.Context, checks []check) []Finding {
	results := make([][]Finding, len(checks))
	var group sync.WaitGroup
	for i, one := range checks {
		group.Go(func() { results[i] = one.within(ctx) })
	}
	group.Wait()
	return slices.Concat(results...)
}

// farewell is how long a check may take to notice that its time is over.
const farewell = time.Second

// within runs a check and gives it up when its time is over: what hangs in a
// call to the system must not hang the doctor.
func (c check) within(ctx context.Context) []Finding {
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.guarded(limited) }()
	given := time.NewTimer(c.limit + farewell)
	defer given.Stop()
	select {
	case findings := <-done:
		return findings
	case <-given.C:
		return []Finding{{Area: c.areas[0], Check: c.name, Status: Failed, Code: fault.Timeout, Seen: "the check did not end within " + c.limit.String(), Fix: ways[fault.Timeout]}}
	}
}

// guarded turns a panic into a finding. What was panicked with may hold anything.
func (c check) guarded(ctx context.Context) (findings []Finding) {
	defer func() {
		if recover() != nil {
			findings = []Finding{{Area: c.areas[0], Check: c.name, Status: Failed, Code: fault.Internal, Seen: "the check itself failed", Fix: "report it with the version of argocd-seal"}}
		}
	}()
	return c.run(ctx)
}
