package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// answers are what Vault says, what it must not have said to us, and what
// something else may say in its place.
func answers() [][]byte {
	all := []string{
		// KV: version 2, version 1, deleted, destroyed, subkeys, metadata, a mount, a login.
		`{"request_id":"0","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"k":"v","n":1.50},"metadata":{"created_time":"2026-11-26T10:00:00Z","deletion_time":"","destroyed":false,"version":3}},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"}`,
		`{"lease_id":"","renewable":false,"lease_duration":2764800,"data":{"k":"v","zip":"12345"},"wrap_info":null,"auth":null}`,
		`{"data":{"data":null,"metadata":{"deletion_time":"2026-11-26T10:00:00Z","destroyed":false,"version":1}}}`, `{"data":{"data":null,"metadata":{"destroyed":true,"version":1}}}`,
		`{"data":{"subkeys":{"k":null,"n":{"a":null}},"metadata":{"version":3}}}`, `{"data":{"subkeys":null}}`,
		`{"data":{"created_time":"2026-11-26T10:00:00Z","current_version":2,"versions":{"1":{"created_time":"2026-11-26T10:00:00Z","deletion_time":"2026-11-27T10:00:00Z","destroyed":true},"2":{"created_time":"2026-11-26T11:00:00Z","deletion_time":"","destroyed":false}}}}`,
		`{"data":{"current_version":-1,"versions":{"0":{},"-1":{},"x":{}}}}`, `{"data":{"versions":{"1":{"deletion_time":"never"}}}}`,
		`{"data":{"path":"q9zt/","type":"kv","options":{"version":"2"}}}`, `{"data":{"path":"q9zt/","type":"database","options":null}}`, `{"data":{"path":"","type":"kv"}}`,
		`{"data":{"path":"sys/","type":"kv"}}`, `{"data":{"path":"q9zt/x7w1/b4","type":"generic","options":{"version":"1"}}}`, `{"data":{"path":"../q9zt","type":"kv","options":{"version":2}}}`,
		`{"auth":{"client_token":"hvs.secret-token","accessor":"a","policies":["default"],"lease_duration":3600,"renewable":true}}`, `{"auth":{"client_token":""}}`,
		`{"auth":{"client_token":"t","lease_duration":9223372036854775807}}`, `{"auth":{"client_token":"t\r\nX-Other: 1","lease_duration":-1}}`,
		// V3: leases, tokens, wrapped answers.
		`{"lease_id":"database/creds/r/abc","renewable":true,"lease_duration":60,"data":{"username":"u","password":"minted"}}`, `{"lease_id":"x","data":{"data":{"k":"v"},"metadata":{"version":1}}}`,
		`{"renewable":true,"data":{"data":{"k":"v"}}}`, `{"auth":{},"data":{"k":"v"}}`, `{"wrap_info":{"token":"hvs.wrapping","ttl":60},"data":null}`, `{"wrap_info":{},"data":{"k":"v"}}`,
		`{"lease_id":"x","lease_id":"","data":{"k":"v"}}`, `{"renewable":true,"renewable":false,"data":{"data":{"k":"v"}}}`, `{"auth":{"client_token":"t"},"auth":null,"data":{"k":"v"}}`,
		`{"LEASE_ID":"x","data":{"k":"v"}}`, `{"lea\u017fe_id":"x","data":{"k":"v"}}`, `{"data":{"k":"v"},"data":{"k":"w"}}`, `{"data":{"k":"v"},"DATA":null}`,
		// V7: errors and pages of proxies, V9: odd values.
		`{"errors":["permission denied at kv/data/team-b with S3CRETS3CRET"]}`, `<html><body>502 S3CRETS3CRET</body></html>`, ``, `null`, `[]`, `"text"`, `{}`, `{"data":[]}`, `{"data":"S3CRETS3CRET"}`,
		`{"data":{"data":{"k":null}}}`, `{"data":{"data":{"k":123456789012345678901},"metadata":{"version":1}}}`, `{"data":{"data":{"k":{"a":[1]}},"metadata":{"version":1}}}`, `{"data":{"data":{"k":"\ud800"}}}`,
		"{\"data\":{\"k\":\"\xff\"}}", `{"data":{"data":{"k":"v"},"metadata":{"version":-7}}}`, `{"data":{"data":{"k":"v"},"metadata":{"version":1e3}}}`, `{"data":{"data":{"k":"v"},"metadata":null}}`,
		`{"data":{"data":{"k":"v"},"data":null,"metadata":{"version":1}}}`, `{"data":{"data":"S3CRETS3CRET","metadata":{"version":1}}}`, `{"data":{"data":{"":"","k":"<vault:kv/a#k>"},"metadata":{"version":1}}}`,
		`{"data":` + strings.Repeat(`{"data":`, 200) + `1` + strings.Repeat(`}`, 201), `{"data":{"k":"v"}} {"lease_id":"x"}`,
	}
	seeds := make([][]byte, len(all))
	for i, text := range all {
		seeds[i] = []byte(text)
	}
	return seeds
}

// says gives the same answer to every question, but to those about the client's
// own token and about leases. It stands in the place of the network, which would
// take nine tenths of the time.
type says struct {
	body   []byte
	status int
	asked  int
}

// RoundTrip implements [http.RoundTripper].
func (s *says) RoundTrip(request *http.Request) (*http.Response, error) {
	status, body := s.status, s.body
	s.asked++
	switch request.URL.Path {
	case "/v1/auth/token/lookup-self":
		status, body = http.StatusOK, []byte(`{"data":{"ttl":86400,"renewable":false}}`)
	case "/v1/sys/leases/revoke":
		status, body = http.StatusNoContent, nil
	}
	return &http.Response{
		StatusCode: status, Request: request, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// asks is a client of such a Vault.
func asks(f *testing.F, server *says) *Client {
	f.Helper()
	file := filepath.Join(f.TempDir(), "credential")
	if err := os.WriteFile(file, []byte("credential"), 0o600); err != nil {
		f.Fatal(err)
	}
	config := Config{Address: "https://vault.invalid:8200", RequestsPerSecond: 1e9, Roles: []Role{
		{Name: "reader", Method: Token, TokenFile: file}, {Name: "login", Method: Userpass, Username: "u", PasswordFile: file},
	}}
	client, err := New(config)
	if err != nil {
		f.Fatal(err)
	}
	pool := &http.Client{Transport: bounded{server}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, s := range client.sessions {
		var first, second error
		s.api, first = newAPI(config, "", pool)
		s.anonymous, second = newAPI(config, "", pool)
		if err := errors.Join(first, second); err != nil {
			f.Fatal(err)
		}
	}
	return client
}

// FuzzAnswers lets Vault say anything to each question that is ever asked. What
// comes of it is what the answer holds by another reading too, or a fault that
// shows nothing of the answer; and nothing ever comes of a lease, of a token or
// of a wrapped answer.
func FuzzAnswers(f *testing.F) {
	server := &says{}
	client := asks(f, server)
	corpus.Add(f, answers()...)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, server.status = range []int{http.StatusOK, http.StatusNotFound} {
			server.body, server.asked = body, 0
			clear(client.mounts)
			try := trial{T: t, client: client, body: body, status: server.status}
			try.reads(1)
			try.reads(2)
			try.keys()
			try.locates()
			try.metadata()
			try.logsIn()
			if server.asked < 6 {
				t.Fatalf("Vault was asked %d times", server.asked)
			}
		}
	})
}

// asked is the secret that every question is about.
const asked = "q9zt/x7w1/b4"

// trial is one answer to all questions.
type trial struct {
	*testing.T
	client *Client
	body   []byte
	status int
}

func (t trial) query(version int) store.Query {
	return store.Query{Role: "reader", Mount: store.Mount{Path: "q9zt", Version: version}, Path: "x7w1/b4"}
}

func (t trial) reads(version int) {
	secret, err := t.client.Read(t.Context(), t.query(version))
	if err != nil {
		t.failed(err, len(secret.Values) > 0)
		return
	}
	t.answered()
	data, count := member(t.body, "data")
	if version == 2 && count == 1 {
		data, count = member(data, "data")
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(data, &want); count != 1 || err != nil || secret.Version < 0 || len(secret.Values) != len(want) {
		t.Errorf("%d values in version %d come of %d, %v", len(secret.Values), secret.Version, count, err)
	}
	for key, v := range secret.Values {
		t.same(key, v, want[key])
	}
}

// same holds a value against the JSON that it was read from.
func (t trial) same(key string, v value.Value, raw json.RawMessage) {
	switch v.Kind() {
	case value.Text:
		var want string
		if err := json.Unmarshal(raw, &want); err != nil || !utf8.Valid(raw) || want != string(v.Reveal()) {
			t.Errorf("the value of %q is not what Vault said", key)
		}
	case value.Invalid:
		t.Errorf("the value of %q has no kind", key)
	default:
		var want bytes.Buffer
		if json.Compact(&want, raw) != nil || !bytes.Equal(want.Bytes(), v.Reveal()) {
			t.Errorf("the value of %q is not what Vault said", key)
		}
	}
}

func (t trial) keys() {
	keys, err := t.client.Keys(t.Context(), t.query(2))
	if err != nil {
		t.failed(err, len(keys) > 0)
		return
	}
	t.answered()
	if !slices.IsSorted(keys) {
		t.Errorf("the keys %q", keys)
	}
}

func (t trial) locates() {
	mount, err := t.client.Locate(t.Context(), "reader", asked)
	if err != nil {
		t.failed(err, mount != store.Mount{})
		return
	}
	if mount.Path != "q9zt" && mount.Path != "q9zt/x7w1" || mount.Version != 1 && mount.Version != 2 || t.status != http.StatusOK {
		t.Errorf("the mount %+v", mount)
	}
}

func (t trial) metadata() {
	metadata, err := t.client.Metadata(t.Context(), t.query(2))
	if err != nil {
		t.failed(err, metadata.Versions != nil)
		return
	}
	for number := range metadata.Versions {
		if number < 1 || metadata.Current < 0 {
			t.Errorf("the metadata %+v", metadata)
		}
	}
}

func (t trial) logsIn() {
	got, err := t.client.sessions["login"].login(t.Context())
	if err != nil {
		t.failed(err, got != auth{})
		return
	}
	_, count := member(t.body, "auth")
	if !token.MatchString(got.Token) || got.ttl() < 0 || count == 0 || t.status != http.StatusOK {
		t.Errorf("the token %q for %v", got.Token, got.ttl())
	}
}

// token is what can be sent in a header.
var token = regexp.MustCompile("^[!-~]+$")

// failed wants one of the faults whose texts are known, with nothing in it that
// Vault said, and no answer beside it.
func (t trial) failed(err error, answered bool) {
	t.Helper()
	const static = "; fix: refer to a secret of a KV engine; dynamic credentials cannot be sealed"
	known := []string{
		store.Unavailable().Error(), garbled().Error(), t.client.sessions["login"].refused(t.status).Error(),
		"E_VAULT_DYNAMIC: Vault's answer is a lease or a token and no static secret" + static,
		"E_VAULT_DYNAMIC: the mount of " + asked + " is no KV engine" + static,
	}
	if answered || !slices.Contains(known, err.Error()) {
		t.Errorf("answered %v, fault %q", answered, err)
	}
}

// answered fails where the answer was no plain secret, however that was said.
func (t trial) answered() {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(t.body))
	_, _ = decoder.Token()
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatalf("something comes of what is no JSON: %v", err)
		}
		var said any
		if err := decoder.Decode(&said); err != nil {
			t.Fatalf("something comes of what is no JSON: %v", err)
		}
		empty := said == nil || said == "" || said == false
		for _, sign := range []string{"lease_id", "renewable", "auth", "wrap_info"} {
			if key, _ := name.(string); strings.EqualFold(key, sign) && !empty {
				t.Errorf("something comes of an answer with the %s %v", key, said)
			}
		}
	}
	if t.status != http.StatusOK {
		t.Errorf("something comes of an answer with status %d", t.status)
	}
}

// member returns the last member of an object of JSON with a name, in whatever
// case, and how many there are.
func member(raw []byte, name string) (last json.RawMessage, count int) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, 0
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, 0
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, 0
		}
		if text, _ := key.(string); strings.EqualFold(text, name) {
			last, count = value, count+1
		}
	}
	return last, count
}
