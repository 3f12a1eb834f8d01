package plugin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// hostile is a name that grows most when it is cleaned and encoded.
var hostile = strings.Repeat("<&\"\\\x01", 100)

// lengthy is what a tenant can have at most in every list at once.
func lengthy(count int) Output {
	output := Output{Verdict: policy.Verdict{BundleDigest: "sha256:1"}, Images: &supplychain.Result{}}
	var keys []string
	for i := range count {
		keys = append(keys, fmt.Sprint(i)+hostile)
	}
	for i := range count {
		name := fmt.Sprint(i) + hostile
		output.Used = append(output.Used, secrets.Usage{Binding: "b", Mount: name, Path: name, Key: name, Version: i + 1})
		output.Injected = append(output.Injected, secrets.Injected{Object: "Secret " + name, Kind: "sealed-secret", Keys: keys})
		output.Images.Images = append(output.Images.Images, supplychain.Verified{Rule: name, Image: image.Image{Name: image.Name{Repository: name, Digest: name}}})
		for _, decision := range []verdict.Decision{verdict.Deny, verdict.Warn, verdict.Waived} {
			output.Verdict.Outcomes = append(output.Verdict.Outcomes, verdict.Outcome{
				Rule: name, Object: name, Decision: decision, Waiver: &verdict.Waiver{Owner: name, Reason: name, Expires: "2999-01-01"},
			})
		}
	}
	return output
}

// Of another store the trail has the names that the repository has, and no more:
// nothing was read.
func TestPointersInTheTrail(t *testing.T) {
	output := Output{Used: []secrets.Usage{{Binding: "shop", Store: "aws-sm", Path: "team/db", Key: "user", Label: "AWSPREVIOUS", Pinned: true}}}
	event := eventOf(&request{id: "1"}, output, []string{"kind: ExternalSecret"}, nil)
	encoded, err := json.Marshal(event.References)
	want := `[{"binding":"shop","store":"aws-sm","mount":"","path":"team/db","key":"user","versionLabel":"AWSPREVIOUS","pinned":true}]`
	if err != nil || string(encoded) != want {
		t.Errorf("got %s, %v, want %s", encoded, err, want)
	}
}

// An event that is longer than the trail takes would be missing there: a request
// could hide by being large.
func TestEventsFitIntoTheTrail(t *testing.T) {
	request := &request{id: "1"}
	request.job.Identity = Identity{App: hostile, Project: hostile, Namespace: hostile, RepoURL: hostile, Path: hostile, Revision: hostile}
	for _, count := range []int{1, 20, 700, 3000} {
		output := lengthy(count)
		event := eventOf(request, output, []string{"kind: Secret"}, nil)
		encoded, err := json.Marshal(event)
		if err != nil || len(encoded) > 1<<20 {
			t.Fatalf("%d of each give an event of %d bytes, %v", count, len(encoded), err)
		}
		shown := map[string]int{
			"references": len(event.References), "injections": len(event.Injections),
			"images": len(event.Images), "denied": len(event.Verdict.Denied), "warned": len(event.Verdict.Warned), "waived": len(event.Verdict.Waived),
		}
		for name, kept := range shown {
			if kept == 0 || kept+event.Omitted[name] != count {
				t.Errorf("of %d %s the event has %d and says that %d are left out", count, name, kept, event.Omitted[name])
			}
		}
	}
}

// What fits is there, and nothing is said to be missing.
func TestEventsAreComplete(t *testing.T) {
	output := Output{}
	for i := range 500 {
		output.Used = append(output.Used, secrets.Usage{Binding: "shop", Mount: "kv", Path: fmt.Sprintf("shop/service-%d/database", i), Key: "password", Version: 3})
	}
	output.Injected = []secrets.Injected{{Object: "Secret prod/db", Kind: "sealed-secret", Keys: []string{"password", "user"}}}
	event := eventOf(&request{id: "1"}, output, nil, nil)
	if len(event.References) != 500 || event.Omitted != nil || event.Verdict != nil {
		t.Errorf("%d references, left out %v, verdict %v", len(event.References), event.Omitted, event.Verdict)
	}
	want := audit.Injection{Object: "Secret prod/db", Kind: "sealed-secret", Keys: []string{"password", "user"}}
	if got := event.Injections[0]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the injection is %v", got)
	}
}
