package plugin

import (
	"context"
	"crypto/rand"
	"net/url"
	"runtime/debug"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// statusOf turns faults into what the repo-server gets, shows and stores: at most
// [fault.MaxText] bytes.
func statusOf(err error) error {
	list := fault.Of(err)
	return status.Error(statusCode(list[0].Code), fault.Answer(list))
}

func statusCode(code fault.Code) codes.Code {
	switch code {
	case fault.Internal:
		return codes.Internal
	case fault.Timeout:
		return codes.DeadlineExceeded
	case fault.Canceled:
		return codes.Canceled
	case fault.Busy:
		return codes.Unavailable
	case fault.Limit:
		return codes.ResourceExhausted
	default:
		return codes.InvalidArgument
	}
}

// recovered turns a panic of a handler into an answer that says nothing but an
// id. The stack goes to the log, without the panic's value: it may hold
// anything.
func recovered(log logrus.FieldLogger, call string) error {
	id := rand.Text()[:10]
	log.WithFields(logrus.Fields{"call": call, "id": id, "stack": string(debug.Stack())}).Error("a handler panicked")
	return status.Error(codes.Internal, fault.New(fault.Internal, "the plugin failed, id %s", id).
		WithFix("look for the id in the sidecar's log and report it").Error())
}

func recoverStream(log logrus.FieldLogger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer func() {
			if recover() != nil {
				err = recovered(log, info.FullMethod)
			}
		}()
		return handler(srv, stream)
	}
}

func recoverUnary(log logrus.FieldLogger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
		defer func() {
			if recover() != nil {
				response, err = nil, recovered(log, info.FullMethod)
			}
		}()
		return handler(ctx, req)
	}
}

// redactURL removes credentials that somebody wrote into a repository's URL.
func redactURL(raw string) string {
	parsed, err := url.Parse(raw)
	if err != nil || parsed.User == nil {
		return raw
	}
	parsed.User = url.User(parsed.User.Username())
	return parsed.String()
}
