package rotation

import (
	"sync"
	"time"
)

// LagBounds are the upper bounds of Stats.Lag's buckets.
var LagBounds = []time.Duration{
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour,
}

// Stats are counts since the start of the process, for metrics. Counters only
// grow.
type Stats struct {
	// Leading tells whether this replica asks Vault and refreshes.
	Leading bool
	// Applications is how many are in this replica's index: all of them on the
	// leader, and on another those that it has not shared yet. Secrets are watched,
	// and Waiting are to be looked at for a refresh; both are the leader's.
	Applications, Secrets, Waiting int
	// VaultRequests and VaultFailures count questions to Vault.
	VaultRequests, VaultFailures int64
	// Refreshes counts Applications that got the annotation; Pending those that
	// had it already, and KubernetesFailures what the API server did not do.
	Refreshes, Pending, KubernetesFailures int64
	// Problems is how many secrets in use have each [Problem] now.
	Problems map[Problem]int
	// LagSum is the time from a version's creation in Vault to the refresh, summed
	// over all refreshes for a secret, and Lag how many were within each of
	// [LagBounds], with one more bucket for the rest.
	LagSum time.Duration
	Lag    []int64
}

// counters guards Stats.
type counters struct {
	mu    sync.Mutex
	stats Stats
}

func newCounters() *counters {
	return &counters{stats: Stats{Problems: map[Problem]int{}, Lag: make([]int64, len(LagBounds)+1)}}
}

func (c *counters) update(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := c.stats
	copied.Lag = append([]int64(nil), c.stats.Lag...)
	copied.Problems = map[Problem]int{}
	for problem, count := range c.stats.Problems {
		copied.Problems[problem] = count
	}
	return copied
}

// lag notes how long a new version waited for its refresh.
func (s *Stats) lag(of time.Duration) {
	of = max(of, 0)
	s.LagSum += of
	for i, bound := range LagBounds {
		if of <= bound {
			s.Lag[i]++
			return
		}
	}
	s.Lag[len(LagBounds)]++
}
