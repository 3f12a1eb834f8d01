package vault

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"
)

// session is the one token of a role.
type session struct {
	client *Client
	role   Role
	// api carries the token; anonymous never does, and logs in.
	api       *api.Client
	anonymous *api.Client

	// turn is held while the token is made, renewed or given up. It is a channel
	// and no mutex because who waits for it must still obey a deadline.
	turn chan struct{}
	// The rest is guarded by turn.
	current auth
	renewAt time.Time
	expires time.Time
	// generation counts logins, so that one revoked token causes one login
	// however many requests notice.
	generation int
	// proven is when Vault last said that the token lives.
	proven time.Time
	// failed is what the last login ended with, and stands until failedUntil.
	failed      error
	failedUntil time.Time
	// issued is when the token was got or last renewed.
	issued time.Time
	// noted is what others may know; it needs no turn.
	noted atomic.Pointer[State]
}

const (
	// proofLife is how long a proof that the token lives is believed: a request
	// with many forbidden paths asks once for all, and a revoked token is noticed
	// within it.
	proofLife = time.Second
	// failureLife is how long a failed login is not repeated. Vault locks users
	// after a few wrong passwords.
	failureLife = 2 * time.Second
)

func (s *session) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return outOfTime(ctx)
	}
}

func (s *session) unlock() { <-s.turn }

// ready makes sure that the session has a token that is not about to expire,
// and returns its generation.
func (s *session) ready(ctx context.Context) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.unlock()
	if err := s.refresh(ctx); err != nil {
		return 0, err
	}
	return s.generation, nil
}

// refresh renews or replaces a token that is due. The caller holds the turn.
func (s *session) refresh(ctx context.Context) error {
	now := time.Now()
	switch {
	case s.current.Token == "":
	case s.renewAt.IsZero() || now.Before(s.renewAt):
		return nil
	case now.Before(s.failedUntil) && now.Before(s.expires):
		return nil
	case s.current.Renewable && now.Before(s.expires):
		if s.renew(ctx) {
			return nil
		}
	}
	if now.Before(s.failedUntil) {
		return s.failed
	}
	fresh, err := s.login(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.failed, s.failedUntil = err, time.Now().Add(failureLife)
			s.note(err)
		}
		if s.current.Token != "" && now.Before(s.expires) {
			return nil // the old token still works; a later request tries again
		}
		return err
	}
	s.adopt(fresh)
	s.generation++
	s.failed, s.failedUntil, s.proven = nil, time.Time{}, time.Time{}
	return nil
}

// adopt takes a token into use. Two thirds of its life later it is due. A token
// without a life, such as a root token of a test, never is.
func (s *session) adopt(fresh auth) {
	s.current, s.renewAt, s.expires, s.issued = fresh, time.Time{}, time.Time{}, time.Now()
	if ttl := fresh.ttl(); ttl > 0 {
		s.renewAt, s.expires = time.Now().Add(ttl*2/3), time.Now().Add(ttl)
	}
	s.api.SetToken(fresh.Token)
	s.note(nil)
}

// renew prolongs the token. It returns false where that fails or gains so
// little, near the token's longest life, that a new login is due.
func (s *session) renew(ctx context.Context) bool {
	got, err := s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
		return s.api.Logical().WriteRawWithContext(ctx, "auth/token/renew-self", []byte("{}"))
	})
	if err != nil {
		return false
	}
	before := s.current.ttl()
	renewed, err := s.parseAuth(got)
	if err != nil || renewed.ttl() < before/2 {
		return false
	}
	// The life to compare with stays that of the login.
	token := s.current.Token
	s.adopt(renewed)
	s.current.Token, s.current.Seconds = token, int64(before/time.Second)
	s.api.SetToken(token)
	return true
}

// revalidate is for an answer 403 to a request that was sent at a moment: it
// tells whether the token had been revoked and there is now another one to try
// with. A token that lives means that the role may not read the path.
func (s *session) revalidate(ctx context.Context, generation int, sent time.Time) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.unlock()
	if s.generation != generation {
		return true, nil
	}
	if s.proven.After(sent) || time.Since(s.proven) < proofLife {
		return false, nil
	}
	got, err := s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
		return s.api.Logical().ReadRawWithContext(ctx, "auth/token/lookup-self")
	})
	if err != nil {
		return false, err
	}
	if got.status != http.StatusForbidden {
		s.proven = time.Now()
		return false, nil
	}
	s.current = auth{}
	return true, s.refresh(ctx)
}

// do sends a request with the session's token, and once more with a new one
// where the token had been revoked.
func (s *session) do(ctx context.Context, attempt func(context.Context, *api.Client) (*api.Response, error)) (answer, error) {
	generation, err := s.ready(ctx)
	if err != nil {
		return answer{}, err
	}
	try := func() (answer, error) {
		return s.client.call(ctx, func(ctx context.Context) (*api.Response, error) { return attempt(ctx, s.api) })
	}
	sent := time.Now()
	got, err := try()
	if err != nil || got.status != http.StatusForbidden {
		return got, err
	}
	again, err := s.revalidate(ctx, generation, sent)
	if err != nil || !again {
		return got, err
	}
	return try()
}

// revoke gives the token up. A token from a file belongs to somebody else.
func (s *session) revoke(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	held := s.current.Token != "" && s.role.Method != Token
	var err error
	if held {
		_, err = s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
			return s.api.Logical().WriteRawWithContext(ctx, "auth/token/revoke-self", []byte("{}"))
		})
	}
	s.current = auth{}
	s.api.SetToken("")
	return err
}
