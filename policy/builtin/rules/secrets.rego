# Secrets, before and after sealing.
package seal.secret

import data.seal.lib

skip if not input.kind in {"Secret", "SealedSecret"}

references := ["<vault:", "<path:", "<aws-sm:", "<gcp-sm:", "<azure-kv:"]

# METADATA
# title: Plain Secrets
# description: A Secret whose value stands in Git is known to everyone who can read the repository, for as long as the history is kept.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
#     description: Kubernetes, Good practices for Secrets
# custom:
#   id: secret-plain
#   level: basic-security
#   severity: critical
#   fix: "put the value into Vault and refer to it: <vault:MOUNT/PATH#KEY>"
#   example: {apiVersion: v1, kind: Secret, metadata: {name: db}, stringData: {password: correct horse}}
deny_plain_secret contains lib.finding(sprintf("the value of %s stands in the repository", [key]), sprintf("%s.%s", [field, key])) if {
	input.kind == "Secret"
	some field in ["data", "stringData"]
	some key, value in input[field]
	not value in {"", null}
	not refers(field, value)
}

refers(_, value) if {
	is_string(value)
	contains(value, references[_])
}

refers("data", value) if {
	is_string(value)
	base64.is_valid(value)
	contains(base64.decode(value), references[_])
}

# METADATA
# title: Foreign SealedSecrets
# description: A SealedSecret in the repository was sealed by someone else, so nobody knows what it holds or who may have seen it, and it does not follow rotation.
# related_resources:
#   - ref: https://github.com/bitnami-labs/sealed-secrets#scopes
#     description: Sealed Secrets, scopes
# custom:
#   id: sealed-secret-foreign
#   level: basic-security
#   severity: high
#   fix: use a Secret with references, which is sealed on the way out
#   parameters:
#     allowForeignSealedSecrets: true lets them pass
#   example: {apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: {name: db}, spec: {encryptedData: {password: AgBy3i4OJSWK}}}
deny_foreign_sealed_secret contains lib.finding("the SealedSecret was not sealed by this plugin", "kind") if {
	input.kind == "SealedSecret"
	not lib.request.sealed
	not lib.parameter("allowForeignSealedSecrets", false) == true
}

# METADATA
# title: Secrets that act
# description: Argo CD takes a Secret with its label for credentials of clusters and repositories, and Kubernetes makes tokens from Secrets of some types. Such a Secret gives rights, whoever wrote it.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/
#     description: Argo CD, Declarative Setup
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
#     description: Kubernetes, Secret types
# custom:
#   id: secret-acting
#   level: basic-security
#   severity: critical
#   fix: have the platform team create the Secret
#   example: {apiVersion: v1, kind: Secret, metadata: {name: cluster, labels: {argocd.argoproj.io/secret-type: cluster}}, stringData: {server: "<vault:kv/cluster#server>"}}
deny_acting_secret contains lib.finding(sprintf("the label argocd.argoproj.io/secret-type makes it a %s of Argo CD", [type]), sprintf("%smetadata.labels[argocd.argoproj.io/secret-type]", [path])) if {
	some path, secret in made
	type := lib.mapping(secret, ["metadata", "labels"])["argocd.argoproj.io/secret-type"]
}

deny_acting_secret contains lib.finding(sprintf("the type %s gives rights in the cluster", [secret.type]), sprintf("%stype", [path])) if {
	some path, secret in made
	secret.type in {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"}
}

# made are the Secret, and the one that a SealedSecret becomes, by the path before
# their fields.
made[""] := input if input.kind in {"Secret", "SealedSecret"}

made["spec.template."] := lib.mapping(input, ["spec", "template"]) if input.kind == "SealedSecret"
