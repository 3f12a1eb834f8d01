package migrate

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/yamledit"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// content returns a file with what moves in its new form. It returns the file as
// it is where nothing does.
func (p *planner) content(f *file) []byte {
	if !f.inScope {
		return f.data
	}
	// Every render asks for every file, and most stay as they were for the last one.
	if f.written == nil || f.state != f.decisions() {
		f.written = p.replaced(f, (*holder).after, true)
		f.state = f.decisions()
	}
	return f.written
}

// decisions spells what has been decided on a file so far.
func (f *file) decisions() string {
	var b strings.Builder
	for _, s := range f.sites {
		for _, h := range s.holders {
			fmt.Fprintf(&b, "%t%t ", h.moves(), h.decode)
		}
	}
	for _, d := range f.documents {
		fmt.Fprintf(&b, "%t ", d.keep)
		for _, heir := range d.heirs {
			fmt.Fprintf(&b, "%t ", heir.stays())
		}
	}
	return b.String()
}

// replaced returns a file with another text for each placeholder. What cannot be
// edited, or would not say what it should, is left alone and gets an obstacle.
func (p *planner) replaced(f *file, text func(*holder) string, clean bool) []byte {
	for range 2 {
		var edits []yamledit.Edit
		for _, s := range f.sites {
			edits = append(edits, s.edits(text)...)
		}
		if clean && f.text != nil {
			for _, d := range f.documents {
				edits = append(edits, d.cleaning()...)
			}
		}
		if len(edits) == 0 {
			return f.data
		}
		after, err := yamledit.Apply(f.data, edits)
		obstacle := notEditable
		if err == nil {
			obstacle = p.judge(f, after, text)
		}
		if obstacle == nil {
			return after
		}
		// Once more without what has moved, so that nothing in the file changes.
		for _, s := range f.sites {
			for _, h := range s.holders {
				h.block(obstacle)
			}
		}
		for _, d := range f.documents {
			d.keep = true
		}
	}
	return f.data
}

// block gives a placeholder an obstacle, unless it has one.
func (h *holder) block(o *avp.Obstacle) {
	if h.obstacle == nil {
		h.obstacle = o
	}
}

// edits returns what replaces the placeholders of a site.
func (s *site) edits(text func(*holder) string) []yamledit.Edit {
	if s.node == nil {
		h := s.holders[0]
		if after := text(h); after != h.ref.Text {
			return []yamledit.Edit{{Start: s.start, End: s.start + len(h.ref.Text), New: after}}
		}
		return nil
	}
	var parts []yamledit.Replacement
	for _, h := range s.holders {
		if after := text(h); after != h.ref.Text {
			parts = append(parts, yamledit.Replacement{Old: h.ref.Text, New: after})
		}
	}
	if len(parts) == 0 {
		return nil
	}
	if s.place == placeBase64 {
		parts = []yamledit.Replacement{{Old: strings.TrimSpace(s.node.Value), New: base64.StdEncoding.EncodeToString([]byte(s.filled(text)))}}
	}
	edits, ok := s.file.text.Replace(s.node, parts)
	if !ok {
		for _, h := range s.holders {
			h.block(&avp.Obstacle{Code: CodeFolded, Message: "it is folded over several lines, or written with escapes", Fix: "write it in one line and migrate again"})
		}
		return nil
	}
	return edits
}

// filled is the site's text with other texts for its placeholders.
func (s *site) filled(text func(*holder) string) string {
	after := map[*reference.Reference]string{}
	for _, h := range s.holders {
		after[h.ref] = text(h)
	}
	var b strings.Builder
	for _, part := range s.template {
		switch replaced, ok := after[part.Ref]; {
		case part.Ref == nil:
			b.WriteString(part.Literal)
		case ok:
			b.WriteString(replaced)
		default:
			b.WriteString(part.Ref.Text)
		}
	}
	return b.String()
}

// cleaning removes the annotations of a document that has no placeholders left.
func (d *document) cleaning() []yamledit.Edit {
	if d.object == nil || d.keep || d.annotations.Ignore || d.inherits != nil || isFree(d.object) {
		return nil
	}
	if d.stays() || slices.ContainsFunc(d.heirs, func(heir *document) bool { return !heir.file.inScope || heir.stays() }) {
		return nil
	}
	metadata := child(d.node, "metadata")
	i := indexOf(metadata, "annotations")
	if i < 0 {
		return nil
	}
	annotations := metadata.Content[i+1]
	if annotations.Kind != yaml.MappingNode {
		return nil
	}
	var keys []int
	for at := 0; at < len(annotations.Content); at += 2 {
		if strings.HasPrefix(annotations.Content[at].Value, annotationPrefix) {
			keys = append(keys, at)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var edits []yamledit.Edit
	ok := false
	if 2*len(keys) == len(annotations.Content) {
		edits, ok = d.file.text.RemoveMapping(metadata, i)
	} else {
		edits, ok = d.file.text.Remove(annotations, keys)
	}
	if !ok {
		return nil
	}
	return edits
}

// stays tells whether the document has placeholders that do not move.
func (d *document) stays() bool {
	return slices.ContainsFunc(d.sites, func(s *site) bool {
		return slices.ContainsFunc(s.holders, func(h *holder) bool { return !h.moves() })
	})
}

// rewritten returns a file's new content, nil where it stays as it is.
func (p *planner) rewritten(f *file) ([]byte, error) {
	if !f.inScope {
		return nil, nil
	}
	after := p.content(f)
	if f.text != nil {
		after = p.convert(f, after)
	}
	if bytes.Equal(after, f.data) {
		return nil, nil
	}
	if f.text != nil {
		if _, err := yamledit.Parse(f.name, after); err != nil {
			return nil, fault.New(fault.Internal, "an edit would break the file").In(f.name, 0)
		}
	}
	return after, nil
}

// report turns sites into moves and findings.
func (p *planner) report() {
	for _, f := range p.files {
		if !f.inScope {
			continue
		}
		for _, s := range f.sites {
			for i, h := range s.holders {
				line := s.line(i)
				if h.moves() {
					p.moves = append(p.moves, Move{File: f.name, Line: line, From: fault.Clean(h.ref.Text, 200), To: fault.Clean(h.after(), 200)})
				} else if h.obstacle != nil {
					p.find(f, line, h.ref.Text, h.obstacle)
				}
			}
		}
	}
}

// line returns the line of a site's placeholder.
func (s *site) line(i int) int {
	at := s.start
	if s.node != nil {
		if s.place == placeBase64 {
			return s.node.Line
		}
		parts := make([]yamledit.Replacement, 0, i+1)
		for _, h := range s.holders[:i+1] {
			parts = append(parts, yamledit.Replacement{Old: h.ref.Text})
		}
		edits, ok := s.file.text.Replace(s.node, parts)
		if !ok {
			return s.node.Line
		}
		at = edits[i].Start
	}
	return 1 + bytes.Count(s.file.data[:at], []byte("\n"))
}
