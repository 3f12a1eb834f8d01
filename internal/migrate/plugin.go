package migrate

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
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
	w.bindings(bindings, p.settings)
	w.environments()
	return []byte(w.String())
}

type pluginWriter struct{ strings.Builder }

func (w *pluginWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *pluginWriter) head(aliases []string) {
	w.line("# Inferred by `argocd-seal migrate` from the manifests of a repository. Nothing in it is in")
	w.line("# force before the platform team has read it and mounts it: docs/migration.md.")
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
		w.line("# The names that Applications use now, so that they need no edit:")
		w.line("aliases:")
		for _, alias := range aliases {
			w.line("  - %s", yamledit.Plain(alias))
		}
	}
}

func (w *pluginWriter) vault(settings avp.Settings) {
	w.line("")
	w.line("vault:")
	address := "https://vault.example.com:8200"
	comment := "  # No manifest says where Vault is."
	if setting, ok := settings.Get("VAULT_ADDR"); ok {
		if parsed, err := url.Parse(setting.Value); err == nil && parsed.Host != "" && parsed.User == nil {
			address, comment = setting.Value, fmt.Sprintf("  # VAULT_ADDR of %s:%d", setting.File, setting.Line)
		}
	}
	w.line("%s", comment)
	w.line("  address: %s", yamledit.Plain(address))
	if setting, ok := settings.Get("VAULT_NAMESPACE"); ok {
		w.line("  # VAULT_NAMESPACE of %s:%d", setting.File, setting.Line)
		w.line("  namespace: %s", yamledit.Plain(setting.Value))
	}
	w.line("  roles:")
	method, from := loginOf(settings)
	w.line("    # %s", from)
	w.line("    - name: %s", roleName)
	w.line("      method: %s", method)
	if mount := mountOf(settings); mount != "" && mount != method {
		w.line("      mount: %s", yamledit.Plain(mount))
	}
	for _, field := range loginFields(method, settings) {
		w.line("      %s", field)
	}
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

func loginFields(method string, settings avp.Settings) []string {
	switch method {
	case "approle":
		return []string{"# The value of AVP_ROLE_ID, which is not copied out of a Secret:", "roleID: CHANGE-ME", "secretIDFile: /etc/argocd-seal/secret-id"}
	case "userpass":
		user := "CHANGE-ME"
		if setting, ok := settings.Get("AVP_USERNAME"); ok {
			user = setting.Value
		}
		return []string{"username: " + yamledit.Plain(user), "passwordFile: /etc/argocd-seal/password"}
	case "token":
		return []string{"tokenFile: /etc/argocd-seal/token"}
	}
	role := "argocd-seal"
	if setting, ok := settings.Get("AVP_K8S_ROLE"); ok {
		role = setting.Value
	}
	return []string{"vaultRole: " + yamledit.Plain(role),
		"# A projected token for Vault alone, and not the one of the service account:", "tokenFile: /var/run/secrets/vault/token"}
}

func (w *pluginWriter) environments() {
	w.line("")
	w.line("# What Secrets with references become. Without an environment references are left as they stand.")
	w.line("# To compare with argocd-vault-plugin first, add `injections: [plaintext]` to a binding and say")
	w.line("# `default: plaintext` here, where nobody else reads what comes out. docs/sealing.md has the rest.")
	w.line("# environments:")
	w.line("#   - name: production")
	w.line("#     injection:")
	w.line("#       default: sealed-secret")
	w.line("#       sealedSecret:")
	w.line("#         certificateFile: /etc/argocd-seal/sealing.crt")
	w.line("#         fingerprint: THE-CERTIFICATE'S-SHA-256")
	w.line("#         saltFile: /etc/argocd-seal/salt/salt")
}
