package reference

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/util/jsonpath"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

const (
	// maxIndent bounds indent, so that a short value cannot grow without measure.
	maxIndent = 64
	// maxResult is the largest result of a modifier in bytes.
	maxResult = 8 << 20
)

// modify is one modifier at work. It returns false where the value does not
// have the form that the modifier needs; it never says more, since what
// libraries say of a value quotes it.
type modify func(input value.Value, args string) (value.Value, bool)

// modifiers are those of argocd-vault-plugin (pkg/kube/modifiers.go in its
// v1.18.1). docs/references.md lists where results differ, always because the
// original loses data.
var modifiers = map[string]struct {
	apply   modify
	hasArgs bool
}{
	"base64encode": {base64encode, false},
	"base64decode": {base64decode, false},
	"jsonPath":     {jsonPath, true},
	"jsonParse":    {jsonParse, false},
	"yamlParse":    {yamlParse, false},
	"indent":       {indent, true},
	"sha256sum":    {sha256sum, false},
}

// check refuses what can be refused without a value: an unknown name, wrong
// arguments, a JSONPath that does not parse.
func (m Modifier) check() *fault.Error {
	known, ok := modifiers[m.Name]
	if !ok {
		return fault.New(fault.Modifier, "%s is not a modifier", quote(m.Name)).
			Like(m.Name, slices.Sorted(maps.Keys(modifiers))).
			WithFix("use one of base64encode, base64decode, jsonPath, jsonParse, yamlParse, indent, sha256sum")
	}
	if known.hasArgs != (m.Args != "") {
		return fault.New(fault.Modifier, "the modifier %s has the wrong arguments", m.Name).
			WithFix("write | indent 4, | jsonPath {.name}, or the other modifiers without arguments")
	}
	if m.Name == "indent" {
		if level, err := strconv.ParseUint(m.Args, 10, 16); err != nil || level > maxIndent {
			return fault.New(fault.Modifier, "%s is not a depth for indent", quote(m.Args)).
				WithFix("write a number from 0 to %d", maxIndent)
		}
	}
	if m.Name == "jsonPath" && jsonpath.New("").Parse(m.Args) != nil {
		return fault.New(fault.Modifier, "%s is not a JSONPath", quote(m.Args)).
			WithFix("write it as kubectl takes it, such as {.name}")
	}
	return nil
}

// Modify runs a chain of modifiers over a value.
func Modify(input value.Value, chain []Modifier) (value.Value, error) {
	for _, modifier := range chain {
		output, ok := modifier.run(input)
		if !ok {
			return value.Value{}, fault.New(fault.Modifier, "the value does not have the form that %s needs", modifier.Name).
				WithFix("look at the value in Vault; the message does not show it")
		}
		if output.Len() > maxResult {
			return value.Value{}, fault.New(fault.Limit, "the result of %s is larger than %d bytes", modifier.Name, maxResult).
				WithFix("use a smaller value")
		}
		input = output
	}
	return input, nil
}

// run fences the parsers: a panic of theirs may carry a part of the value.
func (m Modifier) run(input value.Value) (output value.Value, ok bool) {
	defer func() {
		if recover() != nil {
			output, ok = value.Value{}, false
		}
	}()
	return modifiers[m.Name].apply(input, m.Args)
}

func base64encode(input value.Value, _ string) (value.Value, bool) {
	return value.New(base64.StdEncoding.AppendEncode(nil, input.Reveal())), input.Scalar()
}

// base64decode fails on what is not base64; the original passes on the part
// before the fault.
func base64decode(input value.Value, _ string) (value.Value, bool) {
	decoded, err := base64.StdEncoding.AppendDecode(nil, input.Reveal())
	return value.New(decoded), err == nil && input.Scalar()
}

func sha256sum(input value.Value, _ string) (value.Value, bool) {
	sum := sha256.Sum256(input.Reveal())
	return value.FromString(hex.EncodeToString(sum[:])), input.Scalar()
}

// indent puts spaces before every line but the first. Empty lines stay, and a
// line keeps its own depth; the original drops the former and flattens the
// latter.
func indent(input value.Value, args string) (value.Value, bool) {
	level, err := strconv.Atoi(args)
	if err != nil || !input.Scalar() {
		return value.Value{}, false
	}
	margin := bytes.Repeat([]byte(" "), level)
	lines := bytes.Split(input.Reveal(), []byte("\n"))
	for i := range lines {
		if i > 0 && len(lines[i]) > 0 {
			lines[i] = append(bytes.Clone(margin), lines[i]...)
		}
	}
	return value.New(bytes.Join(lines, []byte("\n"))), true
}

// jsonParse gives a text the kind that its JSON has. Numbers stay exact; the
// original turns them into floats.
func jsonParse(input value.Value, _ string) (value.Value, bool) {
	if !input.Scalar() {
		return value.Value{}, false
	}
	parsed, err := value.FromJSON(input.Reveal())
	return parsed, err == nil
}

// yamlParse reads YAML as the rest of the program does. A number that would
// not stay what it is fails; the original turns it into a float.
func yamlParse(input value.Value, _ string) (value.Value, bool) {
	if !input.Scalar() {
		return value.Value{}, false
	}
	document, err := object.DecodeValue(input.Reveal())
	if err != nil {
		return value.Value{}, false
	}
	converted, err := json.Marshal(document)
	if err != nil {
		return value.Value{}, false
	}
	parsed, err := value.FromJSON(converted)
	return parsed, err == nil
}

// jsonPath evaluates kubectl's JSONPath over an object, a list, or a text that
// is JSON.
func jsonPath(input value.Value, args string) (value.Value, bool) {
	decoder := json.NewDecoder(bytes.NewReader(input.Reveal()))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil || decoder.More() {
		return value.Value{}, false
	}
	path := jsonpath.New("").AllowMissingKeys(false)
	if path.Parse(strings.TrimSpace(args)) != nil {
		return value.Value{}, false
	}
	var out bytes.Buffer
	if path.Execute(&out, exact(document)) != nil {
		return value.Value{}, false
	}
	return value.New(out.Bytes()), true
}

// exact turns whole numbers into int64, which JSONPath's filters can compare.
// Other numbers keep their text, as printing a float would change them.
func exact(node any) any {
	switch node := node.(type) {
	case json.Number:
		if whole, err := strconv.ParseInt(node.String(), 10, 64); err == nil && strconv.FormatInt(whole, 10) == node.String() {
			return whole
		}
	case map[string]any:
		for key, child := range node {
			node[key] = exact(child)
		}
	case []any:
		for i, child := range node {
			node[i] = exact(child)
		}
	}
	return node
}
