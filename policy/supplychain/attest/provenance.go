package attest

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// The types of predicates that say how an image was built.
const (
	provenance02 = "https://slsa.dev/provenance/v0.2"
	provenance1  = "https://slsa.dev/provenance/v1"
)

const (
	maxDependencies = 10_000
	maxSources      = 20
)

// Provenance says how an image was built, in the builder's words.
type Provenance struct {
	// PredicateType is the version of the SLSA provenance.
	PredicateType string `json:"predicateType"`
	BuildType     string `json:"buildType,omitempty"`
	// Builder is the builder's id.
	Builder string `json:"builder,omitempty"`
	// Source is the URL of the repository that was built, in one spelling: lower
	// case but for the path, without git+, user, ref and .git. It is empty where
	// the builder names none, and "invalid:" where it names something else.
	Source string `json:"source,omitempty"`
	// OtherSources are further repositories that a build used without saying which
	// one was built. Tekton does so. A rule asks all of them.
	OtherSources []string `json:"otherSources,omitempty"`
	// Ref is the branch or tag as the builder writes it, such as refs/tags/v1.2.
	Ref string `json:"ref,omitempty"`
	// Revision is the commit.
	Revision string `json:"revision,omitempty"`
	// ClaimedSource and ClaimedRevision are what BuildKit's client said of where its
	// files come from. BuildKit has not fetched them from there, so no rule counts
	// them.
	ClaimedSource   string `json:"claimedSource,omitempty"`
	ClaimedRevision string `json:"claimedRevision,omitempty"`
	// Signer is the name of the signer.
	Signer string `json:"signer"`
}

// origin is where a build got files from.
type origin struct{ url, ref, commit string }

func readProvenance(from *fields, statement document) func(*Facts) {
	predicate := from.asObject(statement.predicate, "predicate")
	read := Provenance{PredicateType: statement.kind, Signer: statement.signer}
	var origins []origin
	if statement.kind == provenance02 {
		origins = provenanceOf02(from, predicate, &read)
	} else {
		origins = provenanceOf1(from, predicate, &read)
	}
	read.from(from, origins)
	return func(f *Facts) { f.Provenance = append(f.Provenance, read) }
}

func provenanceOf02(from *fields, predicate map[string]any, read *Provenance) []origin {
	read.Builder = from.text(from.object(predicate, "builder"), "id")
	read.BuildType = from.text(predicate, "buildType")
	metadata := from.object(predicate, "metadata")
	read.claim(from, from.object(metadata, "https://mobyproject.org/buildkit@v1#metadata"))

	config := from.object(from.object(predicate, "invocation"), "configSource")
	materials := origins(from, predicate, "materials")
	if tekton(read.BuildType) {
		// Tekton's configSource is where the pipeline comes from, not what it built.
		return materials
	}
	if strings.HasPrefix(read.BuildType, "https://mobyproject.org/buildkit") {
		return read.buildkit(from, config, materials)
	}
	if uri := from.text(config, "uri"); uri != "" {
		return single(parseOrigin(uri, commitOf(from, config)), materials)
	}
	return materials
}

func provenanceOf1(from *fields, predicate map[string]any, read *Provenance) []origin {
	definition, details := from.object(predicate, "buildDefinition"), from.object(predicate, "runDetails")
	read.Builder = from.text(from.object(details, "builder"), "id")
	read.BuildType = from.text(definition, "buildType")
	metadata := from.object(details, "metadata")
	read.claim(from, from.object(metadata, "buildkit_metadata"))

	external := from.object(definition, "externalParameters")
	dependencies := origins(from, definition, "resolvedDependencies")
	if tekton(read.BuildType) {
		return dependencies
	}
	// Each of these is how one builder names what was built; others name it only
	// among the dependencies.
	if workflow, ok := external["workflow"].(map[string]any); ok {
		built := parseOrigin(from.text(workflow, "repository"), "")
		built.ref = from.text(workflow, "ref")
		return single(built, dependencies)
	}
	if config, ok := external["configSource"].(map[string]any); ok {
		return read.buildkit(from, config, dependencies)
	}
	switch source := external["source"].(type) {
	case string:
		return single(parseOrigin(from.asText(source, "source"), ""), dependencies)
	case map[string]any:
		return single(parseOrigin(from.text(source, "uri"), commitOf(from, source)), dependencies)
	}
	return dependencies
}

// single is the one repository that was built. Where the builder has put its
// commit, or its ref, only at the dependency, they are taken from there, unless
// there are several that it could be.
func single(built origin, dependencies []origin) []origin {
	if built.url == "" {
		return nil
	}
	dependencies = slices.DeleteFunc(slices.Clone(dependencies), func(one origin) bool {
		return one.url != built.url || differ(one.ref, built.ref) || differ(one.commit, built.commit)
	})
	for _, one := range dependencies {
		if one.ref != dependencies[0].ref || one.commit != dependencies[0].commit {
			return []origin{built}
		}
	}
	if len(dependencies) > 0 {
		built.ref, built.commit = cmp.Or(built.ref, dependencies[0].ref), cmp.Or(built.commit, dependencies[0].commit)
	}
	return []origin{built}
}

// differ tells whether two texts that are there are not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

func tekton(buildType string) bool {
	return strings.HasPrefix(strings.TrimPrefix(buildType, "https://"), "tekton.dev/")
}

// origins returns the repositories among what a build used. Where Tekton found
// its pipelines and tasks is not among them.
func origins(from *fields, object map[string]any, key string) []origin {
	var found []origin
	for _, entry := range from.objects(object, key, maxDependencies) {
		name, uri, commit := from.text(entry, "name"), from.text(entry, "uri"), commitOf(from, entry)
		if slices.Contains([]string{"pipeline", "task", "pipelineTask"}, name) {
			continue
		}
		if strings.HasPrefix(uri, "git+") || commit != "" && !strings.HasPrefix(uri, "pkg:") {
			found = append(found, parseOrigin(uri, commit))
		}
	}
	return found
}

// from sets the source. Of several repositories, or several states of one, no
// ref and no commit is that of the image.
func (p *Provenance) from(from *fields, origins []origin) {
	var urls []string
	for i, one := range origins {
		if !slices.Contains(urls, one.url) {
			urls = append(urls, one.url)
		}
		if i == 0 {
			p.Ref, p.Revision = one.ref, one.commit
		}
		if one.ref != p.Ref {
			p.Ref = ""
		}
		if one.commit != p.Revision {
			p.Revision = ""
		}
	}
	slices.Sort(urls)
	if len(urls) > 1+maxSources {
		from.fail(excess("the build names more than %d repositories", 1+maxSources))
		return
	}
	if len(urls) > 0 {
		p.Source, p.OtherSources = urls[0], urls[1:]
	}
	if len(urls) > 1 {
		p.Ref, p.Revision = "", ""
	}
}

// claim takes what BuildKit's client said of the files that it sent.
func (p *Provenance) claim(from *fields, metadata map[string]any) {
	vcs := from.object(metadata, "vcs")
	p.ClaimedSource = parseOrigin(from.text(vcs, "source"), "").url
	p.ClaimedRevision = from.text(vcs, "revision")
}

// buildkit returns the source of BuildKit's build. It writes down any context that
// its client names, and a digest only beside one that it has fetched itself.
func (p *Provenance) buildkit(from *fields, config map[string]any, dependencies []origin) []origin {
	built := parseOrigin(from.text(config, "uri"), "")
	if fetched := commitOf(from, config); fetched != "" {
		built.commit = fetched
		return single(built, dependencies)
	}
	if built.url != "" {
		p.ClaimedSource, p.ClaimedRevision = built.url, built.commit
	}
	return nil
}

var commit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// commitOf returns the commit among an entry's digests.
func commitOf(from *fields, entry map[string]any) string {
	digest := from.object(entry, "digest")
	for _, key := range []string{"gitCommit", "sha1"} {
		if found := from.text(digest, key); commit.MatchString(found) {
			return found
		}
	}
	return ""
}
