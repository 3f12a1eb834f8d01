package migrate

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
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
	for _, one := range runs {
		if err := p.verify(ctx, one); err != nil {
			return err
		}
	}
	p.strays(runs)
	return nil
}

// verify renders an application after the migration and takes back whatever
// does not come to what it was.
func (p *planner) verify(ctx context.Context, one run) error {
	for round := range maxRounds + 1 {
		var differences []same.Difference
		objects, err := p.render(ctx, p.content, one)
		if ended := ctx.Err(); ended != nil {
			return fault.New(fault.Canceled, "the migration was interrupted")
		}
		if err == nil {
			if differences = p.reader.Compare(one.before, objects); len(differences) == 0 {
				return nil
			}
		}
		if round == maxRounds || err != nil || !p.takeBack(differences) {
			p.takeBackAll(one)
			return nil
		}
	}
	return nil
}

// takeBack leaves alone the placeholders that differences come from. It returns
// false where it finds none.
func (p *planner) takeBack(differences []same.Difference) bool {
	changed := false
	for _, d := range differences {
		texts := []string{d.Text}
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.Text)); err == nil {
			texts = append(texts, string(decoded))
		}
		obstacle := &avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("as a native reference it would come to another value in %s of %s", d.Field, d.Object), Fix: "write the reference by hand and compare"}
		before := changed
		for _, f := range p.files {
			for _, s := range f.sites {
				for _, h := range s.holders {
					if h.moves() && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, h.after()) }) {
						h.obstacle, changed = obstacle, true
					}
				}
			}
		}
		if changed != before {
			continue
		}
		for _, f := range p.files {
			for _, document := range f.documents {
				if document.object != nil && !document.keep && document.annotated() && document.object.Kind()+" "+document.object.Name() == kindAndName(d.Object) {
					document.keep, changed = true, true
				}
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

// takeBackAll leaves all alone that an application may use.
func (p *planner) takeBackAll(one run) {
	for _, f := range p.files {
		if !p.uses(one, f) {
			continue
		}
		for _, d := range f.documents {
			d.keep = true
		}
		for _, s := range f.sites {
			for _, h := range s.holders {
				h.block(&avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("with native references the application %s would render to something else", one), Fix: "write the references by hand and compare"})
			}
		}
	}
}
