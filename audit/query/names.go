package query

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// names are patterns of which one must match; none at all matches everything.
type names []pattern.Pattern

func (n *names) compile(flag string, texts []string) error {
	for _, text := range texts {
		compiled, err := compilePattern(flag, text)
		if err != nil {
			return err
		}
		*n = append(*n, compiled)
	}
	return nil
}

// match tells whether a pattern matches; it never does where there is none.
func (n names) match(text string) bool {
	for _, one := range n {
		if one.Match(text) {
			return true
		}
	}
	return false
}

func (n names) fit(text string) bool { return len(n) == 0 || n.match(text) }

// compilePattern blames the flag, not plugin.yaml.
func compilePattern(flag, text string) (pattern.Pattern, error) {
	compiled, err := pattern.Compile(text)
	if err != nil {
		return compiled, fault.New(fault.Parameter, "%s: %s", flag, err.Message).WithFix("use * within a segment and ** as the last segment")
	}
	return compiled, nil
}

// repo is a pattern for the whole of a canonical URL, or for its last segments.
type repo struct {
	pattern  pattern.Pattern
	segments int
}

func compileRepo(text string) (repo, error) {
	canonical := pattern.CanonicalURL(text)
	if canonical != pattern.InvalidURL {
		compiled, err := compilePattern("--repo", canonical)
		return repo{pattern: compiled}, err
	}
	text = strings.TrimSuffix(strings.Trim(text, "/"), ".git")
	compiled, err := compilePattern("--repo", text)
	if err == nil && strings.HasSuffix(text, "**") {
		err = fault.New(fault.Parameter, "--repo %s names the end of a URL, so it cannot end in **", fault.Clean(text, 80)).
			WithFix("write the URL with its scheme: https://github.com/example/**")
	}
	return repo{pattern: compiled, segments: strings.Count(text, "/") + 1}, err
}

func (r repo) match(url string) bool {
	canonical := pattern.CanonicalURL(url)
	if canonical == pattern.InvalidURL {
		canonical = url
	}
	if r.segments > 0 {
		at := len(canonical)
		for range r.segments {
			if at < 0 {
				return false
			}
			at = strings.LastIndexByte(canonical[:at], '/')
		}
		canonical = canonical[at+1:]
	}
	return r.pattern.Match(canonical)
}

// compileSource reads what says where manifests come from.
func (f *Filter) compileSource(q Question) error {
	for _, text := range q.Repos {
		compiled, err := compileRepo(text)
		if err != nil {
			return err
		}
		f.repos = append(f.repos, compiled)
	}
	for _, text := range q.Paths {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "./"), "/")
		if err := f.paths.compile("--path", []string{text}); err != nil {
			return err
		}
		if !strings.HasSuffix(text, "**") {
			if err := f.paths.compile("--path", []string{text + "/**"}); err != nil {
				return err
			}
		}
	}
	for _, text := range q.Revisions {
		if text == "" {
			return fault.New(fault.Parameter, "--revision is empty")
		}
		f.revisions = append(f.revisions, strings.ToLower(text))
	}
	for _, text := range q.Authors {
		if text == "" {
			return fault.New(fault.Parameter, "--author is empty")
		}
		f.authors = append(f.authors, strings.ToLower(text))
	}
	return nil
}

func (f *Filter) compileOutcomes(texts []string) error {
	for _, text := range texts {
		switch lower := strings.ToLower(text); lower {
		case "ok", "failed":
			f.outcomes = append(f.outcomes, lower)
		default:
			if err := f.codes.compile("--outcome", []string{strings.ToUpper(text)}); err != nil {
				return err
			}
		}
	}
	return nil
}
