package promotion_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
)

var (
	one   = "sha256:" + strings.Repeat("1", 64)
	two   = "sha256:" + strings.Repeat("2", 64)
	three = "sha256:" + strings.Repeat("3", 64)
)

func decode(t *testing.T, text string) []object.Object {
	t.Helper()
	text = strings.NewReplacer("$1", "@"+one, "$2", "@"+two, "$3", "@"+three).Replace(text)
	objects, err := object.Decode("apps/prod/a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: c, image: %s}]}}}
`

// owned is a repository whose directory has an owner.
func owned(name string) ([]byte, bool) {
	return []byte("* @org/platform\n"), name == "CODEOWNERS"
}

func check(t *testing.T, rule promotion.Rule, objects, source string, edit func(*promotion.Request)) (said, noticed []string) {
	t.Helper()
	request := promotion.Request{Path: "apps/prod", From: "apps/staging", Source: decode(t, source), Files: []string{"apps/prod/a.yaml"}, File: owned}
	if edit != nil {
		edit(&request)
	}
	result, err := rule.Check(t.Context(), decode(t, objects), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		said = append(said, strings.Join(strings.Fields(fmt.Sprintf("%s %d %s:%d %s %s: %s", f.Rule, f.Object, f.File, f.Line, f.Outcome.Object, f.Field, f.Message)), " "))
	}
	for _, notice := range append(result.Approvals, result.Notices...) {
		noticed = append(noticed, notice.Error())
	}
	return said, noticed
}

func TestImages(t *testing.T) {
	const field = "spec.template.spec.containers[0].image"
	at := "0 apps/prod/a.yaml:1 Deployment shop/web " + field + ": "
	for name, test := range map[string]struct{ image, source, want string }{
		"the same":                        {"reg/shop$1", "reg/shop$1", ""},
		"the same with a tag":             {"reg/shop:v1$1", "reg/shop:v2$1", ""},
		"the same from a mirror":          {"mirror.example/shop$1", "reg/shop$1", ""},
		"another digest":                  {"reg/shop$2", "reg/shop$1", "promotion-source " + at + "apps/staging does not ship reg/shop@" + two + "; it ships " + one},
		"another repository":              {"reg/other$2", "reg/shop$1", "promotion-source " + at + "apps/staging does not ship reg/other@" + two + "; it ships no image of this repository"},
		"a short name is the long one":    {"docker.io/library/nginx$2", "nginx$1", "promotion-source " + at + "apps/staging does not ship nginx@" + two + "; it ships " + one},
		"no digest":                       {"reg/shop:v1", "reg/shop:v1", "promotion-digest " + at + "the image reg/shop:v1 is not pinned by a digest, by which apps/staging could be seen to ship it"},
		"a source without digest":         {"reg/shop:v1$1", "reg/shop:v1", "promotion-source " + at + "apps/staging does not ship reg/shop@" + one + "; it ships no image of this repository"},
		"a digest that is none":           {"reg/shop@sha256:12", "reg/shop@sha256:12", "promotion-digest " + at + "the image reg/shop@sha256:12 is not pinned by a digest, by which apps/staging could be seen to ship it"},
		"a digest behind another":         {"reg/shop$1$2", "reg/shop$1", "promotion-digest " + at + "the image reg/shop@" + one + "@" + two + " is not pinned by a digest, by which apps/staging could be seen to ship it"},
		"a reference where a digest goes": {"'reg/shop@<vault:kv/x#digest>'", "reg/shop$1", "promotion-digest " + at + "the image reg/shop@<vault:kv/x#digest> is not pinned by a digest, by which apps/staging could be seen to ship it"},
	} {
		t.Run(name, func(t *testing.T) {
			said, _ := check(t, promotion.Rule{}, fmt.Sprintf(deployment, test.image), fmt.Sprintf(deployment, test.source), nil)
			if got := strings.Join(said, "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Every place that runs an image counts, in kinds that nobody here knows too.
func TestEveryImageIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"spec.containers[0].image":                                               "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: x$2}]}}",
		"spec.template.spec.initContainers[1].image":                             "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: p}, spec: {template: {spec: {initContainers: [{image: a$1}, {image: x$2}]}}}}",
		"spec.template.spec.ephemeralContainers[0].image":                        "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: p}, spec: {template: {spec: {ephemeralContainers: [{image: x$2}]}}}}",
		"spec.jobTemplate.spec.template.spec.containers[0].image":                "{apiVersion: batch/v1, kind: CronJob, metadata: {name: p}, spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: x$2}]}}}}}}",
		"spec.volumes[0].image.reference":                                        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {volumes: [{name: v, image: {reference: x$2}}]}}",
		"template.spec.containers[0].image":                                      "{apiVersion: v1, kind: PodTemplate, metadata: {name: p}, template: {spec: {containers: [{image: x$2}]}}}",
		"spec.replicatedJobs[0].template.spec.template.spec.containers[0].image": "{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, metadata: {name: p}, spec: {replicatedJobs: [{template: {spec: {template: {spec: {containers: [{image: x$2}]}}}}}]}}",
		"spec.templates[0].container.image":                                      "{apiVersion: argoproj.io/v1alpha1, kind: WorkflowTemplate, metadata: {name: p}, spec: {templates: [{container: {image: x$2}}]}}",
		"spec.templates[0].script.image":                                         "{apiVersion: argoproj.io/v1alpha1, kind: WorkflowTemplate, metadata: {name: p}, spec: {templates: [{script: {image: x$2}}]}}",
		"spec.predictor.containers[0].image":                                     "{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, metadata: {name: p}, spec: {predictor: {containers: [{image: x$2}]}}}",
		"none: a label":                                                          "{apiVersion: v1, kind: ConfigMap, metadata: {name: p, labels: {image: x}}, data: {image: y}}",
		"none: a schema":                                                         "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: p}, spec: {containers: {type: array, items: {properties: {image: {type: string}}}}}}",
		"none: a container without image":                                        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: x}, null, 5], volumes: null}}",
	} {
		said, _ := check(t, promotion.Rule{}, text, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: a$1}]}}", nil)
		switch {
		case strings.HasPrefix(name, "none") && len(said) == 0:
		case len(said) == 1 && strings.Contains(said[0], " "+name+": "):
		default:
			t.Errorf("%s: %q", name, said)
		}
	}
}

func TestOwners(t *testing.T) {
	file := func(place, content string) func(*promotion.Request) {
		return func(r *promotion.Request) {
			r.Files = []string{"apps/prod/a.yaml", "apps/prod/b.yaml"}
			r.File = func(name string) ([]byte, bool) { return []byte(content), name == place }
		}
	}
	require := promotion.Rule{RequireOwners: true}
	platform := promotion.Rule{Owners: []string{"@org/platform", "@org/sre"}}
	for name, test := range map[string]struct {
		rule          promotion.Rule
		edit          func(*promotion.Request)
		said, noticed []string
	}{
		"nothing is required": {promotion.Rule{}, file("", ""), nil, []string{
			"E_POLICY: promotion-owners: nobody must approve changes of apps/prod: there is no CODEOWNERS where GitHub looks for it; fix: add .github/CODEOWNERS with a rule for the directory"}},
		"no file": {require, file("", ""), []string{
			"promotion-owners -1 :0 : nobody must approve changes of apps/prod: there is no CODEOWNERS where GitHub looks for it"}, nil},
		"a part of the repository": {require, func(r *promotion.Request) { r.File = nil }, []string{
			"promotion-owners -1 :0 : nobody can tell who must approve changes of apps/prod: Argo CD sent only a part of the repository"}, nil},
		"everything is owned": {require, file("CODEOWNERS", "# first\n* @org/platform @a\n"), nil, []string{
			"E_POLICY: CODEOWNERS:2: promotion-owners: changes of apps/prod need the approval of @org/platform or @a"}},
		"two rules": {require, file("CODEOWNERS", "* @a\n/apps/prod/b.yaml @b\n"), nil, []string{
			"E_POLICY: CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @a",
			"E_POLICY: CODEOWNERS:2: promotion-owners: changes of apps/prod/b.yaml need the approval of @b"}},
		"not CODEOWNERS itself": {require, file(".github/CODEOWNERS", "/apps/ @a\n"), []string{
			"promotion-owners -1 .github/CODEOWNERS:0 : nobody must approve changes of .github/CODEOWNERS"}, []string{
			"E_POLICY: .github/CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @a"}},
		"not where GitHub looks first": {require, file("CODEOWNERS", "/apps/ @a\n/CODEOWNERS @a\n"), []string{
			"promotion-owners -1 CODEOWNERS:0 : nobody must approve changes of .github/CODEOWNERS"}, []string{
			"E_POLICY: CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @a"}},
		"not the directory": {require, file("CODEOWNERS", "CODEOWNERS @a\n*.yaml @a\n"), []string{
			"promotion-owners -1 CODEOWNERS:0 : nobody must approve changes of apps/prod"}, []string{
			"E_POLICY: CODEOWNERS:2: promotion-owners: changes of apps/prod/a.yaml need the approval of @a"}},
		"not one file": {require, file("CODEOWNERS", "* @a\n/apps/prod/b.yaml\n"), []string{
			"promotion-owners -1 CODEOWNERS:2 : nobody must approve changes of apps/prod/b.yaml"}, []string{
			"E_POLICY: CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @a"}},
		"neither": {require, file("CODEOWNERS", "/x @a\n"), []string{"promotion-owners -1 CODEOWNERS:0 : nobody must approve changes of apps/prod", "promotion-owners -1 CODEOWNERS:0 : nobody must approve changes of .github/CODEOWNERS"}, nil},
		"those that are asked": {platform, file("CODEOWNERS", "* @Org/Platform\n/apps/ @org/sre @org/platform\n"), nil, []string{
			"E_POLICY: CODEOWNERS:2: promotion-owners: changes of apps/prod need the approval of @org/sre or @org/platform"}},
		"others beside them": {platform, file("CODEOWNERS", "* @org/platform\n/apps/ @org/platform @dev\n"), []string{
			"promotion-owners -1 CODEOWNERS:2 : @dev may approve changes of apps/prod without @org/platform or @org/sre"}, []string{
			"E_POLICY: CODEOWNERS:2: promotion-owners: changes of apps/prod need the approval of @org/platform or @dev"}},
		"a line that counts for nothing": {require, file("CODEOWNERS", "* @a\n/apps/[x] @b\n!/y\n"), nil, []string{
			"E_POLICY: CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @a",
			"E_POLICY: CODEOWNERS:2: promotion-owners: GitHub passes over this line and 1 more; fix: correct the line"}},
		"GitLab's place is not GitHub's": {require, file(".gitlab/CODEOWNERS", "* @a\n"), []string{
			"promotion-owners -1 :0 : nobody must approve changes of apps/prod: there is no CODEOWNERS where GitHub looks for it"}, nil},
		"GitLab's sections": {promotion.Rule{Host: codeowners.GitLab, Owners: []string{"@sre"}}, file(".gitlab/CODEOWNERS", "* @dev\n[Production][2] @sre\n/apps/prod/\nCODEOWNERS\n^[Hint]\n* @hint\n"), nil, []string{
			"E_POLICY: .gitlab/CODEOWNERS:1: promotion-owners: changes of apps/prod need the approval of @dev",
			"E_POLICY: .gitlab/CODEOWNERS:3: promotion-owners: changes of apps/prod need 2 approvals of @sre (Production)"}},
		"GitLab's optional section": {promotion.Rule{Host: codeowners.GitLab, RequireOwners: true}, file("CODEOWNERS", "^[Production] @sre\n*\n"), []string{
			"promotion-owners -1 CODEOWNERS:2 : nobody must approve changes of apps/prod", "promotion-owners -1 CODEOWNERS:2 : nobody must approve changes of CODEOWNERS"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			same := fmt.Sprintf(deployment, "reg/shop$1")
			said, noticed := check(t, test.rule, same, same, test.edit)
			if diff := cmp.Diff(test.said, said); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.noticed, noticed); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodeownersThatCannotBeReadIsNoVerdict(t *testing.T) {
	request := promotion.Request{Path: "a", From: "b", File: func(string) ([]byte, bool) { return make([]byte, 4<<20), true }}
	if _, err := (promotion.Rule{}).Check(t.Context(), nil, request); fault.CodeOf(err) != fault.Limit {
		t.Errorf("got %v, want E_LIMIT", err)
	}
	ended, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	request.File = owned
	if _, err := (promotion.Rule{}).Check(ended, nil, request); fault.CodeOf(err) != fault.PolicyEngine {
		t.Errorf("got %v, want E_POLICY_ENGINE", err)
	}
}
