package engine

import (
	"cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// The limits that hold where the request sets none.
const (
	defaultObjects     = 5000
	defaultOutputBytes = 10 << 20
	defaultScalarBytes = 1 << 20
)

// checkLimits bounds what is emitted. Argo CD keeps it in Redis and compares it
// with the cluster again and again.
func checkLimits(objects []object.Object, limits render.Limits) error {
	if most := cmp.Or(limits.Objects, defaultObjects); len(objects) > most {
		return fault.New(fault.Limit, "the application renders %d objects, more than %d", len(objects), most).
			WithFix("split it into several applications, or raise render.limits.objects")
	}
	mostScalar := cmp.Or(limits.ScalarBytes, defaultScalarBytes)
	left := cmp.Or(limits.OutputBytes, defaultOutputBytes)
	for _, o := range objects {
		if field, size := longest("", o.Fields); size > mostScalar {
			return o.Fault(fault.Limit, field, "a string of %d bytes is longer than %d", size, mostScalar).
				WithFix("raise render.limits.scalarBytes")
		}
		line, err := o.AppendJSON(nil)
		if err != nil {
			return err
		}
		if left -= int64(len(line)); left < 0 {
			return fault.New(fault.Limit, "the application renders more than %d bytes", cmp.Or(limits.OutputBytes, defaultOutputBytes)).
				WithFix("split it into several applications, or raise render.limits.outputBytes")
		}
	}
	return nil
}

// longest returns the path and size of the longest string or key in a value.
func longest(path string, value any) (string, int) {
	field, size := path, 0
	consider := func(at string, n int) {
		if n > size {
			field, size = at, n
		}
	}
	switch value := value.(type) {
	case string:
		consider(path, len(value))
	case map[string]any:
		for key, child := range value {
			consider(path, len(key))
			consider(longest(join(path, key), child))
		}
	case []any:
		for _, child := range value {
			consider(longest(path, child))
		}
	}
	return field, size
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
