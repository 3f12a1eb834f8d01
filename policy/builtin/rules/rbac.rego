# Who may do what in the cluster.
package seal.rbac

import data.seal.lib

roles := {"Role", "ClusterRole"}

bindings := {"RoleBinding", "ClusterRoleBinding"}

skip if {
	not input.kind in roles
	not input.kind in bindings
}

# METADATA
# title: RBAC wildcards
# description: A wildcard also covers what a later release or an operator adds, which nobody has looked at.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.1.3, wildcards in roles
# custom:
#   id: rbac-wildcard
#   level: basic-security
#   severity: high
#   fix: list the verbs, resources and groups that are needed
#   example: {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: web}, rules: [{apiGroups: [''], resources: ['*'], verbs: [get]}]}
deny_rbac_wildcard contains lib.finding(sprintf("the role allows every one of %s", [field]), sprintf("rules[%d].%s", [i, field])) if {
	input.kind in roles
	some i, rule in input.rules
	some field in ["verbs", "resources", "apiGroups"]
	"*" in rule[field]
}

# METADATA
# title: RBAC escalation
# description: Whoever may bind, escalate or impersonate can give themselves every right of the cluster.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks
#     description: Kubernetes, RBAC Good Practices, escalation risks
# custom:
#   id: rbac-escalation
#   level: basic-security
#   severity: critical
#   fix: remove the verb
#   example: {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: web}, rules: [{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]}]}
deny_rbac_escalation contains lib.finding(sprintf("the role allows the verb %s", [verb]), sprintf("rules[%d].verbs", [i])) if {
	input.kind in roles
	some i, rule in input.rules
	some verb in rule.verbs
	verb in {"bind", "escalate", "impersonate"}
}

# METADATA
# title: RBAC to cluster-admin
# description: A binding to cluster-admin makes the subject able to do everything everywhere.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.1.1, cluster-admin only where required
# custom:
#   id: rbac-cluster-admin
#   level: basic-security
#   severity: critical
#   fix: bind a role with the rights that are needed
#   example: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: web}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'developers'}]}
deny_rbac_cluster_admin contains lib.finding("the binding gives cluster-admin", "roleRef.name") if {
	input.kind in bindings
	input.roleRef.name == "cluster-admin"
}

# METADATA
# title: RBAC for anonymous users
# description: A right of the anonymous user or the unauthenticated group is a right of everyone who reaches the API server.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
#     description: Kubernetes, RBAC Good Practices
# custom:
#   id: rbac-anonymous
#   level: basic-security
#   severity: critical
#   fix: bind a named user, group or service account
#   example: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: web}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:unauthenticated'}]}
deny_rbac_anonymous contains lib.finding(sprintf("the binding gives rights to %s", [subject.name]), sprintf("subjects[%d]", [i])) if {
	input.kind in bindings
	some i, subject in input.subjects
	subject.name in {"system:anonymous", "system:unauthenticated"}
}

# METADATA
# title: RBAC to secrets and pods
# description: Who may read Secrets or run commands in pods has every credential of the namespace.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.1.2, access to secrets
# custom:
#   id: rbac-secrets
#   level: production-security
#   severity: medium
#   fix: name the single Secret in resourceNames, or mount it instead
#   example: {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: web}, rules: [{apiGroups: [''], resources: [secrets], verbs: [list]}]}
deny_rbac_secrets contains lib.finding(sprintf("the role allows %s of %s", [verb, resource]), sprintf("rules[%d]", [i])) if {
	input.kind in roles
	some i, rule in input.rules
	not rule.resourceNames[0]
	some resource in rule.resources
	some verb in rule.verbs
	verb in {"secrets": {"get", "list", "watch"}, "pods/exec": {"create", "get"}, "pods/attach": {"create", "get"}}[resource]
}
