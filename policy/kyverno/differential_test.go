package kyverno_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
)

// policyOf writes a policy with a rule for each body.
func policyOf(name string, bodies []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: %s}\nspec:\n  validationFailureAction: Enforce\n  background: false\n  rules:\n", name)
	for i, body := range bodies {
		fmt.Fprintf(&b, "  - {name: r%d, %s}\n", i, body)
	}
	return b.String()
}

// samples writes an object for each value of spec.v.
func samples(values []string) string {
	var b strings.Builder
	for i, value := range values {
		fmt.Fprintf(&b, "---\napiVersion: example.com/v1\nkind: Sample\nmetadata: {name: s%d}\nspec: {%s}\n", i, value)
	}
	return b.String()
}

const aboutSamples = "match: {any: [{resources: {kinds: [Sample]}}]}"

// scalarValues are values of a field, of every type.
var scalarValues = []string{
	`v: 1`, `v: 0`, `v: 10`, `v: 5.5`, `v: true`, `v: false`, `v: ""`, `v: abc`, `v: abcd`, `v: "10"`, `v: 100m`, `v: 1Gi`, `v: 512Mi`,
	`v: 1h`, `v: 90m`, `v: 30s`, `v: "a|b"`, `v: null`, `w: 1`, `v: [1, 2]`, `v: [abc, abd]`, `v: {x: 1}`, `v: "nginx:latest"`, `v: "-5"`, `v: "1-10"`, `v: "*"`, `v: "5.5"`,
}

// scalarPatterns are patterns of a field, with every operator.
var scalarPatterns = []string{
	`1`, `"1"`, `10`, `5.5`, `true`, `"true"`, `""`, `abc`, `"abc*"`, `"ab?"`, `"?*"`, `"*"`, `"!abc"`, `"!*latest"`, `"*:latest"`,
	`">5"`, `">=10"`, `"<10"`, `"<=10"`, `"!10"`, `">100m"`, `"<1Gi"`, `">=512Mi & <=1Gi"`, `"1-10"`, `"1!-10"`, `"100Mi-600Mi"`, `"-10--1"`,
	`">1h"`, `"<=90m"`, `"!1h"`, `"1h-2h"`, `"abc | abd"`, `"!abc & !abd"`, `"a|b"`, `"<5 | >50"`, `null`, `{x: 1}`, `[1]`, `[abc]`, `"> 5"`, `"0"`, `"!0"`, `false`, `"?"`,
}

// TestScalarsAsKyverno compares every value with every pattern, plainly and behind
// each anchor.
func TestScalarsAsKyverno(t *testing.T) {
	var bodies []string
	for _, form := range []string{"v: %s", "=(v): %s", "(v): %s, w: 2", "X(v): %s", "<(v): %s, w: 2"} {
		for _, pattern := range scalarPatterns {
			if strings.HasPrefix(pattern, "[") && form[0] == 'X' {
				continue
			}
			bodies = append(bodies, fmt.Sprintf("%s, validate: {pattern: {spec: {%s}}}", aboutSamples, quoteKeys(fmt.Sprintf(form, pattern))))
		}
	}
	// Kyverno's command line writes whole numbers with an exponent before it
	// compares them with wildcards; its webhook does not, and neither do we.
	number := func(p pair) bool {
		return strings.Contains(ruleOf(p, bodies), `v: "?"`) || strings.Contains(ruleOf(p, bodies), `v)": "?"`)
	}
	numbers := []string{"Sample s0", "Sample s1", "Sample s19"}
	intended := func(p pair) bool {
		return number(p) && slices.Contains(numbers, p.object) && !strings.Contains(ruleOf(p, bodies), "X(")
	}
	if pairs := compare(t, policyOf("scalars", bodies), samples(scalarValues), intended); pairs < 1000 {
		t.Errorf("only %d pairs were compared", pairs)
	}
}

// ruleOf returns the body of a pair's rule.
func ruleOf(p pair, bodies []string) string {
	_, name, _ := strings.Cut(p.rule, "/r")
	i, err := strconv.Atoi(name)
	if err != nil {
		return ""
	}
	return bodies[i]
}

// quoteKeys puts quotes around names that YAML would not read within braces.
func quoteKeys(text string) string { return anchoredName.ReplaceAllString(text, `"$0"`) }

var anchoredName = regexp.MustCompile(`[=X<^]?\([^)]*\)`)

// conditionKeys are the keys of conditions: of every type, from the policy and
// from the object. The object is that of TestConditionsAsKyverno.
var conditionKeys = []string{
	`"{{ request.object.spec.one }}"`, `"{{ request.object.spec.half }}"`, `"{{ request.object.spec.yes }}"`, `"{{ request.object.spec.name }}"`,
	`"{{ request.object.spec.size }}"`, `"{{ request.object.spec.time }}"`, `"{{ request.object.spec.list }}"`, `"{{ request.object.spec.numbers }}"`,
	`"{{ request.object.spec.map }}"`, `"{{ request.object.spec.nothing }}"`, `"{{ request.object.spec.version }}"`, `"{{ request.object.spec.text10 }}"`,
	`"{{ request.object.spec.missing || '' }}"`, `"{{ request.object.spec.missing }}"`, `"{{ length(request.object.spec.list) }}"`,
	`"x-{{ request.object.spec.name }}"`, `"{{ request.object.spec.list[?@ == 'a'] }}"`, `"{{ request.object.spec.one }}h"`, `""`, `"*"`, `[a, "c*"]`,
}

// conditionValues are what keys are compared with.
var conditionValues = []string{
	`1`, `"1"`, `0.5`, `true`, `"true"`, `web`, `"we*"`, `"w?b"`, `"*"`, `""`, `"1Gi"`, `"512Mi"`, `"1h"`, `"60m"`, `3600`, `[a, b]`, `[a]`, `["*"]`, `[web, "x-*"]`,
	`[1, 2]`, `{a: b}`, `"null"`, `"1-10"`, `"1!-10"`, `"[\"a\", \"b\"]"`, `"1.2.3"`, `"1.10.0"`, `[]`, `10`, `"5"`, `CREATE`, `[CREATE, UPDATE]`, `"{{ request.object.spec.list }}"`, `"{{ request.object.spec.name }}"`,
}

const conditionObject = `
apiVersion: example.com/v1
kind: Sample
metadata: {name: s}
spec: {one: 1, half: 0.5, yes: true, name: web, size: 1Gi, time: 1h, list: [a, b], numbers: [1, 2], map: {a: b}, nothing: null, version: 1.2.3, text10: "10"}
`

// TestConditionsAsKyverno compares every key with every value by every operator.
func TestConditionsAsKyverno(t *testing.T) {
	var bodies []string
	for _, operator := range kyverno.Operators() {
		if strings.HasSuffix(operator, "Equal") {
			continue // another name of the same operator
		}
		for _, key := range conditionKeys {
			if (operator == "In" || operator == "NotIn") && strings.Contains(key, "numbers") {
				continue // ends Kyverno's process
			}
			for _, value := range conditionValues {
				if strings.HasSuffix(operator, "In") && !strings.ContainsAny(value[:1], `"[wC`) {
					continue // neither program loads it
				}
				if operator == "NotIn" && !strings.ContainsAny(value[:1], "[") && !strings.Contains(value, "{{") && !strings.HasPrefix(value, `"[`) && value != `"1"` && value != `"5"` {
					continue // we do not load it: nothing is in it
				}
				bodies = append(bodies, fmt.Sprintf("%s, validate: {deny: {conditions: {all: [{key: %s, operator: %s, value: %s}]}}}", aboutSamples, key, operator, value))
			}
		}
	}
	if pairs := compare(t, policyOf("conditions", bodies), conditionObject, func(p pair) bool { return intendedConditions(ruleOf(p, bodies)) }); pairs < 5000 {
		t.Errorf("only %d pairs were compared", pairs)
	}
}

// intendedConditions are the conditions that are judged otherwise on purpose.
func intendedConditions(rule string) bool {
	has := func(parts ...string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(rule, part) })
	}
	list := has("spec.list") && !has("length(") && !has("value: \"{{ request.object.spec.list }}\"") || has(`key: [a, "c*"]`)
	switch {
	case has("spec.numbers }}", "operator: Equals, value: [1, 2]"), has("spec.numbers }}", "operator: NotEquals, value: [1, 2]"):
		// A number in a list is the same number in the policy's list.
		return true
	case list && has("operator: AnyNotIn", `value: "1-10"`):
		// A text in a list is outside of a range of numbers, as one alone is.
		return true
	case list && has("operator: NotIn", "value: [1, 2]"):
		// A text is not among numbers.
		return true
	default:
		return false
	}
}

// anchorPatterns are patterns of a Pod with anchors in every position.
var anchorPatterns = []string{
	`spec: {(hostNetwork): true, dnsPolicy: ClusterFirst}`,
	`spec: {=(hostNetwork): false}`,
	`spec: {X(hostPID): null, X(hostNetwork): null}`,
	`spec: {containers: [{(image): "*:latest", imagePullPolicy: Always}]}`,
	`spec: {containers: [{(name): "a*", (image): "*:latest", imagePullPolicy: Always}]}`,
	`spec: {containers: [{<(image): "registry/*"}], imagePullSecrets: [{name: mine}]}`,
	`spec: {^(containers): [{image: "registry/*"}]}`,
	`spec: {^(containers): [{image: "registry/*"}, {name: side}]}`,
	`spec: {^(containers): [{image: "!registry/*", (name): a}]}`,
	`spec: {=(initContainers): [{image: "registry/*"}], containers: [{image: "registry/*"}]}`,
	`spec: {=(securityContext): {=(runAsUser): ">0"}, containers: [{=(securityContext): {=(runAsUser): ">0"}}]}`,
	`spec: {containers: [{resources: {limits: {memory: "?*", cpu: "<=1"}}}]}`,
	`spec: {containers: [{resources: {(limits): {memory: "?*"}, requests: {memory: "?*"}}}]}`,
	`spec: {containers: [{=(ports): [{=(hostPort): 0}]}]}`,
	`spec: {volumes: [{X(hostPath): null}]}`,
	`spec: {=(volumes): [{X(hostPath): null}]}`,
	`spec: {=(volumes): [{=(hostPath): {path: "!/var/run/docker.sock"}}]}`,
	`metadata: {labels: {app: "?*"}}`,
	`metadata: {labels: {app*: "?*"}}`,
	`metadata: {=(labels): {X(forbidden): null}}`,
	`metadata: {annotations: {(team/name): "x*", team/owner: "?*"}}`,
	`metadata: {(labels): {app: web}, annotations: {team/name: "?*"}}`,
	`metadata: {labels: {(app): web}}, spec: {hostNetwork: false}`,
	`metadata: {<(labels): {app: web}}, spec: {=(hostNetwork): false}`,
	`metadata: {(name): "p1*"}, spec: {(hostNetwork): true, hostPID: false}`,
	`spec: {containers: [{command: [sh]}]}`,
	`spec: {containers: [{command: ["s* | -c"]}]}`,
	`spec: {containers: [{args: [[a]]}]}`,
	`spec: {containers: "*"}`, `spec: {nodeSelector: "*"}`, `spec: {nodeSelector: {}}`, `spec: {replicas: null}`,
	`spec: {containers: [{image: "*:* & !*:latest"}]}`,
	`spec: {containers: [{name: "{{ request.object.metadata.name }}"}]}`,
	`spec: {containers: [{name: "{{ request.object.metadata.name }}-*"}]}`,
	`spec: {containers: [{=(securityContext): {(privileged): true, allowPrivilegeEscalation: true}, name: a}]}`,
	`spec: {(containers): [{(image): "registry/*"}], hostNetwork: true}`,
	`spec: {containers: [{(securityContext): {runAsNonRoot: true}, image: "registry/*"}]}`,
	`spec: {(serviceAccountName): "*", automountServiceAccountToken: false}`,
	`(spec): {hostNetwork: true}, metadata: {labels: {app: db}}`,
	`kind: Pod, apiVersion: v1`,
}

// podBodies are Pods without and with what the patterns speak of.
var podBodies = []string{
	`metadata: {name: p0}, spec: {containers: [{name: a, image: nginx}]}`,
	`metadata: {name: p1, labels: {app: web}}, spec: {hostNetwork: true, dnsPolicy: ClusterFirst, containers: [{name: a, image: "nginx:latest"}]}`,
	`metadata: {name: p10, labels: {app: db, apple: x}, annotations: {team/name: xy, team/owner: me}}, spec: {hostNetwork: true, dnsPolicy: Default, hostPID: true, containers: [{name: ab, image: "registry/a:latest", imagePullPolicy: Always}, {name: b, image: "nginx:1"}]}`,
	`metadata: {name: p3, labels: {forbidden: x}, annotations: {team/name: other}}, spec: {hostNetwork: false, imagePullSecrets: [{name: mine}], containers: [{name: a, image: "registry/a:1", resources: {limits: {memory: 1Gi, cpu: 500m}, requests: {memory: 1Gi}}}, {name: side, image: "registry/s:1"}]}`,
	`metadata: {name: p4, labels: {}, annotations: {team/name: xa}}, spec: {imagePullSecrets: [{name: yours}], securityContext: {runAsUser: 0}, containers: [{name: a, image: "registry/a:latest", imagePullPolicy: Never, resources: {limits: {memory: 1Gi, cpu: "2"}}}]}`,
	`metadata: {name: p5, labels: {app: web}}, spec: {serviceAccountName: sa, automountServiceAccountToken: false, securityContext: {runAsUser: 5}, initContainers: [{name: i, image: nginx}], containers: [{name: p5, image: "registry/a:2", securityContext: {runAsUser: 5, runAsNonRoot: true}, ports: [{containerPort: 1, hostPort: 80}], command: [sh, -c], args: [a, b]}]}`,
	`metadata: {name: p6}, spec: {serviceAccountName: sa, nodeSelector: {a: b}, replicas: 3, volumes: [{name: v, hostPath: {path: /var/run/docker.sock}}, {name: w, emptyDir: {}}], containers: [{name: p6-x, image: "nginx:1", ports: [{containerPort: 1}], command: [sh], securityContext: {privileged: true}}]}`,
	`metadata: {name: p7}, spec: {volumes: [{name: v, hostPath: {path: /tmp}}], containers: [{name: a, image: "registry/x", securityContext: {privileged: true, allowPrivilegeEscalation: true, runAsUser: 1}}], initContainers: [{name: i, image: registry/i}]}`,
	`metadata: {name: p8}, spec: {containers: []}`,
	`metadata: {name: p9}, spec: {containers: null, hostNetwork: "true"}`,
}

func podTexts() string {
	var b strings.Builder
	for _, body := range podBodies {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Pod\n%s\n", strings.Replace(body, ", spec:", "\nspec:", 1))
	}
	return b.String()
}

// TestAnchorsAsKyverno compares every pattern with every Pod, and any two of them
// as the patterns of anyPattern.
func TestAnchorsAsKyverno(t *testing.T) {
	var bodies []string
	for i, pattern := range anchorPatterns {
		next := anchorPatterns[(i+1)%len(anchorPatterns)]
		bodies = append(bodies,
			fmt.Sprintf(`match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {%s}}`, quoteKeys(pattern)),
			fmt.Sprintf(`match: {any: [{resources: {kinds: [Pod]}}]}, validate: {anyPattern: [{%s}, {%s}]}`, quoteKeys(pattern), quoteKeys(next)))
	}
	// Kyverno forgets what a pattern says of a label unless it is a text, once the
	// object has labels at all.
	intended := func(p pair) bool {
		return p.object == "Pod p3" && strings.Contains(ruleOf(p, bodies), `"X(forbidden)": null`)
	}
	if pairs := compare(t, policyOf("anchors", bodies), podTexts(), intended); pairs < 600 {
		t.Errorf("only %d pairs were compared", pairs)
	}
}
