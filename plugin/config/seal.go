package config

// The apiVersion and kind of the second document.
const (
	SealAPIVersion = "argocd-seal.io/v1alpha1"
	SealKind       = "SealConfig"
)

// SealConfig is the second document: everything about this plugin that Argo CD
// has no field for.
type SealConfig struct {
	// Always argocd-seal.io/v1alpha1.
	APIVersion string `json:"apiVersion" jsonschema:"required"`
	// Always SealConfig.
	Kind string `json:"kind" jsonschema:"required"`
	// How applications are rendered, and what a render may cost.
	Render Render `json:"render"`
	// Environments, from the narrowest rule to the widest. With none, nothing is
	// judged; otherwise an application that belongs to none is refused.
	Environments []Environment `json:"environments"`
	// A file with waivers: exceptions from policies with owner, reason and expiry.
	Waivers string `json:"waivers"`
	// Where policies come from, and when they are looked at again.
	Policy Policy `json:"policy"`
	// Which registries may be asked about images, and whose signatures count.
	Images Images `json:"images"`
	// How to reach Vault.
	Vault Vault `json:"vault"`
	// Which applications may read which paths of Vault.
	Bindings []Binding `json:"bindings"`
	// Which applications are rendered again when a secret or the policies change.
	Rotation Rotation `json:"rotation"`
	// Other plugin names to serve, so that Applications that name them need no
	// edit. A name is served as it stands, without a version added.
	Aliases []string `json:"aliases"`
	// Who may call the plugin.
	Socket Socket `json:"socket"`
	// The trail of what was rendered, by whom and with which secrets.
	Audit Audit `json:"audit"`
	// Logs, metrics and health.
	Telemetry Telemetry `json:"telemetry"`
}

// Default returns what holds where plugin.yaml says nothing.
func Default() SealConfig {
	return SealConfig{
		APIVersion: SealAPIVersion,
		Kind:       SealKind,
		Render:     defaultRender(),
		Policy:     defaultPolicy(),
		Images:     defaultImages(),
		Vault:      defaultVault(),
		Rotation:   defaultRotation(),
		Socket:     defaultSocket(),
		Audit:      defaultAudit(),
		Telemetry:  defaultTelemetry(),
	}
}

func (*SealConfig) kind() (apiVersion, kind string) { return SealAPIVersion, SealKind }

func (c *SealConfig) check(r *reader) {
	checkAliases(r, c.Aliases)
	c.checkEnvironments(r)
	c.Policy.check(r, c.Environments)
	c.checkImages(r)
	c.Vault.check(r)
	c.checkBindings(r)
	c.Audit.check(r)
	c.Telemetry.check(r)
}
