package kyverno

import (
	"slices"
	"strings"
)

// glob is a text in which the characters that have a meaning to policies, where
// the policy itself wrote them, are negative. What a variable gave is positive
// throughout: a tenant's stars and bars are what they look like.
type glob []rune

// special are the characters that have a meaning.
const special = "*?|&<>=!-"

// own marks the characters of a policy's own text that have a meaning.
func own(text string) glob {
	runes := []rune(text)
	for i, r := range runes {
		if strings.ContainsRune(special, r) {
			runes[i] = -r
		}
	}
	return runes
}

// plain returns the text that is written there.
func (g glob) plain() string {
	var b strings.Builder
	for _, r := range g {
		b.WriteRune(max(r, -r))
	}
	return b.String()
}

// wild tells whether the glob fits more than one text.
func (g glob) wild() bool { return slices.Contains(g, -'*') || slices.Contains(g, -'?') }

// split cuts at a character that the policy wrote, and trims the parts.
func (g glob) split(at rune) []glob {
	var parts []glob
	for {
		i := slices.Index(g, -at)
		if i < 0 {
			return append(parts, g.trim())
		}
		parts = append(parts, g[:i].trim())
		g = g[i+1:]
	}
}

func (g glob) trim() glob {
	for len(g) > 0 && g[0] == ' ' {
		g = g[1:]
	}
	for len(g) > 0 && g[len(g)-1] == ' ' {
		g = g[:len(g)-1]
	}
	return g
}

// fits compares the glob with a whole text. It goes back to the last star only,
// which is enough, so that the time is at most the product of both lengths.
func (g glob) fits(text string) bool {
	at, star, from := 0, -1, 0
	runes := []rune(text)
	for i := 0; i < len(runes); {
		switch {
		case at < len(g) && g[at] == -'*':
			star, from = at, i
			at++
		case at < len(g) && (g[at] == -'?' || max(g[at], -g[at]) == runes[i]):
			at++
			i++
		case star >= 0:
			from++
			at, i = star+1, from
		default:
			return false
		}
	}
	for at < len(g) && g[at] == -'*' {
		at++
	}
	return at == len(g)
}

// fit compares a text with a policy's text that may hold wildcards.
func fit(pattern, text string) bool { return own(pattern).fits(text) }
