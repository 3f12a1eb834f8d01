# What every object has to say about itself.
package seal.meta

import data.seal.lib

# METADATA
# title: Required labels
# description: Labels say whose object it is. Cost reports, alerts and incident calls rely on them.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
#     description: Kubernetes, Recommended Labels
# custom:
#   id: required-labels
#   level: compliance-validation
#   severity: low
#   fix: add the label, for all objects at once with labels in kustomization.yaml
#   parameters:
#     requiredLabels: names of labels; app.kubernetes.io/name where it is not set
#   example: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
deny_labels contains lib.finding(sprintf("the label %s is missing", [label]), sprintf("metadata.labels[%s]", [label])) if {
	some label in lib.parameter("requiredLabels", ["app.kubernetes.io/name"])
	lib.word(lib.labels, [label], "") == ""
}

# METADATA
# title: Required annotations
# description: Annotations that the organisation asks for, such as an owner or a ticket. The rule holds once the platform sets requiredAnnotations.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
#     description: Kubernetes, Annotations
# custom:
#   id: required-annotations
#   level: compliance-validation
#   severity: low
#   fix: add the annotation, for all objects at once with commonAnnotations in kustomization.yaml
#   parameters:
#     requiredAnnotations: names of annotations; none where it is not set
#   example: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
deny_annotations contains lib.finding(sprintf("the annotation %s is missing", [annotation]), sprintf("metadata.annotations[%s]", [annotation])) if {
	some annotation in lib.parameter("requiredAnnotations", [])
	lib.word(lib.annotations, [annotation], "") == ""
}
