# A first policy of your own. It warns; rename warn_owner to deny_owner once all
# workloads have the label. argocd-seal policy explain owner-label --policy policies
# shows what is written here, argocd-seal policy test policies runs the tests beside it.
package main

# METADATA
# title: Workload without an owner
# description: Whoever is called at night because of a workload must find the team that knows it.
# custom:
#   id: owner-label
#   severity: low
#   fix: set metadata.labels.team to the team that answers for the workload
#   example: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
warn_owner contains {"msg": "nobody is named who answers for it", "field": "metadata.labels.team"} if {
	input.kind in {"Deployment", "StatefulSet", "DaemonSet", "CronJob"}
	not input.metadata.labels.team
}
