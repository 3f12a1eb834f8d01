package attest

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const fixSBOM = "make an SBOM of the image in the build, and attest it for the digest with a signer that the rule names"

func (b *SBOMRule) judge(f Facts) []Finding {
	var others, formats []string
	for _, one := range f.SBOMs {
		switch {
		case !accepted(one.Signer, b.SignedBy):
			others = append(others, one.Signer)
		case one.is(b.Formats):
			return nil
		default:
			formats = append(formats, one.format())
		}
	}
	if len(formats) > 0 {
		return []Finding{finding(RuleSBOM, fault.ImageAttestation, fixSBOM, "%s", fmt.Sprintf("the SBOM is in the format %s, and %s is asked for", formats[0], strings.Join(b.Formats, " or ")))}
	}
	return []Finding{f.missing(RuleSBOM, "SBOM", fixSBOM, b.SignedBy, others)}
}
