package runbooks

import (
	"errors"
	"strings"
	"testing"
)

// TestPolicyEmergency waives a rule that denies, and denies what passed.
func TestPolicyEmergency(t *testing.T) {
	d := newDesk(t)
	p := d.open(t, "policy-emergency.md")
	privileged := strings.Replace(pod, "web:2", "web:2\n    securityContext: {privileged: true}", 1)
	d.write(t, "checkout/web/pod.yaml", privileged)
	d.refused(t, "shop-production", "web", "E_POLICY")
	shows(t, p.run(t, "--decision deny"), "pod-privileged", "shop-production-web", "the policies of production are loaded")
	shows(t, p.run(t, "$SIDECAR/metrics"), `argocd_seal_policy_bundle_info{`, "argocd_seal_policy_last_error 0")

	shows(t, p.run(t, "policy explain"), "pod-privileged: ", "deny")
	p.run(t, "sidecar/waivers.yaml")
	until(t, "the waiver holds", func() error {
		_, err := d.render(t, "shop-production", "web", "a")
		return err
	})

	d.write(t, "checkout/web/pod.yaml", pod)
	d.renders(t, "shop-production", "web")
	shows(t, p.run(t, "emergency.rego"), "the image registry.example.com/shop/web:2 must not run", "0 failed")
	until(t, "the rule holds", func() error {
		_, err := d.render(t, "shop-production", "web", "a")
		if err == nil || !strings.Contains(err.Error(), "E_POLICY: ") {
			return errors.Join(errors.New("the image is rendered"), err)
		}
		return nil
	})
	p.run(t, "annotate applications")
	d.asked(t, "shop-production-db", "shop-production-web")
	shows(t, p.run(t, "E_POLICY_ENGINE"), "0 failed")
	shows(t, p.run(t, "/readyz"), `"name":"policies","ok":true`, "pod-privileged")

	p.run(t, "rm sidecar/policies/emergency.rego")
	until(t, "the rule is gone", func() error {
		_, err := d.render(t, "shop-production", "web", "a")
		return err
	})
	d.write(t, "checkout/web/pod.yaml", privileged)
	d.refused(t, "shop-production", "web", "E_POLICY")
	shows(t, p.run(t, "--decision waived"), "shop-production-web")
	shows(t, d.read(t, "policies.html"), "pod-privileged")
}
