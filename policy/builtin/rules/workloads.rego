# How workloads run: resources, probes, images, tokens.
package seal.workload

import data.seal.lib

skip if {
	not lib.pod
	input.kind != "ServiceAccount"
}

# METADATA
# title: Resource requests and limits
# description: Without requests the scheduler overloads nodes, and without a memory limit one leak takes the neighbours down.
# related_resources:
#   - ref: https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF
#     description: NSA and CISA, Kubernetes Hardening Guidance, resource policies
# custom:
#   id: workload-resources
#   level: enhanced-security
#   severity: medium
#   fix: set resources.requests.cpu, resources.requests.memory and resources.limits.memory
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', resources: {requests: {cpu: 100m}}}]}}
deny_resources contains lib.finding(sprintf("container %s has no %s", [c.name, concat(".", field)]), concat(".", array.concat([c.path, "resources"], field))) if {
	some c in lib.containers
	c.list != "ephemeralContainers"
	some field in [["requests", "cpu"], ["requests", "memory"], ["limits", "memory"]]
	not set_amount(c.container, field)
}

set_amount(container, field) if not object.get(container, array.concat(["resources"], field), null) in {null, ""}

# METADATA
# title: Probes
# description: Without probes a hung container stays in service, and a rollout replaces working pods by ones that never answer.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
#     description: Kubernetes, Configure Liveness, Readiness and Startup Probes
# custom:
#   id: workload-probes
#   level: production-security
#   severity: low
#   fix: give the container a readinessProbe and a livenessProbe
#   example: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', livenessProbe: {httpGet: {path: /, port: 8080}}}]}}}}
deny_probes contains lib.finding(sprintf("container %s has no %s", [c.name, probe]), sprintf("%s.%s", [c.path, probe])) if {
	lib.long_running
	some c in lib.containers
	c.list == "containers"
	some probe in ["readinessProbe", "livenessProbe"]
	not c.container[probe]
}

# METADATA
# title: Service account token
# description: A token of the default service account is mounted unless a pod declines it, and gives whoever takes the pod over a way to the API server.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.1.6, service account tokens only where necessary
# custom:
#   id: workload-service-account-token
#   level: production-security
#   severity: medium
#   fix: "set automountServiceAccountToken: false, or name a service account made for the workload"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_service_account_token contains lib.finding("the pod mounts a token of the default service account", sprintf("%s.automountServiceAccountToken", [lib.pod.path])) if {
	lib.word(lib.pod.spec, ["serviceAccountName"], "default") in {"default", ""}
	object.get(lib.pod.spec, "automountServiceAccountToken", true) != false
}

deny_service_account_token contains lib.finding("the default service account lets its token be mounted", "automountServiceAccountToken") if {
	input.kind == "ServiceAccount"
	input.metadata.name == "default"
	object.get(input, "automountServiceAccountToken", true) != false
}

# METADATA
# title: Image tag latest
# description: The tag latest, or no tag, names another image tomorrow, so nobody can say what runs or go back to it.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/containers/images/#image-names
#     description: Kubernetes, Images
# custom:
#   id: image-latest
#   level: basic-security
#   severity: medium
#   fix: name a version, or better a digest
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: nginx}]}}
deny_latest contains lib.finding(sprintf("container %s uses the image %s without a version", [c.name, c.image]), sprintf("%s.image", [c.path])) if {
	some c in lib.containers
	unversioned(c.image)
}

unversioned(image) if {
	not contains(image, "@")
	name := regex.replace(image, `^.*/`, "")
	not contains(name, ":")
}

unversioned(image) if {
	not contains(image, "@")
	endswith(image, ":latest")
}

# METADATA
# title: Image by digest
# description: A tag can be moved to another image after it was scanned and approved; a digest cannot.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/containers/images/#image-names
#     description: Kubernetes, Images, digests
# custom:
#   id: image-digest
#   level: production-security
#   severity: medium
#   fix: "name the image as repository:version@sha256:DIGEST"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_image_digest contains lib.finding(sprintf("container %s names the image %s without a digest", [c.name, c.image]), sprintf("%s.image", [c.path])) if {
	some c in lib.containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, c.image)
}

# METADATA
# title: Allowed registries
# description: Images come from registries that the platform team scans and keeps. The rule holds once the platform sets allowedRegistries.
# related_resources:
#   - ref: https://www.cisecurity.org/benchmark/kubernetes
#     description: CIS Kubernetes Benchmark 5.5.1, image provenance
# custom:
#   id: image-registry
#   level: basic-security
#   severity: high
#   fix: use an image from an allowed registry, or ask the platform team to add this one
#   parameters:
#     allowedRegistries: prefixes of image names, such as registry.example.com/team
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_image_registry contains lib.finding(sprintf("container %s uses the image %s, which no allowed registry holds", [c.name, c.image]), sprintf("%s.image", [c.path])) if {
	registries := lib.parameter("allowedRegistries", [])
	count(registries) > 0
	some c in lib.containers
	not allowed_registry(c.image, registries)
}

allowed_registry(image, registries) if {
	some registry in registries
	prefix := sprintf("%s/", [trim_suffix(registry, "/")])
	startswith(full_name(image), prefix)
}

# full_name puts Docker's default registry before a name that has none.
full_name(image) := image if {
	first := split(image, "/")[0]
	contains(image, "/")
	regex.match(`[.:]|^localhost$`, first)
} else := sprintf("docker.io/%s", [image]) if {
	contains(image, "/")
} else := sprintf("docker.io/library/%s", [image])

# METADATA
# title: Image scan passed
# description: The pipeline that scans images writes its verdict to the pods; what it has not passed does not go out.
# related_resources:
#   - ref: https://csrc.nist.gov/pubs/sp/800/190/final
#     description: NIST SP 800-190, Application Container Security Guide, 4.1 image countermeasures
# custom:
#   id: image-scan-status
#   level: compliance-validation
#   severity: high
#   fix: "have the pipeline scan the image and set the annotation security.scan.status: passed"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web, annotations: {security.scan.status: failed}}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_scan_status contains lib.finding("the annotation security.scan.status is not passed", "metadata.annotations[security.scan.status]") if {
	lib.pod
	statuses := {status | some metadata in [lib.mapping(input, ["metadata"]), lib.pod.metadata]; status := lib.word(metadata, ["annotations", "security.scan.status"], "")}
	not statuses == {"passed"}
	not statuses == {"passed", ""}
}
