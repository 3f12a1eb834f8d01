package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// The people and what they own.
const (
	ada   = "Ada Lovelace <ada@example.com>"
	grace = "Grace Hopper <grace@example.com>"
	alan  = "Alan Turing <alan@example.com>"
	edith = "Edith Clarke <edith@example.com>"
	karen = "Karen Spärck Jones <karen@example.com>"
)

// application is one directory with its overlays for staging and production.
type application struct {
	team, name, repo, path, renderer string
	objects                          int
	secrets                          []string
	waivers                          []audit.Waiver
}

func applications() []*application {
	const payments, shop, platform = "https://git.example.com/payments/deploy", "https://git.example.com/shop/deploy", "https://git.example.com/platform/clusters"
	return []*application{
		{team: "payments", name: "payments-db", repo: payments, path: "apps/database", renderer: "kustomize", objects: 6, secrets: []string{"payments/db#password", "payments/db#username", "payments/backup#token"}},
		{team: "payments", name: "payments-api", repo: payments, path: "apps/api", renderer: "kustomize", objects: 9, secrets: []string{"payments/db#password", "payments/db#username", "payments/stripe#key"}},
		{team: "payments", name: "payments-reports", repo: payments, path: "apps/reports", renderer: "kustomize", objects: 4, secrets: []string{"payments/db#password"},
			waivers: []audit.Waiver{{Rule: "workload-probes", Object: "CronJob payments/reports", Owner: "team-payments", Reason: "a job that runs once a day needs no probe", Expires: "2027-04-30"}}},
		{team: "shop", name: "shop-web", repo: shop, path: "apps/web", renderer: "helm", objects: 11, secrets: []string{"shop/session#key"}},
		{team: "shop", name: "shop-search", repo: shop, path: "apps/search", renderer: "helm", objects: 8, secrets: []string{"shop/search#token"},
			waivers: []audit.Waiver{{Rule: "pod-read-only-root", Object: "StatefulSet shop/search", Owner: "team-shop", Reason: "the index is written beside the program until release 9", Expires: "2026-12-04"}}},
		{team: "shop", name: "shop-checkout", repo: shop, path: "apps/checkout", renderer: "kustomize", objects: 7, secrets: []string{"shop/checkout#client-secret", "payments/stripe#key"}},
		{team: "platform", name: "ingress", repo: platform, path: "ingress", renderer: "helm", objects: 21,
			waivers: []audit.Waiver{{Rule: "pod-host-network", Object: "DaemonSet ingress/controller", Owner: "team-platform", Reason: "until the load balancer is replaced", Expires: "2026-11-06"}}},
		{team: "platform", name: "monitoring", repo: platform, path: "monitoring", renderer: "helm-kustomize", objects: 34, secrets: []string{"platform/alerts#webhook"},
			waivers: []audit.Waiver{{Rule: "pod-host-path", Object: "DaemonSet monitoring/node-exporter", Owner: "team-platform", Reason: "the exporter reads the host's metrics", Expires: "2027-03-31"}}},
	}
}

// commit is a change of one application. Where only is set, it is of that
// environment's overlay.
type commit struct {
	at            time.Time
	app, author   string
	subject, only string
	// denied is what production says of it, failure the code where it does not
	// render at all.
	denied  []string
	failure string
}

func at(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, time.UTC)
}

// commits are those that matter, in order; smaller ones come between them.
func commits() []commit {
	oct, nov := time.October, time.November
	return []commit{
		{at: at(oct, 27, 9, 12), app: "payments-db", author: ada, subject: "Keep backups for 35 days"},
		{at: at(oct, 28, 13, 40), app: "shop-web", author: edith, subject: "Ship the autumn theme", denied: []string{"image-digest"}},
		{at: at(oct, 28, 14, 5), app: "shop-web", author: edith, subject: "Pin the image of the autumn theme"},
		{at: at(oct, 30, 10, 2), app: "monitoring", author: alan, subject: "Scrape the database's exporter"},
		{at: at(nov, 3, 8, 55), app: "payments-api", author: grace, subject: "Use two more replicas for the sale"},
		{at: at(nov, 4, 11, 20), app: "shop-search", author: karen, subject: "Move the index to its own volume", denied: []string{"network-policy-missing", "workload-resources"}},
		{at: at(nov, 4, 15, 48), app: "shop-search", author: karen, subject: "Give the index limits and a network policy"},
		{at: at(nov, 5, 9, 30), app: "shop-checkout", author: edith, subject: "Call the payments API over its new name"},
		{at: at(nov, 6, 16, 10), app: "payments-reports", author: ada, subject: "Send the reports at six", failure: "E_KUSTOMIZE"},
		{at: at(nov, 6, 16, 25), app: "payments-reports", author: ada, subject: "Correct the path of the schedule's patch"},
		{at: at(nov, 6, 17, 5), app: "ingress", author: alan, subject: "Run behind the new load balancer, without the host's network"},
		{at: at(nov, 9, 10, 41), app: "ingress", author: alan, subject: "Raise the limit of a body to 20 MiB"},
		{at: at(nov, 10, 9, 5), app: "payments-db", author: grace, subject: "Raise shared_buffers to 8 GiB", only: "production"},
		{at: at(nov, 11, 13, 15), app: "shop-web", author: karen, subject: "Run the thumbnailer as root to read old files", denied: []string{"pod-privilege-escalation", "pod-root"}},
		{at: at(nov, 12, 8, 20), app: "shop-web", author: karen, subject: "Change the owner of old files instead"},
		{at: at(nov, 13, 14, 2), app: "payments-api", author: ada, subject: "Read the key of another team", failure: "E_FORBIDDEN"},
		{at: at(nov, 13, 14, 31), app: "payments-api", author: ada, subject: "Read the key of our own team again"},
		{at: at(nov, 16, 11, 11), app: "monitoring", author: alan, subject: "Mount the container runtime's socket", denied: []string{"pod-host-path"}},
		{at: at(nov, 16, 13, 4), app: "monitoring", author: alan, subject: "Take the socket out again"},
		{at: at(nov, 18, 9, 20), app: "shop-checkout", author: edith, subject: "Expose the checkout to the partner", denied: []string{"ingress-tls", "service-exposed"}},
		{at: at(nov, 18, 11, 2), app: "shop-checkout", author: edith, subject: "Expose the checkout through the ingress with TLS"},
		{at: at(nov, 19, 15, 30), app: "ingress", author: alan, subject: "Update the controller's chart", failure: "E_SCHEMA"},
		{at: at(nov, 20, 9, 0), app: "ingress", author: alan, subject: "Update the controller's chart, with its new field names"},
		{at: at(nov, 23, 10, 12), app: "payments-api", author: grace, subject: "Time out after 10 seconds"},
		{at: at(nov, 24, 9, 14), app: "payments-db", author: grace, subject: "Allow 400 connections for the sale", only: "production"},
		{at: at(nov, 24, 13, 37), app: "payments-db", author: ada, subject: "Log statements that take longer than a second"},
		{at: at(nov, 25, 10, 20), app: "shop-web", author: edith, subject: "Ship the banner of the sale", denied: []string{"image-digest"}},
		{at: at(nov, 25, 10, 46), app: "shop-web", author: edith, subject: "Pin the image of the banner"},
		{at: at(nov, 26, 8, 5), app: "shop-search", author: karen, subject: "Warm the index before the sale"},
	}
}

// story puts together all that happened.
func story() []event {
	w := &world{
		rand: rand.New(rand.NewPCG(7, 11)), apps: applications(), policies: policies("1"),
		versions: map[string]int{}, outputs: map[string]int{}, last: map[string]commit{},
	}
	for _, app := range w.apps {
		for _, secret := range app.secrets {
			w.versions[path(secret)] = 1 + len(path(secret))%6
		}
	}
	w.versions["payments/db"] = 6
	w.background()
	var steps []step
	for _, c := range append(commits(), w.chores()...) {
		steps = append(steps, step{c.at, func() { w.commit(c) }})
	}
	steps = append(steps, w.days()...)
	steps = append(steps,
		step{at(time.November, 8, 20, 0), func() { w.policies = policies("2") }},
		step{at(time.November, 17, 22, 0), func() { w.rotate("payments/db", at(time.November, 17, 22, 0)) }},
		step{at(time.November, 2, 6, 0), func() { w.rotate("shop/session", at(time.November, 2, 6, 0)) }},
		step{at(time.November, 22, 6, 0), func() { w.rotate("payments/stripe", at(time.November, 22, 6, 0)) }})
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, s := range steps {
		s.do()
	}
	return w.events
}

type step struct {
	at time.Time
	do func()
}
