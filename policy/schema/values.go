package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"k8s.io/kube-openapi/pkg/validation/strfmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// values is what a schema asks of a value beside its type. As in JSON Schema a
// restriction is met by values of another type than it speaks of.
type values struct {
	enum                         map[string]bool
	choices                      []string
	minimum, maximum, multipleOf *float64
	above, below                 bool // the bounds themselves are refused
	minLength, maxLength         *int64
	minItems, maxItems           *int64
	minFields, maxFields         *int64
	pattern                      *pattern
	format                       string
	bare                         bool // no type goes with the format
	required                     []string
	fields                       []fieldValues
	items                        *values
	allOf, anyOf, oneOf          []*values
	not                          *values
	// types are those that an alternative names: an integer or a string.
	types []form
}

type fieldValues struct {
	name   string
	values *values
}

// meets reports whether the value is as it must be, and reports why not.
func (w *walker) meets(v *values, value any) bool {
	if w.over(1) || value == nil {
		return true
	}
	good := w.meetsTypes(v, value) && w.meetsEnum(v, value)
	switch value := value.(type) {
	case string:
		good = w.meetsText(v, value) && good
	case json.Number:
		good = w.meetsNumber(v, value) && good && w.meetsBare(v, value)
	case bool:
		good = w.meetsBare(v, value) && good
	case []any:
		good = w.within(len(value), v.minItems, v.maxItems, "items") && good
		good = w.meetsItems(v, value) && good
	case map[string]any:
		good = w.withinFields(v, value) && w.meetsBare(v, value) && good
		good = w.meetsFields(v, value) && good
	}
	return w.meetsJunctors(v, value) && good
}

// meetsBare refuses what cannot have a format. Only where a type stands beside the
// format does the API server leave that to the type.
func (w *walker) meetsBare(v *values, value any) bool {
	if v.bare && v.format != "" {
		return w.fail("must be of the format %s, it is %s", v.format, object.Describe(value))
	}
	return true
}

// bytesAStep is how much of a text is read in the time of a step.
const bytesAStep = 16

func (w *walker) fail(format string, args ...any) bool {
	if w.quiet == 0 {
		w.report(fmt.Sprintf(format, args...), "")
	}
	return false
}

func (w *walker) meetsTypes(v *values, value any) bool {
	if len(v.types) == 0 {
		return true
	}
	for _, form := range v.types {
		if w.misfit(form, value) == nil {
			return true
		}
	}
	return w.fail("must not be %s", object.Describe(value))
}

func (w *walker) meetsEnum(v *values, value any) bool {
	if v.enum == nil {
		return true
	}
	written := canonical(value)
	if w.over(len(written)/bytesAStep) || v.enum[written] {
		return true
	}
	word, isText := value.(string)
	if isText && w.stands(word) {
		return true
	}
	if w.quiet == 0 {
		fix := ""
		if isText {
			fix = suggest(word, v.choices)
		}
		w.report("is not one of the values that the schema lists", fix)
	}
	return false
}

// canonical writes a value so that equal values are written alike.
func canonical(value any) string {
	switch value := value.(type) {
	case string:
		return strconv.Quote(value)
	case json.Number:
		if f, err := value.Float64(); err == nil {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	written, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(written)
}

func (w *walker) meetsText(v *values, value string) bool {
	if w.stands(value) || w.over(len(value)/bytesAStep) {
		return true
	}
	good := true
	if v.minLength != nil || v.maxLength != nil {
		good = w.within(utf8.RuneCountInString(value), v.minLength, v.maxLength, "characters")
	}
	if v.pattern != nil {
		good = w.meetsPattern(v.pattern, value) && good
	}
	if v.format != "" && !strfmt.Default.Validates(v.format, value) {
		good = w.fail("must be of the format %s", v.format)
	}
	return good
}

func (w *walker) meetsNumber(v *values, value json.Number) bool {
	f, err := value.Float64()
	if err != nil {
		return w.fail("must be a number that can be compared")
	}
	good := true
	if low := v.minimum; low != nil && (f < *low || v.above && f == *low) {
		good = w.fail("must be %s %v", map[bool]string{false: "at least", true: "more than"}[v.above], *low)
	}
	if high := v.maximum; high != nil && (f > *high || v.below && f == *high) {
		good = w.fail("must be %s %v", map[bool]string{false: "at most", true: "less than"}[v.below], *high)
	}
	if of := v.multipleOf; of != nil && math.Abs(math.Round(f / *of) - f / *of) > 1e-9 {
		good = w.fail("must be a multiple of %v", *of)
	}
	return good
}

// withinFields counts the fields that are not null.
func (w *walker) withinFields(v *values, fields map[string]any) bool {
	if v.minFields == nil && v.maxFields == nil || w.over(len(fields)) {
		return true
	}
	count := 0
	for _, value := range fields {
		if value != nil {
			count++
		}
	}
	return w.within(count, v.minFields, v.maxFields, "fields")
}

func (w *walker) within(count int, low, high *int64, of string) bool {
	good := true
	if low != nil && int64(count) < *low {
		good = w.fail("must have at least %d %s, it has %d", *low, of, count)
	}
	if high != nil && int64(count) > *high {
		good = w.fail("must have at most %d %s, it has %d", *high, of, count)
	}
	return good
}

func (w *walker) meetsItems(v *values, items []any) bool {
	good := true
	if v.items == nil {
		return true
	}
	for i, item := range items {
		w.path = append(w.path, step{index: i, item: true})
		good = w.meets(v.items, item) && good
		w.path = w.path[:len(w.path)-1]
	}
	return good
}

func (w *walker) meetsFields(v *values, fields map[string]any) bool {
	good := true
	for _, name := range v.required {
		if fields[name] == nil && !w.over(1) {
			good = false
			w.missing(name)
		}
	}
	for _, field := range v.fields {
		w.path = append(w.path, step{name: field.name})
		good = w.meets(field.values, fields[field.name]) && good
		w.path = w.path[:len(w.path)-1]
	}
	return good
}

func (w *walker) meetsJunctors(v *values, value any) bool {
	good := true
	for _, all := range v.allOf {
		good = w.meets(all, value) && good
	}
	if len(v.anyOf) > 0 && w.met(v.anyOf, value, 1) == 0 {
		good = w.fail("meets none of the %d alternatives of anyOf in the schema", len(v.anyOf))
	}
	if len(v.oneOf) > 0 {
		if met := w.met(v.oneOf, value, 2); met != 1 {
			good = w.fail("must meet exactly one of the %d alternatives of oneOf in the schema, it meets %s",
				len(v.oneOf), map[bool]string{true: "none", false: "several"}[met == 0])
		}
	}
	if v.not != nil && w.met([]*values{v.not}, value, 1) > 0 {
		good = w.fail("is what the schema excludes by not")
	}
	return good
}

// met counts the alternatives that a value meets, up to enough.
func (w *walker) met(alternatives []*values, value any, enough int) int {
	w.quiet++
	defer func() { w.quiet-- }()
	met := 0
	for _, alternative := range alternatives {
		if w.meets(alternative, value) {
			met++
		}
		if met >= enough {
			break
		}
	}
	return met
}

// formats are those that the API server knows in the schemas of custom kinds; it
// ignores all others.
var formats = map[string]bool{
	"bsonobjectid": true, "uri": true, "email": true, "hostname": true, "ipv4": true, "ipv6": true, "cidr": true, "mac": true,
	"uuid": true, "uuid3": true, "uuid4": true, "uuid5": true, "isbn": true, "isbn10": true, "isbn13": true, "creditcard": true,
	"ssn": true, "hexcolor": true, "rgbcolor": true, "byte": true, "password": true, "date": true, "duration": true, "datetime": true,
}
