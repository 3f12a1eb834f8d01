package sink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

const (
	// maxAnswer is how much of an answer is read, so that the connection can be
	// used again. Nothing in it is looked at.
	maxAnswer     = 64 << 10
	maxHeader     = 64 << 10
	idleForAWhile = 90 * time.Second
)

// webhook posts lines. Any answer of 2xx that arrives whole acknowledges them.
type webhook struct {
	url, format, instance             string
	tokenFile, username, passwordFile string
	at                                endpoint
	client                            *http.Client
}

// newWebhook uses HTTP/1.1: there is one request at a time. No proxy is taken from
// the environment, and no redirect is followed, since it would take the token and
// the trail to a place that the platform has not named.
func newWebhook(c Config, at endpoint, instance string) *webhook {
	dialTo := func(ctx context.Context, _, address string) (net.Conn, error) {
		at := at
		at.address = address
		return at.dial(ctx)
	}
	return &webhook{
		url: c.Webhook, format: c.Format, instance: instance,
		tokenFile: c.TokenFile, username: c.Username, passwordFile: c.PasswordFile, at: at,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dialTo, DialTLSContext: dialTo,
				MaxIdleConnsPerHost: 1, IdleConnTimeout: idleForAWhile,
				MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (w *webhook) Send(ctx context.Context, lines []audit.Line) error {
	request, err := w.request(ctx, lines)
	if err != nil {
		return err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = answer.Body.Close() }()
	// An answer that breaks off is none: a proxy may have sent its status before
	// the receiver had the lines.
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return explain(err)
	}
	return judge(answer)
}

// aboutContent are the statuses that fewer or other lines may not get.
var aboutContent = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}

// judge tells what a status means. Whatever is not 2xx is tried again, since
// nothing may be lost; a receiver that will not take these lines holds the sink
// up until somebody looks.
func judge(answer *http.Response) error {
	status := answer.StatusCode
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return failure(Answer, "the receiver answers %d, and redirects are not followed", status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return failure(Credential, "the receiver answers %d", status)
	case slices.Contains(aboutContent, status):
		return failure(Refused, "the receiver answers %d", status)
	}
	other := failure(Answer, "the receiver answers %d", status)
	if seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
		other.RetryAfter = time.Duration(seconds) * time.Second
	}
	return other
}

func (w *webhook) request(ctx context.Context, lines []audit.Line) (*http.Request, error) {
	body := w.body(lines)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, failure(Connect, "the URL cannot be used")
	}
	header := request.Header
	header.Set("Content-Type", "application/x-ndjson")
	if w.format == FormatJSON {
		header.Set("Content-Type", "application/json")
	}
	header.Set("User-Agent", "argocd-seal")
	// The key is of the content: a seq may come again where a trail was lost.
	sum := sha256.Sum256(body)
	header.Set("Idempotency-Key", hex.EncodeToString(sum[:16]))
	header.Set("X-Audit-Instance", headerText(w.instance))
	header.Set("X-Audit-First-Seq", strconv.FormatUint(lines[0].Seq, 10))
	header.Set("X-Audit-Last-Seq", strconv.FormatUint(lines[len(lines)-1].Seq, 10))
	if problem := w.authorize(request); problem != nil {
		return nil, problem
	}
	return request, nil
}

func (w *webhook) body(lines []audit.Line) []byte {
	var body bytes.Buffer
	body.Grow(sizeOf(lines) + len(lines) + 2)
	before, between, after := "", "\n", "\n"
	if w.format == FormatJSON {
		before, between, after = "[", ",\n", "]\n"
	}
	body.WriteString(before)
	for i, line := range lines {
		if i > 0 {
			body.WriteString(between)
		}
		body.Write(line.JSON)
	}
	body.WriteString(after)
	return body.Bytes()
}

func (w *webhook) authorize(request *http.Request) *Failure {
	switch {
	case w.tokenFile != "":
		token, problem := readSecret(w.tokenFile)
		if problem != nil {
			return problem
		}
		request.Header.Set("Authorization", "Bearer "+token)
	case w.passwordFile != "":
		password, problem := readSecret(w.passwordFile)
		if problem != nil {
			return problem
		}
		request.SetBasicAuth(w.username, password)
	}
	return nil
}

// headerText keeps what may stand in a header.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return -1
		}
		return r
	}, text)
}

func (w *webhook) Close() { w.client.CloseIdleConnections() }
