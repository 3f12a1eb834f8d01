package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// advisory is a row of docs/advisories.md: id, what it was, status, why, rows.
var advisory = regexp.MustCompile(`(?m)^\| (CVE-[0-9]{4}-[0-9]+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \| ([^|]*) ?\|$`)

// TestAdvisoriesStandOnce finds an advisory that is listed twice, or that a guide
// or the code speaks of and the list does not have.
func TestAdvisoriesStandOnce(t *testing.T) {
	texts := guides(t)
	catalogue := texts["threats.md"]
	var listed []string
	for _, match := range advisory.FindAllStringSubmatch(texts["advisories.md"], -1) {
		id, status, row := match[1], match[3], strings.TrimSpace(match[5])
		if slices.Contains(listed, id) {
			t.Errorf("%s stands twice", id)
		}
		listed = append(listed, id)
		if row != "" && !strings.Contains(catalogue, "\n| "+row+" | ") {
			t.Errorf("%s names the row %s, which is not in the catalogue", id, row)
		}
		known := []string{"not affected", "does not apply", "the host's", "not affected; the host's"}
		if !strings.HasPrefix(status, "mended in ") && !slices.Contains(known, status) {
			t.Errorf("%s has the status %q", id, status)
		}
	}
	if len(listed) < 40 {
		t.Fatalf("found %d advisories, want at least 40", len(listed))
	}
	// Older ones are of Kubernetes, and what rules of policies are for.
	ours := regexp.MustCompile(`CVE-(?:2021|2022|2023|2024|2025|2026)-[0-9]+`)
	for file, text := range texts {
		for _, id := range ours.FindAllString(text, -1) {
			if !slices.Contains(listed, id) {
				t.Errorf("%s speaks of %s, which docs/advisories.md does not list", file, id)
			}
		}
	}
}

// TestMendedVersionsArePinned holds the versions in docs/advisories.md against
// go.mod and the Dockerfile.
func TestMendedVersionsArePinned(t *testing.T) {
	pinned := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(file(t, "../go.mod"), -1) {
		pinned[match[1]] = match[2]
	}
	image := regexp.MustCompile(`GO_IMAGE=golang:([0-9.]+)\n`).FindStringSubmatch(file(t, "../Dockerfile"))
	if image == nil {
		t.Fatal("the Dockerfile names no version of Go")
	}
	pinned["Go"], pinned["x/net"] = "v"+image[1], pinned["golang.org/x/net"]
	checked := 0
	for _, section := range strings.Split(file(t, "advisories.md"), "\n## ")[1:] {
		library := ""
		if match := regexp.MustCompile("Linked: `([^`]+)` (v[0-9.]*[0-9])").FindStringSubmatch(section); match != nil {
			if library = match[1]; pinned[library] != match[2] {
				t.Errorf("%s is pinned at %s, docs/advisories.md says %s", library, pinned[library], match[2])
			}
		}
		for _, match := range advisory.FindAllStringSubmatch(section, -1) {
			fixes, mended := strings.CutPrefix(match[3], "mended in ")
			if !mended {
				continue
			}
			for _, fix := range strings.Split(fixes, " and ") {
				name, version := library, fix
				if words := strings.Fields(fix); len(words) == 2 {
					name, version = words[0], words[1]
				}
				checked++
				if !semver.IsValid("v"+version) || semver.Compare(pinned[name], "v"+version) < 0 {
					t.Errorf("%s is mended in %s %s, and %q is pinned", match[1], name, version, pinned[name])
				}
			}
		}
	}
	if checked < 25 {
		t.Errorf("checked %d versions, want at least 25", checked)
	}
}

func file(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestVulncheckSaysThatItCouldNot tells a database that cannot be reached from
// one in which nothing was found.
func TestVulncheckSaysThatItCouldNot(t *testing.T) {
	command := exec.CommandContext(t.Context(), "make", "-C", "..", "vulncheck", "VULNDB=http://127.0.0.1:1")
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "cannot be reached: nothing was checked") {
		t.Errorf("make vulncheck without its database: %v\n%s", err, output)
	}
}
