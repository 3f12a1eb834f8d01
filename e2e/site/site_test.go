// Package site_test builds the documents as a site and opens each page in a
// browser.
package site_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/browser"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// build has make build the site, which fails where a link leads nowhere, and
// returns its directory.
func build(t *testing.T) string {
	t.Helper()
	harness.Need(t, harness.NPM, harness.Chromium)
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "make", "site")
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make site: %v\n%s", err, out)
	}
	return filepath.Join(root, ".cache", "site")
}

// serve shows a directory as a host of static sites does: /install is
// install.html.
func serve(t *testing.T, dir string) string {
	t.Helper()
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path.Clean(r.URL.Path))) + ".html"); err == nil {
			r.URL.Path += ".html"
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// broken lists what is wrong with a page as it stands: pictures that could not be
// drawn, and tables or code that make it wider than the window.
const broken = `(() => {
	const found = [];
	for (const one of document.querySelectorAll(".mermaid svg"))
		if (/Syntax error/.test(one.textContent) || one.getBoundingClientRect().width < 50) found.push("a picture is not drawn");
	if (document.documentElement.scrollWidth > innerWidth + 1) found.push("the page is " + document.documentElement.scrollWidth + " wide, in a window of " + innerWidth);
	if (!document.querySelector("main h1")) found.push("there is no title");
	return found;
})()`

// TestSite opens every page on a screen, dark and light, and on a telephone.
func TestSite(t *testing.T) {
	dir := build(t)
	address := serve(t, dir)
	tab := browser.Open(t)
	pages := 0
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".html") || entry.Name() == "404.html" {
			return err
		}
		pages++
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), filepath.ToSlash(dir)), ".html")
		name = strings.TrimSuffix(name, "index")
		for _, view := range []struct {
			name   string
			width  int64
			scheme string
		}{{"screen", 1440, "light"}, {"dark", 1440, "dark"}, {"telephone", 400, "light"}} {
			tab.Show(t, address+name, view.width, view.scheme)
			browser.Do(t, tab, chromedp.Poll[bool](`[...document.querySelectorAll(".mermaid")].every(one => one.querySelector("svg"))`))
			if found := browser.Evaluate[[]string](t, tab, broken); len(found) > 0 {
				t.Errorf("%s on a %s: %q", name, view.name, found)
			}
			tab.Shoot(t, strings.ReplaceAll(strings.Trim(name, "/"), "/", "-")+"-"+view.name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 30 {
		t.Errorf("the site has %d pages, want at least 30", pages)
	}
	if complaints := tab.Complaints(); len(complaints) > 0 {
		t.Errorf("the console has %q", complaints)
	}
	for _, request := range tab.Requests() {
		if !strings.HasPrefix(request, address) && !strings.HasPrefix(request, "data:") {
			t.Errorf("a page asked for %s", request)
		}
	}
}

// TestSearchFindsAnError looks for a code as somebody does who has just seen it.
func TestSearchFindsAnError(t *testing.T) {
	address := serve(t, build(t))
	tab := browser.Open(t)
	tab.Show(t, address+"/", 1440, "light")
	browser.Do(t, tab, chromedp.Poll[bool](`document.querySelector("#local-search button") !== null`))
	browser.Evaluate[bool](t, tab, `document.querySelector("#local-search button").click(), true`)
	browser.Do(t, tab, chromedp.WaitVisible(`input#localsearch-input`))
	browser.Do(t, tab, chromedp.SendKeys(`input#localsearch-input`, "E_FORBIDDEN"))
	browser.Do(t, tab, chromedp.Poll[bool](`document.querySelectorAll(".VPLocalSearchBox .results a").length > 0`))
	if links := browser.Evaluate[string](t, tab, `[...document.querySelectorAll(".VPLocalSearchBox .results a")].map(a => a.getAttribute("href")).join(" ")`); !strings.Contains(links, "/errors") {
		t.Errorf("the search leads to %s, and not to the page of errors", links)
	}
}
