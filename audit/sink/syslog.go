package sink

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// facilities are the names and numbers of RFC 5424, 6.2.1, that are of use here.
var facilities = map[string]uint8{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19,
	"local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// Facilities returns the names that a configuration may use, sorted.
func Facilities() []string {
	var names []string
	for name := range facilities {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const (
	appName       = "argocd-seal"
	severityInfo  = 6
	severityWarn  = 4
	maxSequenceID = 1<<31 - 1
	// microseconds are the finest that the grammar takes.
	microseconds = "2006-01-02T15:04:05.000000Z07:00"
	// maxHostname is RFC 5424's.
	maxHostname = 255
)

// syslog sends messages of RFC 5424 with octet counting over TLS, as RFC 5425
// says.
//
// Syslog has no acknowledgement, so that each batch has a connection of its own:
// we end our side, and the receiver ends its side when it has read to there. If
// its process dies or goes away before, what it has not read makes its system
// answer with a reset, and the batch is sent again. What the receiver has read
// and then loses before it is written is lost; no sender of syslog can know.
type syslog struct {
	at       endpoint
	facility uint8
	hostname string
}

func newSyslog(at endpoint, facility, instance string) *syslog {
	hostname := headerText(instance)
	return &syslog{at: at, facility: facilities[facility], hostname: hostname[:min(len(hostname), maxHostname)]}
}

func (s *syslog) Send(ctx context.Context, lines []audit.Line) error {
	conn, err := s.at.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer watch(ctx, conn)()
	frames := make([]byte, 0, sizeOf(lines)+len(lines)*128)
	for _, line := range lines {
		frames = s.appendFrame(frames, line)
	}
	if _, err := conn.Write(frames); err != nil {
		return explain(err)
	}
	return finish(ctx, conn)
}

// finish ends our side of a connection and waits for the other side to follow.
func finish(ctx context.Context, conn net.Conn) error {
	if err := closeWrite(conn); err != nil {
		return explain(err)
	}
	_, err := io.Copy(io.Discard, io.LimitReader(conn, maxAnswer))
	// Few receivers say farewell in TLS before they close (RFC 5425, 4.4); rsyslog
	// does not. A reset is another error.
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return explain(err)
	}
	return taken(ctx, conn)
}

// closeWrite says in TLS and in TCP that nothing follows.
func closeWrite(conn net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		if err := secure.CloseWrite(); err != nil {
			return err
		}
	}
	return tcp(conn).CloseWrite()
}

// tcp returns the connection below TLS. All of ours are of [endpoint.dial].
func tcp(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}

// appendFrame adds a line as LENGTH SP MESSAGE. The JSON stands as it is in the
// trail, so that the chain can be verified from what the receiver keeps.
func (s *syslog) appendFrame(frames []byte, line audit.Line) []byte {
	header := s.header(line)
	frames = strconv.AppendInt(frames, int64(len(header)+1+len(line.JSON)), 10)
	frames = append(frames, ' ')
	frames = append(frames, header...)
	frames = append(frames, ' ')
	return append(frames, line.JSON...)
}

func (s *syslog) header(line audit.Line) string {
	var event struct {
		Type    string `json:"type"`
		Outcome string `json:"outcome"`
	}
	_ = json.Unmarshal(line.JSON, &event) // what is no event is sent as well
	severity := uint8(severityInfo)
	if event.Outcome != "OK" {
		severity = severityWarn
	}
	// The library leaves out what does not follow the grammar.
	message := &rfc5424.SyslogMessage{}
	message.SetPriority(s.facility*8+severity).SetVersion(1).
		SetTimestamp(line.Time.UTC().Format(microseconds)).
		SetHostname(s.hostname).SetAppname(appName).SetMsgID(event.Type).
		SetParameter("meta", "sequenceId", strconv.FormatUint((line.Seq-1)%maxSequenceID+1, 10))
	header, err := message.String()
	if err != nil {
		return "<" + strconv.Itoa(int(s.facility)*8+severityWarn) + ">1 - - " + appName + " - - -"
	}
	return header
}

// Close has nothing to do: no connection outlives its batch.
func (s *syslog) Close() {}
