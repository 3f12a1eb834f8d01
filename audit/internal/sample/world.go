package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

const (
	environments = "staging production"
	kv           = "kv"
)

// world is what the trail is about, as it is at one time.
type world struct {
	rand *rand.Rand
	apps []*application
	// versions are those of the secrets in Vault.
	versions map[string]int
	// outputs counts how often what an application consists of has changed.
	outputs  map[string]int
	last     map[string]commit
	events   []event
	requests int
	// policies is the digest of the company's policies.
	policies string
}

func path(secret string) string { p, _, _ := strings.Cut(secret, "#"); return p }

// background is what happens without a request. Secrets are told of where there
// is something wrong with them.
func (w *world) background() {
	oct, nov := time.October, time.November
	loaded := func(moment time.Time, rules, version string) {
		w.add(event{
			Time: moment, Type: audit.Policies, Outcome: "OK", Message: rules + " rules are loaded",
			Inputs: map[string]string{"company-policies": policies(version)},
		})
	}
	w.add(event{Time: at(oct, 26, 5, 58), Type: audit.Start, Outcome: "OK", Message: "argocd-seal v1.4.0 serves"})
	loaded(at(oct, 26, 5, 58).Add(2*time.Second), "74", "1")
	w.add(event{Time: at(nov, 8, 20, 0), Type: audit.Config, Outcome: "OK", Message: "the configuration has changed, fingerprint " + digest("plugin.yaml")[:12]})
	loaded(at(nov, 8, 20, 0).Add(3*time.Second), "75", "2")
	w.add(event{Time: at(nov, 14, 3, 0), Type: audit.Policies, Outcome: "E_POLICY_FETCH", Message: "the registry does not answer; the policies that are loaded stay"})
	w.add(event{Time: at(nov, 15, 4, 30), Type: audit.Stop, Outcome: "OK", Message: "the sidecar stops"})
	w.add(event{Time: at(nov, 15, 4, 31), Type: audit.Start, Outcome: "OK", Message: "argocd-seal v1.4.1 serves"})
	loaded(at(nov, 15, 4, 31).Add(2*time.Second), "75", "2")
	w.add(event{
		Time: at(nov, 16, 7, 0), Type: audit.Secret, Outcome: "E_CONFIG",
		Message:    "kv/platform/alerts is not watched: the role may not read its metadata; in use by monitoring-production, monitoring-staging, in 2 renders",
		References: []audit.Reference{{Binding: "platform-production", Mount: kv, Path: "platform/alerts"}},
	})
	w.add(event{
		Time: at(nov, 23, 7, 0), Type: audit.Secret, Outcome: "OK",
		Message:    "kv/shop/search is older than rotation.maxAge; in use by shop-search-production, shop-search-staging, in 2 renders",
		References: []audit.Reference{{Binding: "shop-production", Mount: kv, Path: "shop/search"}},
	})
}

func policies(version string) string { return "sha256:" + digest("policies", version) }

// chores are the small commits that robots and people make all the time.
func (w *world) chores() []commit {
	subjects := []string{"Update the base image", "Update dependencies", "Bump the chart", "Tidy labels", "Correct a comment in the values"}
	authors := []string{"Renovate Bot <bot@example.com>", ada, grace, alan, edith, karen}
	var commits []commit
	for day := at(time.October, 26, 0, 0); day.Before(at(time.November, 27, 0, 0)); day = day.AddDate(0, 0, 1) {
		if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			continue
		}
		for range 1 + w.rand.IntN(3) {
			app := w.apps[1+w.rand.IntN(len(w.apps)-1)]
			author := authors[0]
			if w.rand.IntN(2) == 0 {
				author = authors[w.rand.IntN(len(authors))]
			}
			commits = append(commits, commit{
				at:  day.Add(time.Duration(7*60+w.rand.IntN(10*60)) * time.Minute),
				app: app.name, author: author, subject: subjects[w.rand.IntN(len(subjects))],
			})
		}
	}
	return commits
}

// days are the renders that Argo CD asks for when its cache has expired: nothing
// has changed. Vault was away on one morning.
func (w *world) days() []step {
	var steps []step
	for day := at(time.October, 26, 0, 0); day.Before(at(time.November, 27, 0, 0)); day = day.AddDate(0, 0, 1) {
		for i, app := range w.apps {
			if (day.YearDay()+i)%2 == 0 {
				continue
			}
			for j, environment := range strings.Fields(environments) {
				moment := day.Add(time.Duration(6*3600+i*97+j*13) * time.Second)
				failure := ""
				if day.Equal(at(time.November, 12, 0, 0)) && len(app.secrets) > 0 {
					failure = "E_VAULT"
				}
				steps = append(steps, step{moment, func() { w.render(moment, app, environment, w.latest(app, environment), failure, nil) }})
			}
		}
	}
	return steps
}

func (w *world) latest(app *application, environment string) commit {
	if c, ok := w.last[app.name+environment]; ok {
		return c
	}
	return commit{app: app.name, author: alan, subject: "Import the manifests"}
}

// commit renders the application in both environments, first in staging.
func (w *world) commit(c commit) {
	for _, app := range w.apps {
		if app.name != c.app {
			continue
		}
		for j, environment := range strings.Fields(environments) {
			moment := c.at.Add(time.Duration(40+j*7*60+w.rand.IntN(60)) * time.Second)
			if c.only != "" && c.only != environment {
				continue
			}
			var denied []string
			if environment == "production" {
				denied = c.denied
			}
			if c.failure == "" && denied == nil && !strings.Contains(c.subject, "comment") {
				w.outputs[app.name+environment]++
			}
			w.remember(app, environment, c)
			w.render(moment, app, environment, c, c.failure, denied)
		}
	}
}

func (w *world) remember(app *application, environment string, c commit) {
	// What did not pass is not what is rendered next: it was reverted by then.
	if c.failure == "" && (environment == "staging" || c.denied == nil) {
		w.last[app.name+environment] = c
	}
}

// rotate gives a secret a new version; every application that uses it is
// refreshed and rendered again. One that asks for its version by the number stays.
func (w *world) rotate(secret string, moment time.Time) {
	before := w.versions[secret]
	w.versions[secret]++
	for i, app := range w.apps {
		if !strings.Contains(strings.Join(app.secrets, " "), secret+"#") {
			continue
		}
		for j, environment := range strings.Fields(environments) {
			if app.name == "payments-reports" && environment == "production" {
				continue
			}
			refresh := moment.Add(time.Duration(60+i*5+j) * time.Second)
			w.add(event{
				Time: refresh, Type: audit.Refresh, App: app.name + "-" + environment, Outcome: "OK",
				References: []audit.Reference{{
					Binding: app.team + "-" + environment, Mount: kv, Path: secret, Version: w.versions[secret], Previous: before,
				}},
				Message: fmt.Sprintf("%s/%s from version %d to %d", kv, secret, before, w.versions[secret]),
			})
			w.render(refresh.Add(4*time.Second), app, environment, w.latest(app, environment), "", nil)
		}
	}
}

func (w *world) add(e event) {
	instance := "argocd-repo-server-6c9d8f7b5-x2kqp"
	if e.Time.After(at(time.November, 15, 4, 30)) {
		instance = "argocd-repo-server-7f4b6c5d9-m8wzt"
	}
	w.events = append(w.events, e.Complete(e.Time, instance))
}

func (w *world) milliseconds(total float64) map[string]float64 {
	rounded := func(part float64) float64 { return math.Round(total*part*10) / 10 }
	return map[string]float64{"render": rounded(.5), "gate": rounded(.2), "resolve": rounded(.3), "total": rounded(1)}
}
