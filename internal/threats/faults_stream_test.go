package threats

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"
)

// TestFaultsOfStreams has the repo-server stop in the middle of what it sends.
func TestFaultsOfStreams(t *testing.T) {
	s := start(t, settings{render: fmt.Sprintf("{timeout: %s}", 2*faultTimeout)})
	whole := newDemand("shop", pack(t, files{"app/a.yaml": secret(s.reference()), "app/b.txt": string(randomBytes(3 * chunk))}), identity())
	endless := newDemand("endless", pack(t, chart(files{"templates/a.yaml": endlessTemplate})), identity())
	within, gone := 2*faultTimeout+20*time.Second, []string{"E_CANCELED"}
	s.meet(t, []fault{
		{"the repo-server leaves after the metadata", gone, within, leaves(whole, 0)},
		{"the repo-server leaves in the middle of the archive", gone, within, leaves(whole, 1)},
		{"the repo-server leaves while its application is rendered", gone, within, leaves(endless, -1)},
		{"the connection breaks in the middle of the archive", []string{"E_CANCELED", "E_STREAM"}, within, breaks(whole)},
		{"a stream without a message", []string{"E_STREAM"}, within, silent(whole, false, 0)},
		{"a stream with metadata and nothing else", []string{"E_STREAM"}, within, silent(whole, true, 0)},
		{"a stream that stops in the middle of the archive", []string{"E_STREAM"}, within, silent(whole, true, 1)},
		{"a stream of a byte in a second", []string{"E_TIMEOUT"}, within, trickles(whole)},
		{"200 streams with metadata and nothing else", []string{"E_STREAM"}, within, crowd(whole)},
		{"200 streams that leave in the middle of the archive", gone, within, crowdLeaves(whole)},
		{"200 connections that say nothing", []string{renderedCode}, within, connections("")},
		{"200 connections that say something else", []string{renderedCode}, within, connections("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
	})
}

// begin sends the metadata, and as many parts of the archive; with -1 it sends all
// and says that this is all.
func (c caller) begin(ctx context.Context, t testing.TB, one demand, parts int) (recv func(any) error) {
	t.Helper()
	call, err := c.client.GenerateManifest(ctx)
	must(t, err)
	must(t, call.Send(one.first()))
	for at := 0; at < len(one.packed) && parts != 0; at, parts = at+chunk, parts-1 {
		must(t, call.Send(chunkOf(one.packed[at:min(at+chunk, len(one.packed))])))
	}
	if parts < 0 {
		must(t, call.CloseSend())
	}
	return call.RecvMsg
}

var failedWith = regexp.MustCompile(`"code":"(E_[A-Z_]+)"`)

// lastFailure waits until a request more than before has failed, by the log: whoever
// has left gets no answer.
func (s *sidecar) lastFailure(t testing.TB, before int, began time.Time) answer {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if lines := s.log.lines("request failed"); len(lines) > before {
			return answer{err: fmt.Errorf("%s: by the log", failedWith.FindStringSubmatch(lines[len(lines)-1])[1]), took: time.Since(began)}
		}
	}
	t.Fatal("the request has not ended")
	return answer{}
}

func leaves(one demand, parts int) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		before, from := len(s.log.lines("request failed")), s.caller(t)
		defer from.close()
		ctx, cancel := context.WithCancel(t.Context())
		from.begin(ctx, t, one, parts)
		time.Sleep(500 * time.Millisecond)
		cancel()
		return s.lastFailure(t, before, time.Now())
	}
}

func breaks(one demand) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		before, from := len(s.log.lines("request failed")), s.caller(t)
		from.begin(t.Context(), t, one, 1)
		time.Sleep(500 * time.Millisecond)
		from.close()
		return s.lastFailure(t, before, time.Now())
	}
}

func silent(one demand, metadata bool, parts int) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		from := s.caller(t)
		defer from.close()
		began := time.Now()
		var recv func(any) error
		if metadata {
			recv = from.begin(t.Context(), t, one, parts)
		} else {
			call, err := from.client.GenerateManifest(t.Context())
			must(t, err)
			recv = call.RecvMsg
		}
		return answer{err: recv(newAnswer()), took: time.Since(began)}
	}
}

func trickles(one demand) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		from := s.caller(t)
		defer from.close()
		began := time.Now()
		call, err := from.client.GenerateManifest(t.Context())
		must(t, err)
		must(t, call.Send(one.first()))
		ended := make(chan error, 1)
		go func() { ended <- call.RecvMsg(newAnswer()) }()
		for i := 0; ; i++ {
			select {
			case err := <-ended:
				return answer{err: err, took: time.Since(began)}
			case <-time.After(time.Second):
				_ = call.Send(chunkOf(one.packed[i : i+1])) // the reason is in the answer
			}
		}
	}
}

// crowd opens idle streams, looks at another project meanwhile, and returns the
// answer to the last one.
func crowd(one demand) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		from := s.caller(t)
		defer from.close()
		began := time.Now()
		errs := make([]error, 200)
		var group sync.WaitGroup
		for i := range errs {
			recv := from.begin(t.Context(), t, one, 0)
			group.Go(func() { errs[i] = recv(newAnswer()) })
		}
		t.Logf("beside them another project's request is %s, and %s had passed", s.next(t), time.Since(began).Round(time.Millisecond))
		group.Wait()
		for _, err := range errs {
			if a := (answer{err: err}); a.code() != "E_STREAM" && a.code() != "E_BUSY" && a.code() != "E_TIMEOUT" {
				t.Errorf("one of them gives %.200q", a.text())
			}
		}
		return answer{err: errs[0], took: time.Since(began)}
	}
}

func crowdLeaves(one demand) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		before, from := len(s.log.lines("request failed")), s.caller(t)
		defer from.close()
		ctx, cancel := context.WithCancel(t.Context())
		for range 200 {
			from.begin(ctx, t, one, 1)
		}
		began := time.Now()
		cancel()
		return s.lastFailure(t, before+199, began)
	}
}

// connections opens connections that say something, or nothing, and looks at a
// request beside them.
func connections(text string) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		for range 200 {
			conn, err := new(net.Dialer).DialContext(t.Context(), "unix", s.file("seal.sock"))
			must(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.Write([]byte(text))
			must(t, err)
		}
		return s.sealing(t)
	}
}
