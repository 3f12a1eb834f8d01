package compare

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// pair is one object before and after; one of the two is nil where the object
// comes or goes.
type pair struct{ before, after *object.Object }

// identity is what tells objects of one cluster apart.
type identity struct{ group, kind, namespace, name string }

func identityOf(o *object.Object) identity {
	name := o.Name()
	if name == "" {
		metadata, _ := o.Fields["metadata"].(map[string]any)
		generated, _ := metadata["generateName"].(string)
		name = generated + "*" // no name holds a star
	}
	return identity{o.Group(), o.Kind(), o.Namespace(), name}
}

// matcher pairs objects, the surest way first. What is left at the end has come
// or gone.
type matcher struct {
	before, after []*object.Object
	pairs         []pair
}

func match(before, after []object.Object, overlays bool) []pair {
	m := &matcher{before: pointers(before), after: pointers(after)}
	m.byIdentity()
	m.byKey(unhashed)
	if overlays {
		m.byKey(func(id identity) (identity, bool) { id.namespace = ""; return id, true })
		m.byKey(func(id identity) (identity, bool) { id.namespace = ""; return unhashed(id) })
		m.byAffix()
		// What is left of the overlays' own namespaces, if each has one.
		m.byKey(func(id identity) (identity, bool) {
			return identity{kind: id.kind}, id.group == "" && id.kind == "Namespace"
		})
	}
	for _, o := range m.before {
		m.pairs = append(m.pairs, pair{before: o})
	}
	for _, o := range m.after {
		m.pairs = append(m.pairs, pair{after: o})
	}
	return m.pairs
}

func pointers(objects []object.Object) []*object.Object {
	all := make([]*object.Object, len(objects))
	for i := range objects {
		all[i] = &objects[i]
	}
	return all
}

// byIdentity pairs what Kubernetes takes for one object. Objects that stand
// several times are paired in their order.
func (m *matcher) byIdentity() {
	waiting := map[identity][]*object.Object{}
	for _, o := range m.after {
		id := identityOf(o)
		waiting[id] = append(waiting[id], o)
	}
	m.pairUp(func(o *object.Object) *object.Object {
		id := identityOf(o)
		found := waiting[id]
		if len(found) == 0 {
			return nil
		}
		waiting[id] = found[1:]
		return found[0]
	})
}

// byKey pairs objects that have one key, where each side has one such object
// only: with more it would be a guess.
func (m *matcher) byKey(key func(identity) (identity, bool)) {
	count := func(objects []*object.Object) map[identity][]*object.Object {
		found := map[identity][]*object.Object{}
		for _, o := range objects {
			if id, ok := key(identityOf(o)); ok {
				found[id] = append(found[id], o)
			}
		}
		return found
	}
	former, later := count(m.before), count(m.after)
	m.pairUp(func(o *object.Object) *object.Object {
		id, ok := key(identityOf(o))
		if !ok || len(former[id]) != 1 || len(later[id]) != 1 {
			return nil
		}
		return later[id][0]
	})
}

// pairUp asks for the partner of each object that has none.
func (m *matcher) pairUp(partner func(*object.Object) *object.Object) {
	paired := map[*object.Object]bool{}
	var left []*object.Object
	for _, o := range m.before {
		found := partner(o)
		if found == nil || paired[found] {
			left = append(left, o)
			continue
		}
		paired[found] = true
		m.pairs = append(m.pairs, pair{o, found})
	}
	m.before = left
	left = nil
	for _, o := range m.after {
		if !paired[o] {
			left = append(left, o)
		}
	}
	m.after = left
}

// unhashed takes the digest from the name of a ConfigMap or Secret, so that it is
// found again when its content has changed.
func unhashed(id identity) (identity, bool) {
	if id.group != "" || id.kind != "ConfigMap" && id.kind != "Secret" {
		return id, false
	}
	id.name = object.WithoutHash(id.name)
	return id, true
}

// affix is what an overlay puts before and behind names.
type affix struct{ prefixBefore, prefixAfter, suffixBefore, suffixAfter string }

// maxGuesses bounds how many pairs of names are looked at.
const maxGuesses = 100_000

// byAffix finds the prefix or suffix that most names of one side have in the
// place of the other side's, and pairs the objects whose names differ by just
// that.
func (m *matcher) byAffix() {
	votes, guesses := map[affix]int{}, 0
	for _, b := range m.before {
		for _, a := range m.after {
			if guesses++; guesses > maxGuesses {
				return
			}
			if b.Kind() == a.Kind() && b.Group() == a.Group() {
				if found, ok := affixOf(b.Name(), a.Name()); ok {
					votes[found]++
				}
			}
		}
	}
	var best affix
	for found, count := range votes {
		if count > votes[best] || count == votes[best] && found.less(best) {
			best = found
		}
	}
	if votes[best] == 0 {
		return
	}
	m.pairUp(func(b *object.Object) *object.Object {
		bare, ok := trimmed(b.Name(), best.prefixBefore, best.suffixBefore)
		if !ok {
			return nil
		}
		var found *object.Object
		for _, a := range m.after {
			name, ok := trimmed(a.Name(), best.prefixAfter, best.suffixAfter)
			if ok && name == bare && a.Kind() == b.Kind() && a.Group() == b.Group() {
				if found != nil {
					return nil
				}
				found = a
			}
		}
		return found
	})
}

// affixOf compares two names at their dashes: staging-web and production-web
// differ by a prefix, web-blue and web-green by a suffix, web and dev-web too.
func affixOf(before, after string) (affix, bool) {
	b, a := strings.Split(before, "-"), strings.Split(after, "-")
	tail := 0
	for tail < min(len(a), len(b)) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	switch {
	case tail > 0 && tail >= head && len(b)-tail <= 1 && len(a)-tail <= 1:
		return affix{prefixBefore: withDash(b[:len(b)-tail]), prefixAfter: withDash(a[:len(a)-tail])}, true
	case head > 0 && len(b)-head <= 1 && len(a)-head <= 1:
		return affix{suffixBefore: dashBefore(b[head:]), suffixAfter: dashBefore(a[head:])}, true
	default:
		return affix{}, false
	}
}

func withDash(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return parts[0] + "-"
}

func dashBefore(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "-" + parts[0]
}

func trimmed(name, prefix, suffix string) (string, bool) {
	name, hasPrefix := strings.CutPrefix(name, prefix)
	name, hasSuffix := strings.CutSuffix(name, suffix)
	return name, hasPrefix && hasSuffix && name != ""
}

// less makes the choice between equal votes the same each time.
func (a affix) less(b affix) bool {
	join := func(one affix) string {
		return strings.Join([]string{one.prefixBefore, one.prefixAfter, one.suffixBefore, one.suffixAfter}, "\x00")
	}
	return join(a) < join(b)
}
