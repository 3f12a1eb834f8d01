package config

import (
	"fmt"
	"path"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// The apiVersion and kind of the first document.
const (
	PluginAPIVersion = "argoproj.io/v1alpha1"
	PluginKind       = "ConfigManagementPlugin"
)

// program is the name of this plugin's binary.
const program = "argocd-seal"

// ConfigManagementPlugin is the first document, Argo CD's own. Its fields are
// those of PluginConfig in Argo CD's cmpserver/plugin/config.go.
type ConfigManagementPlugin struct {
	// Always argoproj.io/v1alpha1.
	APIVersion string `json:"apiVersion" jsonschema:"required"`
	// Always ConfigManagementPlugin.
	Kind string `json:"kind" jsonschema:"required"`
	// The plugin's name.
	Metadata Metadata `json:"metadata" jsonschema:"required"`
	// What the plugin does.
	Spec PluginSpec `json:"spec" jsonschema:"required"`
}

// Metadata is what Kubernetes objects have; only the name counts.
type Metadata struct {
	// The name that Applications select, with "-" and the version behind it where
	// there is a version.
	Name string `json:"name" jsonschema:"required"`
	// Not used.
	Namespace string `json:"namespace"`
	// Not used.
	Labels map[string]string `json:"labels"`
	// Not used.
	Annotations map[string]string `json:"annotations"`
}

// PluginSpec is the section spec of the first document.
type PluginSpec struct {
	// Part of the name that Applications select: NAME-VERSION. Empty means that
	// they select NAME alone.
	Version string `json:"version"`
	// Must be empty: the plugin runs no commands.
	Init Command `json:"init"`
	// What argocd-cmp-server runs; argocd-seal serve does its work itself.
	Generate Command `json:"generate" jsonschema:"required"`
	// For which repositories Argo CD picks the plugin where an Application names
	// none. Leave it out to be picked by name only.
	Discover Discover `json:"discover"`
	// What Argo CD shows in the Parameters tab.
	Parameters ParameterAnnouncements `json:"parameters"`
	// Accepted and without effect: files are held in memory, without a mode.
	PreserveFileMode bool `json:"preserveFileMode"`
	// Must be false: the plugin takes no Git credentials.
	ProvideGitCreds bool `json:"provideGitCreds"`
}

// Command is a program and its arguments.
type Command struct {
	// The program and its first arguments.
	Command []string `json:"command"`
	// More arguments.
	Args []string `json:"args"`
}

// Discover says for which repositories the plugin is picked. Where both are
// set, fileName alone counts.
type Discover struct {
	// A pattern as of filepath.Glob, seen from the application's directory.
	FileName string `json:"fileName"`
	// Other ways to pick a repository.
	Find Find `json:"find"`
}

// Find picks repositories by a pattern.
type Find struct {
	// Must be empty: the plugin runs no commands.
	Command []string `json:"command"`
	// Arguments of the command.
	Args []string `json:"args"`
	// A pattern in which "**" stands for any number of directories.
	Glob string `json:"glob"`
}

// Enabled tells whether the plugin takes part in discovery.
func (d Discover) Enabled() bool { return d.FileName != "" || d.Find.Glob != "" }

// SocketName returns the name of the plugin's socket without ".sock", which is
// also what Applications name.
func (p *ConfigManagementPlugin) SocketName() string {
	if p.Spec.Version == "" {
		return p.Metadata.Name
	}
	return p.Metadata.Name + "-" + p.Spec.Version
}

func (*ConfigManagementPlugin) kind() (apiVersion, kind string) { return PluginAPIVersion, PluginKind }

func (p *ConfigManagementPlugin) check(r *reader) {
	switch {
	case p.Metadata.Name == "":
		r.refuse("metadata.name", "write the name that Applications select", "is missing")
	case !socketName.MatchString(p.SocketName()):
		r.refuse("metadata.name", socketNameFix, "%q cannot be the name of a socket", p.SocketName())
	}
	if len(p.Spec.Generate.Command) == 0 {
		r.refuse("spec.generate.command", "write [argocd-seal, generate]", "is missing")
	}
	if len(p.Spec.Init.Command) > 0 {
		r.refuse("spec.init.command", "remove it; charts and bases must be complete in the repository",
			noCommands)
	}
	if p.Spec.ProvideGitCreds {
		r.refuse("spec.provideGitCreds", "remove it", "is not supported: the plugin takes no Git credentials")
	}
	p.Spec.Discover.check(r)
	p.Spec.Parameters.check(r)
}

const (
	noCommands = "is not supported: the plugin runs no commands"
	patternFix = "close its brackets and start inside the application's directory"
)

func (d Discover) check(r *reader) {
	if len(d.Find.Command) > 0 {
		r.refuse("spec.discover.find.command",
			"use spec.discover.fileName or spec.discover.find.glob, or no discovery at all", noCommands)
	}
	// An empty tree matches nothing, but tells whether a pattern is well formed.
	if _, err := source.NewTree().GlobFileName(".", d.FileName); err != nil {
		r.refuse("spec.discover.fileName", patternFix, "%q is not a pattern inside the repository", d.FileName)
	}
	if _, err := source.NewTree().Glob(".", d.Find.Glob); err != nil {
		r.refuse("spec.discover.find.glob", patternFix, "%q is not a pattern inside the repository", d.Find.Glob)
	}
	if strings.Contains(d.Find.Glob, "!(") {
		r.refuse("spec.discover.find.glob", "write what it finds, with {a,b}", "%q excludes with !( ), which is not supported", d.Find.Glob)
	}
}

// runsPlugin tells whether a command, if any, is this plugin's own binary.
func (c Command) runsPlugin() bool {
	return len(c.Command) == 0 || path.Base(c.Command[0]) == program
}

// ParameterAnnouncements is the section spec.parameters.
type ParameterAnnouncements struct {
	// Parameters to show for every application.
	Static []ParameterAnnouncement `json:"static"`
	// What argocd-cmp-server runs to find more; it must be argocd-seal itself.
	// argocd-seal serve announces them without it.
	Dynamic Command `json:"dynamic"`
}

// ParameterAnnouncement is one parameter as Argo CD's Parameters tab shows it.
// Its fields are those of the message ParameterAnnouncement in Argo CD's
// reposerver/repository/repository.proto.
type ParameterAnnouncement struct {
	// The parameter's name.
	Name string `json:"name" jsonschema:"required"`
	// What people read instead of the name.
	Title string `json:"title"`
	// More about it.
	Tooltip string `json:"tooltip"`
	// Whether it must be set; Argo CD only shows this.
	Required bool `json:"required"`
	// What each value is.
	ItemType string `json:"itemType" enum:"string,number,boolean"`
	// Which of string, array and map holds the default; empty means string.
	CollectionType string `json:"collectionType" enum:"string,array,map"`
	// The default of a single value.
	String string `json:"string"`
	// The default of a list.
	Array []string `json:"array"`
	// The default of a map.
	Map map[string]string `json:"map"`
}

func (p ParameterAnnouncements) check(r *reader) {
	if !p.Dynamic.runsPlugin() {
		r.refuse("spec.parameters.dynamic.command", "write [argocd-seal, parameters], or remove it",
			"%q is not this plugin", p.Dynamic.Command[0])
	}
	seen := map[string]bool{}
	for i, parameter := range p.Static {
		path := fmt.Sprintf("spec.parameters.static[%d].name", i)
		if parameter.Name == "" {
			r.refuse(path, "write the name of the parameter", "is missing")
		}
		r.once(seen, path, parameter.Name)
	}
}
