// Package report_test opens the audit report in a browser as people do.
package report_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/browser"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// written has the program write the report of a trail.
func written(t *testing.T, args ...string) string {
	t.Helper()
	harness.Need(t, harness.Seal)
	seal, err := harness.Seal.Path()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	out, err := exec.CommandContext(t.Context(), seal, append([]string{"audit", "report", "--utc", "--as-of", "2026-11-27", "--output-file", file}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

func address(file string) string { return (&url.URL{Scheme: "file", Path: file}).String() }

// quiet fails where the page has loaded anything but itself, or complained.
func quiet(t *testing.T, b *browser.Tab) {
	t.Helper()
	if complaints := b.Complaints(); len(complaints) > 0 {
		t.Errorf("the console has %q", complaints)
	}
	requests := b.Requests()
	for _, request := range requests {
		if !strings.HasPrefix(request, "file://") || !strings.HasSuffix(request, "/report.html") {
			t.Errorf("the page asked for %s", request)
		}
	}
	if len(requests) == 0 {
		t.Error("the browser has not asked for the page itself: nothing was watched")
	}
}

func sample(t *testing.T) (trail, key string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "audit/testdata/sample.jsonl"), filepath.Join(root, "audit/testdata/sample.pub")
}

// day is what the trail has of one day.
type day struct{ Passed, Denied, Failed int }

// days counts the renders of the trail by their day.
func days(t *testing.T, trail string) map[string]day {
	t.Helper()
	content, err := os.ReadFile(trail)
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]day{}
	for line := range strings.Lines(string(content)) {
		var event struct {
			Type, Outcome string
			Time          time.Time
			Verdict       struct{ Decision string }
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if event.Type != "render" {
			continue
		}
		name := event.Time.Format("2 January 2006")
		one := counted[name]
		switch {
		case event.Verdict.Decision == "deny":
			one.Denied++
		case event.Outcome == "OK":
			one.Passed++
		default:
			one.Failed++
		}
		counted[name] = one
	}
	return counted
}

// drawn lists the columns of the chart with the heights that the browser gives
// their parts, and the height of one render after the axis.
const drawn = `(() => {
	const svg = document.querySelector("figure > svg");
	const texts = [...svg.querySelectorAll("text[text-anchor=end]")].map(t => ({n: Number(t.textContent), y: t.y.baseVal[0].value}));
	const one = (texts[0].y - texts[1].y) / (texts[1].n - texts[0].n);
	return [...svg.querySelectorAll("g.column")].map(g => {
		const part = name => [...g.querySelectorAll("rect." + name)].reduce((sum, r) => sum + r.getBBox().height / one, 0);
		return {name: g.querySelector("title").textContent.split(":")[0], passed: part("passed"), denied: part("denied"), failed: part("failed"),
			painted: [...g.querySelectorAll("rect")].every(r => r.getBoundingClientRect().width > 1 && getComputedStyle(r).fill !== "rgb(0, 0, 0)")};
	});
})()`

func TestTheChartIsDrawn(t *testing.T) {
	b := browser.Open(t)
	trail, key := sample(t)
	b.Show(t, address(written(t, "--key", key, trail)), 1280, "light")
	want := days(t, trail)
	type column struct {
		Name                   string
		Passed, Denied, Failed float64
		Painted                bool
	}
	columns := browser.Evaluate[[]column](t, b, drawn)
	if len(columns) != 32 {
		t.Errorf("%d columns, want those of 26 October to 26 November", len(columns))
	}
	for _, c := range columns {
		w := want[c.Name]
		delete(want, c.Name)
		for _, pair := range [][2]float64{{c.Passed, float64(w.Passed)}, {c.Denied, float64(w.Denied)}, {c.Failed, float64(w.Failed)}} {
			if diff := pair[0] - pair[1]; diff < -.1 || diff > .1 {
				t.Errorf("%s is drawn as %+v, and the trail has %+v", c.Name, c, w)
			}
		}
		if !c.Painted {
			t.Errorf("the column of %s cannot be seen", c.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("these days are not drawn: %v", want)
	}
	quiet(t, b)
}

// overlaps lists what is wrong with the layout: labels of a chart that touch, and
// what is wider than the page.
const overlaps = `(() => {
	const found = [];
	const boxes = [...document.querySelectorAll("figure svg text")].filter(t => getComputedStyle(t).display !== "none").map(t => [t.textContent, t.getBoundingClientRect()]);
	for (const [a, x] of boxes) for (const [b, y] of boxes)
		if (a < b && x.left < y.right && y.left < x.right && x.top + 2 < y.bottom && y.top + 2 < x.bottom) found.push(a + " touches " + b);
	if (document.documentElement.scrollWidth > innerWidth) found.push("the page is " + document.documentElement.scrollWidth + " wide");
	for (const one of document.querySelectorAll("h1, h2, h3, p, li, nav, .banner, .scroll, figure"))
		if (one.getBoundingClientRect().right > innerWidth + 1) found.push(one.outerHTML.slice(0, 80) + " is cut off");
	return found;
})()`

// faint lists texts with less contrast than WCAG AA asks for.
const faint = `(() => {
	const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const rgb = text => text.match(/[\d.]+/g).map(Number);
	const page = light(rgb(getComputedStyle(document.body).backgroundColor));
	const found = new Set();
	for (const one of document.querySelectorAll("body *")) {
		if (one.localName === "title" || one.localName === "desc") continue; // for those who cannot see
		if (![...one.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
		const style = getComputedStyle(one), ink = light(rgb(one.ownerSVGElement ? style.fill : style.color));
		const contrast = (Math.max(ink, page) + .05) / (Math.min(ink, page) + .05);
		if (contrast < 4.5) found.add(one.localName + "." + one.getAttribute("class") + " " + contrast.toFixed(1));
	}
	return [...found];
})()`

func TestThePageCanBeReadEverywhere(t *testing.T) {
	b := browser.Open(t)
	trail, key := sample(t)
	file := written(t, "--key", key, trail)
	for _, view := range []struct {
		name   string
		width  int64
		scheme string
	}{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"tablet", 768, "light"}, {"narrow", 400, "light"}, {"narrow-dark", 400, "dark"}} {
		b.Show(t, address(file), view.width, view.scheme)
		if found := browser.Evaluate[[]string](t, b, overlaps); len(found) > 0 {
			t.Errorf("%s: %q", view.name, found)
		}
		if found := browser.Evaluate[[]string](t, b, faint); len(found) > 0 {
			t.Errorf("%s: these texts are faint: %q", view.name, found)
		}
		dark := browser.Evaluate[bool](t, b, `getComputedStyle(document.body).backgroundColor !== "rgb(255, 255, 255)"`)
		if dark != (view.scheme == "dark") {
			t.Errorf("%s: the page is dark: %v", view.name, dark)
		}
		b.Shoot(t, view.name)
	}
	quiet(t, b)
}

// What tenants write does nothing in a browser, which forbids it to load anything
// even if it got out of its place.
func TestHostileNamesDoNothing(t *testing.T) {
	b := browser.Open(t)
	trail := filepath.Join(t.TempDir(), "trail.jsonl")
	const attack = `"onload=\"document.title='owned'\"><script>document.title='owned'</script><img src=\"https://evil.example/x\" onerror=\"document.title='owned'\"></svg>"`
	line := strings.ReplaceAll(`{"version":1,"time":"2026-11-26T10:00:00Z","type":"render","app":ATTACK,"project":ATTACK,"environment":ATTACK,"author":ATTACK,"subject":ATTACK,"outcome":"E_POLICY","verdict":{"decision":"deny","denied":[ATTACK]}}`, "ATTACK", attack)
	if err := os.WriteFile(trail, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Show(t, address(written(t, trail)), 1280, "light")
	if title := browser.Evaluate[string](t, b, "document.title"); title != "Audit report: 26 November 2026" {
		t.Errorf("the title is %q", title)
	}
	if shown := browser.Evaluate[string](t, b, "document.body.innerText"); !strings.Contains(shown, "<script>document.title='owned'</script>") {
		t.Error("the name of the application is not shown")
	}
	quiet(t, b)
	// The policy holds by itself: what is put into the page by force is refused.
	browser.Evaluate[bool](t, b, `document.body.insertAdjacentHTML("beforeend", '<img src="https://evil.example/x">'), true`)
	browser.Do(t, b, chromedp.Poll[bool](`document.images[0].complete`))
	if complaints := b.Complaints(); !strings.Contains(strings.Join(complaints, "\n"), "Content Security Policy") {
		t.Errorf("a picture from elsewhere was not refused: %q", complaints)
	}
}
