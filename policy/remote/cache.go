package remote

import (
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
)

// cache keeps what was fetched for pinned sources in a directory, under the
// digest or commit that its content is checked against, each time it is read.
// Without a directory it keeps nothing.
type cache struct {
	dir     string
	offline bool
	log     logrus.FieldLogger
}

// mayFetch is the fault of a process that may not use the network.
func (c cache) mayFetch() error {
	if !c.offline {
		return nil
	}
	return refuse("run once without --offline, with policy.cacheDir set", "it is not in the cache, and nothing is fetched offline")
}

func (c cache) get(name string, limit int64) ([]byte, bool) {
	if c.dir == "" {
		return nil, false
	}
	file := filepath.Join(c.dir, name)
	// Use keeps it from being pruned.
	_ = os.Chtimes(file, time.Time{}, time.Now())
	body, err := bounded.ReadFile(file, limit)
	return body, err == nil
}

// put keeps content. A directory that cannot be written costs a fetch at the
// next start, so it is no reason to stop.
func (c cache) put(name string, body []byte) {
	if c.dir == "" {
		return
	}
	if err := c.write(filepath.Join(c.dir, name), body); err != nil {
		c.log.WithError(err).Warn("the cache of policies cannot be written")
	}
	c.prune(time.Now().Add(-keptUnused))
}

// keptUnused is how long content stays that nobody asks for.
const keptUnused = 90 * 24 * time.Hour

// prune removes what was last used before a time.
func (c cache) prune(before time.Time) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && cached.MatchString(entry.Name()) && info.ModTime().Before(before) {
			_ = os.Remove(filepath.Join(c.dir, entry.Name()))
		}
	}
}

// cached is the form of the names in the directory, which may hold other files.
var cached = regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{40}|\.part-[0-9]+)$`)

func (c cache) write(name string, body []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(c.dir, ".part-*")
	if err != nil {
		return err
	}
	_, err = part.Write(body)
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}
