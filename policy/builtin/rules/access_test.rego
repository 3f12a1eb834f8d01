package seal.access_test

import data.seal.argocd
import data.seal.rbac
import data.seal.secret

role(rule) := {"kind": "Role", "rules": [rule]}

binding(role_name, subject) := {"kind": "ClusterRoleBinding", "roleRef": {"name": role_name}, "subjects": [{"kind": "Group", "name": subject}]}

annotated(name, value) := {"kind": "ConfigMap", "metadata": {"name": "c", "annotations": {name: value}}}

stored(value) := {"kind": "Secret", "stringData": {"password": value}}

test_rbac_rbac_wildcard_denied if count(rbac.deny_rbac_wildcard) == 3 with input as role({"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]})

test_rbac_rbac_wildcard_passes if count(rbac.deny_rbac_wildcard) == 0 with input as role({"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]})

test_rbac_rbac_escalation_denied if count(rbac.deny_rbac_escalation) == 2 with input as role({"verbs": ["bind", "impersonate"]})

test_rbac_rbac_escalation_passes if count(rbac.deny_rbac_escalation) == 0 with input as role({"verbs": ["get"]})

test_rbac_rbac_cluster_admin_denied if count(rbac.deny_rbac_cluster_admin) == 1 with input as binding("cluster-admin", "g")

test_rbac_rbac_cluster_admin_passes if count(rbac.deny_rbac_cluster_admin) == 0 with input as binding("view", "g")

test_rbac_rbac_anonymous_denied if count(rbac.deny_rbac_anonymous) == 1 with input as binding("view", "system:unauthenticated")

test_rbac_rbac_anonymous_passes if count(rbac.deny_rbac_anonymous) == 0 with input as binding("view", "g")

test_rbac_rbac_secrets_denied if count(rbac.deny_rbac_secrets) == 2 with input as role({"verbs": ["get", "list"], "resources": ["secrets"]})

test_rbac_rbac_secrets_denied_for_exec if count(rbac.deny_rbac_secrets) == 1 with input as role({"verbs": ["create"], "resources": ["pods/exec"]})

test_rbac_rbac_secrets_passes if count(rbac.deny_rbac_secrets) == 0 with input as role({"verbs": ["get"], "resources": ["secrets"], "resourceNames": ["mine"]})

test_secret_plain_secret_denied if count(secret.deny_plain_secret) == 1 with input as stored("hunter2")

test_secret_plain_secret_denied_in_data if count(secret.deny_plain_secret) == 1 with input as {"kind": "Secret", "data": {"password": base64.encode("hunter2")}}

test_secret_plain_secret_passes if count(secret.deny_plain_secret) == 0 with input as stored("postgres://u:<vault:kv/app#password>@h")

test_secret_plain_secret_passes_in_data if count(secret.deny_plain_secret) == 0 with input as {"kind": "Secret", "data": {"password": base64.encode("<path:kv/data/app#password>")}}

test_secret_plain_secret_passes_of_another_store if count(secret.deny_plain_secret) == 0 with input as stored("<aws-sm:team-a/app#password>")

test_secret_foreign_sealed_secret_denied if count(secret.deny_foreign_sealed_secret) == 1 with input as {"kind": "SealedSecret"}

test_secret_foreign_sealed_secret_passes if count(secret.deny_foreign_sealed_secret) == 0 with input as {"kind": "SealedSecret"} with data.request as {"sealed": true}

test_secret_foreign_sealed_secret_passes_by_parameter if count(secret.deny_foreign_sealed_secret) == 0 with input as {"kind": "SealedSecret"} with data.parameters as {"allowForeignSealedSecrets": true}

test_secret_acting_secret_denied if {
	every object in [
		{"kind": "Secret", "metadata": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}},
		{"kind": "Secret", "type": "kubernetes.io/service-account-token"},
		{"kind": "Secret", "type": "bootstrap.kubernetes.io/token"},
		{"kind": "SealedSecret", "spec": {"template": {"metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}}}}},
		{"kind": "SealedSecret", "spec": {"template": {"type": "bootstrap.kubernetes.io/token"}}},
	] {
		count(secret.deny_acting_secret) == 1 with input as object
	}
}

test_secret_acting_secret_passes if {
	every object in [{"kind": "Secret", "type": "Opaque"}, {"kind": "SealedSecret"}, {"kind": "ConfigMap", "type": "bootstrap.kubernetes.io/token"}] {
		count(secret.deny_acting_secret) == 0 with input as object
	}
}

test_argocd_argocd_hook_denied if count(argocd.deny_argocd_hook) == 2 with input as annotated("argocd.argoproj.io/hook", "PreSync, PreDelete,PostDelete")

test_argocd_argocd_hook_passes if count(argocd.deny_argocd_hook) == 0 with input as annotated("argocd.argoproj.io/hook", "PreSync")

test_argocd_argocd_compare_options_denied if count(argocd.deny_argocd_compare_options) == 1 with input as annotated("argocd.argoproj.io/compare-options", "IgnoreExtraneous,ServerSideDiff=true")

test_argocd_argocd_compare_options_passes if count(argocd.deny_argocd_compare_options) == 0 with input as annotated("argocd.argoproj.io/compare-options", "IgnoreExtraneous")

test_argocd_argocd_annotation_denied if count(argocd.deny_argocd_annotation) == 1 with input as annotated("argocd.argoproj.io/tracking-id", "x")

test_argocd_argocd_annotation_passes if count(argocd.deny_argocd_annotation) == 0 with input as annotated("argocd.argoproj.io/sync-wave", "1")
