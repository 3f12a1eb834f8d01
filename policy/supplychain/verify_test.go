package supplychain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
)

func TestTryOut(t *testing.T) {
	l := newLab(t)
	image := l.push()
	try := func(name, want string, environment func() string) {
		t.Helper()
		if got := environment(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	is := func(signers ...string) func() string {
		return func() string { return said(l.verify(l.verifier(l.rule(signedBy(signers...))), image.String())) }
	}
	try("unsigned", "E_IMAGE_SIGNATURE", is("release"))
	l.other.Sign(t, image)
	try("other", "E_IMAGE_SIGNATURE", is("release"))
	l.key.Sign(t, image)
	try("key", "admitted", is("release"))
	try("key without log", "E_IMAGE_SIGNATURE", is("logged"))
	try("ci", "E_IMAGE_SIGNATURE", is("ci"))
	l.sigstore.Sign(t, image, ci, time.Now().Add(time.Minute))
	try("ci", "admitted", is("ci"))
	try("stamped", "E_IMAGE_SIGNATURE", is("stamped"))
	l.sigstore.SignStamped(t, image, ci)
	try("stamped", "admitted", is("stamped"))
	try("team", "E_IMAGE_SIGNATURE", is("team"))
	l.registry.AttachNotation(t, l.ca, image, signtest.NotationOptions{})
	try("team", "admitted", is("team"))

	second := l.push()
	l.key.Bundle(t, second, signtest.SignType, map[string]any{})
	image = second
	try("bundle key", "admitted", is("release"))
	third := l.push()
	image = third
	l.sigstore.Bundle(t, third, ci, signtest.SignType, map[string]any{})
	try("bundle ci", "admitted", is("ci"))
}
