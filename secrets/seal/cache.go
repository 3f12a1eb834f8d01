package seal

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// maxCached bounds the cache in bytes of sealed text.
const maxCached = 32 << 20

// cache keeps what was sealed last, by a hash of its seed: an unchanged value
// costs no RSA. It holds ciphertext only, and the hash is of a keyed one.
type cache struct {
	mu    sync.Mutex
	items map[[sha256.Size]byte]*list.Element
	order *list.List
	bytes int
	// hits and misses count since the start.
	hits, misses uint64
}

type cached struct {
	key    [sha256.Size]byte
	sealed string
}

func newCache() *cache {
	return &cache{items: map[[sha256.Size]byte]*list.Element{}, order: list.New()}
}

func (c *cache) get(seed [sha256.Size]byte) (string, bool) {
	key := sha256.Sum256(seed[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	item, ok := c.items[key]
	if !ok {
		c.misses++
		return "", false
	}
	c.hits++
	c.order.MoveToFront(item)
	return item.Value.(cached).sealed, true
}

func (c *cache) count() (hits, misses uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses
}

func (c *cache) put(seed [sha256.Size]byte, sealed string) {
	key := sha256.Sum256(seed[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[key]; ok || len(sealed) > maxCached {
		return
	}
	c.items[key] = c.order.PushFront(cached{key, sealed})
	c.bytes += len(sealed)
	for c.bytes > maxCached {
		oldest := c.order.Back()
		gone := c.order.Remove(oldest).(cached)
		delete(c.items, gone.key)
		c.bytes -= len(gone.sealed)
	}
}
