package reference

import (
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	nativePrefix = "<vault:"
	pathPrefix   = "<path:"
)

// Parse reads one pointer, or one reference of the native or the path dialect,
// brackets included. It is what [Find] calls for each one it meets.
func Parse(text string) (*Reference, error) {
	if len(text) > MaxText {
		return nil, fault.New(fault.RefSyntax, "a reference has %d bytes, the limit is %d", len(text), MaxText).
			WithFix("shorten its path, or its modifiers")
	}
	body, closed := strings.CutSuffix(text, ">")
	var ref *Reference
	var err *fault.Error
	store, points := storeOf(text)
	switch {
	case !closed:
		err = shaped(text, fault.New(fault.RefSyntax, "%s has no closing >", quoteOpen(text)).WithFix("end it with >"))
	case points:
		ref, err = parsePointer(store, body[len("<:")+len(store):])
	case strings.HasPrefix(text, nativePrefix):
		ref, err = parseNative(body[len(nativePrefix):])
	case strings.HasPrefix(text, pathPrefix):
		ref, err = parsePath(body[len(pathPrefix):])
	default:
		err = fault.New(fault.RefSyntax, "%s is not a reference", quote(text)).WithFix("write <vault:MOUNT/PATH#KEY>")
	}
	if err != nil {
		return nil, err
	}
	ref.Text = text
	return ref, nil
}

// parseNative reads MOUNT/PATH[#KEY[@VERSION]] [| modifier]... Without a key the
// version follows the path.
func parseNative(body string) (*Reference, *fault.Error) {
	head, chain, err := splitChain(body)
	if err != nil {
		return nil, err
	}
	ref := &Reference{Dialect: Native, Modifiers: chain}
	path, key, hasKey := strings.Cut(head, "#")
	if hasKey {
		ref.Key, ref.Version, err = cutVersion(key)
		if err == nil {
			err = checkKey(ref.Key, Native)
		}
	} else {
		path, ref.Version, err = cutVersion(path)
		if err == nil && len(chain) > 0 {
			err = fault.New(fault.RefSyntax, "a reference to a whole path takes no modifiers").
				WithFix("name a key: <vault:%s#KEY | ...>", fault.Clean(path, 80))
		}
	}
	if err != nil {
		return nil, err
	}
	ref.Path = path
	return ref, checkPath(path)
}

// cutVersion splits "name@3". Only digits make a version: kv/user@example is a
// path.
func cutVersion(text string) (string, int, *fault.Error) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 || strings.Trim(text[at+1:], "0123456789") != "" {
		return text, 0, nil
	}
	version, err := parseVersion(text[at+1:])
	return text[:at], version, err
}

// parsePath reads argocd-vault-plugin's PATH#KEY[#VERSION] [| modifier]...; see
// its docs/howitworks.md, "Inline-path placeholders".
func parsePath(body string) (*Reference, *fault.Error) {
	head, chain, err := splitChain(body)
	if err != nil {
		return nil, err
	}
	fields := strings.Split(head, "#")
	if len(fields) < 2 || len(fields) > 3 {
		return nil, fault.New(fault.RefSyntax, "a path reference has one path, one key and at most one version").
			WithFix("write <path:API/PATH#KEY> or <path:API/PATH#KEY#VERSION>")
	}
	ref := &Reference{Dialect: Path, Path: strings.TrimSpace(fields[0]), Key: strings.TrimSpace(fields[1]), Modifiers: chain}
	if err := checkKey(ref.Key, Path); err != nil {
		return nil, err
	}
	if len(fields) == 3 {
		if ref.Version, err = parseVersion(strings.TrimSpace(fields[2])); err != nil {
			return nil, err
		}
	}
	return ref, checkPath(ref.Path)
}

// parseGeneric reads argocd-vault-plugin's KEY [| modifier]..., whose path and
// version come from the object's annotations.
func parseGeneric(text string, annotations Annotations) (*Reference, *fault.Error) {
	head, chain, err := splitChain(strings.Trim(text, "<>"))
	if err != nil {
		return nil, err
	}
	if err := checkKey(head, Generic); err != nil {
		return nil, err
	}
	return &Reference{
		Text: text, Dialect: Generic, Path: annotations.Path, Key: head,
		Version: annotations.Version, Modifiers: chain,
	}, nil
}

func parseVersion(text string) (int, *fault.Error) {
	version, err := strconv.ParseUint(text, 10, 32)
	if err != nil || version == 0 || version > maxVersion {
		return 0, fault.New(fault.RefSyntax, "%s is not a version", quote(text)).
			WithFix("write a number from 1, or leave the version out for the latest")
	}
	return int(version), nil
}

// splitChain separates what is referred to from its modifiers.
func splitChain(body string) (string, []Modifier, *fault.Error) {
	fields := splitPipes(body)
	if len(fields)-1 > MaxModifiers {
		return "", nil, fault.New(fault.RefSyntax, "a reference has %d modifiers, the limit is %d", len(fields)-1, MaxModifiers).
			WithFix("store the value in Vault in the form that is needed")
	}
	var chain []Modifier
	for _, field := range fields[1:] {
		name, args, _ := strings.Cut(strings.TrimSpace(field), " ")
		modifier := Modifier{Name: name, Args: strings.TrimSpace(args)}
		if err := modifier.check(); err != nil {
			return "", nil, err
		}
		chain = append(chain, modifier)
	}
	head := fields[0]
	if len(chain) > 0 {
		head = strings.TrimRight(head, " ")
	}
	return head, chain, nil
}

// splitPipes splits at each | that is not inside the braces of a JSONPath.
func splitPipes(text string) []string {
	var fields []string
	start := 0
	scan(text, func(i int, c byte) bool {
		if c == '|' {
			fields = append(fields, text[start:i])
			start = i + 1
		}
		return true
	})
	return append(fields, text[start:])
}

// scan calls visit for every byte of text that lies outside of braces, until
// visit returns false. Inside braces, quotes protect braces.
func scan(text string, visit func(i int, c byte) bool) {
	depth, quoted := 0, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted != 0:
			switch c {
			case '\\':
				i++
			case quoted:
				quoted = 0
			}
		case depth > 0 && (c == '\'' || c == '"'):
			quoted = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case depth == 0:
			if !visit(i, c) {
				return
			}
		}
	}
}
