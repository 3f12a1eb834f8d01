package attest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The types of predicates that hold a bill of materials, without their version.
const (
	spdxDocument = "https://spdx.dev/Document"
	cycloneDX    = "https://cyclonedx.org/bom"
)

// The formats of bills of materials, as rules name them.
const (
	SPDX      = "spdx"
	CycloneDX = "cyclonedx"
)

const maxComponents = 200_000

// SBOM says what an image is made of.
type SBOM struct {
	PredicateType string `json:"predicateType"`
	// Format is spdx or cyclonedx, and Version that of the format, such as 2.3.
	Format  string `json:"format"`
	Version string `json:"version"`
	// Components is how many packages it lists: those of SPDX, the components of the
	// first level of CycloneDX.
	Components int    `json:"components"`
	Signer     string `json:"signer"`
}

func readSBOM(from *fields, statement document) func(*Facts) {
	read := SBOM{PredicateType: statement.kind, Signer: statement.signer}
	content := statement.predicate
	if text, ok := content.(string); ok {
		// cosign attest --type spdx keeps the file as one text.
		if !strings.HasPrefix(strings.TrimSpace(text), "{") {
			read.tagged(text)
			return read.done(from)
		}
		decoded, err := decode([]byte(text))
		if err != nil {
			from.fail(err)
			return nil
		}
		content = decoded
	}
	object := from.asObject(content, "predicate")
	switch {
	case of(statement.kind, cycloneDX) && from.text(object, "bomFormat") == "CycloneDX":
		read.Format, read.Version = CycloneDX, from.text(object, "specVersion")
		read.Components = len(from.objects(object, "components", maxComponents))
	case of(statement.kind, spdxDocument) && object["@graph"] != nil:
		read.graph(from, object)
	case of(statement.kind, spdxDocument):
		read.Format, read.Version = SPDX, strings.TrimPrefix(from.text(object, "spdxVersion"), "SPDX-")
		read.Components = len(from.objects(object, "packages", maxComponents))
	}
	return read.done(from)
}

var version = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){1,3}$`)

// done checks that it is really such a document, with something in it.
func (s *SBOM) done(from *fields) func(*Facts) {
	switch {
	case !version.MatchString(s.Version):
		from.fail(malformed("what is attested as an SBOM is no %s document", map[bool]string{true: "CycloneDX", false: "SPDX"}[of(s.PredicateType, cycloneDX)]))
	case s.Components == 0:
		from.fail(malformed("the SBOM lists no components"))
	case s.Components > maxComponents:
		from.fail(excess("the SBOM lists more than %d components", maxComponents))
	}
	read := *s
	return func(f *Facts) { f.SBOMs = append(f.SBOMs, read) }
}

// graph reads SPDX 3, a list of elements of all kinds.
func (s *SBOM) graph(from *fields, object map[string]any) {
	s.Format = SPDX
	for _, element := range from.objects(object, "@graph", maxComponents) {
		switch kind, _ := element["type"].(string); kind {
		case "CreationInfo":
			s.Version = from.text(element, "specVersion")
		case "software_Package":
			s.Components++
		}
	}
}

// tagged reads SPDX's form of lines with tags.
func (s *SBOM) tagged(text string) {
	if of(s.PredicateType, cycloneDX) {
		return
	}
	s.Format = SPDX
	for line := range strings.Lines(text) {
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "SPDXVersion":
			s.Version = strings.TrimPrefix(strings.TrimSpace(value), "SPDX-")
		case "PackageName":
			s.Components++
		}
	}
}

// format gives an SBOM's format in words.
func (s SBOM) format() string {
	return fault.Clean(map[string]string{SPDX: "SPDX", CycloneDX: "CycloneDX"}[s.Format]+" "+s.Version, 40)
}

// is tells whether the rule's formats have that of the SBOM.
func (s SBOM) is(formats []string) bool {
	return len(formats) == 0 || slices.Contains(formats, s.Format)
}
