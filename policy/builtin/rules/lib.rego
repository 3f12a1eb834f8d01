# Helpers that the built-in rules share. They read one object, the input.
package seal.lib

# pod is the pod that the object runs, with the path of its spec. Any kind with
# a pod template counts, so that a Rollout is judged as a Deployment is.
pod := {"spec": input.spec, "path": "spec", "metadata": mapping(input, ["metadata"])} if {
	input.kind == "Pod"
	is_object(input.spec)
}

pod := {"spec": template.spec, "path": "spec.jobTemplate.spec.template.spec", "metadata": mapping(template, ["metadata"])} if {
	input.kind == "CronJob"
	template := input.spec.jobTemplate.spec.template
	is_object(template.spec)
}

pod := {"spec": template.spec, "path": "spec.template.spec", "metadata": mapping(template, ["metadata"])} if {
	not input.kind in {"Pod", "CronJob"}
	template := input.spec.template
	is_array(template.spec.containers)
}

# mapping returns the mapping at a path, and an empty one where there is none or
# where it is null, as templates leave it. Builtins fail on null, and a call with
# an undefined argument is undefined even behind not, so that a rule that relied
# on it would not fire.
mapping(from, path) := value if {
	is_object(from)
	value := object.get(from, path, {})
	is_object(value)
} else := {}

# word returns the string at a path, or the fallback.
word(from, path, fallback) := value if {
	is_object(from)
	value := object.get(from, path, fallback)
	is_string(value)
} else := fallback

# containers are all containers of the pod, each with its name, image and path.
containers contains {
	"container": container,
	"name": word(container, ["name"], "?"),
	"image": word(container, ["image"], ""),
	"path": sprintf("%s.%s[%d]", [pod.path, list, i]),
	"list": list,
} if {
	some list in ["containers", "initContainers", "ephemeralContainers"]
	some i, container in pod.spec[list]
	is_object(container)
}

# long_running holds where the object keeps its pods running.
long_running if {
	pod
	not input.kind in {"Job", "CronJob", "Pod"}
}

# request is what the platform knows about the request: environment,
# kubeVersion, namespace and sealed. It is empty under other runners.
default request := {}

request := data.request

default parameters := {}

parameters := data.parameters

# parameter returns what the platform set, or the default.
parameter(name, fallback) := object.get(parameters, name, fallback)

# annotations of the object, and labels, with an empty default.
annotations := mapping(input, ["metadata", "annotations"])

labels := mapping(input, ["metadata", "labels"])

# finding is the result of a rule: a message and the field it speaks of.
finding(message, field) := {"msg": message, "field": field}
