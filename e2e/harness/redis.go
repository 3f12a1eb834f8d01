package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// Cached returns everything that Redis holds, by key, once as it is stored and,
// where that is gzip, once inflated.
func (l *Lab) Cached(ctx context.Context) (map[string][]byte, error) {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: filepath.Join(l.dir, "redis.sock")})
	defer func() { _ = client.Close() }()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	cached := map[string][]byte{}
	for _, key := range keys {
		stored, err := client.Get(ctx, key).Bytes()
		if err != nil {
			return nil, fmt.Errorf("redis key %s: %w", key, err)
		}
		cached[key] = stored
		reader, err := gzip.NewReader(bytes.NewReader(stored))
		if err != nil {
			continue
		}
		if cached[key+" inflated"], err = io.ReadAll(reader); err != nil {
			return nil, fmt.Errorf("redis key %s: %w", key, err)
		}
	}
	return cached, nil
}
