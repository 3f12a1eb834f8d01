package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func TestPolicySources(t *testing.T) {
	commit := strings.Repeat("ab", 20)
	file := parse(t, seal+`environments:
- name: all
  policy: {sources: [shared]}
policy:
  interval: 0s
  cacheDir: /cache
  sources:
  - name: shared
    git: https://git.example.com/policies.git
    commit: `+commit+`
    path: rego
`)
	want := config.Policy{
		Timeout: config.Duration(30 * time.Second), StaleAfter: config.Duration(time.Hour), CacheDir: "/cache",
		Sources: []config.PolicySource{{Name: "shared", Git: "https://git.example.com/policies.git", Commit: commit, Path: "rego"}},
	}
	if diff := cmp.Diff(want, file.Seal.Policy); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !file.Seal.Environments[0].Asked() {
		t.Error("an environment with a source asks no policy")
	}
}

func TestPolicySourceFaults(t *testing.T) {
	got := faultsOf(t, seal+`environments:
- name: all
  policy: {sources: [platfrom]}
policy:
  interval: 48h
  sources:
  - name: platform
    oci: registry.example.com/policies/platform
    tag: v1
  - name: platform
    git: http://git.example.com/policies.git
    commit: abc1234
`)
	want := []string{
		`E_CONFIG: plugin.yaml:13:22 environments[0].policy.sources[0]: policy.sources has no "platfrom"; fix: did you mean "platform"?`,
		`E_CONFIG: plugin.yaml:15:13 policy.interval: 48h is out of range; fix: choose from 0s to 24h`,
		`E_CONFIG: plugin.yaml:19:10 policy.sources[0].tag: whoever can move the tag decides what is judged; fix: set digest, or follow: true`,
		`E_CONFIG: plugin.yaml:20:11 policy.sources[1].name: "platform" stands twice; fix: remove one of the two`,
		`E_CONFIG: plugin.yaml:21:10 policy.sources[1].git: only https is taken, and http for loopback addresses; fix: write it as https://host/path.git`,
		`E_CONFIG: plugin.yaml:22:13 policy.sources[1].commit: "abc1234" is no full commit; fix: copy all of it: sha256: and 64 digits of a manifest, 40 digits of a commit`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
