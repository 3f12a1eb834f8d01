# Written for admission and for Rego v0, as many platforms have it: it runs here
# as it stands.
package kubernetes.admission

deny[msg] {
  input.request.kind.kind == "Pod"
  input.request.object.spec.containers[_].securityContext.privileged == true
  msg := sprintf("Privileged containers are not allowed: Pod %v", [input.request.object.metadata.name])
}
