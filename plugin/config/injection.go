package config

import "slices"

// Injection says what a Secret with references becomes in an environment.
type Injection struct {
	// What it becomes where nobody chooses; empty leaves references as they stand.
	// References to other stores than Vault become ExternalSecrets all the same.
	Default string `json:"default" enum:"sealed-secret,external-secret,vault-static-secret,secret-provider-class,vault-agent,plaintext"`
	// What an application may choose instead.
	Allowed []string `json:"allowed" enum:"sealed-secret,external-secret,vault-static-secret,secret-provider-class,vault-agent,plaintext"`
	// For sealed-secret, and for the checksums that roll workloads.
	SealedSecret SealedSecret `json:"sealedSecret"`
	// For external-secret.
	ExternalSecret ExternalSecret `json:"externalSecret"`
	// For vault-static-secret.
	VaultStaticSecret VaultStaticSecret `json:"vaultStaticSecret"`
	// For secret-provider-class and vault-agent: the role of Vault's Kubernetes auth
	// that the workload logs in with.
	WorkloadRole string `json:"workloadRole"`
	// For secret-provider-class: Vault's address as the nodes see it.
	NodeVaultAddress string `json:"nodeVaultAddress"`
	// What becomes of a Secret that has data and no reference.
	PlainSecrets string `json:"plainSecrets" enum:"deny,seal,pass"`
	// Whether injections that point at Vault never ask it anything, so that the
	// output depends on the repository alone.
	HydratorSafe bool `json:"hydratorSafe"`
	// Whether workloads stay as they are when a Secret that they use changes.
	NoChecksums bool `json:"noChecksums"`
}

// SealedSecret says for which sealed-secrets controller to seal.
type SealedSecret struct {
	// A PEM file with the controller's certificate.
	CertificateFile string `json:"certificateFile"`
	// The certificate's SHA-256 fingerprint in hexadecimal.
	Fingerprint string `json:"fingerprint"`
	// A file of mode 0400 with 32 random bytes, the same for all replicas.
	SaltFile string `json:"saltFile"`
	// Where a sealed value can be unsealed.
	Scope string `json:"scope" enum:"strict,namespace-wide,cluster-wide"`
}

// ExternalSecret says which store the External Secrets Operator reads from.
type ExternalSecret struct {
	// The name of the store for Vault. It may be left out where bindings name other
	// stores, and Vault is asked by another injection or not at all.
	Store string `json:"store"`
	// The store's kind.
	Kind string `json:"kind" enum:"SecretStore,ClusterSecretStore"`
	// How often the operator reads anew; an hour where it is 0.
	RefreshInterval Duration `json:"refreshInterval" range:"0s..720h"`
}

// VaultStaticSecret says how the Vault Secrets Operator logs in.
type VaultStaticSecret struct {
	// The VaultAuth, as name or namespace/name.
	AuthRef string `json:"authRef"`
	// How often the operator reads anew; an hour where it is 0.
	RefreshAfter Duration `json:"refreshAfter" range:"0s..720h"`
}

// Asked tells whether references of the environment are resolved.
func (i Injection) Asked() bool { return i.Default != "" }

// Allows tells whether Secrets may become what an injection makes of them.
func (i Injection) Allows(kind string) bool {
	return i.Default == kind || i.Asked() && slices.Contains(i.Allowed, kind)
}

// Seals tells whether the environment has what sealing needs.
func (i Injection) Seals() bool { return i.SealedSecret.CertificateFile != "" }

// needsStore tells whether external-secret is of no use without a store for
// Vault: references to other stores bring their own.
func (i Injection) needsStore(c *SealConfig) bool {
	return !c.PointsElsewhere() || c.AsksVault() && i.Default == "external-secret"
}

func (i Injection) check(r *reader, field string, needsStore bool) {
	if !i.Asked() {
		return
	}
	for _, kind := range append([]string{i.Default}, i.Allowed...) {
		missing, fix := "", ""
		switch {
		case kind == "sealed-secret" && (i.SealedSecret.CertificateFile == "" || i.SealedSecret.Fingerprint == "" || i.SealedSecret.SaltFile == ""):
			missing, fix = "sealedSecret", "set certificateFile, fingerprint and saltFile"
		case kind == "external-secret" && i.ExternalSecret.Store == "" && needsStore:
			missing, fix = "externalSecret", "set the store"
		case kind == "vault-static-secret" && i.VaultStaticSecret.AuthRef == "":
			missing, fix = "vaultStaticSecret", "set authRef"
		case (kind == "secret-provider-class" || kind == "vault-agent") && i.WorkloadRole == "":
			missing, fix = "workloadRole", "set the role"
		}
		if missing != "" {
			r.refuse(field+"."+missing, fix, "%s needs more than is set here", kind)
		}
	}
}
