package config

import (
	"fmt"
	"regexp"
)

// socketName is what may become the name of a socket: it must stay inside the
// plugin folder and short enough for the path of a unix socket.
var socketName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

const socketNameFix = "use at most 63 letters, digits, dots and dashes, with a letter or digit at both ends"

func checkAliases(r *reader, aliases []string) {
	seen := map[string]bool{}
	for i, alias := range aliases {
		path := fmt.Sprintf("aliases[%d]", i)
		if !socketName.MatchString(alias) {
			r.refuse(path, socketNameFix, "%q cannot be the name of a socket", alias)
		}
		r.once(seen, path, alias)
	}
}

// Sockets returns the file names of the sockets to listen on: first the
// plugin's own, NAME-VERSION.sock or NAME.sock as Argo CD builds it, then one
// for each alias.
func (f *File) Sockets() []string {
	sockets := []string{f.Plugin.SocketName() + ".sock"}
	for _, alias := range f.Seal.Aliases {
		sockets = append(sockets, alias+".sock")
	}
	return sockets
}

// checkTogether reports what is wrong between the two documents; r has read the
// second one.
func (f *File) checkTogether(r *reader) {
	for i, alias := range f.Seal.Aliases {
		if alias == f.Plugin.SocketName() {
			r.refuse(fmt.Sprintf("aliases[%d]", i), "remove it", "%q is the plugin's own name", alias)
		}
	}
}
