package schema

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema/internal/catalog"
)

// packed is written by `make schemas`.
//
//go:embed schemas.gz
var packed []byte

// Digest names the embedded schemas.
func Digest() string {
	sum := sha256.Sum256(packed)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// shelf is the embedded schemas. They are unpacked when the first object is
// checked and read definition by definition: most processes check none.
type shelf struct {
	catalog  *catalog.Catalog
	versions []*version
	groups   map[string]bool
}

// version is the kinds of one minor version of Kubernetes.
type version struct {
	library     *shelf
	minor       int
	index       int
	once        sync.Once
	definitions map[string]*definition
	kinds       map[kind]*node
}

// kind is a group, version and kind.
type kind struct{ group, version, kind string }

func kindOf(apiVersion, name string) kind {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	return kind{group, version, name}
}

func (k kind) apiVersion() string { return strings.TrimPrefix(k.group+"/"+k.version, "/") }

// library unpacks the embedded schemas once.
var library = sync.OnceValues(func() (*shelf, error) {
	unpacked, err := catalog.Open(packed)
	if err != nil {
		return nil, err
	}
	s := &shelf{catalog: unpacked, groups: map[string]bool{}}
	for i, release := range unpacked.Releases() {
		minor, ok := minorOf(release)
		if !ok {
			return nil, fmt.Errorf("the release %q has no minor version", release)
		}
		s.versions = append(s.versions, &version{library: s, minor: minor, index: i})
	}
	for _, group := range unpacked.Groups() {
		s.groups[group] = true
	}
	return s, nil
})

// minorPattern finds the minor version; vendors append much to it.
var minorPattern = regexp.MustCompile(`^v?1\.([0-9]{1,3})(?:[^0-9]|$)`)

func minorOf(kubeVersion string) (int, bool) {
	match := minorPattern.FindStringSubmatch(kubeVersion)
	if match == nil {
		return 0, false
	}
	minor, err := strconv.Atoi(match[1])
	return minor, err == nil
}

// find returns the version that a name means, or the nearest, and whether it is
// the very one. No name means the newest, and so does one that is no version.
func (s *shelf) find(kubeVersion string) (nearest *version, exact bool) {
	newest := s.versions[len(s.versions)-1]
	if kubeVersion == "" {
		return newest.open(), true
	}
	minor, ok := minorOf(kubeVersion)
	if !ok {
		return newest.open(), false
	}
	nearest = newest
	for _, v := range s.versions {
		if distance(v.minor, minor) < distance(nearest.minor, minor) {
			nearest = v
		}
	}
	return nearest.open(), nearest.minor == minor
}

func distance(a, b int) int { return max(a-b, b-a) }

// owns tells whether a group is Kubernetes' own. The group of a custom kind has
// a dot.
func (s *shelf) owns(group string) bool { return s.groups[group] || !strings.Contains(group, ".") }

func (v *version) minorVersion() string { return "1." + strconv.Itoa(v.minor) }

// open lists the kinds and definitions of the version, without reading them.
func (v *version) open() *version {
	v.once.Do(func() {
		texts := v.library.catalog.Version(v.index)
		v.definitions, v.kinds = make(map[string]*definition, len(texts)), map[kind]*node{}
		for name, text := range texts {
			d := &definition{version: v, name: name, text: text}
			v.definitions[name] = d
			if text, isKind := strings.CutPrefix(text, "="); isKind {
				name, _, _ := strings.Cut(text, " ")
				if parts := strings.Split(name, "/"); len(parts) == 3 {
					v.kinds[kind{parts[0], parts[1], parts[2]}] = &node{form: mapping, definition: d}
				}
			}
		}
	})
	return v
}

// missing says that the version has no such kind, and where there is one.
func (v *version) missing(k kind) *Finding {
	finding := &Finding{
		Field:   "apiVersion",
		Message: fmt.Sprintf("Kubernetes %s has no %s in %s", v.minorVersion(), fault.Clean(k.kind, 80), fault.Clean(k.apiVersion(), 120)),
	}
	var sameGroup, elsewhere, names []string
	for other := range v.kinds {
		switch {
		case other.kind == k.kind && other.group == k.group:
			sameGroup = append(sameGroup, other.apiVersion())
		case other.kind == k.kind:
			elsewhere = append(elsewhere, other.apiVersion())
		case other.group == k.group && other.version == k.version:
			names = append(names, other.kind)
		}
	}
	slices.Sort(sameGroup)
	slices.Sort(elsewhere)
	slices.Sort(names)
	later := v.library.since(v, func(other *version) bool { return other.kinds[k] != nil })
	switch {
	case len(sameGroup) > 0:
		finding.Fix = "use " + strings.Join(sameGroup, " or ")
	case len(elsewhere) > 0:
		finding.Fix = "use " + strings.Join(elsewhere, " or ")
	case later != "":
		finding.Fix = "it is there " + later
	default:
		if finding.Fix = suggest(k.kind, names); finding.Fix != "" {
			finding.Field = "kind"
		}
	}
	return finding
}

// since says in which other versions something is there that is not in v: "from
// 1.35 on" or "up to 1.31".
func (s *shelf) since(v *version, has func(*version) bool) string {
	for i := len(s.versions) - 1; i >= 0; i-- {
		if other := s.versions[i]; other.minor < v.minor && has(other.open()) {
			return "up to " + other.minorVersion()
		}
	}
	for _, other := range s.versions {
		if other.minor > v.minor && has(other.open()) {
			return "from " + other.minorVersion() + " on"
		}
	}
	return ""
}

// definition is a type of Kubernetes' own with its fields.
type definition struct {
	version *version
	name    string
	text    string

	once     sync.Once
	fields   map[string]*node
	required []string
}

// letters are how the catalog names forms.
var letters = map[string]form{
	"s": text, "b": boolean, "i": integer32, "l": integer64, "f": number, "y": base64Text,
	"q": quantity, "t": timestamp, "m": microTimestamp, "o": integer32OrText,
}

// read reads the definition's fields, once.
func (d *definition) read() {
	d.once.Do(func() {
		words := catalog.Parse(d.text).Fields
		d.fields = make(map[string]*node, len(words))
		for _, word := range words {
			name, of, _ := strings.Cut(word, ":")
			name, must := strings.CutSuffix(name, "!")
			d.fields[name] = d.version.nodeOf(of)
			if must {
				d.required = append(d.required, name)
			}
		}
	})
}

// nodeOf reads a type, as package catalog describes it.
func (v *version) nodeOf(word string) *node {
	if word == "" {
		return unread
	}
	switch rest := word[1:]; word[0] {
	case '[':
		return &node{form: list, items: v.nodeOf(rest)}
	case '{':
		return &node{form: mapping, rest: v.nodeOf(rest)}
	case '@':
		if d := v.definitions[rest]; d != nil {
			return &node{form: mapping, definition: d}
		}
	}
	if form, known := letters[word]; known {
		return &node{form: form}
	}
	return unread
}

// metadata is the schema of metadata in every kind.
func (v *version) metadata() *node { return v.nodeOf("@apimachinery.pkg.apis.meta.v1.ObjectMeta") }

// fieldSince says in which other versions a definition has a field.
func (d *definition) fieldSince(field string) string {
	v := d.version
	later := v.library.since(v, func(other *version) bool {
		same := other.definitions[d.name]
		if same == nil {
			return false
		}
		same.read()
		return same.fields[field] != nil
	})
	if later == "" {
		return ""
	}
	return "Kubernetes has this field " + later + ", and this is for " + v.minorVersion()
}
