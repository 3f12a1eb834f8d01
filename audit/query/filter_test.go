package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func minute(n int) time.Time { return time.Date(2026, 11, 26, 10, n, 0, 0, time.UTC) }

func db(key string, version int) audit.Reference {
	return audit.Reference{Binding: "shop", Mount: "kv/", Path: "/payments/db", Key: key, Version: version}
}

// various has one event of each kind that a question may mean or not mean.
func various() []audit.Event {
	const deploy, other = "https://git.example.com/shop/deploy.git", "ssh://git@git.example.com:2222/shop/other"
	waiver := audit.Waiver{Rule: "pod-root", Owner: "shop", Reason: "old image", Expires: "2026-12-31"}
	return []audit.Event{
		{ID: "start", Type: audit.Start, Time: minute(0), Outcome: "OK"},
		{ID: "first", Type: audit.Render, Time: minute(1), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "abc1230000", Author: "Ada Lovelace <ada@example.com>", Outcome: "OK", Output: "1", References: []audit.Reference{db("password", 6)}, Verdict: &audit.Verdict{Decision: "pass"}},
		{ID: "same", Type: audit.Render, Time: minute(2), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "abc1230000", Author: "Ada Lovelace <ada@example.com>", Outcome: "OK", Output: "1", References: []audit.Reference{db("password", 6)}, Verdict: &audit.Verdict{Decision: "pass"}},
		{ID: "denied", Type: audit.Render, Time: minute(3), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "def4560000", Author: "Grace Hopper <grace@example.com>", Outcome: "E_POLICY", Codes: []string{"E_POLICY"},
			Verdict: &audit.Verdict{Decision: "deny", Denied: []string{"image-digest", "pod-root"}, Warned: []string{"workload-probes"}}},
		{ID: "commit", Type: audit.Render, Time: minute(4), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "def4560001", Author: "Grace Hopper <grace@example.com>", Outcome: "OK", Output: "2", References: []audit.Reference{db("password", 6)},
			Verdict: &audit.Verdict{Decision: "warn", Warned: []string{"workload-probes"}}},
		{ID: "secrets", Type: audit.Render, Time: minute(5), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "def4560001", Author: "Grace Hopper <grace@example.com>", Outcome: "OK", Output: "3", References: []audit.Reference{db("password", 7)},
			Verdict: &audit.Verdict{Decision: "waived", Waived: []audit.Waiver{waiver}}},
		{ID: "both", Type: audit.Render, Time: minute(6), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "def4560002", Outcome: "OK", Output: "4", References: []audit.Reference{db("", 8)}},
		{ID: "settings", Type: audit.Render, Time: minute(7), App: "shop-web", Project: "shop", Environment: "production", Repo: deploy, Path: "apps/web",
			Revision: "def4560002", Outcome: "OK", Output: "5", References: []audit.Reference{db("", 8)}},
		{ID: "vault", Type: audit.Render, Time: minute(8), App: "shop-api", Project: "shop", Environment: "staging", Repo: other, Path: "apps/website",
			Images:   []audit.Image{{Image: "registry.example.com/shop/api", Digest: "sha256:0123abcd", Rule: "apps", SignedBy: []string{"release"}}},
			Revision: "0123abc", Outcome: "E_VAULT", Codes: []string{"E_SECRET_MISSING", "E_VAULT"}},
		{ID: "refresh", Type: audit.Refresh, Time: minute(9), App: "shop-api", Outcome: "OK", References: []audit.Reference{db("", 8)}},
	}
}

// TestOtherStores asks for what no path of Vault can name: secrets of other
// stores, whose names have signs that mean something else in Vault's.
func TestOtherStores(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:payments/db-AbC123"
	of := func(store, name, key, label string) []audit.Reference {
		return []audit.Reference{{Binding: "shop", Store: store, Path: name, Key: key, Label: label, Pinned: label != ""}}
	}
	trail := written(t,
		audit.Event{ID: "aws", Type: audit.Render, Time: minute(0), App: "a", Outcome: "OK", References: of("aws-sm", "payments/db", "password", "")},
		audit.Event{ID: "before", Type: audit.Render, Time: minute(1), App: "a", Outcome: "OK", References: of("aws-sm", "payments/db", "password", "AWSPREVIOUS")},
		audit.Event{ID: "at", Type: audit.Render, Time: minute(2), App: "a", Outcome: "OK", References: of("aws-sm", "payments@eu/db", "", "")},
		audit.Event{ID: "arn", Type: audit.Render, Time: minute(3), App: "a", Outcome: "OK", References: of("aws-sm", arn, "user", "")},
		audit.Event{ID: "gcp", Type: audit.Render, Time: minute(4), App: "a", Outcome: "OK", References: of("gcp-sm", "payments-db", "", "7")},
		audit.Event{ID: "vault", Type: audit.Render, Time: minute(5), App: "a", Outcome: "OK", References: []audit.Reference{db("password", 6)}},
	)
	for asked, want := range map[string]string{
		"aws-sm:payments/db": "aws before", "aws-sm:payments/db#password": "aws before", "aws-sm:payments/db#user": "", "aws-sm:payments/db#password#AWSPREVIOUS": "before",
		"aws-sm:payments@eu/db": "at", "aws-sm:" + arn: "arn", "aws-sm:*/db": "aws before at", "gcp-sm:payments-db": "gcp", "gcp-sm:payments-db##7": "gcp", "gcp-sm:payments-db##8": "",
		"azure-kv:payments-db": "", "payments/db": "", "kv/payments/db": "vault",
	} {
		q := query.Question{Secrets: []string{asked}}
		if got := ids(t, q, query.Options{}, trail); got != want {
			t.Errorf("--secret %s finds %q, want %q", asked, got, want)
		}
	}
	for want, reference := range map[string]audit.Reference{
		"aws-sm:payments/db#password": of("aws-sm", "payments/db", "password", "")[0], "gcp-sm:payments-db##7": of("gcp-sm", "payments-db", "", "7")[0],
		"aws-sm:" + arn + "#user#AWSPREVIOUS": of("aws-sm", arn, "user", "AWSPREVIOUS")[0], "kv/payments/db#password@6": db("password", 6),
	} {
		if got := query.SecretName(reference); got != want {
			t.Errorf("%+v is called %q, want %q", reference, got, want)
		}
	}
}

func TestEveryFilter(t *testing.T) {
	trail := written(t, various()...)
	for _, test := range []struct {
		name string
		q    query.Question
		want string
	}{
		{"nothing", query.Question{}, "start first same denied commit secrets both settings vault refresh"},
		{"app", query.Question{Apps: []string{"shop-api"}}, "vault refresh"},
		{"app by pattern", query.Question{Apps: []string{"*-api"}}, "vault refresh"},
		{"app is all of the name", query.Question{Apps: []string{"shop"}}, ""},
		{"one app or the other", query.Question{Apps: []string{"nothing", "shop-api"}}, "vault refresh"},
		{"project", query.Question{Projects: []string{"shop"}, Environments: []string{"staging"}}, "vault"},
		{"environment", query.Question{Environments: []string{"stag*"}}, "vault"},
		{"repo by its end", query.Question{Repos: []string{"shop/other"}}, "vault"},
		{"repo by its URL in another spelling", query.Question{Repos: []string{"HTTPS://git.example.com:443/shop/deploy/"}, Decisions: []string{"deny"}}, "denied"},
		{"repo by pattern", query.Question{Repos: []string{"*/deploy"}, Decisions: []string{"deny"}}, "denied"},
		{"path with what is below", query.Question{Paths: []string{"./apps/web/"}, Decisions: []string{"deny"}}, "denied"},
		{"path is no beginning of a name", query.Question{Paths: []string{"apps/webs"}}, ""},
		{"path above", query.Question{Paths: []string{"apps"}, Outcomes: []string{"failed"}}, "denied vault"},
		{"revision by its beginning", query.Question{Revisions: []string{"ABC123"}}, "first same"},
		{"author in any case", query.Question{Authors: []string{"GRACE"}}, "denied commit secrets"},
		{"author by address", query.Question{Authors: []string{"ada@example.com"}}, "first same"},
		{"ok", query.Question{Outcomes: []string{"ok"}, Apps: []string{"shop-api"}}, "refresh"},
		{"failed", query.Question{Outcomes: []string{"failed"}}, "denied vault"},
		{"code", query.Question{Outcomes: []string{"e_vault"}}, "vault"},
		{"code that is not the first", query.Question{Outcomes: []string{"E_SECRET*"}}, "vault"},
		{"decision", query.Question{Decisions: []string{"deny", "waived"}}, "denied secrets"},
		{"rule", query.Question{Rules: []string{"pod-root"}}, "denied secrets"},
		{"rule that decided so", query.Question{Rules: []string{"pod-root"}, Decisions: []string{"waived"}}, "secrets"},
		{"rule that warned of what was denied", query.Question{Rules: []string{"workload-*"}, Decisions: []string{"warn"}}, "denied commit"},
		{"secret", query.Question{Secrets: []string{"kv/payments/db"}}, "first same commit secrets both settings"},
		{"secret by version", query.Question{Secrets: []string{"kv/payments/db@7"}}, "secrets"},
		{"secret by key, or all keys", query.Question{Secrets: []string{"kv/payments/db#password"}}, "first same commit secrets both settings"},
		{"another key", query.Question{Secrets: []string{"kv/payments/db#username"}}, "both settings"},
		{"secret by pattern", query.Question{Secrets: []string{"kv/**@6"}}, "first same commit"},
		{"image by digest", query.Question{Images: []string{"sha256:0123"}}, "vault"},
		{"image by name", query.Question{Images: []string{"registry.example.com/shop/*"}}, "vault"},
		{"image by both", query.Question{Images: []string{"registry.example.com/shop/api@sha256:0123abcd"}}, "vault"},
		{"image of another digest", query.Question{Images: []string{"registry.example.com/shop/api@sha256:9"}}, ""},
		{"secret that a refresh names", query.Question{Secrets: []string{"kv/payments/db@8"}, Types: []string{"refresh"}}, "refresh"},
		{"type", query.Question{Types: []string{"start", "refresh"}}, "start refresh"},
		{"on", query.Question{On: "2026-11-26 10:03"}, "denied"},
		{"since", query.Question{Since: "2026-11-26 10:08"}, "vault refresh"},
		{"until the end of what it names", query.Question{Until: "2026-11-26 10:01"}, "start first"},
		{"changed", query.Question{Changed: true}, "first commit secrets both settings"},
		{"changed in a time, compared with what was before", query.Question{Changed: true, Since: "2026-11-26 10:02", Until: "2026-11-26 10:04"}, "commit"},
	} {
		if got := ids(t, test.q, query.Options{}, trail); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// What changed an application is told apart.
func TestChangesNameTheirCause(t *testing.T) {
	got, _ := ask(t, query.Question{Changed: true}, query.Options{}, written(t, various()...))
	rows := strings.Split(got, "\n")[1:]
	for i, want := range []string{"first", "commit", "secrets", "commit and secrets", "settings"} {
		if !strings.Contains(rows[i]+"  ", "  "+want+"  ") {
			t.Errorf("row %d lacks %q: %s", i, want, rows[i])
		}
	}
}

func TestWhatMeansNothingIsRefused(t *testing.T) {
	for name, q := range map[string]query.Question{
		"--app":               {Apps: []string{"**/a"}},
		"--decision":          {Decisions: []string{"denied"}},
		"--type":              {Types: []string{"sync"}},
		"--secret":            {Secrets: []string{"kv/db@latest"}},
		"--secret kv/db@0":    {Secrets: []string{"kv/db@0"}},
		"--revision":          {Revisions: []string{""}},
		"--author":            {Authors: []string{""}},
		"--repo":              {Repos: []string{"shop/**"}},
		"is not a time":       {Since: "soonish"},
		"--on":                {On: "today", Since: "today"},
		"--on now is":         {On: "now"},
		"--until ends before": {Since: "today", Until: "yesterday"},
	} {
		_, err := query.Compile(q, now)
		if fault.CodeOf(err) != fault.Parameter || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want E_PARAMETER", name, err)
		}
	}
	// All at once, so that nobody mends them one by one.
	_, err := query.Compile(query.Question{Types: []string{"sync"}, Decisions: []string{"no"}, On: "never"}, now)
	if found := fault.Of(err); len(found) != 3 {
		t.Errorf("got %v, want three faults", found)
	}
}

// Every type that the plugin writes can be asked for.
func TestEveryTypeCanBeAskedFor(t *testing.T) {
	for _, kind := range audit.Types() {
		trail := written(t, audit.Event{ID: "found", Type: kind, Outcome: "OK"})
		if got := ids(t, query.Question{Types: []string{string(kind)}}, query.Options{}, trail); got != "found" {
			t.Errorf("--type %s finds %q", kind, got)
		}
	}
}
