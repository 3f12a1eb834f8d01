package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
)

func TestWaivers(t *testing.T) {
	const valid = `waivers:
- rule: main/deny_a
  objects: {kind: Pod, name: "p*"}
  environments: [pr*]
  owner: team-web
  reason: migration
  expires: 2026-12-31
`
	tests := map[string]struct {
		file    string
		now     string
		want    []string
		notices []string
	}{
		"holds on its last day": {valid, "2026-12-31T23:59:59Z", []string{"waived main/deny_a Pod web/p: a", "deny main/deny_b Pod web/p: b"}, nil},
		"expires": {valid, "2027-01-01T00:00:00Z", []string{"deny main/deny_a Pod web/p: a", "deny main/deny_b Pod web/p: b"},
			[]string{"E_WAIVER: w.yaml:2 Pod web/p: the waiver of main/deny_a for Pod web/p by team-web expired on 2026-12-31; fix: correct the object, or renew the waiver"}},
		"another object":      {strings.Replace(valid, "p*", "q*", 1), "2026-06-01T00:00:00Z", []string{"deny main/deny_a Pod web/p: a", "deny main/deny_b Pod web/p: b"}, nil},
		"another environment": {strings.Replace(valid, "pr*", "staging", 1), "2026-06-01T00:00:00Z", []string{"deny main/deny_a Pod web/p: a", "deny main/deny_b Pod web/p: b"}, nil},
		"not needed": {strings.Replace(valid, "deny_a", "deny_c", 1), "2026-06-01T00:00:00Z", []string{"deny main/deny_a Pod web/p: a", "deny main/deny_b Pod web/p: b"},
			[]string{"E_WAIVER: w.yaml:2 Pod web/p: the waiver of main/deny_c by team-web is not needed any more; fix: remove the waiver"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := own("package main\ndeny_a contains \"a\"\ndeny_b contains \"b\"\ndeny_c contains \"c\" if input.c")
			config.WaiversFS, config.Waivers = fstest.MapFS{"w.yaml": {Data: []byte(test.file)}}, "w.yaml"
			config.Now = func() time.Time {
				at, err := time.Parse(time.RFC3339, test.now)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			v := evaluate(t, newGate(t, config), podObject(t, false))
			if diff := cmp.Diff(test.want, said(v)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			var notices []string
			for _, notice := range v.Notices {
				notices = append(notices, notice.Error())
			}
			if diff := cmp.Diff(test.notices, notices); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongWaiversDoNotStart(t *testing.T) {
	const head = "waivers:\n- rule: main/deny\n  objects: {kind: Pod}\n  owner: o\n  reason: r\n  expires: 2026-12-31\n"
	tests := map[string]struct{ file, want string }{
		"no expiry":           {strings.Replace(head, "  expires: 2026-12-31\n", "", 1), "w.yaml:2: the waiver has no expires"},
		"no owner":            {strings.Replace(head, "  owner: o\n", "", 1), "has no owner"},
		"no reason":           {strings.Replace(head, "  reason: r\n", "", 1), "has no reason"},
		"no objects":          {strings.Replace(head, "{kind: Pod}", "{}", 1), "selects no objects"},
		"an unknown rule":     {strings.Replace(head, "main/deny", "main/denied", 1), "no bundle has the rule"},
		"a wrong day":         {strings.Replace(head, "2026-12-31", "next year", 1), "is not a day"},
		"an unknown field":    {head + "  expiry: 2026-12-31\n", `no field "expiry"`},
		"an unknown section":  {head + "waiver: []\n", "waiver"},
		"a misspelt selector": {strings.Replace(head, "{kind: Pod}", "{kind: Pod, namspace: web}", 1), `w.yaml:3:24: objects has no field "namspace"; fix: did you mean "namespace"?`},
		"a second document":   {head + "---\n" + head, "w.yaml:8: there is a second document"},
		"UTF-16":              {"\xff\xfew\x00", "w.yaml:1: the file is not UTF-8"},
		"no environment":      {head + "  environments: ['']\n", "w.yaml:2: the waiver names an environment that is empty"},
		"a broken pattern":    {strings.Replace(head, "kind: Pod", "kind: '['", 1), "not a valid pattern"},
		"not YAML":            {"waivers: [", "w.yaml:1: did not find"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := own("package main\ndeny contains \"m\" if input.x")
			config.WaiversFS, config.Waivers = fstest.MapFS{"w.yaml": {Data: []byte(test.file)}}, "w.yaml"
			_, err := policy.New(t.Context(), config)
			if fault.CodeOf(err) != fault.Waiver || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
