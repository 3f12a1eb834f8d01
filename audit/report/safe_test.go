package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
)

// attacks are texts that leave the place where they stand, where they are not
// escaped for it.
var attacks = []string{
	`<script>alert(1)</script>`, `"onload="alert(1)`, `' onmouseover='alert(1)`, `</title><script>alert(1)</script>`, `</svg><img src=x onerror=alert(1)>`,
	`</style><script>alert(1)</script>`, `]]><script>`, `--><script>`, `javascript:alert(1)`, `&lt;script&gt;`, `{{.}}`, `<a href="https://evil.example">`, "\x00<script>",
	"<img src=//evil.example/x>", "url(https://evil.example)", "\u202e<script>",
}

// hostile has an attack wherever the trail has text.
func hostile(attack string) []audit.Event {
	render := audit.Event{
		Type: audit.Render, Time: now.Add(-time.Hour), App: attack, Project: attack, Namespace: attack, Environment: attack, Repo: attack, Path: attack,
		Revision: attack, Author: attack, Subject: attack, Outcome: "OK", Output: attack,
		Verdict:    &audit.Verdict{Decision: "waived", Waived: []audit.Waiver{{Rule: attack, Object: attack, Owner: attack, Reason: attack, Expires: attack}}},
		References: []audit.Reference{{Binding: attack, Mount: attack, Path: attack, Key: attack, Version: 1}},
	}
	denied, failed := render, render
	denied.Outcome, denied.Verdict = "E_POLICY", &audit.Verdict{Decision: "deny", Denied: []string{attack}}
	failed.Outcome, failed.Codes, failed.Verdict = attack, []string{attack}, nil
	return []audit.Event{render, denied, failed, {Type: audit.Config, Time: now, Instance: attack, Outcome: attack, Message: attack}}
}

// shape lists the elements and attributes of a page, without what they say.
func (p page) shape() []string {
	var shape []string
	for one := range p.root.Descendants() {
		if one.Type != html.ElementNode {
			continue
		}
		text := one.Data
		for _, a := range one.Attr {
			text += " " + a.Key
		}
		shape = append(shape, text)
	}
	return shape
}

// A hostile trail makes the page of a harmless one, but for its words.
func TestNothingInTheTrailLeavesItsPlace(t *testing.T) {
	build := func(text string) page {
		return made(t, query.Question{}, report.Options{
			Scope: "project " + text, Verification: report.Verification{Checked: true, Lines: 1, Findings: []string{text}, Keys: []string{text}},
		}, written(t, hostile(text)...)+"not an event\n")
	}
	harmless := build("harmless")
	for _, attack := range attacks {
		page := build(attack)
		if !slices.Equal(page.shape(), harmless.shape()) {
			t.Errorf("%q makes other elements or attributes", attack)
		}
		for one := range page.root.Descendants() {
			for _, a := range one.Attr {
				if strings.HasPrefix(a.Key, "on") || (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("%q makes <%s %s=%q>", attack, one.Data, a.Key, a.Val)
				}
			}
		}
		// It is there to be read, wherever it was; what cannot be seen is an escape.
		seen := strings.NewReplacer("\x00", `\u0000`, "\u202e", `\u202e`).Replace(attack)
		if shown := textOf(page.root); strings.Count(shown, seen) < 15 {
			t.Errorf("the page shows %q %d times only", seen, strings.Count(shown, seen))
		}
	}
}

// The page is one file: it loads nothing, runs nothing, and forbids both.
func TestThePageStandsAlone(t *testing.T) {
	page := made(t, query.Question{}, report.Options{}, "", sample)
	for one := range page.root.Descendants() {
		switch one.DataAtom {
		case atom.Script, atom.Link, atom.Img, atom.Iframe, atom.Object, atom.Embed, atom.Form, atom.Base, atom.Image, atom.Audio, atom.Video:
			t.Errorf("the page has <%s>", one.Data)
		}
		for _, a := range one.Attr {
			if a.Key == "style" || a.Key == "src" || a.Key == "srcset" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") || strings.Contains(a.Val, "//") {
				t.Errorf("the page has <%s %s=%q>", one.Data, a.Key, a.Val)
			}
		}
	}
	styles := all(page.root, atom.Style)
	if len(styles) != 1 {
		t.Fatalf("%d style sheets", len(styles))
	}
	style := styles[0].FirstChild.Data
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(style, "@font-face") {
		t.Error("the style sheet loads something")
	}
	sum := sha256.Sum256([]byte(style))
	want := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:]))
	policy := ""
	for _, meta := range all(page.root, atom.Meta) {
		if attribute(meta, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(meta, "content")
		}
	}
	if policy != want {
		t.Errorf("the page forbids with %q, want %q", policy, want)
	}
	ids := map[string]bool{}
	for one := range page.root.Descendants() {
		if id := attribute(one, "id"); id != "" {
			if ids[id] {
				t.Errorf("the id %s is there twice", id)
			}
			ids[id] = true
		}
	}
	for _, link := range all(page.root, atom.A) {
		if to := strings.TrimPrefix(attribute(link, "href"), "#"); !ids[to] {
			t.Errorf("the link to %s leads nowhere", to)
		}
	}
}
