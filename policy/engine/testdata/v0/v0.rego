package main

deny[msg] {
	input.kind == "Deployment"
	not input.spec.template.spec.securityContext.runAsNonRoot
	msg = "Containers must not run as root"
}

deny_labels[{"msg": msg, "missing": missing}] {
	required := {"app", "team"}
	missing := required - {key | input.metadata.labels[key]}
	count(missing) > 0
	msg := sprintf("labels %v are missing", [missing])
}

warn[msg] {
	input.kind = "Pod"
	container := input.spec.containers[_]
	not container.resources.limits
	msg := sprintf("%v has no limits", [container.name])
}
