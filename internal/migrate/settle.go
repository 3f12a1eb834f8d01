package migrate

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
)

// maxRounds is how often what renders to something else is taken back before
// all of an application is.
const maxRounds = 4

// settle decides on what only rendering can tell, and then compares what every
// application renders before and after.
func (p *planner) settle(ctx context.Context) error {
	runs, err := p.runs(ctx)
	if err != nil {
		return err
	}
	landings, err := p.trace(ctx, runs)
	if err != nil {
		return err
	}
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				if s.place == placeFree && h.obstacle == nil {
					h.land(landings[h.id], p.Renderer != nil)
				}
			}
		}
	}
	if err := p.verify(ctx, runs); err != nil {
		return err
	}
	p.strays(runs)
	return nil
}

// verify renders applications after the migration and takes back whatever does
// not come to what it was: what the differences come from, then all of the
// application, and in the end all of the tree.
func (p *planner) verify(ctx context.Context, pending []run) error {
	for round := 0; len(pending) > 0; round++ {
		rendered, err := p.render(ctx, p.content, pending)
		if err != nil {
			return err
		}
		var again []run
		for i, one := range pending {
			differences := p.reader.Compare(one.before, rendered[i].objects)
			if rendered[i].err == nil && len(differences) == 0 {
				continue
			}
			switch {
			case round < maxRounds && rendered[i].err == nil && p.takeBack(one, differences):
			case !one.takenBack:
				p.takeBackAll(one, func(f *file) bool { return p.uses(one, f) })
				one.takenBack = true
			default:
				p.takeBackAll(one, func(*file) bool { return true })
				continue
			}
			again = append(again, one)
		}
		pending = again
	}
	return nil
}

// takeBack leaves alone the placeholders of an application that differences come
// from. It returns false where it finds none.
func (p *planner) takeBack(one run, differences []same.Difference) bool {
	changed := false
	for _, d := range differences {
		if p.takeBackTexts(one, d) || p.keepAnnotationsOf(one, d.Object) {
			changed = true
		}
	}
	return changed
}

// takeBackTexts leaves alone the placeholders whose references stand in a text.
func (p *planner) takeBackTexts(one run, d same.Difference) bool {
	texts := []string{d.Text}
	if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.Text)); err == nil {
		texts = append(texts, string(decoded))
	}
	obstacle := &avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("as a native reference it would come to another value in %s of %s", d.Field, d.Object), Fix: "write the reference by hand and compare"}
	changed := false
	for _, f := range p.files {
		if !p.uses(one, f) {
			continue
		}
		for _, s := range f.sites {
			for _, h := range s.holders {
				if h.moves() && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, h.after()) }) {
					h.obstacle, changed = obstacle, true
				}
			}
		}
	}
	return changed
}

// keepAnnotationsOf leaves the annotations of what an object is rendered from.
func (p *planner) keepAnnotationsOf(one run, object string) bool {
	changed := false
	for _, f := range p.files {
		if !p.uses(one, f) {
			continue
		}
		for _, d := range f.documents {
			if d.object != nil && !d.keep && d.annotated() && d.object.Kind()+" "+d.object.Name() == kindAndName(object) {
				d.keep, changed = true, true
			}
		}
	}
	return changed
}

// kindAndName leaves the namespace out of an object's name for people.
func kindAndName(object string) string {
	kind, name, _ := strings.Cut(object, " ")
	return kind + " " + path.Base(name)
}

// takeBackAll leaves files as they are, for an application that would render to
// something else.
func (p *planner) takeBackAll(one run, which func(*file) bool) {
	obstacle := &avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("with native references the application %s would render to something else", one), Fix: "write the references by hand and compare"}
	for _, f := range p.files {
		if !which(f) {
			continue
		}
		for _, d := range f.documents {
			d.keep = true
		}
		for _, s := range f.sites {
			for _, h := range s.holders {
				h.block(obstacle)
			}
		}
	}
}
