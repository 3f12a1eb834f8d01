package main

import rego.v1

kinds := {"Deployment", "Service", "Pod", "ConfigMap"}

deny contains sprintf("%s is not wanted", [input.kind]) if input.kind == "Service"

deny contains msg if {
	input.kind in kinds
	not input.metadata.labels.app
	msg := sprintf("%s %s needs a label app", [input.kind, object.get(input, ["metadata", "name"], "?")])
}

deny_privileged contains {"msg": msg, "container": container.name, "_loc": {"file": "x.yaml", "line": 3}} if {
	some container in input.spec.containers
	container.securityContext.privileged == true
	msg := sprintf("%s is privileged", [container.name])
}

violation_images contains {"msg": "latest", "details": {"n": 9007199254740993, "f": 1.50}} if {
	some container in input.spec.template.spec.containers
	endswith(container.image, ":latest")
}

warn_empty contains "is empty" if count(input) == 0

warn contains sprintf("file %s", [data.conftest.file.name]) if input.kind == "ConfigMap"

exception contains rules if {
	input.metadata.annotations.waive
	rules := ["privileged", "empty", ""]
}

exception contains ["images"] if input.metadata.labels.legacy
