package attest

import "slices"

// Settle returns the facts with the exceptions that the rules accept: it sets
// what applies, and what of each report remains open. The facts that are given
// stay as they are. Call it before the facts go to Rego.
func (r Rules) Settle(f Facts, s Subject) Facts {
	if r.Vulnerabilities == nil {
		return f
	}
	settled := f
	settled.VEX = slices.Clone(f.VEX)
	settled.Reports = slices.Clone(f.Reports)
	decisions := decisions{}
	image := subjectOf(s.Image, f.digest)
	for i := range settled.VEX {
		one := &settled.VEX[i]
		one.Applies = len(r.Vulnerabilities.VEXSignedBy) > 0 && accepted(one.Signer, r.Vulnerabilities.VEXSignedBy)
		one.Applies = decisions.add(one, one.Applies, image, s)
	}
	for _, one := range r.Vulnerabilities.Exceptions {
		decisions.add(&one, true, image, s)
	}
	for i := range settled.Reports {
		report := &settled.Reports[i]
		report.all = slices.Clone(report.all)
		for j := range report.all {
			report.all[j].Excepted = decisions.except(report.all[j])
		}
		report.count()
	}
	return settled
}

// decision is a VEX statement that applies to the image.
type decision struct {
	*Exception
	// whole is set where it speaks of all packages, and parts are those otherwise.
	whole bool
	parts map[string]bool
}

// decisions are the statements that apply by the ids of vulnerabilities, the
// newest first.
type decisions map[string][]decision

// add takes a statement in where it is about the image. One from the future takes
// nothing out, since it would win for ever.
func (d decisions) add(one *Exception, trusted bool, image subject, s Subject) bool {
	if !trusted || one.excepts() && one.Timestamp.After(s.Now.Add(maxFuture)) {
		return false
	}
	taken := decision{Exception: one, parts: map[string]bool{}}
	about := false
	for _, product := range one.products {
		if !image.is(product, one.subjects) {
			continue
		}
		about = true
		if len(product.parts) == 0 {
			taken.whole = true
		}
		for _, part := range product.parts {
			taken.parts[part] = true
		}
	}
	if !about {
		return false
	}
	for _, id := range unrepeated(one.Vulnerability, one.Aliases) {
		d[id] = append(d[id], taken)
	}
	return true
}

// except tells whether a vulnerability is taken out: the newest statement about
// it decides, and of two of the same time the one that takes nothing out.
func (d decisions) except(found Vulnerability) bool {
	var newest *Exception
	for _, id := range unrepeated(found.ID, found.aliases) {
		for _, one := range d[id] {
			if !one.covers(found) {
				continue
			}
			if newest == nil || one.Timestamp.After(newest.Timestamp) || one.Timestamp.Equal(newest.Timestamp) && !one.excepts() {
				newest = one.Exception
			}
		}
	}
	return newest != nil && newest.excepts()
}

// covers tells whether a statement speaks of the package that a vulnerability is
// in. Where the report does not say which package that is, a statement that is
// limited to packages excepts nothing and yet ends what others except.
func (d decision) covers(found Vulnerability) bool {
	if d.whole {
		return true
	}
	if found.purl == "" {
		return !d.excepts()
	}
	key := packageKey(found.purl)
	return d.parts[key] || d.parts[withoutVersion(key)]
}

func unrepeated(id string, aliases []string) []string {
	ids := append([]string{id}, aliases...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// Compact returns the facts without what the rules do not ask: vulnerabilities that
// are accepted. It is for facts that are kept and judged over and over, and judged
// they give what the whole ones give. They are not for Rego.
func (r Rules) Compact(f Facts) Facts {
	compact := f
	compact.Reports = slices.Clone(f.Reports)
	for i := range compact.Reports {
		report := &compact.Reports[i]
		var severe []Vulnerability
		if r.Vulnerabilities != nil {
			severe = slices.Clone(r.Vulnerabilities.tooSevere(report))
		}
		report.all, report.Vulnerabilities = severe, nil
	}
	return compact
}
