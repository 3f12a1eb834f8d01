package rotation

import (
	"fmt"
	"time"
)

const repo = "https://git.example.com/shop.git"

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func secret(path string) Secret { return Secret{Binding: "shop", Mount: "kv", Path: path} }

// at is a render of the source app at the revision one, so many seconds after the moment.
func at(seconds int, uses ...Use) Render {
	return Render{
		RepoURL: repo, Path: "app", Revision: "one", Environment: "production", Bundle: "sha256:first",
		Began: moment.Add(time.Duration(seconds) * time.Second), Uses: uses,
	}
}

// versions shows what a table says, for tests to compare: by application, each
// use with its version and what was asked for.
func versions(t table) map[string][]string {
	shown := map[string][]string{}
	for app, renders := range t {
		shown[app] = []string{}
		for _, one := range renders {
			for _, u := range one.uses {
				shown[app] = append(shown[app], fmt.Sprintf("%s@%d asked %d", u.secret.Value().Logical(), u.version, u.asked))
			}
		}
	}
	return shown
}

func (x *Index) all() table {
	all := table{}
	x.each(func(app string, one render) { all[app] = append(all[app], one) })
	return all
}
