package supplychain_test

import (
	"context"
	"crypto"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// imageOf is the text of the first container.
func imageOf(o object.Object) string {
	template := o.Fields["spec"].(fields)["template"].(fields)["spec"].(fields)
	return template["containers"].([]any)[0].(fields)["image"].(string)
}

// TestWhatWasVerifiedShips moves a tag as soon as the image was verified: what
// leaves has the digest of the one that was.
func TestWhatWasVerifiedShips(t *testing.T) {
	l := newLab(t)
	signed := l.push()
	l.key.Sign(t, signed)
	rules := l.rule(signedBy("release"))
	rules.Tags = supplychain.ResolveTags
	v := l.verifier(rules)
	tag := l.registry.Host + "/apps/guestbook:v1"
	o := deployment(tag)
	result, err := v.Verify(t.Context(), supplychain.Request{Environment: "production", Objects: []object.Object{o}})
	if err != nil || said(result) != "admitted" {
		t.Fatalf("%v, %s", err, said(result))
	}
	l.push() // an unsigned image takes the tag
	if got, want := imageOf(o), tag+"@"+signed.DigestStr(); got != want {
		t.Errorf("what leaves is %s, want %s", got, want)
	}
	if got := said(l.verify(v, tag)); verdict(got) != unsigned {
		t.Errorf("of the moved tag it says %s", got)
	}
}

// TestManyApplicationsVerifyOnce has many ask for one image at once.
func TestManyApplicationsVerifyOnce(t *testing.T) {
	l := newLab(t)
	image := l.push()
	l.key.Sign(t, image)
	one := l.verifier(l.rule(signedBy("release")))
	l.registry.Requests.Store(0)
	l.verify(one, image.String())
	alone := l.registry.Requests.Swap(0)
	v := l.verifier(l.rule(signedBy("release")))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := said(l.verify(v, image.String())); got != "admitted" {
				t.Error(got)
			}
		})
	}
	all.Wait()
	// The first request of a client finds out whether there is a login.
	if together := l.registry.Requests.Load(); alone == 0 || together > alone {
		t.Errorf("50 applications made %d requests, one alone %d", together, alone)
	}
}

// TestARegistryGetsEightRequestsAtATime asks for many images that nobody knows yet.
func TestARegistryGetsEightRequestsAtATime(t *testing.T) {
	l := newLab(t)
	var images []string
	for range 40 {
		image := l.push()
		l.key.Sign(t, image)
		images = append(images, image.String())
	}
	v := l.verifier(l.rule(signedBy("release")))
	l.registry.Before(func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(5 * time.Millisecond) // so that requests meet
		return false
	})
	l.registry.Most()
	if got := said(l.verify(v, images...)); got != "admitted" {
		t.Fatal(got)
	}
	if most := l.registry.Most(); most != registry.AtOnce {
		t.Errorf("the registry got up to %d requests at a time, want %d", most, registry.AtOnce)
	}
}

// TestADenialIsLookedAtAgain signs an image that was denied.
func TestADenialIsLookedAtAgain(t *testing.T) {
	l := newLab(t)
	image := l.push()
	v := l.verifier(l.rule(signedBy("release")))
	if got := verdict(said(l.verify(v, image.String()))); got != unsigned {
		t.Fatal(got)
	}
	l.key.Sign(t, image)
	l.now = func() time.Time { return time.Now().Add(15 * time.Second) }
	if got := said(l.verify(v, image.String())); got != "admitted" {
		t.Errorf("after it was signed: %s", got)
	}
}

// TestWhatIsKnownGrowsOld takes a report from the cache until it is too old.
func TestWhatIsKnownGrowsOld(t *testing.T) {
	l := newLab(t)
	l.fresh = 1000 * time.Hour
	image := l.push()
	l.key.Attest(t, image, reportType, report(time.Now()))
	v := l.verifier(l.rule(attested(attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{SignedBy: []string{"release"}, MaxSeverity: "low", MaxAge: 72 * time.Hour}})))
	if got := said(l.verify(v, image.String())); got != "admitted" {
		t.Fatal(got)
	}
	l.now = func() time.Time { return time.Now().Add(100 * time.Hour) }
	if got := verdict(said(l.verify(v, image.String()))); got != "E_IMAGE_ATTESTATION image-vulnerabilities" {
		t.Errorf("after 100 hours: %s", got)
	}
}

// TestAnOutageEnds lets what is known count until it is too old, and no longer.
func TestAnOutageEnds(t *testing.T) {
	l := newLab(t)
	image := l.push()
	l.key.Sign(t, image)
	v := l.verifier(l.rule(func(r *supplychain.Rule) {
		signedBy("release")(r)
		r.OnUnavailable = supplychain.CachedOutage
	}))
	l.verify(v, image.String())
	l.registry.Before(answer("/", http.StatusServiceUnavailable, "")(l))
	for after, want := range map[time.Duration]string{23 * time.Hour: "admitted", 25 * time.Hour: unreachable} {
		l.now = func() time.Time { return time.Now().Add(after) }
		if got := verdict(said(l.verify(v, image.String()))); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
}

// TestImagesOfAllKindsAreFound looks in every place that runs an image.
func TestImagesOfAllKindsAreFound(t *testing.T) {
	l := newLab(t)
	field, err := image.NewField("tekton.dev", "Task", "spec.steps[*].image")
	if err != nil {
		t.Fatal(err)
	}
	l.fields = []image.Field{field}
	container := func(name string) []any { return []any{fields{"name": name, "image": "evil.example/" + name}} }
	objects := []object.Object{
		{Fields: fields{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": fields{"name": "c"}, "spec": fields{"jobTemplate": fields{"spec": fields{"template": fields{"spec": fields{
			"containers": container("container"), "initContainers": container("init"), "ephemeralContainers": container("ephemeral"),
			"volumes": []any{fields{"name": "v", "image": fields{"reference": "evil.example/volume"}}},
		}}}}}}},
		{Fields: fields{"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": fields{"name": "t"}, "spec": fields{"steps": container("step")}}},
		{Fields: fields{"apiVersion": "other.dev/v1", "kind": "Task", "metadata": fields{"name": "o"}, "spec": fields{"steps": container("other")}}},
	}
	result, verr := l.verifier(l.rule(signedBy("release"))).Verify(t.Context(), supplychain.Request{Environment: "production", Objects: objects})
	if verr != nil {
		t.Fatal(verr)
	}
	var found []string
	for _, one := range result.Images {
		found = append(found, objects[one.Object].String()+" "+one.Field+" "+verdict(said(&supplychain.Result{Images: []supplychain.Verified{one}})))
	}
	want := []string{
		"CronJob c spec.jobTemplate.spec.template.spec.containers[0].image E_IMAGE image-name",
		"CronJob c spec.jobTemplate.spec.template.spec.ephemeralContainers[0].image E_IMAGE image-name",
		"CronJob c spec.jobTemplate.spec.template.spec.initContainers[0].image E_IMAGE image-name",
		"CronJob c spec.jobTemplate.spec.template.spec.volumes[0].image.reference E_IMAGE image-name",
		"Task t spec.steps[0].image E_IMAGE image-name",
	}
	if strings.Join(found, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

// TestARegistryWithoutReferrers keeps them at tags.
func TestARegistryWithoutReferrers(t *testing.T) {
	l := newLab(t)
	l.registry = signtest.NewOldRegistry(t)
	image := l.push()
	l.key.Sign(t, image)
	if got := said(l.verify(l.verifier(l.rule(signedBy("release"))), image.String())); got != "admitted" {
		t.Error(got)
	}
}

// TestNoSpellingLeadsAroundARule names a registry in other ways where a second rule
// would let everything run.
func TestNoSpellingLeadsAroundARule(t *testing.T) {
	l := newLab(t)
	v := l.verifier(supplychain.Environment{Rules: []supplychain.Rule{
		{Name: "strict", Images: []string{"registry.example.com/**", "docker.io/**"}, Signatures: []supplychain.SignatureRule{{SignedBy: []string{"release"}}}},
		{Name: "loose", Images: []string{"**"}, Unverified: true},
	}})
	digest := "@sha256:" + strings.Repeat("a", 64)
	for _, text := range []string{
		"registry.example.com/a", "registry.example.com:443/a", "REGISTRY.Example.com/a", "redis", "index.docker.io/library/redis", "registry-1.docker.io/library/redis",
	} {
		if result := l.verify(v, text+digest); result.Images[0].Rule != "strict" {
			t.Errorf("%s is held against the rule %q", text, result.Images[0].Rule)
		}
	}
}

// TestObjectsOfOneNameAreToldApart has two objects of one kind and name in different
// groups, one of them with an image that is not signed.
func TestObjectsOfOneNameAreToldApart(t *testing.T) {
	l := newLab(t)
	good, bad := l.push(), l.push()
	l.key.Sign(t, good)
	of := func(group, image string) object.Object {
		o := deployment(image)
		o.Fields["apiVersion"] = group + "/v1"
		return o
	}
	result, err := l.verifier(l.rule(signedBy("release"))).Verify(t.Context(), supplychain.Request{
		Environment: "production", Objects: []object.Object{of("apps", good.String()), of("example.com", bad.String())},
	})
	if err != nil || len(result.Images) != 2 || result.Images[0].Key == result.Images[1].Key || len(result.Images[0].Findings) > 0 || len(result.Images[1].Findings) != 1 {
		t.Errorf("%v, %+v", err, result)
	}
}

// TestKeysLastWhileVaultIsAway reads the keys of a signer, then Vault fails; and looks
// whether their order means anything.
func TestKeysLastWhileVaultIsAway(t *testing.T) {
	l := newLab(t)
	asked := 0
	var fails error
	signer := supplychain.NewTransit("release", nil, func(context.Context) ([]crypto.PublicKey, error) {
		asked++
		return []crypto.PublicKey{l.key.Public(), l.other.Public()}, fails
	})
	first, err := signer.Signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	turned, err := cosign.WithKeys("release", []crypto.PublicKey{l.other.Public(), l.key.Public()}, nil)
	if err != nil || turned.Digest() != first.Digest() {
		t.Errorf("the order of the keys makes another signer: %v", err)
	}
	fails = fault.New(fault.Vault, "Vault is away")
	if again, err := signer.Signer(t.Context()); err != nil || again != first || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	never := supplychain.NewTransit("release", nil, func(context.Context) ([]crypto.PublicKey, error) {
		asked++
		return nil, fails
	})
	for range 3 {
		if _, err := never.Signer(t.Context()); fault.CodeOf(err) != fault.Vault {
			t.Errorf("got %v", err)
		}
	}
	if asked != 2 {
		t.Errorf("a Vault that is away was asked %d times", asked-1)
	}
}

// TestRulesThatCannotBeMeant are refused at start.
func TestRulesThatCannotBeMeant(t *testing.T) {
	tests := map[string]struct {
		change func(*supplychain.Rule)
		want   string
	}{
		"nothing demanded":      {func(*supplychain.Rule) {}, "demands nothing"},
		"an unknown signer":     {signedBy("releasse"), `did you mean "release"?`},
		"a wrong pattern":       {func(r *supplychain.Rule) { r.Images = []string{"a/**/b"} }, "** must be the last"},
		"unverified and signed": {func(r *supplychain.Rule) { signedBy("release")(r); r.Unverified = true }, "leaves unverified"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			_, err := supplychain.New(supplychain.Config{Signers: l.signers(), Environments: map[string]supplychain.Environment{"production": l.rule(test.change)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// BenchmarkKnownImages verifies the 30 images of a render that were verified before,
// with a signature, provenance and a report of 200 vulnerabilities of each.
func BenchmarkKnownImages(b *testing.B) {
	l := newLab(b)
	var images []string
	for range 30 {
		image := l.push()
		l.key.Sign(b, image)
		l.key.Attest(b, image, provenanceType, provenance(builder, source, "refs/heads/main"))
		l.key.Attest(b, image, reportType, report(time.Now(), slices.Repeat([]string{"LOW"}, 200)...))
		images = append(images, image.String())
	}
	v := l.verifier(l.rule(func(r *supplychain.Rule) {
		signedBy("release")(r)
		r.Attested = attest.Rules{
			Provenance:      &attest.ProvenanceRule{SignedBy: []string{"release"}, SourceIsApplication: true},
			Vulnerabilities: &attest.VulnerabilityRule{SignedBy: []string{"release"}, MaxSeverity: "low", MaxAge: time.Hour},
		}
	}))
	began := time.Now()
	if got := said(l.verify(v, images...)); got != "admitted" {
		b.Fatal(got)
	}
	cold := time.Since(began)
	for b.Loop() {
		l.verify(v, images...)
	}
	b.ReportMetric(float64(cold.Microseconds())/1000, "ms-cold")
}
