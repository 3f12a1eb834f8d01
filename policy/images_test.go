package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// verified are two pods, one with a signed image and one without, and what was
// found about their images.
func verified(t *testing.T) ([]object.Object, *supplychain.Result, string) {
	t.Helper()
	key, containers := signtest.NewKey(t), signtest.NewRegistry(t)
	signed, unsigned := containers.Push(t, "apps/a", "v1"), containers.Push(t, "apps/b", "v1")
	key.Sign(t, signed)
	public, err := cosign.ReadKeys(key.PEM(t))
	if err != nil {
		t.Fatal(err)
	}
	release, err := cosign.WithKeys("release", public, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := registry.New([]registry.Registry{{Host: containers.Host}}, registry.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := supplychain.New(supplychain.Config{
		Registries: client, Signers: []supplychain.Signer{{Name: "release", Cosign: supplychain.Fixed{Is: release}}}, Fresh: time.Hour,
		Environments: map[string]supplychain.Environment{"prod": {Rules: []supplychain.Rule{{
			Images: []string{containers.Host + "/**"}, Signatures: []supplychain.SignatureRule{{SignedBy: []string{"release"}}},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	pods := []object.Object{
		objectOf(t, `{apiVersion: v1, kind: Pod, metadata: {name: good, namespace: web}, spec: {containers: [{name: c, image: "`+signed.String()+`"}]}}`),
		objectOf(t, `{apiVersion: v1, kind: Pod, metadata: {name: bad, namespace: web}, images: [{signatures: [{signer: release}]}], spec: {containers: [{name: c, image: "`+unsigned.String()+`"}]}}`),
	}
	result, err := verifier.Verify(t.Context(), supplychain.Request{Environment: "prod", Objects: pods})
	if err != nil {
		t.Fatal(err)
	}
	return pods, result, verifier.Digests()["prod"]
}

func judgeImages(t *testing.T, config policy.Config, input policy.Input) policy.Verdict {
	t.Helper()
	input.Environment, input.Namespace = "prod", "web"
	v, err := newGate(t, config).Evaluate(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPoliciesSeeWhatWasVerified asks a rule of the platform about signatures. The
// second pod says of itself that it is signed.
func TestPoliciesSeeWhatWasVerified(t *testing.T) {
	pods, result, digest := verified(t)
	config := own(`package main

deny contains {"msg": sprintf("nobody signed %s", [image.repository]), "field": image.field} if {
  some image in input.images
  not signed(image)
}

signed(image) if image.signatures[_].signer == "release"`)
	environment := config.Environments["prod"]
	environment.Images = digest
	config.Environments["prod"] = environment
	v := judgeImages(t, config, policy.Input{Objects: pods, Images: result})
	var got []string
	for _, one := range v.Outcomes {
		got = append(got, strings.Join([]string{string(one.Code), string(one.Decision), one.Rule, one.Object, one.Field}, " "))
	}
	want := []string{
		"E_IMAGE_SIGNATURE deny image-signature Pod web/bad spec.containers[0].image",
		"E_POLICY deny main/deny Pod web/bad spec.containers[0].image",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if fault.CodeOf(v.Faults()) != fault.ImageSignature {
		t.Errorf("the fault is %v", v.Faults())
	}
}

// TestAnImageIsWaived excepts the image of one pod.
func TestAnImageIsWaived(t *testing.T) {
	pods, result, digest := verified(t)
	config := policy.Config{
		Environments: map[string]policy.Environment{"prod": {Images: digest}}, Waivers: "waivers.yaml",
		Now: func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
		WaiversFS: fstest.MapFS{"waivers.yaml": {Data: []byte(`waivers:
- {rule: image-signature, objects: {kind: Pod, name: bad}, environments: [prod], owner: team-a, reason: the signature comes with the next build, expires: 2026-12-31}
`)}},
	}
	v := judgeImages(t, config, policy.Input{Objects: pods, Images: result})
	if v.Denied() || v.Count("waived") != 1 {
		t.Errorf("%v", said(v))
	}
}

// TestUnverifiedImagesAreNoPass expects an error where nobody verified, and a notice
// where a person wanted it so.
func TestUnverifiedImagesAreNoPass(t *testing.T) {
	pods, _, digest := verified(t)
	config := policy.Config{Environments: map[string]policy.Environment{"prod": {Images: digest}}}
	gate := newGate(t, config)
	if _, err := gate.Evaluate(t.Context(), policy.Input{Objects: pods, Environment: "prod"}); fault.CodeOf(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
	v := judgeImages(t, config, policy.Input{Objects: pods, ImagesUnverified: true})
	if v.Denied() || len(v.Notices) != 1 || v.Notices[0].Code != fault.Image {
		t.Errorf("notices are %v", v.Notices)
	}
}
