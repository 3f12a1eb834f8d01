package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
)

const (
	// expiryNotice is how long before its end a certificate is spoken of: the
	// sidecar's own log begins at the same time.
	expiryNotice = 30 * 24 * time.Hour
	fetchFix     = "kubeseal --fetch-cert > %s, with a connection to the environment's cluster, then pin the new fingerprint"
)

// checkSealing looks at the certificate and the salt of each environment, and
// seals a known text with both.
func (v *visit) checkSealing(context.Context) []Finding {
	var findings []Finding
	for i, environment := range v.seal.Environments {
		if environment.Injection.Seals() {
			findings = append(findings, sealing(i, environment)...)
		}
	}
	if len(findings) == 0 {
		findings = append(findings, about{area: Sealing, check: "certificate"}.unchecked("", "no environment seals"))
	}
	return findings
}

func sealing(index int, environment config.Environment) []Finding {
	settings := environment.Injection.SealedSecret
	field := fmt.Sprintf("environments[%d].injection.sealedSecret", index)
	onCertificate := about{area: Sealing, check: "certificate"}.of(environment.Name)
	onSalt := about{area: Sealing, check: "salt"}.of(environment.Name)
	var findings []Finding
	certificate, err := seal.ReadCertificate(settings.CertificateFile, settings.Fingerprint)
	if err != nil {
		findings = append(findings, certificateFault(onCertificate, fault.Of(err)[0], settings, field))
	} else {
		findings = append(findings, certificateDates(onCertificate, certificate, settings.CertificateFile, time.Now()))
	}
	salt, wrong := seal.ReadSalt(settings.SaltFile)
	switch {
	case wrong != nil:
		return append(findings, saltFault(onSalt, fault.Of(wrong)[0], settings.SaltFile, field))
	case err != nil:
		return append(findings, onSalt.ok("32 bytes that only the sidecar may read"))
	}
	if _, err := seal.New(certificate, salt, seal.Scope(settings.Scope)); err != nil && !expired(certificate, time.Now()) {
		return append(findings, onSalt.faults(err)...)
	}
	return append(findings, onSalt.ok("32 bytes that only the sidecar may read; the same text seals to the same bytes"))
}

func expired(certificate *seal.Certificate, now time.Time) bool {
	return now.After(certificate.NotAfter) || now.Before(certificate.NotBefore)
}

// certificateFault gives the command where the file is not what is pinned or is
// not there.
func certificateFault(a about, wrong *fault.Error, settings config.SealedSecret, field string) Finding {
	finding := a.fault(wrong)
	switch {
	case missingFile(settings.CertificateFile):
		finding.Fix = fmt.Sprintf(fetchFix, settings.CertificateFile)
	case strings.Contains(wrong.Message, "no RSA key"):
		finding.Fix = "let the controller make a key of 4096 bits, then " + fmt.Sprintf(fetchFix, settings.CertificateFile)
	case strings.Contains(wrong.Message, "is not the pinned one"):
		finding.Fix = fmt.Sprintf("compare: kubeseal --fetch-cert | openssl x509 -noout -fingerprint -sha256; where the cluster's is the file's, set %s.fingerprint to it in plugin.yaml", field)
	}
	return finding
}

func certificateDates(a about, certificate *seal.Certificate, file string, now time.Time) Finding {
	seen := fmt.Sprintf("RSA of %d bits, the pinned fingerprint, good until %s", certificate.Bits, certificate.NotAfter.UTC().Format(time.DateOnly))
	fix := fmt.Sprintf(fetchFix, file)
	left := certificate.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return a.fail(fault.Seal, fix, "it expired on %s, so nothing is sealed", certificate.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(certificate.NotBefore):
		return a.fail(fault.Seal, "correct this clock: compare date -u with another host's", "it is valid only from %s on", certificate.NotBefore.UTC().Format(time.RFC3339))
	case left < expiryNotice:
		return a.warn(fix, "%s: in %s", seen, span(left))
	}
	return a.ok("%s", seen)
}

// saltFault gives the command that mends the file.
func saltFault(a about, wrong *fault.Error, file, field string) Finding {
	finding := a.fault(wrong)
	switch {
	case file == "":
		finding.Fix = "set " + field + ".saltFile"
	case missingFile(file):
		finding.Fix = fmt.Sprintf("mount the salt that the other replicas have; for the very first one: head -c %d /dev/urandom > %s; chmod 0400 %s", seal.SaltBytes, file, file)
	case strings.Contains(wrong.Message, "has mode"):
		finding.Fix = fmt.Sprintf("chmod 0400 %s; in a pod: defaultMode: 0400 and an fsGroup", file)
	}
	return finding
}

func missingFile(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}
