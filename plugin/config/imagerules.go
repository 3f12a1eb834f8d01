package config

import (
	"fmt"
	"maps"
	"slices"
)

// EnvironmentImages is what an environment demands of images. Without rules it
// demands nothing.
type EnvironmentImages struct {
	// What becomes of images without a digest: they are denied, or the tag is looked
	// up, and written into the object as a digest. Empty means deny.
	Tags string `json:"tags" enum:"deny,resolve"`
	// What becomes of images that no rule matches. Empty means deny.
	Others string `json:"others" enum:"deny,warn"`
	// The rules, in the order in which they are tried: the first that matches an
	// image counts.
	Rules []ImageRule `json:"rules"`
}

// ImageRule is what is demanded of the images of some repositories.
type ImageRule struct {
	// What messages call the rule.
	Name string `json:"name"`
	// Patterns for registry and repository, such as registry.example.com/apps/**.
	Match []string `json:"match" jsonschema:"required"`
	// Whether what the rule does not let pass is an error or a warning. Empty means
	// deny.
	Enforcement string `json:"enforcement" enum:"deny,warn"`
	// What counts while the registry cannot be asked: nothing, or what was verified
	// before and is not older than images.keep. Empty means deny.
	OnUnavailable string `json:"onUnavailable" enum:"deny,cached"`
	// Lets images run as they are, tags too. Nothing else may be demanded then.
	Unverified bool `json:"unverified"`
	// Signatures, of which each must be there.
	Signatures []ImageSignature `json:"signatures"`
	// Who must have built the image, and from what.
	Provenance ImageProvenance `json:"provenance"`
	// What a scanner may have found.
	Vulnerabilities ImageVulnerabilities `json:"vulnerabilities"`
	// That there is a list of what the image is made of.
	SBOM ImageSBOM `json:"sbom"`
}

// ImageSignature is one signature, by any of those who are named.
type ImageSignature struct {
	// Names of images.signers.
	SignedBy []string `json:"signedBy" jsonschema:"required"`
}

// ImageProvenance is a demand for SLSA provenance that meets all of it.
type ImageProvenance struct {
	// Names of images.signers; it is demanded where there is one.
	SignedBy []string `json:"signedBy"`
	// Patterns for the builder's id.
	Builders []string `json:"builders"`
	// Patterns for the URL of the source repository.
	Sources []string `json:"sources"`
	// Whether the source must be the repository of the application itself.
	SourceIsApplication bool `json:"sourceIsApplication"`
	// Patterns for the branch or tag that was built, such as refs/tags/*.
	Revisions []string `json:"revisions"`
}

// ImageVulnerabilities is a demand for a report of a scanner, by Trivy, Grype or
// in the form of cosign or in-toto.
type ImageVulnerabilities struct {
	// Names of images.signers; it is demanded where there is one.
	SignedBy []string `json:"signedBy"`
	// The highest severity that is accepted.
	MaxSeverity string `json:"maxSeverity" enum:"none,negligible,low,medium,high"`
	// How old the newest report may be.
	MaxAge Duration `json:"maxAge" range:"0s..8760h"`
	// Whether vulnerabilities without a fix are passed over.
	IgnoreUnfixed bool `json:"ignoreUnfixed"`
	// Names of images.signers whose VEX statements except vulnerabilities.
	VEXSignedBy []string `json:"vexSignedBy"`
	// Files of the platform with OpenVEX documents.
	VEXFiles []string `json:"vexFiles"`
}

// ImageSBOM is a demand for a list of what an image is made of.
type ImageSBOM struct {
	// Names of images.signers; it is demanded where there is one.
	SignedBy []string `json:"signedBy"`
	// The forms that are accepted; empty means both.
	Formats []string `json:"formats" enum:"spdx,cyclonedx"`
}

// Asked tells whether the environment demands anything of images.
func (i EnvironmentImages) Asked() bool { return len(i.Rules) > 0 || i.Tags != "" || i.Others != "" }

func (i EnvironmentImages) check(r *reader, field string, signers map[string]bool) {
	if i.Asked() && len(i.Rules) == 0 {
		r.refuse(field+".rules", "add rules; an image that none matches is denied", "is missing")
	}
	for n, rule := range i.Rules {
		rule.check(r, fmt.Sprintf("%s.rules[%d]", field, n), signers)
	}
}

func (i ImageRule) check(r *reader, field string, signers map[string]bool) {
	if len(i.Match) == 0 {
		r.refuse(field+".match", "write patterns such as registry.example.com/apps/**", "the rule matches no image")
	}
	patterns(r, field+".match", i.Match)
	patterns(r, field+".provenance.builders", i.Provenance.Builders)
	patterns(r, field+".provenance.sources", i.Provenance.Sources)
	patterns(r, field+".provenance.revisions", i.Provenance.Revisions)
	demands := len(i.Signatures) + len(i.Provenance.SignedBy) + len(i.Vulnerabilities.SignedBy) + len(i.SBOM.SignedBy)
	switch {
	case demands == 0 && !i.Unverified:
		r.refuse(field, "demand signatures, or write unverified: true", "the rule demands nothing")
	case demands > 0 && i.Unverified:
		r.refuse(field+".unverified", "remove it, or the demands", "the rule demands something of images that it leaves unverified")
	}
	p, v := i.Provenance, i.Vulnerabilities
	unsigned := map[string]bool{
		"provenance":      len(p.SignedBy) == 0 && (len(p.Builders)+len(p.Sources)+len(p.Revisions) > 0 || p.SourceIsApplication),
		"vulnerabilities": len(v.SignedBy) == 0 && (v.MaxSeverity != "" || v.MaxAge > 0 || v.IgnoreUnfixed || len(v.VEXSignedBy)+len(v.VEXFiles) > 0),
		"sbom":            len(i.SBOM.SignedBy) == 0 && len(i.SBOM.Formats) > 0,
	}
	for _, name := range slices.Sorted(maps.Keys(unsigned)) {
		if unsigned[name] {
			r.refuse(field+"."+name+".signedBy", "name who attests it", "is missing: what nobody signed says nothing")
		}
	}
	if len(v.SignedBy) > 0 && v.MaxSeverity == "" {
		r.refuse(field+".vulnerabilities.maxSeverity", "write the highest severity that is accepted, such as medium", "is missing")
	}
	named := map[string][]string{"provenance.signedBy": p.SignedBy, "vulnerabilities.signedBy": v.SignedBy, "vulnerabilities.vexSignedBy": v.VEXSignedBy, "sbom.signedBy": i.SBOM.SignedBy}
	for n, one := range i.Signatures {
		at := fmt.Sprintf("signatures[%d].signedBy", n)
		named[at] = one.SignedBy
		if len(one.SignedBy) == 0 {
			r.refuse(field+"."+at, "name one of images.signers", "is missing")
		}
	}
	for _, at := range slices.Sorted(maps.Keys(named)) {
		for n, name := range named[at] {
			if !signers[name] {
				r.unknown(fmt.Sprintf("%s.%s[%d]", field, at, n), name, slices.Sorted(maps.Keys(signers)), "images.signers has no %q", name)
			}
		}
	}
}
