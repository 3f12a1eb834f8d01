package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// Images is the section images: where images may come from and whose signatures
// count. What is demanded of them is for each environment to say.
type Images struct {
	// The registries that may be asked; no other host is.
	Registries []ImageRegistry `json:"registries"`
	// Whose signatures count, by the names that rules have.
	Signers []ImageSigner `json:"signers"`
	// Where images stand in objects of other kinds, outside of containers.
	Fields []ImageField `json:"fields"`
	// Most time for what is asked about one image.
	Timeout Duration `json:"timeout" range:"100ms..2m"`
	// How long what was verified counts without asking again.
	Fresh Duration `json:"fresh" range:"0s..24h"`
	// How long it may count while the registry cannot be asked, for rules that say
	// onUnavailable: cached.
	Keep Duration `json:"keep" range:"0s..720h"`
	// What one image may have attached.
	Limits ImageLimits `json:"limits"`
}

// ImageLimits bounds what is read about one image.
type ImageLimits struct {
	// Most signatures, attestations or bundles of one image.
	Attachments int `json:"attachments" range:"1..1000"`
	// Most bytes of each.
	Size Size `json:"size" range:"64Ki..64Mi"`
}

// ImageRegistry is a registry that may be asked.
type ImageRegistry struct {
	// The registry as images name it, host or host:port; docker.io for Docker Hub.
	Host string `json:"host" jsonschema:"required"`
	// Further hosts that it may send us to: for its storage and for its tokens. The
	// login is given to those that ask for it, so name none of anybody else.
	Also []string `json:"also"`
	// A file with credentials, in the form of a Secret of the type
	// kubernetes.io/dockerconfigjson. It is read at each login.
	PullSecretFile string `json:"pullSecretFile"`
	// Instead of pullSecretFile: a secret of Vault with the keys username and
	// password.
	Vault ImageVault `json:"vault"`
	// A PEM file with the authorities that sign the registry's certificate; empty
	// means the system's.
	CAFile string `json:"caFile"`
}

// ImageVault is something of Vault that the platform itself reads.
type ImageVault struct {
	// The login, by its name in vault.roles.
	Role string `json:"role"`
	// The path, as mount/path.
	Path string `json:"path"`
}

// ImageSigner is somebody whose signatures count. One of keyFiles, transit,
// identities and notation is set.
type ImageSigner struct {
	// What rules call the signer.
	Name string `json:"name" jsonschema:"required"`
	// PEM files with public keys, as cosign public-key writes them. A signature by
	// any of them counts.
	KeyFiles []string `json:"keyFiles"`
	// A key of Vault's transit engine, as mount/name. All versions that Vault would
	// verify with count.
	Transit ImageVault `json:"transit"`
	// Who certificates of Fulcio were given to, for signatures without keys.
	Identities []ImageIdentity `json:"identities"`
	// The trust root, trusted_root.json as cosign trusted-root create writes it.
	// Signatures must have a proof of the transparency logs that it lists, or, where
	// it lists none, a timestamp of its authorities. Identities need one.
	TrustedRootFile string `json:"trustedRootFile"`
	// Who signs with Notation.
	Notation ImageNotation `json:"notation"`
}

// ImageIdentity is the subject of a certificate and who vouches for it. The
// expressions are of RE2 and must match the whole text.
type ImageIdentity struct {
	// The issuer, such as https://token.actions.githubusercontent.com.
	Issuer string `json:"issuer"`
	// Instead of issuer: an expression for it.
	IssuerRegExp string `json:"issuerRegExp"`
	// The subject: an address, or the URL of a workflow.
	Subject string `json:"subject"`
	// Instead of subject: an expression for it.
	SubjectRegExp string `json:"subjectRegExp"`
}

// ImageNotation is the trust policy of Notation for one signer.
type ImageNotation struct {
	// PEM files with the certificates of authorities, or of signers themselves.
	CertificateFiles []string `json:"certificateFiles"`
	// Which subjects may sign, as x509.subject: C=..., O=...; "*" for all that the
	// certificates vouch for.
	Identities []string `json:"identities"`
	// PEM files with the certificates of timestamp authorities, whose word lets
	// signatures count whose certificate has expired since.
	TimestampFiles []string `json:"timestampFiles"`
}

// ImageField is where objects of one kind name images.
type ImageField struct {
	// The group of the kind's API, such as tekton.dev; empty for the core group.
	Group string `json:"group"`
	// The kind.
	Kind string `json:"kind" jsonschema:"required"`
	// Paths to images, such as spec.image or spec.steps[*].image.
	Paths []string `json:"paths" jsonschema:"required"`
}

func defaultImages() Images {
	return Images{
		Timeout: Duration(registry.DefaultTimeout), Fresh: Duration(time.Hour), Keep: Duration(24 * time.Hour),
		Limits: ImageLimits{Attachments: 100, Size: 8 << 20},
	}
}

// imageFiles names the files that verify images.
func (c *SealConfig) imageFiles() []string {
	var named []string
	for _, registry := range c.Images.Registries {
		named = append(named, registry.CAFile)
	}
	for _, signer := range c.Images.Signers {
		named = slices.Concat(named, signer.KeyFiles, []string{signer.TrustedRootFile}, signer.Notation.CertificateFiles, signer.Notation.TimestampFiles)
	}
	for _, environment := range c.Environments {
		for _, rule := range environment.Images.Rules {
			named = append(named, rule.Vulnerabilities.VEXFiles...)
		}
	}
	return named
}

func (c *SealConfig) checkImages(r *reader) {
	c.Images.check(r, c.Vault.Roles)
	signers := map[string]bool{}
	for _, signer := range c.Images.Signers {
		signers[signer.Name] = true
	}
	for i, environment := range c.Environments {
		environment.Images.check(r, fmt.Sprintf("environments[%d].images", i), signers)
	}
}

func (i Images) check(r *reader, roles []VaultRole) {
	hosts, names := map[string]bool{}, map[string]bool{}
	for n, one := range i.Registries {
		field := fmt.Sprintf("images.registries[%d]", n)
		r.once(hosts, field+".host", one.Host)
		for m, host := range append([]string{one.Host}, one.Also...) {
			if at := field + ".host"; host == "" || strings.ContainsAny(host, "/@? ") {
				if m > 0 {
					at = fmt.Sprintf("%s.also[%d]", field, m-1)
				}
				r.refuse(at, "write host or host:port, without https:// and without a path", "%q is not a host", fault.Clean(host, 100))
			}
		}
		if one.PullSecretFile != "" && one.Vault.Path != "" {
			r.refuse(field+".vault", "set one of the two", "there is a pull secret, and a secret of Vault")
		}
		one.Vault.check(r, field+".vault", roles)
	}
	for n, one := range i.Signers {
		field := fmt.Sprintf("images.signers[%d]", n)
		r.once(names, field+".name", one.Name)
		one.check(r, field)
		one.Transit.check(r, field+".transit", roles)
	}
	for n, one := range i.Fields {
		for m, path := range one.Paths {
			if _, err := image.NewField(one.Group, one.Kind, path); err != nil {
				r.refuse(fmt.Sprintf("images.fields[%d].paths[%d]", n, m), err.Fix, "%s", err.Message)
			}
		}
	}
}

func (s ImageSigner) check(r *reader, field string) {
	ways := 0
	for _, set := range []bool{len(s.KeyFiles) > 0, s.Transit.Path != "", len(s.Identities) > 0, len(s.Notation.CertificateFiles) > 0} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		r.refuse(field, "set one of keyFiles, transit, identities and notation.certificateFiles", "it is not said by what the signer is known")
	}
	if len(s.Identities) > 0 && s.TrustedRootFile == "" {
		r.refuse(field+".trustedRootFile", "name the file that cosign trusted-root create writes", "is missing: nothing says which certificates count")
	}
	if len(s.Notation.CertificateFiles) > 0 && len(s.Notation.Identities) == 0 {
		r.refuse(field+".notation.identities", `write the subjects that may sign, or ["*"]`, "is missing")
	}
	for i, one := range s.Identities {
		at := fmt.Sprintf("%s.identities[%d]", field, i)
		if (one.Issuer == "") == (one.IssuerRegExp == "") {
			r.refuse(at+".issuer", "set issuer or issuerRegExp", "an identity is worth what its issuer is worth")
		}
		if (one.Subject == "") == (one.SubjectRegExp == "") {
			r.refuse(at+".subject", "set subject or subjectRegExp", "the identity needs one subject")
		}
	}
}

func (v ImageVault) check(r *reader, field string, roles []VaultRole) {
	if v.Path == "" && v.Role == "" {
		return
	}
	mount, name, ok := strings.Cut(v.Path, "/")
	if !ok || mount == "" || name == "" {
		r.refuse(field+".path", "write mount/path", "%q is not a path of Vault", fault.Clean(v.Path, 200))
	}
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = role.Name
	}
	if !slices.Contains(names, v.Role) {
		r.unknown(field+".role", v.Role, names, "vault.roles has no %q", v.Role)
	}
}

// patterns refuses what is no pattern.
func patterns(r *reader, field string, texts []string) {
	for i, text := range texts {
		if _, err := pattern.Compile(text); err != nil {
			r.refuse(fmt.Sprintf("%s[%d]", field, i), err.Advice(), "%s", err.Message)
		}
	}
}
