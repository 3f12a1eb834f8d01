package avp

import (
	"slices"
	"strings"
)

// Setting is where a repository sets something of argocd-vault-plugin. Its value
// is kept only where it is no credential.
type Setting struct {
	Name, Value string
	File        string
	Line        int
}

// Settings are all that a repository says of how argocd-vault-plugin was run.
type Settings struct{ All []Setting }

// credentials are settings whose values are never kept.
var credentials = []string{"TOKEN", "SECRET_ID", "ROLE_ID", "PASSWORD", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY"}

// Known tells whether a name is one of argocd-vault-plugin's settings, as a
// variable, a key of its Secret or a line of its file.
func Known(name string) bool {
	name = strings.TrimPrefix(name, "ARGOCD_ENV_")
	return strings.HasPrefix(name, "AVP_") || name == "VAULT_ADDR" || name == "VAULT_NAMESPACE" || name == "VAULT_TOKEN" || name == "VAULT_CACERT" || name == "VAULT_SKIP_VERIFY"
}

// Add keeps a setting.
func (s *Settings) Add(setting Setting) {
	setting.Name = strings.TrimPrefix(setting.Name, "ARGOCD_ENV_")
	if !strings.HasSuffix(setting.Name, "_TOKEN_PATH") && slices.ContainsFunc(credentials, func(part string) bool { return strings.Contains(setting.Name, part) }) {
		setting.Value = ""
	}
	// A placeholder or a variable of another program says nothing.
	if strings.ContainsAny(setting.Value, "$<{") {
		setting.Value = ""
	}
	s.All = append(s.All, setting)
}

// Get returns the first setting of a name that has a value.
func (s *Settings) Get(name string) (Setting, bool) {
	for _, setting := range s.All {
		if setting.Name == name && setting.Value != "" {
			return setting, true
		}
	}
	return Setting{}, false
}

// Values returns the distinct values of a setting, sorted.
func (s *Settings) Values(name string) []string {
	var values []string
	for _, setting := range s.All {
		if setting.Name == name && setting.Value != "" {
			values = append(values, setting.Value)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// Backend returns a backend other than Vault, where the repository names one and
// never names Vault.
func (s *Settings) Backend() (Setting, bool) {
	types := s.Values("AVP_TYPE")
	if len(types) == 0 || slices.Contains(types, "vault") {
		return Setting{}, false
	}
	return s.Get("AVP_TYPE")
}

// Elsewhere says what can be done about the secrets of another backend. Such
// placeholders do not move by themselves: what they call a path is a project for
// one backend, a vault for another, and the placeholder's key then the name.
func Elsewhere(backend, what, these string) string {
	store := map[string]string{"awssecretsmanager": "aws-sm", "gcpsecretmanager": "gcp-sm", "azurekeyvault": "azure-kv"}[backend]
	if store == "" {
		return "move " + what + " into Vault first, or keep argocd-vault-plugin for " + these
	}
	return "write references such as <" + store + ":NAME#KEY> by hand, or move " + what + " into Vault first"
}

// Obstacles to settings.
const obstacleSetting = "setting"

// Unmoved says why a setting has no place in plugin.yaml, and false where it
// has one, or needs none.
func (s Setting) Unmoved() (*Obstacle, bool) {
	switch s.Name {
	case "AVP_PATH_PREFIX":
		return &Obstacle{obstacleSetting, "paths are always whole here, as they are for argocd-vault-plugin since 1.0", "remove the setting"}, true
	case "AVP_PATH_VALIDATION":
		return &Obstacle{obstacleSetting, "bindings say which paths may be read, not an expression", "compare the bindings of plugin.yaml with it, then remove the setting"}, true
	case "VAULT_SKIP_VERIFY":
		return &Obstacle{obstacleSetting, "Vault's certificate is always checked", "put the authority's certificate into vault.caFile"}, true
	case "AVP_AUTH_TYPE":
		if method, ok := Methods[s.Value]; !ok || method == "" {
			return &Obstacle{obstacleSetting, "the login " + s.Value + " is not known here", "choose kubernetes, approle, jwt, userpass or token in vault.roles"}, true
		}
	case "AVP_TYPE":
		if s.Value != "" && s.Value != "vault" {
			return &Obstacle{"backend", "the backend " + s.Value + " is not Vault, and only Vault's KV engines can move", Elsewhere(s.Value, "the secrets", "these")}, true
		}
	}
	return nil, false
}

// Methods are the logins of argocd-vault-plugin, and what plugin.yaml calls
// them; empty where it has none.
var Methods = map[string]string{"": "kubernetes", "k8s": "kubernetes", "approle": "approle", "token": "token", "userpass": "userpass", "github": ""}
