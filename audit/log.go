package audit

import (
	"context"
	"io"
	"time"

	"github.com/sirupsen/logrus"
)

// Recorder takes events. It is safe for concurrent use. It returns the place of
// the event in the trail, 0 where there is no trail. After an error the event may
// be missing.
type Recorder interface {
	Append(ctx context.Context, event Event) (seq uint64, err error)
}

// Log is a recorder that also writes each event as one line of JSON, for whatever
// collects the output of containers. An event that could not be recorded is
// written too.
type Log struct {
	next     Recorder
	log      *logrus.Logger
	instance string
}

var _ Recorder = (*Log)(nil)

// NewLog returns a recorder that writes to w what it hands on to next, which may
// be nil. Instance is put into events that have none.
func NewLog(w io.Writer, instance string, next Recorder) *Log {
	log := logrus.New()
	log.SetOutput(w)
	log.SetFormatter(&logrus.JSONFormatter{DisableHTMLEscape: true})
	return &Log{next: next, log: log, instance: instance}
}

// Append records the event and writes it. The line has the event under "audit"
// and its place as "seq"; seq is missing where there is none.
func (l *Log) Append(ctx context.Context, event Event) (seq uint64, err error) {
	event = event.Complete(time.Now(), l.instance)
	if l.next != nil {
		seq, err = l.next.Append(ctx, event)
	}
	fields := logrus.Fields{"audit": event}
	if seq > 0 {
		fields["seq"] = seq
	}
	l.log.WithFields(fields).Info("audit")
	return seq, err
}
