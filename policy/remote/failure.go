package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const maxQuote = 300

// unreadable is the fault of a file that plugin.yaml names.
func unreadable(field, file string) *fault.Error {
	return fault.New(fault.PolicyFetch, "the file cannot be read, is empty, too large or not PEM").In(file, 0).At("", field).
		WithFix("mount the file that the field names, or correct the field")
}

// refuse is the fault of content that is not taken.
func refuse(fix, format string, args ...any) *fault.Error {
	return fault.New(fault.PolicyFetch, format, args...).WithFix("%s", fix)
}

// failed turns an error of a fetch into a fault about the source. What a server
// or a library says is quoted, without queries, in which storages sign, and
// without the credentials, which a server could send back.
func (s Source) failed(err error, used credentials) error {
	var known *fault.Error
	if !errors.As(err, &known) {
		known = refuse("check the address, the network and the credentials; a digest or commit must exist there", "%s", used.redact(reason(err)))
	}
	located := *known
	located.Message = fault.Clean(s.place(), maxQuote) + ": " + known.Message
	if located.File == "" {
		located.File = s.Name
	}
	if located.Field == "" {
		located.Field = "policy.sources"
	}
	return &located
}

// reason returns what an error says, without the address, which the fault has.
func reason(err error) string {
	var answer *errcode.ErrorResponse
	var address *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, errTooMuch):
		return errTooMuch.Error()
	case errors.Is(err, errdef.ErrNotFound):
		return "it is not there"
	case errors.As(err, &answer):
		text := answer.Errors.Error()
		if len(answer.Errors) == 0 {
			text = "no reason is given"
		}
		return "the registry answers " + strconv.Itoa(answer.StatusCode) + ": " + text
	case errors.As(err, &address):
		return address.Err.Error()
	}
	return err.Error()
}

var (
	urlQuery = regexp.MustCompile(`(https?://[^\s"'?]*)\?[^\s"']*`)
	urlUser  = regexp.MustCompile(`(https?://)[^\s/"'@]*@`)
)

// redact takes the credentials out of a text, in the forms in which they are
// sent.
func (c credentials) redact(text string) string {
	text = urlQuery.ReplaceAllString(text, "$1")
	text = urlUser.ReplaceAllString(text, "$1")
	for _, secret := range []string{c.token, c.password} {
		if secret == "" {
			continue
		}
		for _, form := range []string{
			base64.StdEncoding.EncodeToString([]byte(c.username + ":" + secret)), url.QueryEscape(secret), secret,
		} {
			text = strings.ReplaceAll(text, form, "[redacted]")
		}
	}
	return fault.Clean(text, maxQuote)
}
