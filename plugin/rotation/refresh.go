package rotation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
	// crowd is how many renders of one application are taken without looking which
	// of them run.
	crowd = 6
	// refreshers is how many Applications are refreshed at once: the rate is what
	// bounds them, and not how long the API server takes for one.
	refreshers = 4
)

// due lists the applications that are behind: those first whose change concerns
// the fewest, so that one secret that all use does not hold up the others.
func (r *Rotation) due() []string {
	now := time.Now()
	reason := map[string]change{}
	perChange := map[change]int{}
	renders := map[string]int{}
	r.index.each(func(app string, one render) {
		renders[app]++
		if _, known := reason[app]; known {
			return
		}
		if changes := r.world.changes(one, now); len(changes) > 0 {
			key := changes[0]
			key.from, key.formerBundle = 0, text{}
			reason[app] = key
			perChange[key]++
		}
	})
	var apps []string
	for app, count := range renders {
		if _, behind := reason[app]; behind || count > crowd {
			apps = append(apps, app)
		}
	}
	slices.SortFunc(apps, func(a, b string) int {
		return cmp.Or(cmp.Compare(perChange[reason[a]], perChange[reason[b]]), strings.Compare(a, b))
	})
	return apps
}

// enqueue replaces what is to be refreshed. What waited before is still behind
// and so in the new list.
func (r *Rotation) enqueue(apps []string) {
	r.mu.Lock()
	r.waiting = apps
	r.mu.Unlock()
	r.counters.update(func(s *Stats) { s.Waiting = len(apps) })
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Rotation) next() (app string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return "", false
	}
	app, r.waiting = r.waiting[0], r.waiting[1:]
	r.counters.update(func(s *Stats) { s.Waiting = len(r.waiting) })
	return app, true
}

// refreshAll takes applications from the queue, at the rate of the configuration,
// until ctx ends.
func (r *Rotation) refreshAll(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		var group sync.WaitGroup
		for range refreshers {
			group.Go(func() {
				for app, ok := r.next(); ok && ctx.Err() == nil; app, ok = r.next() {
					r.persist(ctx, app)
				}
			})
		}
		group.Wait()
	}
}

// persist refreshes one application, however often the API server must be asked.
func (r *Rotation) persist(ctx context.Context, app string) {
	for wait := firstWait; r.refreshes.Wait(ctx) == nil; wait = min(2*wait, longestWait) {
		err := r.refresh(ctx, app)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.counters.update(func(s *Stats) { s.KubernetesFailures++ })
		r.log.WithFields(logrus.Fields{"app": app, "reason": reasonOf(err)}).Warn("the Application cannot be refreshed and is tried again")
		if !transient(err) {
			return // the next round has it again
		}
		sleep(ctx, wait)
	}
}

// transient tells whether the API server may soon do what it did not.
func transient(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError || apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err)
}

// reasonOf says what went wrong without the library's text.
func reasonOf(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return string(status.Status().Reason)
	}
	return "the API server cannot be reached"
}

// refresh looks at one application anew, and refreshes it where it is behind.
// Reading and writing are one step: where anybody changed the Application in
// between, it is read again.
func (r *Rotation) refresh(ctx context.Context, app string) error {
	var err error
	for range conflicts {
		if err = r.tryRefresh(ctx, app); !apierrors.IsConflict(err) {
			return err
		}
	}
	return err
}

func (r *Rotation) tryRefresh(ctx context.Context, app string) error {
	renders := r.index.renders(app)
	all := r.changesOf(renders)
	if len(all) == 0 && len(renders) <= crowd {
		return nil
	}
	namespace, name, ok := parseApp(app)
	if !ok {
		return nil
	}
	client := r.apps.Resource(applications).Namespace(cmp.Or(namespace, r.config.Namespace))
	now := time.Now()
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		// Not forgotten: another replica may just have rendered it for the first time.
		r.log.WithField("app", app).Info("the Application that used a changed secret is not there")
		r.index.settle(app, all, now)
		return nil
	}
	if err != nil {
		return err
	}
	running, stale := relevant(object, renders, now)
	r.index.forget(app, stale)
	changes := r.changesOf(running)
	if len(changes) == 0 {
		return nil
	}
	annotations := object.GetAnnotations()
	switch {
	case annotations[tokenAnnotation] == token(changes):
		// A leader before this one has done it, and had no time to write that down.
		r.index.settle(app, changes, now)
		return nil
	case annotations[refreshAnnotation] == hard:
		// Argo CD may have read the secret before it changed, or not: the next round
		// sees which.
		r.counters.update(func(s *Stats) { s.Pending++ })
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": object.GetResourceVersion(),
		"annotations":     map[string]string{refreshAnnotation: hard, tokenAnnotation: token(changes)},
	}})
	if err != nil {
		return err
	}
	if _, err := client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: leaseName}); err != nil {
		if apierrors.IsNotFound(err) {
			return nil // the next round sees that it is gone
		}
		return err
	}
	r.index.settle(app, changes, time.Now())
	r.refreshed(ctx, app, changes)
	return nil
}

func (r *Rotation) changesOf(renders []render) []change {
	now := time.Now()
	var all []change
	for _, one := range renders {
		for _, c := range r.world.changes(one, now) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// refreshed tells of a refresh.
func (r *Rotation) refreshed(ctx context.Context, app string, changes []change) {
	event := audit.Event{Type: audit.Refresh, App: app, Outcome: "OK"}
	var reasons []string
	for _, c := range changes {
		reasons = append(reasons, c.String())
		if c.isBundle() {
			event.Environment = c.environment.Value()
			event.Inputs = map[string]string{"policies": c.bundle.Value(), "policies before": c.formerBundle.Value()}
			continue
		}
		secret := c.secret.Value()
		event.References = append(event.References, audit.Reference{
			Binding: secret.Binding, Mount: secret.Mount, Path: secret.Path, Version: int(c.to), Previous: int(c.from),
		})
	}
	event.Message = strings.Join(reasons, "; ")
	const longest = 2048
	if len(event.Message) > longest {
		event.Message = event.Message[:longest]
	}
	r.counters.update(func(s *Stats) {
		s.Refreshes++
		for _, c := range changes {
			if !c.isBundle() {
				s.lag(time.Since(c.created))
				return
			}
		}
	})
	r.log.WithFields(logrus.Fields{"app": app, "reason": event.Message}).Info("the Application is refreshed")
	r.record(ctx, event)
}
