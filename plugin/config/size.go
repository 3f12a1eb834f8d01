package config

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Size is a number of bytes, written as a Kubernetes quantity such as 256Mi.
type Size int64

// SizePattern is what a size looks like: less than a quantity may, whose long
// numbers and exponents cost time without measure to parse.
const SizePattern = `^[0-9]{1,15}(\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$`

var quantity = regexp.MustCompile(SizePattern)

func (s *Size) set(text string) error {
	if !quantity.MatchString(text) {
		return fmt.Errorf("%q is not a size such as 512Ki, 256Mi or 1Gi", text)
	}
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return fmt.Errorf("%q is not a size such as 512Ki, 256Mi or 1Gi", text)
	}
	*s = Size(parsed.Value())
	return nil
}

func (s *Size) example() string { return "write a size such as 256Mi" }

// String writes the size with the largest unit that keeps it exact.
func (s Size) String() string { return resource.NewQuantity(int64(s), resource.BinarySI).String() }

// MarshalText is the inverse of reading a size.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
