// Package bounded reads what comes from outside of the process, and no more of
// it than the caller has room for.
package bounded

import (
	"errors"
	"io"
	"os"
)

// ErrTooLarge is the error of a file with more bytes than its reader takes.
var ErrTooLarge = errors.New("the file is larger than its reader takes")

// ReadFile returns a file's content, of at most limit bytes. A larger file is
// [ErrTooLarge].
func ReadFile(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	// Closing a file that was only read loses nothing.
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, ErrTooLarge
	}
	return content, nil
}
