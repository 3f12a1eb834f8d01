# What Argo CD itself reads from objects.
package seal.argocd

import data.seal.lib

skip if not steered

steered if {
	some name, _ in lib.annotations
	startswith(name, "argocd.argoproj.io/")
}

# METADATA
# title: Argo CD hooks
# description: Hooks that run when an application is deleted outlive the review that allowed them, and have been used to get around project limits.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/
#     description: Argo CD, Resource Hooks
# custom:
#   id: argocd-hook
#   level: basic-security
#   severity: high
#   fix: use PreSync, Sync, PostSync, SyncFail or Skip
#   parameters:
#     allowedHooks: names of hooks
#   example: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {argocd.argoproj.io/hook: PostDelete}}}
deny_argocd_hook contains lib.finding(sprintf("the Argo CD hook %s is not allowed", [trim_space(hook)]), "metadata.annotations[argocd.argoproj.io/hook]") if {
	some hook in split(lib.annotations["argocd.argoproj.io/hook"], ",")
	not trim_space(hook) in lib.parameter("allowedHooks", ["PreSync", "Sync", "PostSync", "SyncFail", "Skip"])
}

# METADATA
# title: Argo CD compare options
# description: Server-side diff with mutation webhooks can show what a webhook adds, secrets among it, in the diff that everyone sees.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/compare-options/
#     description: Argo CD, Compare Options
# custom:
#   id: argocd-compare-options
#   level: basic-security
#   severity: high
#   fix: remove the option; the platform sets it for the whole instance
#   example: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {argocd.argoproj.io/compare-options: 'ServerSideDiff=true,IncludeMutationWebhook=true'}}}
deny_argocd_compare_options contains lib.finding(sprintf("the compare option %s is not allowed", [trim_space(option)]), "metadata.annotations[argocd.argoproj.io/compare-options]") if {
	some option in split(lib.annotations["argocd.argoproj.io/compare-options"], ",")
	not trim_space(option) in {"IgnoreExtraneous"}
}

argocd_annotations := {
	"argocd.argoproj.io/compare-options", "argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy",
	"argocd.argoproj.io/sync-options", "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/ignore-healthcheck",
	"argocd.argoproj.io/ignore-resource-updates", "argocd.argoproj.io/deletion-approved",
}

# METADATA
# title: Argo CD annotations
# description: Argo CD steers itself by annotations. Those that are not known to be harmless could track or skip objects behind the platform's back.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/annotations-and-labels/
#     description: Argo CD, Annotations and Labels
# custom:
#   id: argocd-annotation
#   level: basic-security
#   severity: medium
#   fix: remove the annotation, or ask the platform team to allow it
#   parameters:
#     allowedArgoCDAnnotations: further names of annotations
#   example: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {argocd.argoproj.io/tracking-id: 'other:/ConfigMap:shop/settings'}}}
deny_argocd_annotation contains lib.finding(sprintf("the annotation %s is not allowed", [name]), sprintf("metadata.annotations[%s]", [name])) if {
	some name, _ in lib.annotations
	startswith(name, "argocd.argoproj.io/")
	not name in argocd_annotations
	not name in lib.parameter("allowedArgoCDAnnotations", [])
}
