// Package setup writes a first plugin.yaml, with what installs the sidecar and a
// first policy, from the answers to a few questions.
//
// Everything is made and checked in memory first. Nothing is overwritten, and
// where something cannot be written, what was written before it is taken away.
package setup

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
)

// None is the answer that leaves a part out.
const None = "none"

// Answers are what init asks for, as text. [Questions] says what each means.
type Answers struct {
	Team, Environments, RepoURL          string
	VaultAddress, VaultCA, Method, Role  string
	Mount, Certificates, Level, ImageRef string
}

// Question is one thing that init asks.
type Question struct {
	// Flag is its name on the command line.
	Flag string
	// Text is how a person is asked, and Usage what the flag's help says.
	Text, Usage string
	// Default is the answer of who gives none; {team} stands for the team.
	Default string
	// Check refuses an answer.
	Check func(answer string) *fault.Error
	// Needless tells that earlier answers make it pointless.
	Needless func(Answers) bool
	// Into is where the answer goes.
	Into func(*Answers) *string
}

var (
	label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	role  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)
	image = regexp.MustCompile(`^[a-z0-9][A-Za-z0-9._:/@-]{0,250}$`)
)

// The auth methods that init knows how to install.
const (
	methodKubernetes = "kubernetes"
	methodJWT        = "jwt"
)

var methods = []string{methodKubernetes, methodJWT, "approle", "userpass", "token"}

// maxEnvironments is how many environments may be asked for.
const maxEnvironments = 10

// Questions lists what is asked, in order.
func Questions() []Question {
	withoutVault := func(a Answers) bool { return a.VaultAddress == None }
	return []Question{
		{Flag: "team", Text: "Team or product", Usage: "team or product; its AppProjects and namespaces are called TEAM-ENVIRONMENT", Default: "shop",
			Check: checkLabel, Into: func(a *Answers) *string { return &a.Team }},
		{Flag: "environments", Text: "Environments, the strictest first", Usage: "environments, with commas between them", Default: "production,staging,dev",
			Check: checkEnvironments, Into: func(a *Answers) *string { return &a.Environments }},
		{Flag: "repo-url", Text: "Repositories of the team, as a pattern", Usage: "repositories of the team, as a pattern", Default: "https://git.example.com/{team}/*",
			Check: checkRepoURL, Into: func(a *Answers) *string { return &a.RepoURL }},
		{Flag: "level", Text: "Level of the built-in policies for the first environment", Usage: "level of the built-in policies for the first environment; the others have the level below", Default: string(builtin.Production),
			Check: checkLevel, Into: func(a *Answers) *string { return &a.Level }},
		{Flag: "vault-address", Text: "Vault's address, or none to begin without it", Usage: "Vault's address, or none to begin without it", Default: "https://vault.vault.svc:8200",
			Check: checkAddress, Into: func(a *Answers) *string { return &a.VaultAddress }},
		{Flag: "vault-ca", Text: "PEM file with the authority of Vault's certificate, or none", Usage: "PEM file with the authority of Vault's certificate, or none for the system's", Default: None,
			Check: checkAuthority, Needless: withoutVault, Into: func(a *Answers) *string { return &a.VaultCA }},
		{Flag: "auth-method", Text: "Vault's auth method: " + strings.Join(methods, ", "), Usage: "Vault's auth method: " + strings.Join(methods, ", "), Default: methodKubernetes,
			Check: checkMethod, Needless: withoutVault, Into: func(a *Answers) *string { return &a.Method }},
		{Flag: "vault-role", Text: "Role in Vault; -ENVIRONMENT is added", Usage: "role, role id or user in Vault; -ENVIRONMENT is added", Default: "argocd-seal",
			Check: checkRole, Needless: withoutVault, Into: func(a *Answers) *string { return &a.Role }},
		{Flag: "mount", Text: "Mount of the KV engine", Usage: "mount of the KV engine; secrets are below MOUNT/ENVIRONMENT/TEAM", Default: "kv",
			Check: checkMount, Needless: withoutVault, Into: func(a *Answers) *string { return &a.Mount }},
		{Flag: "certificate", Text: "Certificate of sealed-secrets: FILE, or ENVIRONMENT=FILE with commas, or none", Usage: "certificate of sealed-secrets as kubeseal --fetch-cert prints it: FILE, or ENVIRONMENT=FILE with commas, or none", Default: None,
			Check: checkCertificates, Needless: withoutVault, Into: func(a *Answers) *string { return &a.Certificates }},
		{Flag: "image", Text: "Image of the sidecar", Usage: "image of the sidecar", Default: "registry.example.com/argocd-seal:dev",
			Check: checkImage, Into: func(a *Answers) *string { return &a.ImageRef }},
	}
}

// suggestion is the default, given the answers so far.
func (q Question) suggestion(answers Answers) string {
	return strings.ReplaceAll(q.Default, "{team}", answers.Team)
}

// wrong is the fault of an answer.
func wrong(answer, fix string) *fault.Error {
	return fault.New(fault.Parameter, "%q is no answer here", fault.Clean(answer, 120)).WithFix("%s", fix)
}

func checkLabel(answer string) *fault.Error {
	if label.MatchString(answer) {
		return nil
	}
	return wrong(answer, "use small letters, digits and dashes, at most 40")
}

func checkEnvironments(answer string) *fault.Error {
	names := split(answer)
	sorted := slices.Sorted(slices.Values(names))
	if len(names) == 0 || len(names) > maxEnvironments || len(slices.Compact(sorted)) != len(names) || slices.ContainsFunc(names, func(name string) bool { return !label.MatchString(name) }) {
		return wrong(answer, "write up to 10 different names with commas between them, such as production,staging")
	}
	if slices.Contains(names, authorityName) {
		return fault.New(fault.Parameter, "an environment cannot be called %s: certificates/%s.crt is of Vault's authority", authorityName, authorityName).
			WithFix("call the environment otherwise")
	}
	return nil
}

func checkRepoURL(answer string) *fault.Error {
	if _, err := pattern.CompileURL(answer); err != nil {
		return err
	}
	if answer == "" || !strings.Contains(answer, "/") {
		return wrong(answer, "write it as https://host/group/*")
	}
	return nil
}

func checkLevel(answer string) *fault.Error {
	if slices.Contains(builtin.Levels(), builtin.Level(answer)) {
		return nil
	}
	return fault.Of(builtin.UnknownLevel(builtin.Level(fault.Clean(answer, 80))))[0]
}

func checkAddress(answer string) *fault.Error {
	address, err := url.Parse(answer)
	if answer == None || err == nil && address.Scheme == "https" && address.Host != "" && address.User == nil && address.RawQuery == "" && address.Fragment == "" {
		return nil
	}
	return wrong(answer, "write it as https://host:port, or none")
}

func checkMethod(answer string) *fault.Error {
	if slices.Contains(methods, answer) {
		return nil
	}
	return wrong(answer, "use one of: "+strings.Join(methods, ", "))
}

func checkRole(answer string) *fault.Error {
	if role.MatchString(answer) {
		return nil
	}
	return wrong(answer, "use letters, digits, dots and dashes")
}

func checkMount(answer string) *fault.Error {
	if answer != "" && path.Clean("/"+answer) == "/"+answer && !strings.ContainsAny(answer, "*{}?# \\\"") {
		return nil
	}
	return wrong(answer, "write it as vault secrets list shows it, without the slash at its end")
}

func checkImage(answer string) *fault.Error {
	if image.MatchString(answer) {
		return nil
	}
	return wrong(answer, "write it as registry/name:tag, or with @sha256:digest")
}

// split cuts a list at its commas.
func split(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
