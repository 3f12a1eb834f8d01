package setup

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"github.com/argocd-seal/argocd-seal-plugin/examples"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
)

//go:embed templates
var templates embed.FS

// The files that are made from templates, by the name of the template, and those
// that are copied from the example installation.
var (
	made = []struct{ template, path string }{
		{"plugin.yaml.tmpl", "plugin.yaml"},
		{"kustomization.yaml.tmpl", "kustomization.yaml"},
		{"install.yaml.tmpl", "install/kustomization.yaml"},
		{"policies.yaml", "install/policies.yaml"},
		{"README.md.tmpl", "README.md"},
		{"owner.rego", "policies/owner.rego"},
		{"owner_test.rego", "policies/owner_test.rego"},
	}
	copied = map[string]string{
		"argo-cd.yaml":                    "argo-cd.yaml",
		"sidecar/repo-server.yaml":        "install/repo-server.yaml",
		"sidecar/service-account.yaml":    "install/service-account.yaml",
		"sidecar/command-parameters.yaml": "install/command-parameters.yaml",
	}
)

// environment is what templates know of an environment.
type environment struct {
	Name, Level, Fingerprint, Role string
	// First marks the strictest, and From the one whose images it ships.
	First bool
}

// plan is what templates know.
type plan struct {
	Answers
	Environments     []environment
	Vault            bool
	VaultCA          bool
	CredentialFiles  bool
	Certificates     []string
	Missing          []string
	ImageName        string
	ImageTag, Digest string
}

// Files makes all files from the answers, sorted by path, and holds plugin.yaml
// against the rules for it.
func Files(answers Answers) ([]File, error) {
	names := split(answers.Environments)
	certificates := map[string]certificate{}
	if answers.VaultAddress != None {
		var err error
		if certificates, err = certificatesOf(answers.Certificates, names); err != nil {
			return nil, err
		}
	}
	p := newPlan(answers, names, certificates)
	var files []File
	for _, one := range made {
		content, err := fill(one.template, p)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: one.path, Content: content})
	}
	if p.CredentialFiles {
		content, err := fill("vault.yaml.tmpl", p)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: "install/vault.yaml", Content: content})
	}
	for from, to := range copied {
		content, err := fs.ReadFile(examples.Install, "install/"+from)
		if err != nil {
			return nil, fault.New(fault.Internal, "the file %s is not in the program", from)
		}
		files = append(files, File{Path: to, Content: content})
	}
	more, err := pems(answers, certificates)
	if err != nil {
		return nil, err
	}
	files = append(files, more...)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, check(files)
}

// authorityName is the name of the file with Vault's authority, among those that
// have the names of environments.
const authorityName = "vault-ca"

// pems are the files with certificates: they are public.
func pems(answers Answers, certificates map[string]certificate) ([]File, error) {
	var files []File
	for name, one := range certificates {
		if len(one.content) > 0 {
			files = append(files, File{Path: "certificates/" + name + ".crt", Content: one.content})
		}
	}
	if answers.VaultAddress != None && answers.VaultCA != None {
		content, err := readPEM(answers.VaultCA)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: "certificates/" + authorityName + ".crt", Content: content})
	}
	return files, nil
}

func newPlan(answers Answers, names []string, certificates map[string]certificate) plan {
	p := plan{Answers: answers, Vault: answers.VaultAddress != None}
	p.VaultCA = p.Vault && answers.VaultCA != None
	p.CredentialFiles = p.Vault && answers.Method != methodKubernetes && answers.Method != methodJWT
	levels := builtin.Levels()
	first := slices.Index(levels, builtin.Level(answers.Level))
	for i, name := range names {
		one := environment{Name: name, First: i == 0, Role: answers.Role + "-" + name, Level: string(levels[max(first-min(i, 1), 0)])}
		one.Fingerprint = certificates[name].fingerprint
		p.Environments = append(p.Environments, one)
		if len(certificates[name].content) > 0 {
			p.Certificates = append(p.Certificates, name+".crt")
		} else if p.Vault {
			p.Missing = append(p.Missing, name)
		}
	}
	if p.VaultCA {
		p.Certificates = append(p.Certificates, authorityName+".crt")
	}
	p.ImageName = answers.ImageRef
	if name, digest, ok := strings.Cut(answers.ImageRef, "@"); ok {
		p.ImageName, p.Digest = name, digest
	} else if at := strings.LastIndexByte(answers.ImageRef, ':'); at > strings.LastIndexByte(answers.ImageRef, '/') {
		p.ImageName, p.ImageTag = answers.ImageRef[:at], answers.ImageRef[at+1:]
	}
	return p
}

// fill makes a file of a template. What does not end with .tmpl is taken as it
// stands.
func fill(name string, p plan) ([]byte, error) {
	text, err := fs.ReadFile(templates, "templates/"+name)
	if err != nil {
		return nil, fault.New(fault.Internal, "the template %s is not in the program", name)
	}
	if !strings.HasSuffix(name, ".tmpl") {
		return text, nil
	}
	// A string of JSON is one of YAML, whatever stands in it.
	quote := func(text string) (string, error) {
		quoted, err := json.Marshal(text)
		return string(quoted), err
	}
	parsed, err := template.New(name).Funcs(template.FuncMap{"q": quote}).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fault.New(fault.Internal, "the template %s does not parse", name)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, p); err != nil {
		return nil, fault.New(fault.Internal, "the template %s cannot be filled", name)
	}
	return out.Bytes(), nil
}

// check reads plugin.yaml as the sidecar does: what init writes must load.
func check(files []File) error {
	for _, file := range files {
		if file.Path == "plugin.yaml" {
			_, err := config.Parse(file.Path, file.Content)
			return err
		}
	}
	return fault.New(fault.Internal, "plugin.yaml was not made")
}
