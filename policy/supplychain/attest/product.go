package attest

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// product is what a VEX statement speaks of.
type product struct {
	// ids are its IRI and its package URLs.
	ids []string
	// hash is its SHA-256 or SHA-512, as the digest of an image.
	hashes []string
	// parts are the packages that the statement is limited to, empty for the whole
	// product.
	parts []string
}

func (p product) String() string { return cmp.Or(append(slices.Clone(p.ids), p.hashes...)...) }

// productsOf reads the products of a statement: objects, or texts with the
// packages beside them in the first version.
func productsOf(from *fields, entry map[string]any) []product {
	shared := partsOf(from, entry)
	var found []product
	for _, item := range from.list(entry, "products", maxProducts) {
		if text, ok := item.(string); ok {
			found = append(found, product{ids: []string{from.asText(text, "products")}, parts: shared})
			continue
		}
		object := from.asObject(item, "an entry of products")
		one := product{ids: idsOf(from, object), parts: slices.Concat(shared, partsOf(from, object))}
		hashes := from.object(object, "hashes")
		for _, algorithm := range []string{"sha-256", "sha-512"} {
			if hash := from.text(hashes, algorithm); hash != "" {
				one.hashes = append(one.hashes, strings.ReplaceAll(algorithm, "-", "")+":"+strings.ToLower(hash))
			}
		}
		found = append(found, one)
	}
	return found
}

func idsOf(from *fields, component map[string]any) []string {
	var ids []string
	for _, id := range []string{from.text(component, "@id"), from.text(from.object(component, "identifiers"), "purl")} {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// partsOf returns the packages that a product is limited to. One that has no id
// stands for a package that is none: the limit must not fall away.
func partsOf(from *fields, object map[string]any) []string {
	var parts []string
	for _, item := range from.list(object, "subcomponents", maxSubcomponents) {
		if text, ok := item.(string); ok {
			parts = append(parts, packageKey(text))
			continue
		}
		ids := idsOf(from, from.asObject(item, "an entry of subcomponents"))
		if len(ids) == 0 {
			parts = append(parts, "")
		}
		for _, id := range ids {
			parts = append(parts, packageKey(id))
		}
	}
	return parts
}

// packageKey is a package URL without qualifiers, decoded. Any other text is its
// own key.
func packageKey(text string) string {
	if !strings.HasPrefix(text, "pkg:") {
		return text
	}
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "?")
	decoded, err := url.PathUnescape(text)
	if err != nil {
		return text
	}
	return decoded
}

// withoutVersion cuts the version off a key.
func withoutVersion(key string) string {
	if at := strings.LastIndex(key, "@"); at > strings.LastIndex(key, "/") {
		return key[:at]
	}
	return key
}

// subject is the image that products are compared with.
type subject struct {
	digest string
	// repository is the image's name without tag and digest, with its registry.
	repository string
}

func subjectOf(image, digest string) subject {
	return subject{digest: digest, repository: repository(image)}
}

func repository(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return named.Name()
}

// is tells whether a product is the image. Where the product names digests,
// they decide alone; otherwise its id must be the image's repository, or the
// name that the signed statement gives the image.
func (s subject) is(p product, names []string) bool {
	digests := slices.Clone(p.hashes)
	for _, id := range p.ids {
		if digest := digestIn(id); digest != "" {
			digests = append(digests, digest)
		}
	}
	if len(digests) > 0 {
		algorithm, _, _ := strings.Cut(s.digest, ":")
		same := false
		for _, digest := range digests {
			if strings.HasPrefix(digest, algorithm+":") {
				if digest != s.digest {
					return false
				}
				same = true
			}
		}
		return same
	}
	for _, id := range p.ids {
		if slices.Contains(names, id) || s.repository != "" && repositoryIn(id) == s.repository {
			return true
		}
	}
	return false
}

// digestIn returns the digest in the id of an image.
func digestIn(id string) string {
	_, digest, ok := strings.Cut(packageKey(id), "@")
	if !ok || !strings.HasPrefix(digest, "sha256:") && !strings.HasPrefix(digest, "sha512:") {
		return ""
	}
	return digest
}

// repositoryIn returns the repository that an id without a version names: that
// of a package URL of an image, or the image's own name.
func repositoryIn(id string) string {
	rest, ok := strings.CutPrefix(id, "pkg:oci/")
	if !ok {
		if strings.Contains(id, ":") && strings.Contains(id, "://") || strings.HasPrefix(id, "pkg:") {
			return ""
		}
		named, err := reference.ParseNormalizedNamed(id)
		if err != nil || !reference.IsNameOnly(named) || !strings.Contains(id, "/") {
			return ""
		}
		return named.Name()
	}
	name, qualifiers, _ := strings.Cut(rest, "?")
	if strings.Contains(name, "@") {
		return ""
	}
	values, err := url.ParseQuery(strings.SplitN(qualifiers, "#", 2)[0])
	if err != nil || len(values["repository_url"]) != 1 {
		return ""
	}
	return repository(values.Get("repository_url"))
}
