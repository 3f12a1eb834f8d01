package main

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

const (
	// recordTimeout bounds how long a request waits for its event: a disk that
	// hangs must not hold requests for ever.
	recordTimeout = 5 * time.Second
	// sinkDrain is how long sinks go on after the last event. Kubernetes kills the
	// container five seconds after the requests had their time.
	sinkDrain = 3 * time.Second
	// readLines is how many lines of the trail are in memory at a time.
	readLines = 1000
)

// recorder keeps the events of a sidecar in its trail. A nil one keeps nothing.
type recorder struct {
	recorder audit.Recorder
	trail    *trail.Trail
	sinks    []*sink.Runner
	required bool
	shown    *telemetry.Telemetry
	log      *logrus.Logger

	stopSinks context.CancelFunc
	running   sync.WaitGroup
}

// newRecorder opens the trail and starts its sinks. It returns nil where the
// configuration keeps no events.
func newRecorder(ctx context.Context, settings config.Audit, shown *telemetry.Telemetry, log *logrus.Logger, stdout io.Writer) (*recorder, error) {
	if settings.Directory == "" && !settings.Stdout {
		return nil, nil
	}
	if settings.Instance == "" {
		settings.Instance, _ = os.Hostname()
	}
	r := &recorder{required: settings.Required, shown: shown, log: log, stopSinks: func() {}}
	if settings.Directory == "" {
		r.recorder = audit.NewLog(stdout, settings.Instance)
		return r, nil
	}
	if err := r.open(ctx, settings, stdout); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *recorder) open(ctx context.Context, settings config.Audit, stdout io.Writer) error {
	signer, err := chain.ReadSigner(settings.Key)
	if err != nil {
		return err
	}
	options := settings.Trail(signer)
	options.Warn = func(err error) { r.log.WithField("code", fault.CodeOf(err)).Error(fault.Text(fault.Of(err))) }
	if r.trail, err = trail.Open(options); err != nil {
		return err
	}
	r.recorder = r.trail
	if r.sinks, err = newSinks(settings, r.trail, r.log, stdout); err != nil {
		_ = r.trail.Close()
		return err
	}
	// Sinks go on until the last event of the process was written.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.stopSinks = cancel
	for _, runner := range r.sinks {
		r.running.Go(func() { runner.Run(ctx) })
	}
	return nil
}

// newSinks makes the runners of a trail, which keeps the lines that they need.
func newSinks(settings config.Audit, opened *trail.Trail, log *logrus.Logger, stdout io.Writer) ([]*sink.Runner, error) {
	options := sink.Options{Dir: settings.Directory, Instance: settings.Instance, Log: log, Drain: sinkDrain}
	var runners []*sink.Runner
	add := func(name string, runner *sink.Runner, err error) error {
		if err != nil {
			return err
		}
		runners = append(runners, runner)
		return opened.Retain(name, func() uint64 { return runner.Delivered() + 1 })
	}
	for _, one := range settings.Sinks {
		runner, err := sink.New(one.Config(), opened, options)
		if err := add(one.Name, runner, err); err != nil {
			return nil, err
		}
	}
	if settings.Stdout {
		runner, err := sink.NewPrinter(stdout, opened, options)
		if err := add(sink.Stdout, runner, err); err != nil {
			return nil, err
		}
	}
	return runners, nil
}

// Record keeps one event. It fails only where the platform does not go on
// without the trail.
func (r *recorder) Record(ctx context.Context, event audit.Event) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	_, err := r.recorder.Append(ctx, event)
	r.shown.Audited(err)
	if err == nil || r.required {
		return err
	}
	r.missing(event, err)
	return nil
}

// missing tells of an event that is not in the trail.
func (r *recorder) missing(event audit.Event, err error) {
	r.log.WithFields(logrus.Fields{"code": fault.CodeOf(err), "id": event.ID}).Error("an event is missing in the audit trail: " + fault.Text(fault.Of(err)))
}

// happened keeps an event that is about no request. What cannot be kept is
// logged: nobody waits for it.
func (r *recorder) happened(ctx context.Context, kind audit.Type, outcome fault.Code, message string) {
	if r == nil {
		return
	}
	event := audit.Event{Type: kind, Outcome: "OK", Message: message}
	if outcome != "" {
		event.Outcome = string(outcome)
	}
	r.keep(ctx, event)
}

// keep records an event that nobody waits for.
func (r *recorder) keep(ctx context.Context, event audit.Event) {
	if err := r.Record(context.WithoutCancel(ctx), event); err != nil {
		r.missing(event, err)
	}
}

// recorded are the events that the trail holds when the first is asked for.
func (r *recorder) recorded(ctx context.Context) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		last := r.trail.Last()
		for seq := uint64(0); seq < last; {
			lines, err := r.trail.Read(ctx, seq, readLines)
			if err != nil {
				yield(audit.Event{}, err)
				return
			}
			for _, line := range lines {
				var event audit.Event
				if json.Unmarshal(line.JSON, &event) != nil {
					err = fault.New(fault.Audit, "line %d of the audit trail is not an event", line.Seq).WithFix("argocd-seal audit verify shows what was changed")
				}
				if seq = line.Seq; !yield(event, err) || err != nil || seq >= last {
					return
				}
			}
		}
	}
}

// behind tells how far the sinks are.
func (r *recorder) behind() []telemetry.Sink {
	shown := make([]telemetry.Sink, len(r.sinks))
	for i, runner := range r.sinks {
		status := runner.Status()
		shown[i] = telemetry.Sink{Name: status.Name, Lines: int(min(status.Behind, 1<<40))}
		if !status.Oldest.IsZero() {
			shown[i].Oldest = time.Since(status.Oldest)
		}
	}
	return shown
}

// close signs the end of the trail and gives the sinks some time to send it.
func (r *recorder) close(ctx context.Context) {
	if r == nil || r.trail == nil {
		return
	}
	r.happened(ctx, audit.Stop, "", "the sidecar stops")
	if err := r.trail.Close(); err != nil {
		r.log.WithField("code", fault.CodeOf(err)).Error(fault.Text(fault.Of(err)))
	}
	r.stopSinks()
	r.running.Wait()
}
