package source

import "strings"

// Within tells whether a name is at or below a directory. Both are clean, below
// the root of the source and written with slashes; the root itself is ".".
func Within(dir, name string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}
