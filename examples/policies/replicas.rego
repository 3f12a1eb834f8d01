# A policy of today: Rego v1, with all that reports and `policy explain` show.
package main

# METADATA
# title: One replica is none
# description: While the node of an only pod is drained, nobody is served.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/
#     description: Kubernetes, Disruptions
# custom:
#   id: replicas
#   severity: medium
#   fix: set spec.replicas to 2 or more
#   example: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1}}
deny_replicas contains {"msg": "there is one replica", "field": "spec.replicas"} if {
	input.kind == "Deployment"
	input.spec.replicas == 1
}
