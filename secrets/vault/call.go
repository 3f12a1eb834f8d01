package vault

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxAttempts and the waits between attempts bound how long a failing Vault
	// holds a request; the request's own deadline ends it earlier.
	maxAttempts = 5
	firstWait   = 100 * time.Millisecond
	longestWait = 2 * time.Second
	// retryLater is the way out where nobody who reads the message can do anything.
	retryLater = "Argo CD tries again by itself; if it lasts, the platform team runs argocd-seal doctor"
	// maxCall bounds one call with its retries where the request has no deadline.
	maxCall = 20 * time.Second
)

// answer is what Vault said: a status and, where it is 200, a body.
type answer struct {
	status int
	body   []byte
}

// send is one attempt.
type send func(ctx context.Context) (*api.Response, error)

// call sends a request until Vault answers. It returns the answers that mean
// something to the caller (2xx, 400, 403, 404, 405) and turns all others into
// E_VAULT. Nothing of what Vault or the network said is quoted: upstream's
// errors hold the URL and, where a proxy answers, its whole page.
func (c *Client) call(ctx context.Context, attempt send) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	wait := firstWait
	var last error // says more than that time ran out while trying again
	for count := 1; ; count++ {
		if !c.breaker.allow() {
			return answer{}, fault.New(fault.Vault, "Vault has failed %d times in a row and is left alone for a moment", breakAfter).WithFix(retryLater)
		}
		if err := c.limiter.Wait(ctx); err != nil {
			return answer{}, cmp.Or(last, outOfTime(ctx))
		}
		got, retry, err := c.once(ctx, attempt)
		if err != nil && ctx.Err() != nil {
			return answer{}, cmp.Or(last, err)
		}
		if err == nil || !retry || count == maxAttempts {
			return got, err
		}
		pause := wait/2 + rand.N(wait/2)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return answer{}, err
		}
		select {
		case <-ctx.Done():
			return answer{}, err
		case <-time.After(pause):
		}
		wait, last = min(2*wait, longestWait), err
	}
}

// once makes one attempt and tells whether another may help.
func (c *Client) once(ctx context.Context, attempt send) (got answer, retry bool, err error) {
	response, err := attempt(ctx)
	if response == nil || response.Response == nil {
		if ctx.Err() != nil {
			return answer{}, false, outOfTime(ctx)
		}
		c.breaker.report(false)
		if errors.Is(err, errCutOff) {
			return answer{}, true, fault.New(fault.Vault, "Vault's answer ended early").WithFix(retryLater)
		}
		return answer{}, true, fault.New(fault.Vault, "Vault cannot be reached").
			WithFix("the platform team checks address, certificate and network with argocd-seal doctor")
	}
	defer func() { _ = response.Body.Close() }()
	got.status = response.StatusCode
	switch {
	case got.status >= 300 && got.status < 400:
		return answer{}, false, fault.New(fault.Vault, "Vault redirects to another host, which is not followed").
			WithFix("the platform team sets vault.address to the active node or to a balancer in front of it")
	case got.status == http.StatusTooManyRequests:
		c.breaker.report(true)
		return answer{}, true, fault.New(fault.Vault, "Vault has too many requests").WithFix(retryLater)
	case got.status == http.StatusServiceUnavailable:
		c.breaker.report(false)
		return answer{}, true, fault.New(fault.Vault, "Vault is sealed or not ready").WithFix(retryLater)
	case got.status >= 500:
		c.breaker.report(got.status == http.StatusInternalServerError)
		return answer{}, true, fault.New(fault.Vault, "Vault answers with status %d", got.status).WithFix(retryLater)
	}
	c.breaker.report(true)
	if got.status >= 400 {
		return got, false, nil
	}
	got.body, err = io.ReadAll(response.Body) // from memory
	if err != nil {
		return answer{}, false, fault.New(fault.Internal, "an answer of Vault cannot be read")
	}
	if len(got.body) > maxAnswer {
		return answer{}, false, fault.New(fault.Limit, "Vault's answer has more than %d bytes", maxAnswer).
			WithFix("split the secret into several paths")
	}
	return got, false, nil
}

func outOfTime(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fault.New(fault.Canceled, "the request ended before Vault answered")
	}
	return fault.New(fault.Vault, "Vault did not answer within the request's time").WithFix(retryLater)
}
