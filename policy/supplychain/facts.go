package supplychain

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// Facts are what policies in Rego find at input.images[i]: the image's name, what
// was verified of it, and what was attested. Lists are empty where nothing was
// verified; nothing in them is unverified.
func (one *Verified) Facts() ast.Value {
	name := one.Name
	facts := ast.NewObject(
		pair("image", one.Text), pair("field", one.Field), pair("registry", name.Registry), pair("repository", name.Repository),
		pair("tag", name.Tag), pair("digest", name.Digest), pair("rule", one.Rule),
	)
	for _, key := range attested {
		facts.Insert(ast.StringTerm(key), ast.ArrayTerm())
	}
	if one.evidence.facts != nil {
		one.evidence.facts.Foreach(func(key, value *ast.Term) { facts.Insert(key, value) })
	}
	return facts
}

// attested are the lists of every image's facts.
var attested = []string{"signatures", "provenance", "reports", "vex", "sboms"}

func pair(key, text string) [2]*ast.Term { return ast.Item(ast.StringTerm(key), ast.StringTerm(text)) }

// prepare makes the facts of evidence once, for all who will ask for the image.
// In those that are settled, reports name what exceptions leave.
func (e *evidence) prepare(settled attest.Facts) error {
	signatures := e.signatures
	if signatures == nil {
		signatures = []Signature{}
	}
	value, err := ast.InterfaceToValue(settled)
	if err != nil {
		return err
	}
	list, err := ast.InterfaceToValue(signatures)
	if err != nil {
		return err
	}
	e.facts = value.(ast.Object)
	e.facts.Insert(ast.StringTerm("signatures"), ast.NewTerm(list))
	return nil
}
