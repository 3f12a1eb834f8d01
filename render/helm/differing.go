package helm

import (
	"maps"
	"regexp"
	"slices"

	"github.com/mitchellh/copystructure"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// varying are the functions of Helm's templates that give something else each
// time. A template that names none of them is not rendered twice. bcrypt and
// what encrypts draw salts.
var varying = regexp.MustCompile(`\b(rand(Alpha|AlphaNum|Numeric|Ascii|Bytes|Int)|uuidv4|shuffle|now|ago|date|htmlDate|genPrivateKey|` +
	`gen(CA|SelfSignedCert|SignedCert)(WithKey)?|buildCustomCert|htpasswd|bcrypt|encryptAES)\b`)

// varies tells whether a chart or its values name such a function; values count
// since tpl renders them.
func varies(c *chart.Chart) bool {
	for _, list := range [][]*chart.File{c.Templates, c.Raw} {
		if slices.ContainsFunc(list, func(file *chart.File) bool { return varying.Match(file.Data) }) {
			return true
		}
	}
	return slices.ContainsFunc(c.Dependencies(), varies)
}

// differing renders a chart once more, from values as they were before the first
// time, and reports the first template that gives something else. Argo CD would
// take it for a change at each refresh.
func (r *rendering) differing(c *chart.Chart, before chartutil.Values, rendered map[string]string) {
	again, err := engine.Engine{}.Render(c, before)
	if err != nil {
		return // a chart that fails at random fails the next request
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if again[name] != rendered[name] {
			r.loader.warnings = append(r.loader.warnings, fault.New(fault.Template,
				"the template renders differently each time, which Argo CD takes for a change").
				In(r.loader.templates(c)[name], 0).
				WithFix("take what it draws from the values, or from Vault by a reference"))
			return
		}
	}
}

// copied is a copy of values that a template can change with set. It is nil where
// there is no need for one.
func copied(c *chart.Chart, top chartutil.Values) chartutil.Values {
	if !varies(c) {
		return nil
	}
	values, err := copystructure.Copy(map[string]any(top["Values"].(chartutil.Values)))
	if err != nil {
		return nil
	}
	before := maps.Clone(top)
	before["Values"] = chartutil.Values(values.(map[string]any))
	return before
}
