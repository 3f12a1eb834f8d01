package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Version is a version of the Rego language.
type Version string

// The versions. Auto reads each file as v1, and as v0 where it is not v1, so
// that policies written over the years work side by side.
const (
	Auto Version = ""
	V1   Version = "v1"
	V0   Version = "v0"
)

// Options say how a bundle is loaded. The zero value loads every namespace that
// has rules.
type Options struct {
	Version Version
	// Namespaces are the packages to ask, which may hold the wildcards * ? [ of
	// conftest. Each must match one that has rules. Empty means every package
	// with rules; conftest would ask only "main" and pass over the others.
	Namespaces []string
	// Data are sources of .yaml, .yml and .json files for the data document.
	Data []Source
	// Parameters become data.parameters.
	Parameters map[string]any
}

// Bundle is a set of compiled policies and their data. It is read-only.
type Bundle struct {
	name     string
	digest   string
	compiler *ast.Compiler
	store    *store
	rules    []Rule
	tests    []*ast.Module
	modules  []*ast.Module
	// quoted adds lines to the faults of what was loaded for tests.
	quoted func(error) error
}

// Load reads, checks and compiles policies. Its errors are faults with the code
// E_POLICY_LOAD, each with file and line. Files whose name ends in _test.rego
// are kept for [Bundle.Test] and take no part in a verdict.
func Load(name string, policies []Source, options Options) (*Bundle, error) {
	b, err := load(name, policies, options)
	return b, quoted(err, policies, options)
}

func load(name string, policies []Source, options Options) (*Bundle, error) {
	b, err := read(name, policies, options)
	if err != nil {
		return nil, err
	}
	if len(b.modules) == 0 {
		return nil, fault.New(fault.PolicyLoad, "bundle %q has no policy", name).WithFix("point it at a directory with .rego files")
	}
	rules, err := rulesOf(b.modules)
	if err != nil {
		return nil, err
	}
	if b.rules, err = choose(name, rules, options.Namespaces); err != nil {
		return nil, err
	}
	b.compiler, err = compile(b.modules, false)
	return b, err
}

// read reads and parses the files of a bundle.
func read(name string, policies []Source, options Options) (*Bundle, error) {
	files, err := Read(policies, PolicyFiles...)
	if err != nil {
		return nil, err
	}
	data, err := Read(options.Data, DataFiles...)
	if err != nil {
		return nil, err
	}
	b := &Bundle{name: name}
	if err := b.parse(files, options.Version); err != nil {
		return nil, err
	}
	if b.store, err = newStore(data, options.Parameters); err != nil {
		return nil, err
	}
	b.digest, err = digestOf(files, data, options)
	return b, err
}

// Name returns the name that the bundle was loaded under.
func (b *Bundle) Name() string { return b.name }

// Digest returns "sha256:" and the hash of everything that decides what the
// bundle says: policies, data, parameters, namespaces and language version.
// The same files give the same digest wherever they lie.
func (b *Bundle) Digest() string { return b.digest }

// Rules returns the rules that are asked, sorted by namespace and name.
func (b *Bundle) Rules() []Rule { return slices.Clone(b.rules) }

// Only returns the bundle with some of its rules. It shares what was compiled,
// and has a digest of its own.
func (b *Bundle) Only(name string, keep func(Rule) bool) *Bundle {
	part := *b
	part.name = b.name + "/" + name
	part.rules = nil
	h := sha256.New()
	add(h, b.digest)
	for _, rule := range b.rules {
		if keep(rule) {
			part.rules = append(part.rules, rule)
			add(h, rule.Query())
		}
	}
	part.digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return &part
}

// HasSkip reports whether a namespace has a rule named skip.
func (b *Bundle) HasSkip(namespace string) bool {
	return slices.ContainsFunc(b.modules, func(module *ast.Module) bool {
		return module.Package.Path.String() == "data."+namespace &&
			slices.ContainsFunc(module.Rules, func(rule *ast.Rule) bool { return rootName(rule) == "skip" })
	})
}

// Compiler returns the compiled policies. It must not be compiled again.
func (b *Bundle) Compiler() *ast.Compiler { return b.compiler }

// Store returns the data document, which does not change.
func (b *Bundle) Store() storage.Store { return b.store }

// Transaction returns a view of the data document for one evaluation in which
// each fact stands at data.NAME, above what the bundle has there.
func Transaction(facts map[string]ast.Value) storage.Transaction { return &transaction{facts: facts} }

func (b *Bundle) parse(files []File, version Version) error {
	var faults fault.List
	for i, f := range files {
		if i > 0 && files[i-1].Name == f.Name {
			faults = append(faults, fault.New(fault.PolicyLoad, "two sources have this file").In(f.Name, 0))
			continue
		}
		module, err := parseModule(f, version)
		if err != nil {
			faults = append(faults, located(err, f.Name)...)
			continue
		}
		if strings.HasSuffix(f.Path, "_test.rego") {
			b.tests = append(b.tests, module)
			continue
		}
		b.modules = append(b.modules, module)
	}
	return faults.OrNil()
}

func parseModule(f File, version Version) (*ast.Module, error) {
	as := func(v ast.RegoVersion) (*ast.Module, error) {
		module, err := ast.ParseModuleWithOpts(f.Name, string(f.Body), ast.ParserOptions{RegoVersion: v, ProcessAnnotation: true})
		if err == nil && module == nil {
			return nil, fault.New(fault.PolicyLoad, "the file holds no policy").In(f.Name, 1)
		}
		return module, err
	}
	switch version {
	case V1:
		return as(ast.RegoV1)
	case V0:
		return as(ast.RegoV0)
	case Auto:
		module, err := as(ast.RegoV1)
		if err == nil {
			return module, nil
		}
		if module, errV0 := as(ast.RegoV0); errV0 == nil {
			return module, nil
		}
		return nil, err
	default:
		return nil, fault.New(fault.PolicyLoad, "there is no Rego %q", string(version)).WithFix("use v1, v0, or leave it out")
	}
}

// compile checks and compiles modules. Only tests print: in a verdict a print
// would bring a tenant's text into a log.
func compile(modules []*ast.Module, prints bool) (*ast.Compiler, error) {
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithEnablePrintStatements(prints)
	compiler.Compile(byFile(modules))
	if compiler.Failed() {
		return nil, located(compiler.Errors, "")
	}
	return compiler, nil
}

func byFile(modules []*ast.Module) map[string]*ast.Module {
	files := make(map[string]*ast.Module, len(modules))
	for _, module := range modules {
		files[module.Package.Location.File] = module
	}
	return files
}

// located turns OPA's errors into faults at the lines they speak of.
func located(err error, name string) fault.List {
	var list ast.Errors
	if !errors.As(err, &list) {
		var known *fault.Error
		if errors.As(err, &known) {
			return fault.List{known}
		}
		return fault.List{fault.New(fault.PolicyLoad, "%s", fault.Clean(err.Error(), 300)).In(name, 0)}
	}
	faults := make(fault.List, 0, len(list))
	for _, e := range list {
		located := fault.New(fault.PolicyLoad, "%s", fault.Clean(e.Message, 300)).In(name, 0).WithFix("%s", advice(e.Message))
		if e.Location != nil {
			located = located.In(e.Location.File, e.Location.Row)
			located.Column = e.Location.Col
		}
		faults = append(faults, located)
	}
	return faults
}

// choose keeps the rules of the wanted namespaces. A namespace without a rule is
// a fault: the platform believes that something is checked that is not.
func choose(name string, rules []Rule, namespaces []string) ([]Rule, error) {
	if len(rules) == 0 {
		return nil, fault.New(fault.PolicyLoad, "bundle %q has no deny, violation or warn rule, so it would let everything pass", name).
			WithFix("write at least one rule: deny contains msg if { ... }")
	}
	if len(namespaces) == 0 {
		return rules, nil
	}
	used := make([]bool, len(namespaces))
	var chosen []Rule
	for _, rule := range rules {
		keep := false
		for i, pattern := range namespaces {
			matched, err := path.Match(pattern, rule.Namespace)
			if err != nil {
				return nil, fault.New(fault.PolicyLoad, "namespace %q of bundle %q is not a valid pattern", pattern, name)
			}
			if matched || pattern == rule.Namespace {
				used[i], keep = true, true
			}
		}
		if keep {
			chosen = append(chosen, rule)
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fault.New(fault.PolicyLoad, "namespace %q of bundle %q has no deny, violation or warn rule", namespaces[i], name).
			WithFix("correct the namespace, or take it out of the configuration")
	}
	return chosen, nil
}

func newStore(data []File, parameters map[string]any) (*store, error) {
	root, err := merge(data)
	if err != nil {
		return nil, err
	}
	if parameters != nil {
		if _, taken := root["parameters"]; taken {
			return nil, fault.New(fault.PolicyLoad, "data.parameters is set by a data file and by the configuration")
		}
		root["parameters"] = parameters
	}
	value, err := ast.InterfaceToValue(root)
	if err != nil {
		return nil, fault.New(fault.PolicyLoad, "the data cannot be given to policies: %s", fault.Clean(err.Error(), 200))
	}
	return &store{root: value}, nil
}
