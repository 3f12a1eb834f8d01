package helm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const pathsSource = `-- team/app/values.yaml --
-- team/app/a[1].yaml --
-- team/app/env/dev.yaml --
-- team/app/env/prod.yaml --
-- team/app/env/deep/x.yaml --
-- team/shared.yaml --
-- other/secret.yaml --
`

func TestValuesFiles(t *testing.T) {
	tests := map[string]struct {
		ref  string
		want []string
	}{
		"relative":                    {"values.yaml", []string{"team/app/values.yaml"}},
		"dotted":                      {"./env/../values.yaml", []string{"team/app/values.yaml"}},
		"above, within the root":      {"../shared.yaml", []string{"team/shared.yaml"}},
		"from the root of the source": {"/team/shared.yaml", []string{"team/shared.yaml"}},
		"name that looks like a glob": {"a[1].yaml", []string{"team/app/a[1].yaml"}},
		"glob":                        {"env/*.yaml", []string{"team/app/env/dev.yaml", "team/app/env/prod.yaml"}},
		"glob of all levels":          {"env/**/*.yaml", []string{"team/app/env/deep/x.yaml", "team/app/env/dev.yaml", "team/app/env/prod.yaml"}},
		"alternatives":                {"/team/{shared,gone}.yaml", []string{"team/shared.yaml"}},
		"glob stays below the root":   {"/**/s*.yaml", []string{"team/shared.yaml"}},
	}
	files := resolver{tree: treeOf(pathsSource), root: "team", dir: "team/app"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := files.files(test.ref, "helm-values-files")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong files (-want +got):\n%s", diff)
			}
		})
	}
}

// TestH11ValuesFilesStayInTheSource: CVE-2022-24348 read values from outside of
// the repository.
func TestH11ValuesFilesStayInTheSource(t *testing.T) {
	refs := []string{
		"", "../../other/secret.yaml", "../../../etc/passwd", "/etc/passwd", "/other/secret.yaml", "/../etc/passwd",
		"https://h/v.yaml", "HTTP://h/v.yaml", "file:///etc/passwd", "secrets://x", "secrets+gpg-import://k?x", "git::https://h/r",
		"$vals/x.yaml", "$ARGOCD_APP_NAME.yaml", "missing.yaml", "env", ".", "none-*.yaml", "../../other/*.yaml", "[", "//h/x", "a\x00b",
	}
	files := resolver{tree: treeOf(pathsSource), root: "team", dir: "team/app"}
	for _, ref := range refs {
		t.Run(ref, func(t *testing.T) {
			if got, err := files.files(ref, "f"); fault.CodeOf(err) != fault.Path {
				t.Errorf("got %v and %v, want %s", got, err, fault.Path)
			}
			if got, err := files.file(ref, "f"); fault.CodeOf(err) != fault.Path {
				t.Errorf("one file: got %q and %v, want %s", got, err, fault.Path)
			}
		})
	}
}
