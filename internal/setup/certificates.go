package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
)

// maxPEM bounds a file with certificates in bytes.
const maxPEM = 1 << 20

// noFingerprint stands for one that nobody has given. No certificate has it.
var noFingerprint = strings.Repeat("0", 2*sha256.Size)

// checkAuthority reads the file with Vault's authority.
func checkAuthority(answer string) *fault.Error {
	if answer == None {
		return nil
	}
	_, err := readPEM(answer)
	return err
}

// readPEM reads a file's certificates and writes them anew, without the text
// around them: what it returns is published. A file with anything else in it, such
// as a key, is refused.
func readPEM(file string) ([]byte, *fault.Error) {
	rest, err := bounded.ReadFile(file, maxPEM)
	if err != nil {
		return nil, fault.New(fault.Path, "the file cannot be read, or is larger than %d bytes", maxPEM).In(file, 0).WithFix("name a PEM file with a certificate, or none")
	}
	var certificates []byte
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fault.New(fault.Parameter, "the file holds a %s, and is to be published", fault.Clean(block.Type, 80)).In(file, 0).
				WithFix("name a PEM file with nothing but certificates")
		}
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if certificates == nil {
		return nil, fault.New(fault.Parameter, "there is no PEM certificate").In(file, 0).WithFix("name a PEM file with a certificate, or none")
	}
	return certificates, nil
}

// certificate is what an environment seals with. Its content is empty where
// nobody has named a file.
type certificate struct {
	content     []byte
	fingerprint string
}

// certificatesOf reads the answer to which certificate each environment has.
func certificatesOf(answer string, environments []string) (map[string]certificate, error) {
	found := map[string]certificate{}
	for _, environment := range environments {
		found[environment] = certificate{fingerprint: noFingerprint}
	}
	if answer == None {
		return found, nil
	}
	var faults fault.List
	for _, part := range split(answer) {
		names, file := environments, part
		if name, rest, ok := strings.Cut(part, "="); ok {
			names, file = []string{name}, rest
		}
		one, err := readCertificate(file, time.Now())
		if err != nil {
			faults = append(faults, err)
		}
		for _, name := range names {
			if !slices.Contains(environments, name) {
				faults = append(faults, fault.New(fault.Parameter, "--certificate names the environment %q", fault.Clean(name, 80)).
					WithFix("use one of: %s", strings.Join(environments, ", ")))
			}
			found[name] = one
		}
	}
	return found, faults.OrNil()
}

// checkCertificates reads the files. Whether the environments before them are
// there is told once those are known.
func checkCertificates(answer string) *fault.Error {
	if answer == None {
		return nil
	}
	for _, part := range split(answer) {
		_, file, named := strings.Cut(part, "=")
		if !named {
			file = part
		}
		if _, err := readCertificate(file, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// readCertificate reads one that can seal, and takes its fingerprint.
func readCertificate(file string, now time.Time) (certificate, *fault.Error) {
	content, wrong := readPEM(file)
	if wrong != nil {
		return certificate{}, wrong
	}
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	fingerprint := hex.EncodeToString(sum[:])
	parsed, err := seal.ParseCertificate(content, fingerprint)
	if err != nil {
		return certificate{}, fault.Of(err)[0].In(file, 0)
	}
	if now.After(parsed.NotAfter) {
		return certificate{}, fault.New(fault.Seal, "the certificate expired on %s", parsed.NotAfter.UTC().Format(time.DateOnly)).In(file, 0).
			WithFix("fetch the cluster's present one with kubeseal --fetch-cert")
	}
	return certificate{content: content, fingerprint: fingerprint}, nil
}
