package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// auth is the part of a login's or a renewal's answer that counts.
type auth struct {
	Token     string `json:"client_token"`
	Seconds   int64  `json:"lease_duration"`
	Renewable bool   `json:"renewable"`
}

// maxLife bounds a token's life in seconds, a hundred years, so that it can be
// counted in nanoseconds.
const maxLife = 100 * 366 * 24 * 3600

func (a auth) ttl() time.Duration { return time.Duration(a.Seconds) * time.Second }

// login gets a token for a role. What Vault says of a failure is not quoted.
func (s *session) login(ctx context.Context) (auth, error) {
	role := s.role
	if role.Method == Token {
		return s.ownToken(ctx)
	}
	path, body, err := role.request()
	if err != nil {
		return auth{}, err
	}
	got, err := s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
		return s.anonymous.Logical().WriteRawWithContext(ctx, path, body)
	})
	clear(body)
	if err != nil {
		return auth{}, err
	}
	return s.parseAuth(got)
}

// request builds a login's path and body from the role's files.
func (r *Role) request() (path string, body []byte, err error) {
	mount := r.Mount
	if mount == "" {
		mount = r.Method
	}
	fields := map[string]string{}
	path = "auth/" + mount + "/login"
	switch r.Method {
	case Kubernetes, JWT:
		token, err := readCredential(r.TokenFile)
		if err != nil {
			return "", nil, err
		}
		if r.Method == Kubernetes {
			if err := checkServiceAccountToken(token); err != nil {
				return "", nil, err.In(r.TokenFile, 0)
			}
		}
		fields["role"], fields["jwt"] = r.VaultRole, token
	case AppRole:
		secretID, err := readCredential(r.SecretIDFile)
		if err != nil {
			return "", nil, err
		}
		fields["role_id"], fields["secret_id"] = r.RoleID, secretID
	case Userpass:
		password, err := readCredential(r.PasswordFile)
		if err != nil {
			return "", nil, err
		}
		path += "/" + r.Username
		fields["password"] = password
	}
	body, err = json.Marshal(fields)
	return path, body, err
}

// ownToken takes a token that something else keeps in a file, and asks how long
// it lives.
func (s *session) ownToken(ctx context.Context) (auth, error) {
	token, err := readCredential(s.role.TokenFile)
	if err != nil {
		return auth{}, err
	}
	// Other requests go on with the token in use until this one has proved good.
	candidate := s.anonymous.WithRequestCallbacks(func(r *api.Request) { r.ClientToken = token })
	got, err := s.client.call(ctx, func(ctx context.Context) (*api.Response, error) {
		return candidate.Logical().ReadRawWithContext(ctx, "auth/token/lookup-self")
	})
	if err != nil {
		return auth{}, err
	}
	var looked struct {
		Data struct {
			TTL       int64 `json:"ttl"`
			Renewable bool  `json:"renewable"`
		} `json:"data"`
	}
	if got.status != http.StatusOK {
		return auth{}, s.refused(got.status)
	}
	own := auth{Token: token}
	if json.Unmarshal(got.body, &looked) != nil {
		return auth{}, garbled()
	}
	if own.Seconds, own.Renewable = looked.Data.TTL, looked.Data.Renewable; !own.usable() {
		return auth{}, garbled()
	}
	return own, nil
}

func (s *session) parseAuth(got answer) (auth, error) {
	var parsed struct {
		Auth *auth `json:"auth"`
	}
	if got.status != http.StatusOK {
		return auth{}, s.refused(got.status)
	}
	err := json.Unmarshal(got.body, &parsed)
	clear(got.body)
	if err != nil || parsed.Auth == nil || !parsed.Auth.usable() {
		return auth{}, garbled()
	}
	return *parsed.Auth, nil
}

// usable tells whether the token can be a header, and its life a duration.
func (a auth) usable() bool {
	printable := !strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' })
	return a.Token != "" && printable && a.Seconds >= 0 && a.Seconds <= maxLife
}

func (s *session) refused(status int) error {
	return fault.New(fault.Vault, "Vault refuses the login of role %q with status %d", s.role.Name, status).
		WithFix("the platform team runs argocd-seal doctor and looks at Vault's audit log")
}

func readCredential(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxCredential {
		return "", fault.New(fault.Vault, "the credential file is missing, or is no small file").In(path, 0)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fault.New(fault.Vault, "the credential file cannot be read").In(path, 0)
	}
	text := string(bytes.TrimSpace(content))
	if text == "" {
		return "", fault.New(fault.Vault, "the credential file is empty").In(path, 0)
	}
	return text, nil
}

// checkServiceAccountToken refuses tokens that somebody who gets hold of them at
// Vault could use at the Kubernetes API: those without an end, those whose
// audience is the API server, and those without any, which it takes for its own.
func checkServiceAccountToken(token string) *fault.Error {
	const advice = "mount a projected token with audience: vault and expirationSeconds: 600"
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fault.New(fault.Vault, "the file holds no service account token").WithFix(advice)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Expires  *json.Number    `json:"exp"`
		Audience json.RawMessage `json:"aud"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return fault.New(fault.Vault, "the file holds no service account token").WithFix(advice)
	}
	if claims.Expires == nil {
		return fault.New(fault.Vault, "the service account token never expires").WithFix(advice)
	}
	var audiences []string
	if json.Unmarshal(claims.Audience, &audiences) != nil {
		var one string
		if json.Unmarshal(claims.Audience, &one) == nil {
			audiences = []string{one}
		}
	}
	if len(audiences) == 0 || slices.ContainsFunc(audiences, func(a string) bool { return strings.Contains(a, "kubernetes.default.svc") }) {
		return fault.New(fault.Vault, "the service account token is good for the Kubernetes API too").WithFix(advice)
	}
	return nil
}
