package registry

import (
	"context"
	"errors"
	"net"
	"net/http"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
)

// failed turns what went wrong into a fault in our own words: a registry could
// send back what it was sent, and a library's text may have addresses with
// signatures in them.
func failed(name image.Name, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	why := reasonOf(err)
	said := fault.New(why.code, "%s %s", fault.Clean(name.Registry, 200), why.what).WithFix("%s", why.fix)
	if why.down {
		return outage{said}
	}
	return said
}

// outage is the fault of a registry that is down, slow or busy. What a registry says
// that is up is none: whoever can push to it must not be able to cause an outage.
type outage struct{ fault *fault.Error }

func (o outage) Error() string { return o.fault.Error() }
func (o outage) Unwrap() error { return o.fault }

// IsOutage tells whether a registry could not be asked because it is down, slow or
// busy.
func IsOutage(err error) bool { return errors.As(err, new(outage)) }

// Late is the outage of a registry that was not waited for any longer.
func Late(registry string) error {
	return outage{fault.New(fault.ImageRegistry, "%s takes too long", fault.Clean(registry, 200)).WithFix("%s", tryAgain)}
}

const (
	tryAgain  = "Argo CD tries again by itself; if it lasts, the platform team checks the registry and the network"
	checkList = "the platform team adds the host to images.registries[].also if the registry's storage or tokens are there"
)

// reason is why a registry could not be asked, and whether it is down, slow or busy.
type reason struct {
	code      fault.Code
	what, fix string
	down      bool
}

// away is the reason of a registry that is asked again later.
func away(what string) reason { return reason{fault.ImageRegistry, what, tryAgain, true} }

// odd is the reason of one that is there.
func odd(what, fix string) reason { return reason{fault.ImageRegistry, what, fix, false} }

func reasonOf(err error) reason {
	var answer *errcode.ErrorResponse
	var network net.Error
	switch {
	case errors.Is(err, errElsewhere):
		return odd("sends us to a host that the platform does not list", checkList)
	case errors.Is(err, errPlain):
		return odd("sends us to plain http", checkList)
	case errors.Is(err, errRedirects):
		return odd("redirects too often", checkList)
	case errors.Is(err, errTooMuch), errors.Is(err, errdef.ErrSizeExceedsLimit), errors.Is(err, errdef.ErrTooManyPages):
		return reason{fault.Limit, "sends more than is taken", "remove what is attached to the image and not needed, or raise images.limits", false}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return away("takes too long")
	case errors.Is(err, context.Canceled):
		return reason{fault.Canceled, "was not waited for: the request ended", "Argo CD tries again by itself", false}
	case errors.As(err, &answer):
		return answered(answer.StatusCode)
	case errors.As(err, &network):
		return away("cannot be reached")
	default:
		return odd("answers with something else than was asked for", "find out what answers in the registry's place, and whether content was changed")
	}
}

func answered(status int) reason {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return odd("refuses the login, or does not let it pull", "the platform team corrects the credentials of images.registries")
	case status == http.StatusTooManyRequests:
		return away("says that it is asked too often")
	case status >= http.StatusInternalServerError:
		return away("fails")
	default:
		return odd("answers with something else than was asked for", "check the image's name")
	}
}

// missing tells whether there is nothing of that name.
func missing(err error) bool {
	var answer *errcode.ErrorResponse
	return errors.Is(err, errdef.ErrNotFound) || errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
