package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestImagesSpeed says what the verification of 30 images that are known adds to a
// render: the same application through two plugins that differ in nothing else.
func TestImagesSpeed(t *testing.T) {
	const rounds = 25
	images := number(t, "ARGOCD_SEAL_IMAGES", 30)
	lab := harness.New(t, harness.ArgoCD3)
	s := newShipped(t, lab)
	files := harness.Files{"production/kustomization.yaml": "resources:\n"}
	deployment := s.example("base/deployment.yaml")
	for i := range images {
		digest := s.registry.Push(t, guestbook, fmt.Sprintf("v%d", i))
		s.release(digest)
		file := fmt.Sprintf("web-%d.yaml", i)
		files["production/kustomization.yaml"] += "- " + file + "\n"
		files["production/"+file] = strings.NewReplacer("name: guestbook\n  labels", fmt.Sprintf("name: guestbook-%d\n  labels", i),
			guestbook+"\n", guestbook+"@"+digest+"\n").Replace(deployment)
	}
	must(t, s.repository.Commit(t.Context(), files))
	// Both have a gate, so that only images are the difference.
	const gate = "policy: {level: basic-security}\n"
	with, _ := s.serve("argocd-seal-images", "fresh: 0s", "fresh: 1h", "    images:\n      rules:", "    "+gate+"    images:\n      rules:")
	before, _, _ := strings.Cut(s.seal, "images:\n")
	without := harness.Plugin{Name: "argocd-seal-plain", Version: "v1.0", Seal: before + "environments:\n- name: production\n  match: {namespaces: [guestbook-production]}\n  " + gate}
	serve(t, lab, without)

	cold := s.timed(with)
	plain := s.timed(without)
	var verified, unverified []time.Duration
	for range rounds {
		verified, unverified = append(verified, s.timed(with)), append(unverified, s.timed(without))
	}
	slices.Sort(verified)
	slices.Sort(unverified)
	t.Logf("%d images, median of %d renders through the repo-server: %s verified, %s not; first render %s and %s",
		images, rounds, verified[rounds/2].Round(100*time.Microsecond), unverified[rounds/2].Round(100*time.Microsecond), cold.Round(time.Millisecond), plain.Round(time.Millisecond))
}

// timed is how long a render of production takes.
func (s *shipped) timed(plugin harness.Plugin) time.Duration {
	s.Helper()
	began := time.Now()
	if _, err := s.render("production", plugin); err != nil {
		s.Fatal(err)
	}
	return time.Since(began)
}
