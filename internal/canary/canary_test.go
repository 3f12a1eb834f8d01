package canary_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func zip(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// escape writes every character of a text in another way.
func escape(text, format string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&out, format, c)
	}
	return out.String()
}

func TestFindsEveryForm(t *testing.T) {
	secret := canary.Draw()
	part := secret[11:19]
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, content := range map[string]string{
		"raw":                    secret,
		"eight characters":       part,
		"base64":                 encoded(secret),
		"base64 at 1":            encoded("x" + secret + "tail"),
		"base64 at 2":            encoded("xy" + secret),
		"base64 of a part":       encoded("any text " + part + "!"),
		"base64url":              base64.RawURLEncoding.EncodeToString([]byte("?>" + secret)),
		"hex":                    hex.EncodeToString([]byte(secret)),
		"HEX of a part":          strings.ToUpper(hex.EncodeToString([]byte(part))),
		"URL query":              url.QueryEscape("p=" + secret),
		"URL with all escaped":   escape(part, "%%%02X"),
		"JSON with all escaped":  `{"a":"` + escape(part, `\u%04x`) + `"}`,
		"JSON with capitals":     escape(part, `\u%04X`),
		"gzip":                   zip(t, "long text "+secret),
		"gzip cut off":           zip(t, secret+canary.Draw())[:40],
		"base64 in gzip":         zip(t, encoded(secret)),
		"gzip in base64":         `{"release":"` + encoded(zip(t, secret)) + `"}`,
		"gzip in base64 in gzip": zip(t, encoded(zip(t, secret))),
	} {
		if _, found := canary.Find([]byte("before "+content+" after"), secret); !found {
			t.Errorf("%s: not found", name)
		}
	}
	other := canary.Draw()
	for name, content := range map[string]string{
		"another":          other,
		"seven characters": part[:7],
		"gzip":             zip(t, other),
		"base64":           encoded(other),
		"broken gzip":      "\x1f\x8b\x08 H4sI====",
	} {
		if form, found := canary.Find([]byte(content), secret); found {
			t.Errorf("%s: found as %s", name, form)
		}
	}
}

// TestWatchSeesEverything lets a secret out at each place where a watch looks.
func TestWatchSeesEverything(t *testing.T) {
	for name, leak := range map[string]func(w *canary.Watch, secret string){
		"a text":          func(w *canary.Watch, secret string) { w.See("x", "a "+secret) },
		"a structure":     func(w *canary.Watch, secret string) { w.See("x", map[string][]any{"a": {secret}}) },
		"a field":         func(w *canary.Watch, secret string) { w.See("x", struct{ hidden string }{secret}) },
		"an error":        func(w *canary.Watch, secret string) { w.SeeError(errors.New(secret)) },
		"a wrapped error": func(w *canary.Watch, secret string) { w.SeeError(fmt.Errorf("x: %w", silent{secret})) },
		"a fault":         func(w *canary.Watch, secret string) { w.SeeError(fault.New(fault.Vault, "x").WithFix("%s", secret)) },
		"one of the faults": func(w *canary.Watch, secret string) {
			w.SeeError(fault.List{fault.New(fault.Vault, "x"), fault.New(fault.Vault, "%s", secret)})
		},
		"a log": func(w *canary.Watch, secret string) {
			fmt.Fprint(w.Writer("log"), secret[:16])
			fmt.Fprint(w.Writer("log"), secret[16:])
		},
		"standard error":    func(_ *canary.Watch, secret string) { fmt.Fprintln(os.Stderr, secret) },
		"standard output":   func(_ *canary.Watch, secret string) { fmt.Println(secret) },
		"the global logger": func(_ *canary.Watch, secret string) { logrus.Trace(secret) },
		"a temporary file": func(_ *canary.Watch, secret string) {
			_ = os.WriteFile(filepath.Join(os.TempDir(), "x"), []byte(secret), 0o600)
		},
	} {
		for _, leaks := range []bool{true, false} {
			recorder := &recorder{TB: t}
			watch := canary.Over(recorder)
			secret := watch.Secret(canary.Draw())
			shown := secret
			if !leaks {
				shown = canary.Draw()
			}
			leak(watch, shown)
			recorder.end()
			if recorder.failed != leaks {
				t.Errorf("%s shows the secret: %v, and the test fails: %v", name, leaks, recorder.failed)
			}
		}
	}
}

func TestOneWatchForATest(t *testing.T) {
	if first, second := canary.Over(t), canary.Over(t); first != second {
		t.Error("two watches over one test")
	}
}

func TestSubtestsSearchForTheSecretsAroundThem(t *testing.T) {
	secret := canary.Over(t).Secret(canary.Draw())
	inner := &recorder{TB: t}
	canary.Over(inner).See("x", secret)
	if inner.end(); !inner.failed {
		t.Error("a secret of the test around is not found")
	}
}

// silent is an error that shows what it holds only to those who dig.
type silent struct{ held string }

func (silent) Error() string { return "silent" }

func (s silent) MarshalJSON() ([]byte, error) { return json.Marshal("silent") }

// recorder stands for a test that may fail.
type recorder struct {
	testing.TB
	cleanups []func()
	failed   bool
}

func (r *recorder) Cleanup(f func())      { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func (r *recorder) end() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}
