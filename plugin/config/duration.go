package config

import (
	"fmt"
	"strings"
	"time"
)

// DurationPattern is what a duration looks like.
const DurationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`

// Duration is a length of time, written as in Go: 90s, 1m30s, 500ms.
type Duration time.Duration

func (d *Duration) set(text string) error {
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 500ms, 90s or 5m", text)
	}
	*d = Duration(parsed)
	return nil
}

func (d *Duration) example() string { return "write a duration such as 90s" }

// Duration returns the value as the standard library has it.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// String writes the duration without trailing zero units: 1m, not 1m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText is the inverse of reading a duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
