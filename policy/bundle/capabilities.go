package bundle

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed names every builtin that a policy may call. The list starts from
// nothing: a builtin that a newer OPA adds is not allowed until someone has
// looked at it. Left out are those that reach the network, the environment or
// files (http.send, net.lookup_ip_addr, opa.runtime, json.match_schema, which
// fetches remote $refs), those whose result differs between two runs
// (time.now_ns, rand.intn, uuid.rfc4122), those that work for very long on a
// short input without looking at the context (bits.lsh, net.cidr_expand,
// yaml.unmarshal), and cryptography that a policy about manifests has no use
// for.
var allowed = []string{
	// Operators and what the compiler writes for keywords.
	"and", "assign", "div", "eq", "equal", "gt", "gte", "lt", "lte", "minus", "mul", "neq", "or", "plus", "rem",
	"internal.member_2", "internal.member_3", "internal.print", "internal.template_string", "internal.test_case", "print",
	"rego.metadata.chain", "rego.metadata.rule",
	// Aggregates, arrays, sets and objects.
	"all", "any", "array.concat", "array.flatten", "array.reverse", "array.slice", "count", "intersection", "max", "min",
	"object.filter", "object.get", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n",
	"product", "set_diff", "sort", "sum", "union", "walk",
	// Strings.
	"concat", "contains", "endswith", "format_int", "indexof", "indexof_n", "lower", "replace", "split", "sprintf",
	"startswith", "strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.replace_n",
	"strings.reverse", "strings.split_n", "substring", "trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "upper",
	"glob.match", "glob.quote_meta", "re_match", "regex.find_all_string_submatch_n", "regex.find_n", "regex.is_valid",
	"regex.match", "regex.replace", "regex.split", "regex.template_match",
	// Numbers and types.
	"abs", "ceil", "floor", "numbers.range", "numbers.range_step", "round", "to_number", "units.parse", "units.parse_bytes",
	"cast_array", "cast_boolean", "cast_null", "cast_object", "cast_set", "cast_string",
	"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "type_name",
	// Encodings, versions, networks, times and graphs.
	"base64.decode", "base64.encode", "base64.is_valid", "base64url.decode", "base64url.encode", "base64url.encode_no_pad",
	"crypto.sha256", "hex.decode", "hex.encode", "json.filter", "json.is_valid", "json.marshal",
	"json.marshal_with_options", "json.patch", "json.remove", "json.unmarshal", "urlquery.decode", "urlquery.encode",
	"graph.reachable", "graph.reachable_paths", "net.cidr_contains", "net.cidr_contains_matches", "net.cidr_intersects",
	"net.cidr_is_valid", "net.cidr_merge", "net.cidr_overlap", "semver.compare", "semver.is_valid", "time.add_date", "time.clock", "time.date",
	"time.diff", "time.format", "time.parse_duration_ns", "time.parse_ns", "time.parse_rfc3339_ns", "time.weekday",
	"uri.is_valid", "uri.parse", "uuid.parse",
}

// capabilities returns what OPA offers, cut down to [allowed] and without any
// network.
func capabilities() *ast.Capabilities {
	full := ast.CapabilitiesForThisVersion()
	full.Builtins = slices.DeleteFunc(full.Builtins, func(b *ast.Builtin) bool { return !slices.Contains(allowed, b.Name) })
	// A nil AllowNet would mean every host.
	full.AllowNet = []string{}
	return full
}
