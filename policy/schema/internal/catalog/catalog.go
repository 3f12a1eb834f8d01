// Package catalog holds which fields the kinds of Kubernetes have, for several
// minor versions, as compressed text: one line for each definition of the API's
// OpenAPI document, without its prose.
//
// A line is words with one space between them. The first word has a bit for
// each of the versions in which the definition reads like this, in hexadecimal;
// the second is the definition's name. A word that begins with = is a kind, as
// =group/version/kind, that the definition is of. The others are fields, as
// name:type, or name!:type for one that must be set. A type is one of
//
//	s string   b boolean   i int32   l int64   f number   y base64
//	q quantity t time      m time with microseconds   o integer or string
//	* anything [T list of T   {T map of T   @name another definition
//
// The first line of the text names the versions, lowest bit first. Most
// definitions read alike in all of them, so that a further version costs little.
package catalog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Definition is a line without its versions and name.
type Definition struct {
	// Kinds are the words of kinds, without their =.
	Kinds []string
	// Fields are the words of fields.
	Fields []string
}

// Version is the definitions of one release of Kubernetes by their names.
type Version struct {
	// Release is the release that was read, such as "1.33.13".
	Release     string
	Definitions map[string]Definition
}

// Catalog is the definitions of several versions. It is read-only.
type Catalog struct {
	releases []string
	lines    []line
}

type line struct {
	versions uint64
	name     string
	rest     string
}

// maxText bounds the decompressed text, in bytes.
const maxText = 16 << 20

// Open reads what [Encode] wrote.
func Open(data []byte) (*Catalog, error) {
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(packed, maxText))
	if err != nil {
		return nil, err
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	c := &Catalog{releases: strings.Fields(first), lines: make([]line, 0, strings.Count(rest, "\n"))}
	for text := range strings.Lines(rest) {
		bits, definition, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		name, definition, _ := strings.Cut(definition, " ")
		versions, err := strconv.ParseUint(bits, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("catalog: the definition %q has no versions", name)
		}
		c.lines = append(c.lines, line{versions, name, definition})
	}
	return c, nil
}

// Releases lists the releases, oldest first.
func (c *Catalog) Releases() []string { return c.releases }

// Groups lists the API groups of the kinds of all releases, in no order.
func (c *Catalog) Groups() []string {
	var groups []string
	for _, line := range c.lines {
		if strings.HasPrefix(line.rest, "=") {
			group, _, _ := strings.Cut(line.rest[1:], "/")
			groups = append(groups, group)
		}
	}
	return groups
}

// Version returns the text of the definitions of one release, by their names.
func (c *Catalog) Version(index int) map[string]string {
	definitions := map[string]string{}
	for _, line := range c.lines {
		if line.versions>>index&1 == 1 {
			definitions[line.name] = line.rest
		}
	}
	return definitions
}

// Parse splits the text of a definition.
func Parse(text string) Definition {
	words := strings.Fields(text)
	kinds := 0
	for kinds < len(words) && strings.HasPrefix(words[kinds], "=") {
		words[kinds] = words[kinds][1:]
		kinds++
	}
	return Definition{Kinds: words[:kinds], Fields: words[kinds:]}
}

// Encode writes versions, oldest first. The same versions give the same bytes.
func Encode(versions []Version) ([]byte, error) {
	type reading struct{ name, text string }
	in := map[reading]uint64{}
	releases := make([]string, len(versions))
	for i, version := range versions {
		releases[i] = version.Release
		for name, definition := range version.Definitions {
			in[reading{name, definition.text()}] |= 1 << i
		}
	}
	sorted := slices.SortedFunc(maps.Keys(in), func(a, b reading) int {
		return strings.Compare(a.name+" "+a.text, b.name+" "+b.text)
	})
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(w, strings.Join(releases, " "))
	for _, one := range sorted {
		fmt.Fprintf(w, "%x %s %s\n", in[one], one.name, one.text)
	}
	err = w.Close()
	return packed.Bytes(), err
}

func (d Definition) text() string {
	words := make([]string, 0, len(d.Kinds)+len(d.Fields))
	for _, kind := range d.Kinds {
		words = append(words, "="+kind)
	}
	return strings.Join(append(words, d.Fields...), " ")
}
