//go:build !linux

package sandbox

import "errors"

// Private needs Linux.
func Private() error { return errors.ErrUnsupported }
