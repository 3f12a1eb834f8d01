package supplychain_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
)

const unreachable = "E_IMAGE_REGISTRY image-unavailable"

// broken verifies a signed image behind a registry that does something else.
func broken(before func(l *lab) func(w http.ResponseWriter, r *http.Request) bool) func(l *lab) *supplychain.Result {
	return func(l *lab) *supplychain.Result {
		image := l.push()
		l.key.Sign(l, image)
		v := l.verifier(l.rule(signedBy("release")))
		l.registry.Before(before(l))
		return l.verify(v, image.String())
	}
}

// answer has a registry answer all that matches with a status and a text.
func answer(match string, status int, text string) func(l *lab) func(w http.ResponseWriter, r *http.Request) bool {
	return func(*lab) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, match) {
				return false
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
			return true
		}
	}
}

// outage has a registry fail after an image was verified.
func outage(when supplychain.Outage) func(l *lab) *supplychain.Result {
	return func(l *lab) *supplychain.Result {
		return twice(l, when, answer("/", http.StatusServiceUnavailable, "")(l))
	}
}

// twice verifies a signed image before something happens to its registry, and when
// what was verified is no longer fresh.
func twice(l *lab, when supplychain.Outage, then func(w http.ResponseWriter, r *http.Request) bool) *supplychain.Result {
	image := l.push()
	l.key.Sign(l, image)
	v := l.verifier(l.rule(func(r *supplychain.Rule) {
		signedBy("release")(r)
		r.OnUnavailable = when
	}))
	if got := said(l.verify(v, image.String())); got != "admitted" {
		l.Errorf("before the outage: %s", got)
	}
	l.registry.Before(then)
	l.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	return l.verify(v, image.String())
}

func reachCases() []oneCase {
	return []oneCase{
		{"a registry that is not listed", unreachable, func(l *lab) *supplychain.Result {
			image := "elsewhere.example.com/apps/guestbook@sha256:" + strings.Repeat("a", 64)
			rules := l.rule(signedBy("release"))
			rules.Rules[0].Images = []string{"elsewhere.example.com/**"}
			return l.verify(l.verifier(rules), image)
		}},
		{"an image that is not there", "E_IMAGE image-name", func(l *lab) *supplychain.Result {
			return l.verify(l.verifier(l.rule(signedBy("release"))), l.registry.Host+"/apps/guestbook@sha256:"+strings.Repeat("a", 64))
		}},
		{"a registry that fails", unreachable, broken(answer("/v2/", http.StatusInternalServerError, ""))},
		{"a registry that is asked too often", unreachable, broken(answer("/v2/", http.StatusTooManyRequests, ""))},
		{"a registry that refuses the login", unreachable, broken(answer("/v2/", http.StatusForbidden, ""))},
		{"a registry that does not answer in time", unreachable, func(l *lab) *supplychain.Result {
			l.limits.Timeout = 300 * time.Millisecond
			return broken(func(*lab) func(w http.ResponseWriter, r *http.Request) bool {
				return func(_ http.ResponseWriter, r *http.Request) bool {
					select {
					case <-r.Context().Done():
					case <-time.After(5 * time.Second):
					}
					return true
				}
			})(l)
		}},
		{"a registry that redirects elsewhere", unreachable, broken(func(l *lab) func(w http.ResponseWriter, r *http.Request) bool {
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { l.Error("the other host was asked") }))
			l.Cleanup(elsewhere.Close)
			return func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/blobs/") {
					return false
				}
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
		})},
		{"another manifest under the image's digest", unreachable, broken(answer("/manifests/sha256:", http.StatusOK, `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}`))},
		{"a signature that was changed on its way", unreachable, broken(answer("/blobs/", http.StatusOK, "something else"))},
		{"manifests that are garbage", unreachable, broken(answer("/manifests/", http.StatusOK, "<html>"))},
		{"an attestation of 10 MB", "E_LIMIT image-unavailable", func(l *lab) *supplychain.Result {
			image := l.push()
			l.registry.Attach(l, image, "application/vnd.dev.sigstore.bundle.v0.3+json", "application/json", bytes.Repeat([]byte(" "), 10<<20))
			return l.verify(l.verifier(l.rule(signedBy("release"))), image.String())
		}},
		{"1,000 signatures of one image", "E_LIMIT image-unavailable", func(l *lab) *supplychain.Result {
			image := l.push()
			l.key.SignMany(l, image, 1000)
			return l.verify(l.verifier(l.rule(signedBy("release"))), image.String())
		}},
		{"a login that is refused after the image was verified, where the rule accepts what is known", unreachable, func(l *lab) *supplychain.Result {
			return twice(l, supplychain.CachedOutage, answer("/", http.StatusForbidden, "")(l))
		}},
		{"a broken bundle that was attached after the image was verified", "admitted", func(l *lab) *supplychain.Result {
			image := l.push()
			l.key.Sign(l, image)
			l.registry.Attach(l, image, "application/vnd.dev.sigstore.bundle.v0.3+json", "application/json", []byte("{"))
			return l.verify(l.verifier(l.rule(signedBy("release"))), image.String())
		}},
		{"a registry that fails after the image was verified", unreachable, outage(supplychain.DenyOutage)},
		{"the same where the rule accepts what is known", "admitted", outage(supplychain.CachedOutage)},
	}
}

func nameCases() []oneCase {
	const noName, noDigest = "E_IMAGE image-name", "E_IMAGE image-tag"
	tagged := func(tags supplychain.Tags, do func(l *lab, image name.Digest)) func(l *lab) *supplychain.Result {
		return func(l *lab) *supplychain.Result {
			image := l.push()
			l.key.Sign(l, image)
			rules := l.rule(signedBy("release"))
			rules.Tags = tags
			do(l, image)
			return l.verify(l.verifier(rules), l.registry.Host+"/apps/guestbook:v1")
		}
	}
	verify := func(text func(l *lab) string) func(l *lab) *supplychain.Result {
		return func(l *lab) *supplychain.Result {
			return l.verify(l.verifier(l.rule(signedBy("release"))), text(l))
		}
	}
	return []oneCase{
		{"a tag", noDigest, tagged(supplychain.DenyTags, func(*lab, name.Digest) {})},
		{"a tag of a signed image, which is looked up", "admitted", tagged(supplychain.ResolveTags, func(*lab, name.Digest) {})},
		{"a tag that was moved to an unsigned image", unsigned, tagged(supplychain.ResolveTags, func(l *lab, _ name.Digest) { l.push() })},
		{"a tag that is not there", noName, func(l *lab) *supplychain.Result {
			rules := l.rule(signedBy("release"))
			rules.Tags = supplychain.ResolveTags
			return l.verify(l.verifier(rules), l.registry.Host+"/apps/guestbook:v9")
		}},
		{"what is no name of an image", noName, verify(func(*lab) string { return "Guestbook:" })},
		{"an image that no rule matches", noName, verify(func(*lab) string { return "docker.io/library/redis:7" })},
		{"a digest that is not of SHA-256", noDigest, verify(func(l *lab) string { return l.registry.Host + "/apps/guestbook@sha512:" + strings.Repeat("a", 128) })},
		{"an image that a rule leaves unverified", "admitted", func(l *lab) *supplychain.Result {
			rules := l.rule(func(r *supplychain.Rule) { r.Images, r.Unverified = []string{"docker.io/library/*"}, true })
			return l.verify(l.verifier(rules), "redis:7")
		}},
	}
}
