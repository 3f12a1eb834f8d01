package attest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// severities are the words for severities, the least severe first. Unknown is
// none of them: what it counts as is the rule's to say.
var severities = []string{"negligible", "low", "medium", "high", "critical"}

const unknown = "unknown"

// rank orders severities; 0 is none of the words.
func rank(severity string) int { return slices.Index(severities, severity) + 1 }

// severityOf gives the words of the scanners one spelling. Any other word is
// unknown.
func severityOf(word string) string {
	word = strings.ToLower(strings.TrimSpace(word))
	switch word {
	case "moderate":
		return "medium"
	case "important":
		return "high"
	case "none":
		return "negligible"
	}
	if rank(word) == 0 {
		return unknown
	}
	return word
}

// worst is the more severe of two; something that is known is taken for more
// than what is not.
func worst(a, b string) string {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// rated reads the severity of in-toto's reports: a word, or entries with a
// method and a score, of which the worst counts. Scores are read as the CVSS
// rates them, and only where the method is one of its kind.
func rated(from *fields, value any) string {
	found := unknown
	switch value := value.(type) {
	case string:
		return severityOf(from.asText(value, "severity"))
	case map[string]any:
		return worst(found, score(from, value))
	default:
		for _, entry := range from.asObjects(value, "severity", 100) {
			found = worst(found, score(from, entry))
		}
	}
	return found
}

func score(from *fields, entry map[string]any) string {
	method := strings.ToLower(from.text(entry, "method"))
	text, ok := entry["score"].(string)
	if number, isNumber := entry["score"].(json.Number); isNumber {
		text, ok = number.String(), true
	}
	if !ok || len(text) > maxText {
		return unknown
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return severityOf(text)
	}
	if !strings.Contains(method, "cvss") && !strings.Contains(method, "nvd") {
		return unknown
	}
	switch {
	case number >= 0 && number < 0.1:
		return "negligible"
	case number >= 0.1 && number < 4:
		return "low"
	case number >= 4 && number < 7:
		return "medium"
	case number >= 7 && number < 9:
		return "high"
	case number >= 9 && number <= 10:
		return "critical"
	}
	return unknown
}
