package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// render adds one request of Argo CD.
func (w *world) render(moment time.Time, app *application, environment string, c commit, failure string, denied []string) {
	name, namespace := app.name+"-"+environment, app.team
	revision := digest("commit", app.repo, c.subject, c.at.String())[:40]
	e := event{
		Time: moment.Add(time.Duration(w.rand.IntN(1000)) * time.Millisecond), Type: audit.Render,
		App: name, Project: app.team + "-" + environment, Namespace: namespace,
		Repo: app.repo, Path: app.path + "/overlays/" + environment, Revision: revision, Author: c.author, Subject: c.subject,
		Environment: environment, Renderer: app.renderer, Outcome: "OK",
		Source:       digest("archive", revision, app.path),
		Inputs:       map[string]string{"company-policies": w.policies},
		Milliseconds: w.milliseconds(60 + float64(app.objects)*4 + float64(w.rand.IntN(800))/10),
	}
	switch {
	case failure != "":
		e.Outcome, e.Codes = failure, []string{failure}
		if failure == "E_VAULT" {
			e.Objects, e.Verdict = app.objects, w.verdict(moment, app, environment, nil)
		}
	case denied != nil:
		e.Objects, e.Outcome, e.Codes = app.objects, "E_POLICY", []string{"E_POLICY"}
		e.Verdict = w.verdict(moment, app, environment, denied)
	default:
		e.Objects, e.Verdict = app.objects, w.verdict(moment, app, environment, nil)
		w.succeed(&e, app, environment)
	}
	w.requests++
	e.ID = digest("request", fmt.Sprint(w.requests))[:10]
	w.add(e)
}

func (w *world) verdict(moment time.Time, app *application, environment string, denied []string) *audit.Verdict {
	v := &audit.Verdict{Decision: "pass", Bundle: digest("bundle", environment, w.policies), Denied: denied}
	if environment == "production" {
		for _, waiver := range app.waivers {
			if moment.Format(time.DateOnly) <= waiver.Expires {
				v.Waived = append(v.Waived, waiver)
			}
		}
	} else if app.name == "shop-web" || app.name == "ingress" {
		v.Warned = []string{"image-digest"}
	}
	switch {
	case denied != nil:
		v.Decision = "deny"
	case v.Warned != nil:
		v.Decision = "warn"
	case v.Waived != nil:
		v.Decision = "waived"
	}
	return v
}

// succeed adds what was read and what was emitted.
func (w *world) succeed(e *event, app *application, environment string) {
	read := ""
	injection := audit.Injection{Object: "Secret " + app.team + "/" + app.name, Kind: "sealed-secret"}
	for _, secret := range app.secrets {
		path, key, _ := strings.Cut(secret, "#")
		version := w.versions[path]
		pinned := app.name == "payments-reports" && environment == "production"
		if pinned {
			version = 6
		}
		e.References = append(e.References, audit.Reference{
			Binding: app.team + "-" + environment, Mount: kv, Path: path, Key: key, Version: version, Pinned: pinned,
		})
		injection.Keys = append(injection.Keys, key)
		read += fmt.Sprint(path, version)
	}
	if len(app.secrets) > 0 {
		e.Injections = []audit.Injection{injection}
		e.Certificate = digest("certificate", environment)
	}
	e.Output = digest("output", e.App, fmt.Sprint(w.outputs[app.name+environment]), read)
}
