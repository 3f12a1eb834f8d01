package attest

import (
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// openVEX is the type of predicates that say which vulnerabilities matter, and
// the context of such documents.
const openVEX = "https://openvex.dev/ns"

const (
	maxExceptions    = 5_000
	maxProducts      = 200
	maxSubcomponents = 1_000
	maxAliases       = 50
)

// The statuses of OpenVEX.
const (
	notAffected        = "not_affected"
	affected           = "affected"
	fixed              = "fixed"
	underInvestigation = "under_investigation"
)

// justifications are those that OpenVEX knows for not_affected.
var justifications = []string{
	"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
}

// Exception is one statement of an OpenVEX document. Despite its name it may
// also say that the vulnerability does affect the product: such a statement
// ends an older exception.
type Exception struct {
	Vulnerability string   `json:"vulnerability"`
	Aliases       []string `json:"aliases,omitempty"`
	// Status is not_affected, fixed, affected or under_investigation.
	Status string `json:"status"`
	// Justification is OpenVEX's label, and Impact the author's own words.
	Justification string `json:"justification,omitempty"`
	Impact        string `json:"impact,omitempty"`
	// Products are the ids of the products that it speaks of, at most 20.
	Products  []string  `json:"products"`
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Signer is empty where the platform's own file says it.
	Signer string `json:"signer,omitempty"`
	// Applies is set by [Rules.Settle]: the rules accept the signer, and it speaks
	// of this image. Of those that apply the newest about a vulnerability decides.
	Applies bool `json:"applies"`

	products []product
	// subjects are the names that the signed statement gives the image.
	subjects []string
}

// excepts tells whether the status takes a vulnerability out.
func (e *Exception) excepts() bool { return e.Status == notAffected || e.Status == fixed }

// ReadVEX reads the platform's own OpenVEX document, which
// [VulnerabilityRule.Exceptions] takes. It gives E_IMAGE_ATTESTATION for what is
// not valid and E_LIMIT for what is too large.
func ReadVEX(file []byte) ([]Exception, error) {
	decoded, err := decode(file)
	if err != nil {
		return nil, err
	}
	from := &fields{}
	found := vexOf(from, decoded, document{})
	if from.err != nil {
		return nil, from.err
	}
	return found, nil
}

func readVEX(from *fields, statement document) func(*Facts) {
	found := vexOf(from, from.asObject(statement.predicate, "predicate"), statement)
	return func(f *Facts) {
		if len(f.VEX)+len(found) > maxExceptions {
			f.problem(RuleVulnerabilities, statement.signer, excess("the image has more than %d VEX statements", maxExceptions))
			return
		}
		f.VEX = append(f.VEX, found...)
	}
}

// vexOf reads a document. One bad statement spoils the whole of it: a reader
// that leaves out an "affected" would let an older exception stand.
func vexOf(from *fields, vex map[string]any, signed document) []Exception {
	if context := from.text(vex, "@context"); !of(context, openVEX) {
		from.fail(malformed("%q is not the context of an OpenVEX document", fault.Clean(context, 80)))
		return nil
	}
	issued := from.time(vex, "timestamp")
	found := []Exception{}
	for _, entry := range from.objects(vex, "statements", maxExceptions) {
		found = append(found, exceptionOf(from, entry, issued, signed))
		if from.err != nil {
			return nil
		}
	}
	return found
}

func exceptionOf(from *fields, entry map[string]any, issued time.Time, signed document) Exception {
	found := Exception{
		Status: from.text(entry, "status"), Justification: from.text(entry, "justification"),
		Impact: fault.Clean(from.text(entry, "impact_statement"), maxShown), Timestamp: from.time(entry, "timestamp"),
		Signer: signed.signer, subjects: signed.subjects, Products: []string{},
	}
	found.vulnerability(from, entry["vulnerability"])
	if found.Timestamp.IsZero() {
		found.Timestamp = issued
	}
	if updated := from.time(entry, "last_updated"); updated.After(found.Timestamp) {
		found.Timestamp = updated
	}
	found.products = productsOf(from, entry)
	for _, one := range found.products[:min(20, len(found.products))] {
		found.Products = append(found.Products, fault.Clean(one.String(), maxShown))
	}
	if err := found.check(); err != nil {
		from.fail(err)
	}
	return found
}

// vulnerability reads the id: an object, or a text in the first version.
func (e *Exception) vulnerability(from *fields, value any) {
	if text, ok := value.(string); ok {
		e.Vulnerability = from.asText(text, "vulnerability")
		return
	}
	object := from.asObject(value, "vulnerability")
	e.Aliases = from.texts(object, "aliases", maxAliases)
	id := from.text(object, "@id")
	if e.Vulnerability = from.text(object, "name"); e.Vulnerability == "" {
		e.Vulnerability = id
	} else if id != "" && id != e.Vulnerability {
		e.Aliases = append(e.Aliases, id)
	}
}

// check holds a statement against what OpenVEX asks of its status.
func (e *Exception) check() *fault.Error {
	id := fault.Clean(e.Vulnerability, 80)
	switch {
	case id == "":
		return malformed("a VEX statement names no vulnerability")
	case !slices.Contains([]string{notAffected, affected, fixed, underInvestigation}, e.Status):
		return malformed("the VEX statement about %s has the unknown status %q", id, fault.Clean(e.Status, 40))
	case e.Timestamp.IsZero():
		return malformed("the VEX statement about %s has no timestamp", id)
	case e.Justification != "" && !slices.Contains(justifications, e.Justification):
		return malformed("the VEX statement about %s has the unknown justification %q", id, fault.Clean(e.Justification, 60))
	case e.Status == notAffected && e.Justification == "" && strings.TrimSpace(e.Impact) == "":
		return malformed("the VEX statement about %s says not_affected without justification or impact", id)
	}
	return nil
}
