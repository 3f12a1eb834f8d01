package attest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

const (
	buildkit = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
	chains   = "https://tekton.dev/chains/v2"
	github   = "https://github.com/example/cart"
	forge    = "https://git.example.com/shop/cart"
	v02      = "https://slsa.dev/provenance/v0.2"
	v1       = "https://slsa.dev/provenance/v1"
)

func TestEachFormOfProvenanceIsRead(t *testing.T) {
	for name, want := range map[string]attest.Provenance{
		"provenance-github-v02": {PredicateType: v02, BuildType: "https://github.com/slsa-framework/slsa-github-generator/container@v1",
			Builder: "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0",
			Source:  github, Ref: "refs/tags/v1.4.0", Revision: sha},
		"provenance-github-v1": {PredicateType: v1, BuildType: "https://actions.github.io/buildtypes/workflow/v1",
			Builder: github + "/.github/workflows/image.yaml@refs/heads/main", Source: github, Ref: "refs/heads/main", Revision: sha},
		"provenance-tekton-v02": {PredicateType: v02, BuildType: "tekton.dev/v1beta1/TaskRun", Builder: chains, Source: forge, Revision: sha},
		"provenance-tekton-v1":  {PredicateType: v1, BuildType: chains + "/slsa", Builder: chains, Source: forge, Revision: sha},
		"provenance-buildkit-v02": {PredicateType: v02, BuildType: "https://mobyproject.org/buildkit@v1", Builder: github + "/actions/runs/9182736455/attempts/1",
			Source: github, Ref: "refs/heads/main", Revision: sha},
		"provenance-buildkit-v1": {PredicateType: v1, BuildType: buildkit, Builder: "https://builds.example.com/buildkit/farm-1", Source: github, Ref: "refs/tags/v1.4.0", Revision: sha},
		"provenance-buildkit-local": {PredicateType: v1, BuildType: buildkit, Builder: "https://builds.example.com/buildkit/farm-1",
			ClaimedSource: github, ClaimedRevision: sha},
		"provenance-gitlab": {PredicateType: v1, BuildType: "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1", Builder: forge + "/-/runners/7", Source: forge, Revision: sha},
	} {
		want.Signer = "ci"
		facts := read(t, signed(t, "ci", name))
		if diff := cmp.Diff([]attest.Provenance{want}, facts.Provenance, cmp.Transformer("none", func(urls []string) int { return len(urls) })); diff != "" {
			t.Errorf("%s is read otherwise:\n%s", name, diff)
		}
	}
}

func TestProvenanceThatMeetsTheRulePasses(t *testing.T) {
	generator := "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.*"
	for name, test := range map[string]struct {
		rule attest.ProvenanceRule
		repo string
	}{
		"provenance-github-v02": {rule: attest.ProvenanceRule{SignedBy: []string{"other", "ci"}, Builders: []string{"https://no.example.com/*", generator},
			Sources: []string{"https://github.com/example/*"}, SourceIsApplication: true, Revisions: []string{"refs/tags/v*"}}},
		"provenance-github-v1":    {rule: attest.ProvenanceRule{SourceIsApplication: true, Revisions: []string{"refs/heads/main"}}, repo: "git@github.com:example/cart.git"},
		"provenance-tekton-v02":   {rule: attest.ProvenanceRule{Builders: []string{chains}, SourceIsApplication: true}, repo: "ssh://git@git.example.com/shop/cart"},
		"provenance-tekton-v1":    {rule: attest.ProvenanceRule{Sources: []string{"https://git.example.com/shop/*"}}},
		"provenance-buildkit-v02": {rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: "https://robin@GitHub.com/example/cart/"},
		"provenance-buildkit-v1":  {rule: attest.ProvenanceRule{Builders: []string{"https://builds.example.com/**"}, Revisions: []string{"refs/tags/*"}}},
		"provenance-gitlab":       {rule: attest.ProvenanceRule{}},
	} {
		subject := cart
		if test.repo != "" {
			subject.RepoURL = test.repo
		}
		none(t, attest.Rules{Provenance: &test.rule}.Judge(read(t, signed(t, "ci", name)), subject))
	}
}

func TestProvenanceThatMissesADemandIsDenied(t *testing.T) {
	for name, test := range map[string]struct {
		file  string
		pairs []string
		rule  attest.ProvenanceRule
		repo  string
		parts []string
	}{
		"signer": {file: "provenance-github-v1", rule: attest.ProvenanceRule{SignedBy: []string{"release", "farm"}},
			parts: []string{"no provenance that release or farm signed", "what there is was signed by ci"}},
		"builder": {file: "provenance-github-v1", rule: attest.ProvenanceRule{Builders: []string{"https://github.com/platform/*"}},
			parts: []string{"the builder is " + github + "/.github/workflows/image.yaml@refs/heads/main", "https://github.com/platform/* is asked for"}},
		"builder that begins alike": {file: "provenance-gitlab", rule: attest.ProvenanceRule{Builders: []string{"https://git.example.com"}}, parts: []string{"the builder is"}},
		"no builder": {file: "provenance-github-v1", pairs: []string{`"id": "https://github.com/example/cart/.github/workflows/image.yaml@refs/heads/main"`, `"id": ""`},
			rule: attest.ProvenanceRule{Builders: []string{"**"}}, parts: []string{"the builder is not named"}},
		"source": {file: "provenance-github-v02", rule: attest.ProvenanceRule{Sources: []string{"https://github.com/platform/**"}},
			parts: []string{"the source is " + github + ", and https://github.com/platform/** is asked for"}},
		"another application": {file: "provenance-github-v02", rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: "https://github.com/example/checkout",
			parts: []string{"the source is " + github, "that of the application is asked for, which is https://github.com/example/checkout"}},
		"application without encryption":  {file: "provenance-github-v02", rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: "http://github.com/example/cart", parts: []string{"the source is"}},
		"application behind another port": {file: "provenance-github-v02", rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: "ssh://git@github.com:2222/example/cart", parts: []string{"the source is"}},
		"application that is no URL": {file: "provenance-github-v02", pairs: []string{"git+https://github.com/example/cart@", "git+example?@"},
			rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: "example?", parts: []string{"the source is not a repository's URL", "which is not a repository's URL"}},
		"ref": {file: "provenance-github-v1", rule: attest.ProvenanceRule{Revisions: []string{"refs/tags/v*"}},
			parts: []string{"the revision is refs/heads/main, and refs/tags/v* is asked for"}},
		"no ref": {file: "provenance-tekton-v1", rule: attest.ProvenanceRule{Revisions: []string{"**"}}, parts: []string{"the revision is not named"}},
		"client's word": {file: "provenance-buildkit-local", rule: attest.ProvenanceRule{SourceIsApplication: true},
			parts: []string{"the source is not named", "that it is " + github + " is only the word of BuildKit's client"}},
		"a context that was not fetched": {file: "provenance-buildkit-v1", pairs: []string{`"sha1"`, `"sha0"`}, rule: attest.ProvenanceRule{SourceIsApplication: true},
			parts: []string{"the source is not named", "only the word of BuildKit's client"}},
		"a context that was not fetched, v0.2": {file: "provenance-buildkit-v02", pairs: []string{`"sha1"`, `"sha0"`}, rule: attest.ProvenanceRule{SourceIsApplication: true},
			parts: []string{"the source is not named", "only the word of BuildKit's client"}},
		"second repository": {file: "provenance-tekton-v1", pairs: []string{`"uri": "oci://registry.example.com/tools/kaniko"`, `"name": "inputs/result", "uri": "git+https://git.example.com/evil/cart"`},
			rule: attest.ProvenanceRule{Sources: []string{"https://git.example.com/shop/*"}}, parts: []string{"the source is https://git.example.com/evil/cart"}},
		"second repository, behind": {file: "provenance-tekton-v1", pairs: []string{`"uri": "oci://registry.example.com/tools/kaniko"`, `"name": "inputs/result", "uri": "git+https://git.example.com/zoo/cart"`},
			rule: attest.ProvenanceRule{Sources: []string{"https://git.example.com/shop/*"}}, parts: []string{"the source is https://git.example.com/zoo/cart"}},
		"second repository beside the application": {file: "provenance-tekton-v1", pairs: []string{`"uri": "oci://registry.example.com/tools/kaniko"`, `"name": "inputs/result", "uri": "git+https://git.example.com/zoo/cart"`},
			rule: attest.ProvenanceRule{SourceIsApplication: true}, repo: forge, parts: []string{"the source is https://git.example.com/zoo/cart"}},
		"both behind a port": {file: "provenance-github-v02", pairs: []string{"github.com/example/cart", "github.com:2222/example/cart"}, rule: attest.ProvenanceRule{SourceIsApplication: true},
			repo: "ssh://git@github.com:2222/example/cart", parts: []string{"the source is"}},
		"pattern that is none": {file: "provenance-github-v1", rule: attest.ProvenanceRule{Builders: []string{"["}}, parts: []string{"the builder is"}},
	} {
		t.Run(name, func(t *testing.T) {
			subject := cart
			if test.repo != "" {
				subject.RepoURL = test.repo
			}
			found := one(t, attest.Rules{Provenance: &test.rule}.Judge(read(t, signed(t, "ci", test.file, test.pairs...)), subject), test.parts...)
			if found.Rule != attest.RuleProvenance || found.Code != fault.ImageAttestation {
				t.Errorf("rule and code are %s and %s", found.Rule, found.Code)
			}
		})
	}
}

func TestTwoProvenancesDoNotMeetARuleTogether(t *testing.T) {
	builder := signed(t, "ci", "provenance-buildkit-v1", github, "https://github.com/evil/cart")
	source := signed(t, "ci", "provenance-buildkit-v1", "https://builds.example.com/buildkit/farm-1", "https://laptop.example.com")
	rule := attest.Rules{Provenance: &attest.ProvenanceRule{Builders: []string{"https://builds.example.com/**"}, Sources: []string{github}}}
	found := one(t, rule.Judge(read(t, builder, source), cart), "none of 2 provenances meets the whole rule")
	if found.Code != fault.ImageAttestation {
		t.Errorf("the code is %s", found.Code)
	}
	none(t, rule.Judge(read(t, builder, source, signed(t, "ci", "provenance-buildkit-v1")), cart))
	// Of two that do not meet it the message is about the one that misses less.
	worse := signed(t, "ci", "provenance-buildkit-v1", github, "https://github.com/aaa/cart", "https://builds.example.com/buildkit/farm-1", "https://laptop.example.com")
	if found := one(t, rule.Judge(read(t, worse, source), cart), "the builder is https://laptop"); strings.Contains(found.Message, "the source is") {
		t.Errorf("the message is %q", found.Message)
	}
	// The one that does is not that of a signer whom the rule names.
	rule.Provenance.SignedBy = []string{"farm"}
	one(t, rule.Judge(read(t, signed(t, "farm", "provenance-buildkit-v1", github, "https://github.com/evil/cart"), signed(t, "ci", "provenance-buildkit-v1")), cart), "the source is https://github.com/evil/cart")
}

func TestTheRefOfADependencyIsNotThatOfTheSource(t *testing.T) {
	facts := read(t, signed(t, "ci", "provenance-gitlab", `"uri": "https://git.example.com/shop/cart",`, `"uri": "git+https://git.example.com/shop/theme@refs/tags/v9",`))
	if got := facts.Provenance[0]; got.Ref != "" || got.Revision != "" || got.Source != forge {
		t.Errorf("the source is %q, ref %q, revision %q", got.Source, got.Ref, got.Revision)
	}
	// BuildKit that was sent files names no source, whatever else it fetched.
	facts = read(t, signed(t, "ci", "provenance-buildkit-v02", `"uri": "https://github.com/example/cart.git#refs/heads/main:deploy",`, ""))
	if got := facts.Provenance[0]; got.Source != "" || len(got.OtherSources) != 0 {
		t.Errorf("the source is %q %q", got.Source, got.OtherSources)
	}
	dependency := func(ref, commit string) string {
		return `"resolvedDependencies": [{"uri": "git+https://git.example.com/shop/cart` + ref + `", "digest": {"gitCommit": "` + commit + `"}},`
	}
	other := strings.Repeat("f", 40)
	for _, test := range []struct{ file, more, ref, revision string }{
		{"provenance-github-v1", changed(t, dependency("@refs/heads/old", other), forge, github), "refs/heads/main", sha},
		{"provenance-github-v1", changed(t, dependency("@refs/heads/main", other), forge, github), "refs/heads/main", ""},
		{"provenance-gitlab", dependency("@refs/tags/v1", other), "", ""},
		{"provenance-gitlab", dependency("@refs/tags/v1", sha), "", ""},
		{"provenance-buildkit-v1", changed(t, dependency("@refs/tags/v0", other), forge, github), "refs/tags/v1.4.0", sha},
		{"provenance-tekton-v1", dependency("@refs/tags/v1", sha), "", sha},
		{"provenance-tekton-v1", dependency("", other), "", ""},
	} {
		facts = read(t, signed(t, "ci", test.file, `"resolvedDependencies": [`, test.more))
		if got := facts.Provenance[0]; got.Ref != test.ref || got.Revision != test.revision || len(got.OtherSources) != 0 {
			t.Errorf("%s with %s: ref %q, revision %q", test.file, test.more, got.Ref, got.Revision)
		}
	}
	facts = read(t, signed(t, "ci", "provenance-gitlab", `"source": "`+forge+`"`, `"source": {"uri": "git+`+forge+`", "digest": {"sha1": "`+other+`"}}`,
		`"uri": "`+forge+`",`, `"uri": "git+`+forge+`@refs/tags/v1",`))
	if got := facts.Provenance[0]; got.Source != forge || got.Ref != "" || got.Revision != other {
		t.Errorf("the source is %q, ref %q, revision %q", got.Source, got.Ref, got.Revision)
	}
	// Two states of one repository leave open which one was built.
	facts = read(t, signed(t, "ci", "provenance-tekton-v02", "oci://registry.example.com/tools/kaniko\"", "git+https://git.example.com/shop/cart@refs/tags/v1\""))
	if got := facts.Provenance[0]; got.Ref != "" || got.Revision != "" || got.Source != forge || len(got.OtherSources) != 0 {
		t.Errorf("the source is %q %q, ref %q, revision %q", got.Source, got.OtherSources, got.Ref, got.Revision)
	}
}
