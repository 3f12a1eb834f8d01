# Secrets, before and after sealing.
package seal.secret

import data.seal.lib

skip if not input.kind in {"Secret", "SealedSecret"}

references := ["<vault:", "<path:"]

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
# custom:
#   id: sealed-secret-foreign
#   level: basic-security
#   severity: high
#   fix: use a Secret with references, which is sealed on the way out
#   parameters:
#     allowForeignSealedSecrets: true lets them pass
deny_foreign_sealed_secret contains lib.finding("the SealedSecret was not sealed by this plugin", "kind") if {
	input.kind == "SealedSecret"
	not lib.request.sealed
	not lib.parameter("allowForeignSealedSecrets", false) == true
}
