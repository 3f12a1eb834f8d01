package object

import "regexp"

// hashed is a name that ends with a hash of kustomize's: ten characters out of
// those that make no words.
var hashed = regexp.MustCompile(`^(.+)-[2456789bcdfghkmt]{10}$`)

// WithoutHash returns the name that kustomize's generators were given: without
// the hash of the content that they put behind it. Other names stay as they are.
func WithoutHash(name string) string {
	if found := hashed.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return name
}
