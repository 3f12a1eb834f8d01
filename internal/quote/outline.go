package quote

import "strings"

// line is what the outline knows of one line of a file.
type line struct {
	text string
	// path names what the line holds, such as spec.containers[0].image; keys are
	// the names in it, the last one being the line's own.
	path string
	keys []string
	// key and value are where the line's own key and what stands behind it begin,
	// in bytes; key is -1 where the line has none.
	key, keyEnd, value int
	// inside tells that the line goes on with a scalar or a flow collection that
	// began above.
	inside bool
	// document counts the documents of the file.
	document int
}

// own is the line's own key, empty where the path to it is too long to be known.
func (l line) own() string {
	if len(l.keys) == 0 {
		return ""
	}
	return l.keys[len(l.keys)-1]
}

// frame is one level of nesting that is open.
type frame struct {
	indent int
	name   string
	// item tells that it is an item of a list, the index-th.
	item  bool
	index int
}

// outline finds the keys of block style YAML and JSON by their indentation, in
// one pass and without a parser: the files are a tenant's, and this is the
// process that holds Vault's token. What it does not understand has no key and
// no path, and is then not shown where it could matter.
type outline struct {
	frames   []frame
	document int
	// scalar is the indentation above which lines belong to a block scalar or a
	// plain scalar of several lines; -1 is none.
	scalar int
	// quote is what ends a quoted scalar that goes on, and depth how many flow
	// collections are open.
	quote byte
	depth int
}

// outlineOf reads a whole file, at most maxLines lines.
func outlineOf(text string) []line {
	o := &outline{scalar: -1}
	var lines []line
	for one := range strings.Lines(text) {
		if len(lines) == maxLines {
			break
		}
		lines = append(lines, o.read(strings.TrimRight(one, "\r\n")))
	}
	return lines
}

func (o *outline) read(text string) line {
	read := line{text: text, key: -1, document: o.document}
	trimmed := strings.TrimLeft(text, " \t")
	indent := len(text) - len(trimmed)
	switch {
	case o.quote != 0 || o.depth > 0:
		read.inside = true
		o.follow(text)
	case trimmed == "":
		read.inside = o.scalar >= 0
	case o.scalar >= 0 && indent > o.scalar:
		read.inside = true
	case text == "---" || strings.HasPrefix(text, "--- ") || text == "...":
		o.document++
		o.frames, o.scalar = nil, -1
		read.document = o.document
		return read
	case trimmed[0] == '#':
		o.scalar = -1
	default:
		o.scalar = -1
		long := len(text) > maxLine
		if long && strings.HasPrefix(trimmed, "- ") {
			o.item(indent) // those behind it keep their number
		}
		if long || !o.open(text, indent, &read) {
			o.skip(trimmed, indent)
			return line{text: text, key: -1, inside: true, document: o.document}
		}
	}
	read.path, read.keys = o.path()
	return read
}

// skip passes over a line that is too long or nested too deep to be read, and
// takes what is indented below it for a part of it.
func (o *outline) skip(trimmed string, indent int) {
	if !strings.HasPrefix(trimmed, "- ") {
		o.closeAbove(indent - 1)
	}
	o.closeAbove(indent)
	o.frames = o.frames[:min(len(o.frames), maxDepth)]
	o.scalar, o.quote, o.depth = indent, 0, 0
	o.follow(trimmed)
}

// open reads a line that begins something: items of lists, and then perhaps a
// key. It returns false where the line is nested too deep.
func (o *outline) open(text string, indent int, read *line) bool {
	at := indent
	for strings.HasPrefix(text[at:], "- ") || text[at:] == "-" {
		if o.item(at); len(o.frames) > maxDepth {
			return false
		}
		rest := strings.TrimLeft(text[min(at+1, len(text)):], " ")
		o.scalarAfter(rest, at)
		at = len(text) - len(rest)
	}
	end, ok := keyEnd(text[at:])
	if !ok {
		read.value = at
		o.closeAbove(at)
		if len(o.frames) == 0 || !o.frames[len(o.frames)-1].item {
			o.follow(text[at:])
		}
		return true
	}
	o.closeAbove(at)
	for len(o.frames) > 0 && o.frames[len(o.frames)-1].indent == at {
		o.frames = o.frames[:len(o.frames)-1]
	}
	o.frames = append(o.frames, frame{indent: at, name: strings.Trim(text[at:at+end], `"' `)})
	colon := at + end + strings.IndexByte(text[at+end:], ':')
	rest := strings.TrimLeft(text[colon+1:], " ")
	read.key, read.keyEnd, read.value = at, at+end, len(text)-len(rest)
	o.scalarAfter(rest, at)
	return len(o.frames) <= maxDepth
}

// item opens the next item of the list whose dashes stand at a column.
func (o *outline) item(column int) {
	o.closeAbove(column)
	if last := len(o.frames) - 1; last >= 0 && o.frames[last].item && o.frames[last].indent == column {
		o.frames[last].index++
		return
	}
	o.frames = append(o.frames, frame{indent: column, item: true})
}

// closeAbove closes what stands deeper than a column.
func (o *outline) closeAbove(column int) {
	for len(o.frames) > 0 && o.frames[len(o.frames)-1].indent > column {
		o.frames = o.frames[:len(o.frames)-1]
	}
}

// scalarAfter looks at what begins behind a key or a dash at a column.
func (o *outline) scalarAfter(rest string, column int) {
	content := strings.TrimSpace(rest)
	for content != "" && (content[0] == '&' || content[0] == '!') { // an anchor or a tag
		_, behind, _ := strings.Cut(content, " ")
		content = strings.TrimSpace(behind)
	}
	switch {
	case content == "" || content[0] == '#':
	case content[0] == '|' || content[0] == '>':
		o.scalar = column
	case strings.IndexByte(`"'[{`, content[0]) >= 0:
		o.follow(content)
	case strings.HasPrefix(rest, "- "): // it has its own look, which reads it once
	default:
		if _, isKey := keyEnd(rest); !isKey {
			o.scalar = column
		}
	}
}

// follow looks where quotes and flow collections end.
func (o *outline) follow(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case o.quote == '"' && c == '\\':
			i++
		case o.quote != 0:
			if c == o.quote {
				o.quote = 0
			}
		case c == '"' || c == '\'' && (o.depth > 0 || i == 0):
			o.quote = c
		case c == '[' || c == '{':
			o.depth++
		case (c == ']' || c == '}') && o.depth > 0:
			o.depth--
		case c == '#' && i > 0 && text[i-1] == ' ':
			return
		}
	}
}

// path names the frames that are open.
func (o *outline) path() (string, []string) {
	var b strings.Builder
	var keys []string
	for _, f := range o.frames {
		switch {
		case f.item:
			b.WriteString("[" + itoa(f.index) + "]")
		case strings.ContainsAny(f.name, "./[]"):
			b.WriteString("[" + f.name + "]")
		case b.Len() > 0:
			b.WriteString("." + f.name)
		default:
			b.WriteString(f.name)
		}
		if !f.item {
			keys = append(keys, f.name)
		}
		if b.Len() > maxPath {
			break
		}
	}
	return b.String(), keys
}

// keyEnd tells where the key ends that a text begins with.
func keyEnd(text string) (int, bool) {
	if text == "" {
		return 0, false
	}
	if text[0] == '"' || text[0] == '\'' {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 || !colonFollows(text[end+2:]) {
			return 0, false
		}
		return end + 2, true
	}
	if strings.IndexByte("#[]{},&*!|>%@`?", text[0]) >= 0 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] == ':' && (i+1 == len(text) || text[i+1] == ' ') {
			return i, i > 0
		}
		if text[i] == '#' && i > 0 && text[i-1] == ' ' {
			break
		}
	}
	return 0, false
}

func colonFollows(text string) bool {
	text = strings.TrimLeft(text, " ")
	return text == ":" || strings.HasPrefix(text, ": ")
}
