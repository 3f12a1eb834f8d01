package render

// Parameters are the options of an application that change how it is rendered.
// They mirror source.helm, source.kustomize and source.directory of an Argo CD
// Application. All come from the Application's author or from the repository,
// so none of them can weaken a limit or reach outside of the source.
type Parameters struct {
	// SourceType overrides detection; empty means detect.
	SourceType Kind
	Helm       HelmParameters
	Kustomize  KustomizeParameters
	Directory  DirectoryParameters
}

// HelmParameters mirror source.helm of an Application.
type HelmParameters struct {
	// ValuesFiles are paths or globs relative to the application's directory,
	// later files win. A leading "/" means the root of the source.
	ValuesFiles []string
	// Values is inline YAML; it wins over ValuesFiles.
	Values string
	// Parameters are helm's --set, StringParameters --set-string and
	// FileParameters --set-file; they win over Values.
	Parameters       map[string]string
	StringParameters map[string]string
	FileParameters   map[string]string
	// ReleaseName and Namespace default to the request's AppName and Namespace.
	ReleaseName          string
	Namespace            string
	SkipCRDs             bool
	SkipTests            bool
	SkipSchemaValidation bool
}

// KustomizeParameters mirror source.kustomize of an Application.
type KustomizeParameters struct {
	// Images are in Argo CD's form: [old=]name[:tag][@digest].
	Images []string
	// Components are paths relative to the application's directory.
	Components []string
	NamePrefix string
	NameSuffix string
	Namespace  string
	// Labels are set on objects but not on selectors.
	Labels      map[string]string
	Annotations map[string]string
	// Replicas are counts by the name of the object.
	Replicas map[string]int64
	// Patches is a YAML list in the form of a kustomization's patches field.
	Patches string
}

// DirectoryParameters mirror source.directory of an Application.
type DirectoryParameters struct {
	Recurse bool
	// Include and Exclude are Argo CD's globs, with {a,b} alternatives.
	Include string
	Exclude string
}
