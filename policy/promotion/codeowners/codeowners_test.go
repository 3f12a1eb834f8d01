package codeowners_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
)

// approvals are "LINE SECTION owners", as a test writes them.
func approvals(t *testing.T, host codeowners.Host, content, path string) []string {
	t.Helper()
	file, err := codeowners.Parse(host, "CODEOWNERS", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, approval := range file.Approvals(path) {
		text := fmt.Sprintf("%d %s %s", approval.Line, approval.Section, strings.Join(approval.Owners, ","))
		if approval.Count != 1 {
			text += fmt.Sprintf(" x%d", approval.Count)
		}
		if !approval.Needed() {
			text += " no"
		}
		got = append(got, text)
	}
	return got
}

func TestGitHub(t *testing.T) {
	const content = `# who owns what
*            @org/all
*.js         @js docs@example.com # inline
/build/logs/ @logs
docs/*       @docs
apps/        @apps
/scripts     @scripts
**/secret    @secret
/apps/github
/a\ b/       @space
/x/**/z      @z
/brace{1,2}  @brace
`
	for path, want := range map[string][]string{
		"README":             {"2  @org/all"},
		"deep/er/README":     {"2  @org/all"},
		"src/a.js":           {"3  @js,docs@example.com"},
		"build/logs/x/y":     {"4  @logs"},
		"x/build/logs/y":     {"2  @org/all"},
		"docs/a":             {"5  @docs"},
		"docs/a/b":           {"2  @org/all"},
		"x/docs/a":           {"2  @org/all"},
		"x/apps/y":           {"6  @apps"},
		"apps/y/z":           {"6  @apps"},
		"apps":               {"2  @org/all"},
		"scripts":            {"7  @scripts"},
		"scripts/a/b":        {"7  @scripts"},
		"scripts2/a":         {"2  @org/all"},
		"x/secret/y":         {"8  @secret"},
		"apps/github":        {"9   no"},
		"apps/github/a":      {"9   no"},
		"apps/GitHub/a":      {"6  @apps"},
		"a b/c":              {"10  @space"},
		"x/z":                {"11  @z"},
		"x/1/2/z":            {"11  @z"},
		"brace1":             {"2  @org/all"},
		"brace{1,2}/file":    {"12  @brace"},
		".github/CODEOWNERS": {"2  @org/all"},
	} {
		if diff := cmp.Diff(want, approvals(t, codeowners.GitHub, content, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestGitHubPassesOverWhatItCannotRead(t *testing.T) {
	const content = "* @a\n[Section] @b\n!/x @b\n/y[ab] @b\n\\#z @b\n/w not-an-owner\n/v @b,@c\n/ @d\n"
	file, err := codeowners.Parse(codeowners.GitHub, "CODEOWNERS", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5, 6, 7}, file.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	for _, path := range []string{"x", "ya", "#z", "w", "v", "a"} {
		if diff := cmp.Diff([]string{"1  @a"}, approvals(t, codeowners.GitHub, content, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestGitLab(t *testing.T) {
	const content = `* @all
config/ @@maintainer
/docs @docs
!LICENSE

[Platform][2] @group/sub/platform
/apps/
/apps/dev/ @dev malformed
!/apps/free/
/apps/free/x @late

^[Hints]
/apps/ @hint

[platform]
*.tf @tf
/base/**

[Zero][0] @zero
*.md
[ab].txt @class
`
	for path, want := range map[string][]string{
		"README":       {"1  @all"},
		"LICENSE":      nil,
		"config/a":     {"2  @@maintainer"},
		"x/config/a":   {"2  @@maintainer"},
		"docs":         {"3  @docs"},
		"docs/a":       {"1  @all"},
		"apps/a/b":     {"1  @all", "7 Platform @group/sub/platform x2", "13 Hints @hint no"},
		"apps/dev/b":   {"1  @all", "8 Platform @dev x2", "13 Hints @hint no"},
		"apps/free/x":  {"1  @all", "13 Hints @hint no"},
		"x/main.tf":    {"1  @all", "16 Platform @tf x2"},
		"base/a":       {"1  @all", "17 Platform  x2 no"},
		"base/a/b":     {"1  @all"},
		"apps.md":      {"1  @all", "20 Zero @zero no"},
		"x/a.txt":      {"1  @all", "21 Zero @class no"},
		"x/c.txt":      {"1  @all"},
		"x/apps/dev/a": {"1  @all"},
	} {
		if diff := cmp.Diff(want, approvals(t, codeowners.GitLab, content, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestFindTakesTheHostsFirst(t *testing.T) {
	everywhere := map[string][]byte{
		"CODEOWNERS": []byte("* @root"), ".github/CODEOWNERS": []byte("* @github"), "docs/CODEOWNERS": []byte("* @docs"), ".gitlab/CODEOWNERS": []byte("* @gitlab"),
	}
	for _, test := range []struct {
		host    codeowners.Host
		without []string
		want    string
	}{
		{codeowners.GitHub, nil, ".github/CODEOWNERS"},
		{codeowners.GitHub, []string{".github/CODEOWNERS"}, "CODEOWNERS"},
		{codeowners.GitHub, []string{".github/CODEOWNERS", "CODEOWNERS"}, "docs/CODEOWNERS"},
		{codeowners.GitHub, []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}, ""},
		{codeowners.GitLab, nil, "CODEOWNERS"},
		{codeowners.GitLab, []string{"CODEOWNERS", "docs/CODEOWNERS"}, ".gitlab/CODEOWNERS"},
	} {
		file, found, err := codeowners.Find(test.host, func(name string) ([]byte, bool) {
			for _, without := range test.without {
				if without == name {
					return nil, false
				}
			}
			content, ok := everywhere[name]
			return content, ok
		})
		if err != nil || found != (test.want != "") || found && file.Name != test.want {
			t.Errorf("%s without %v: %v, %v, want %q", test.host, test.without, file, err, test.want)
		}
	}
}

func TestIsOwner(t *testing.T) {
	for word, want := range map[string]bool{
		"@a": true, "@org/team": true, "@group/sub/team": true, "@@developer": true, "a@example.com": true, "@a_b-c.d": true,
		"": false, "@": false, "a": false, "@/a": false, "@a b": false, "@@@a": false, "a@": false, "#": false, "@a,@b": false,
	} {
		if got := codeowners.IsOwner(word); got != want {
			t.Errorf("IsOwner(%q) = %v, want %v", word, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	for name, content := range map[string]string{
		"bytes": strings.Repeat("# a comment that is rather long\n", 100_000),
		"rules": strings.Repeat("* @a\n", 20_001),
	} {
		if _, err := codeowners.Parse(codeowners.GitHub, "CODEOWNERS", []byte(content)); fault.CodeOf(err) != fault.Limit {
			t.Errorf("%s: %v, want E_LIMIT", name, err)
		}
	}
	long := "/" + strings.Repeat("a", 5000) + " @a\n"
	file, err := codeowners.Parse(codeowners.GitHub, "CODEOWNERS", []byte(long))
	if err != nil || len(file.Skipped) != 1 {
		t.Errorf("a long line: %v, %v", file, err)
	}
}

// A pattern must not cost more than the product of its length and the path's.
func TestHostilePatternsAreCheap(t *testing.T) {
	path := strings.Repeat("a/", 250) + "b"
	var content strings.Builder
	for range 50 {
		content.WriteString(strings.Repeat("**/a*a*/", 250) + "c @a\n" + strings.Repeat("*a", 1000) + "c @a\n" + strings.Repeat("**/", 1000) + "c @a\n")
	}
	for _, host := range []codeowners.Host{codeowners.GitHub, codeowners.GitLab} {
		file, err := codeowners.Parse(host, "CODEOWNERS", []byte(content.String()))
		if err != nil || len(file.Skipped) > 0 {
			t.Fatal(err, file.Skipped)
		}
		started := time.Now()
		if got := file.Approvals(path); len(got) != 0 {
			t.Errorf("%v matched", got)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%s: 150 patterns took %v", host, took)
		}
	}
}
