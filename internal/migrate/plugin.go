package migrate

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// pluginFile writes the plugin.yaml that fits, nil where there is nothing to
// write one for.
func (p *planner) pluginFile(applications []application) []byte {
	aliases := p.reportDefinitions()
	bindings := p.bindings(applications)
	if len(p.moves) == 0 && !slices.ContainsFunc(p.files, func(f *file) bool { return len(f.sites) > 0 }) {
		return nil
	}
	w := &pluginWriter{}
	w.head(aliases)
	w.vault(p.settings)
	w.bindings(bindings)
	w.environments()
	if problem := w.check(bindings); problem != "" {
		p.notes = append(p.notes, "no plugin.yaml is written, since "+problem)
		return nil
	}
	return []byte(w.String())
}

type pluginWriter struct{ strings.Builder }

func (w *pluginWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// comment writes a comment of one line, whatever the repository's names in it hold.
func (w *pluginWriter) comment(indent, format string, args ...any) {
	w.line("%s# %s", indent, fault.Clean(fmt.Sprintf(format, args...), maxComment))
}

// maxComment is how many bytes of a comment are shown.
const maxComment = 400

// quotedText writes a text of the repository as a string of YAML in one line,
// whatever stands in it.
func quotedText(text string) string {
	encoded, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: strings.ToValidUTF8(text, "\ufffd")})
	if err != nil {
		return `""`
	}
	return strings.TrimRight(string(encoded), "\n")
}

func (w *pluginWriter) head(aliases []string) {
	w.comment("", "Inferred by `argocd-seal migrate` from the manifests of a repository. Nothing in it is in")
	w.comment("", "force before the platform team has read it and mounts it: docs/migration.md.")
	w.line("apiVersion: argoproj.io/v1alpha1")
	w.line("kind: ConfigManagementPlugin")
	w.line("metadata:")
	w.line("  name: argocd-seal")
	w.line("spec:")
	w.line("  version: v1.0")
	w.line("  generate:")
	w.line("    command: [argocd-seal, generate]")
	w.line("---")
	w.line("apiVersion: argocd-seal.io/v1alpha1")
	w.line("kind: SealConfig")
	if len(aliases) > 0 {
		w.line("")
		w.comment("", "The names that Applications use now, so that they need no edit:")
		w.line("aliases:")
		for _, alias := range aliases {
			w.line("  - %s", quotedText(alias))
		}
	}
}

func (w *pluginWriter) vault(settings avp.Settings) {
	w.line("")
	w.line("vault:")
	address := "https://vault.example.com:8200"
	comment := "No manifest says where Vault is."
	if setting, ok := settings.Get("VAULT_ADDR"); ok {
		if parsed, err := url.Parse(setting.Value); err == nil && parsed.Host != "" && parsed.User == nil {
			address, comment = setting.Value, fmt.Sprintf("VAULT_ADDR of %s:%d", setting.File, setting.Line)
		}
	}
	w.comment("  ", "%s", comment)
	w.line("  address: %s", quotedText(address))
	if setting, ok := settings.Get("VAULT_NAMESPACE"); ok {
		w.comment("  ", "VAULT_NAMESPACE of %s:%d", setting.File, setting.Line)
		w.line("  namespace: %s", quotedText(setting.Value))
	}
	w.line("  roles:")
	method, from := loginOf(settings)
	w.comment("    ", "%s", from)
	w.line("    - name: %s", roleName)
	w.line("      method: %s", method)
	if mount := mountOf(settings); mount != "" && mount != method {
		w.line("      mount: %s", quotedText(mount))
	}
	w.login(method, settings)
}

// roleName is what bindings call the one login.
const roleName = "reader"

func loginOf(settings avp.Settings) (method, from string) {
	setting, ok := settings.Get("AVP_AUTH_TYPE")
	if method = avp.Methods[setting.Value]; method == "" {
		method = "kubernetes"
	}
	if !ok {
		return method, "No manifest says how argocd-vault-plugin logs in. Better: a login for each binding, in sealing.md."
	}
	return method, fmt.Sprintf("AVP_AUTH_TYPE %s of %s:%d. Better: a login for each binding, in sealing.md.", setting.Value, setting.File, setting.Line)
}

func mountOf(settings avp.Settings) string {
	for _, name := range []string{"AVP_K8S_MOUNT_PATH", "AVP_MOUNT_PATH"} {
		if setting, ok := settings.Get(name); ok {
			return strings.TrimPrefix(strings.Trim(setting.Value, "/"), "auth/")
		}
	}
	return ""
}

func (w *pluginWriter) login(method string, settings avp.Settings) {
	switch method {
	case "approle":
		w.comment("      ", "The value of AVP_ROLE_ID, which is not copied out of a Secret:")
		w.line("      roleID: CHANGE-ME")
		w.line("      secretIDFile: /etc/argocd-seal/secret-id")
	case "userpass":
		user := "CHANGE-ME"
		if setting, ok := settings.Get("AVP_USERNAME"); ok {
			user = setting.Value
		}
		w.line("      username: %s", quotedText(user))
		w.line("      passwordFile: /etc/argocd-seal/password")
	case "token":
		w.line("      tokenFile: /etc/argocd-seal/token")
	default:
		role := "argocd-seal"
		if setting, ok := settings.Get("AVP_K8S_ROLE"); ok {
			role = setting.Value
		}
		w.line("      vaultRole: %s", quotedText(role))
		w.comment("      ", "A projected token for Vault alone, and not the one of the service account:")
		w.line("      tokenFile: /var/run/secrets/vault/token")
	}
}

func (w *pluginWriter) environments() {
	w.line("")
	w.comment("", "What Secrets with references become. Without an environment references are left as they stand.")
	w.comment("", "To compare with argocd-vault-plugin first, add `injections: [plaintext]` to a binding and say")
	w.comment("", "`default: plaintext` here, where nobody else reads what comes out. docs/sealing.md has the rest.")
	w.comment("", "environments:")
	w.comment("", "  - name: production")
	w.comment("", "    injection:")
	w.comment("", "      default: sealed-secret")
	w.comment("", "      sealedSecret:")
	w.comment("", "        certificateFile: /etc/argocd-seal/sealing.crt")
	w.comment("", "        fingerprint: THE-CERTIFICATE'S-SHA-256")
	w.comment("", "        saltFile: /etc/argocd-seal/salt/salt")
}

// check reads the file as the sidecar does, and says what is wrong with it: texts
// of the repository must have become the bindings that were meant, and no others.
func (w *pluginWriter) check(meant []binding) string {
	file, err := config.Parse("plugin.yaml", []byte(w.String()))
	if err != nil {
		return "what was inferred is not valid: " + fault.Clean(err.Error(), maxComment)
	}
	if !slices.EqualFunc(meant, file.Seal.Bindings, func(b binding, held config.Binding) bool {
		return reflect.DeepEqual(b.configured(), held)
	}) {
		return "a name or path of the repository would change its bindings"
	}
	return ""
}
