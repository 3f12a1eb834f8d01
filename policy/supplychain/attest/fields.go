package attest

import (
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// fields takes values out of decoded objects and keeps the first fault: a value
// of another type than its format gives it. A value that is absent or null is
// the zero value.
type fields struct{ err *fault.Error }

func (f *fields) fail(err *fault.Error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) object(from map[string]any, key string) map[string]any {
	return f.asObject(from[key], key)
}

func (f *fields) asObject(value any, name string) map[string]any {
	found, ok := value.(map[string]any)
	if !ok && value != nil {
		f.fail(malformed("%s is not an object", name))
	}
	return found
}

// list returns at most limit items; more are a fault.
func (f *fields) list(from map[string]any, key string, limit int) []any {
	return f.asList(from[key], key, limit)
}

func (f *fields) asList(value any, name string, limit int) []any {
	found, ok := value.([]any)
	if !ok && value != nil {
		f.fail(malformed("%s is not a list", name))
	}
	if len(found) > limit {
		f.fail(excess("%s has more than %d entries", name, limit))
		return nil
	}
	return found
}

// objects is a list of nothing but objects.
func (f *fields) objects(from map[string]any, key string, limit int) []map[string]any {
	return f.asObjects(from[key], key, limit)
}

func (f *fields) asObjects(value any, name string, limit int) []map[string]any {
	items := f.asList(value, name, limit)
	found := make([]map[string]any, 0, len(items))
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			f.fail(malformed("an entry of %s is not an object", name))
			return nil
		}
		found = append(found, object)
	}
	return found
}

func (f *fields) text(from map[string]any, key string) string { return f.asText(from[key], key) }

func (f *fields) asText(value any, name string) string {
	found, ok := value.(string)
	if !ok && value != nil {
		f.fail(malformed("%s is not a text", name))
	}
	if len(found) > maxText {
		f.fail(excess("%s is longer than %d bytes", name, maxText))
		return ""
	}
	return found
}

// texts is a list of nothing but texts, without the empty ones.
func (f *fields) texts(from map[string]any, key string, limit int) []string {
	var found []string
	for _, item := range f.list(from, key, limit) {
		text, ok := item.(string)
		if !ok {
			f.fail(malformed("an entry of %s is not a text", key))
			return nil
		}
		if text = f.asText(text, key); text != "" {
			found = append(found, text)
		}
	}
	return found
}

// time reads a time as RFC 3339 writes it. Go writes a time that was never set
// as one of the year 1: whatever is before 1970 is none.
func (f *fields) time(from map[string]any, key string) time.Time {
	text := f.text(from, key)
	if text == "" {
		return time.Time{}
	}
	found, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	if err != nil {
		f.fail(malformed("%s is not a time", key))
	}
	if found.Year() < 1970 {
		return time.Time{}
	}
	return found.UTC()
}
