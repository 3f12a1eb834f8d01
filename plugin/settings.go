package plugin

import (
	"sync"
	"time"

	repository "github.com/argoproj/argo-cd/v2/reposerver/apiclient"

	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Settings are what plugin.yaml says about requests. A service may get others
// while it runs.
type Settings struct {
	Pipeline  *Pipeline
	Discovery Discovery
	// Static are the parameters that plugin.yaml announces.
	Static []*repository.ParameterAnnouncement
	// Archive bounds what the repo-server may send.
	Archive source.Limits
	// Timeout bounds one request from its first byte to its answer.
	Timeout time.Duration
}

// generation counts the requests that began with some settings.
type generation struct {
	Settings
	users sync.WaitGroup
}

// Use has requests that begin from now on use other settings. Each request keeps
// those that it began with. The result waits for those that still use the former
// ones, so that what these hold can be closed.
func (s *Service) Use(settings Settings) (wait func()) {
	next := &generation{Settings: settings}
	s.mu.Lock()
	former := s.generation
	s.generation = next
	s.mu.Unlock()
	if former == nil {
		return func() {}
	}
	return former.users.Wait
}

// begin returns the settings for one request, which calls end when it has been
// answered.
func (s *Service) begin() (settings Settings, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Whoever waits for this generation does so after another took its place.
	s.generation.users.Add(1)
	return s.generation.Settings, s.generation.users.Done
}
