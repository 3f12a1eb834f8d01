package seal.pod_test

import data.seal.pod

with_container(container) := {"kind": "Deployment", "metadata": {"name": "w"}, "spec": {"template": {"spec": {"containers": [object.union({"name": "c"}, container)]}}}}

with_context(context) := with_container({"securityContext": context})

with_spec(spec) := {"kind": "Pod", "metadata": {"name": "p"}, "spec": object.union({"containers": [{"name": "c"}]}, spec)}

fields(findings) := {finding.field | some finding in findings}

test_pod_privileged_denied if fields(pod.deny_privileged) == {"spec.template.spec.containers[0].securityContext.privileged"} with input as with_context({"privileged": true})

test_pod_privileged_denied_in_init_container if count(pod.deny_privileged) == 1 with input as with_spec({"initContainers": [{"name": "i", "securityContext": {"privileged": true}}]})

test_pod_privileged_denied_in_cron_job if fields(pod.deny_privileged) == {"spec.jobTemplate.spec.template.spec.containers[0].securityContext.privileged"} with input as {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "securityContext": {"privileged": true}}]}}}}}}

test_pod_privileged_denied_in_custom_kind if count(pod.deny_privileged) == 1 with input as object.union(with_context({"privileged": true}), {"kind": "Rollout"})

test_pod_privileged_passes if count(pod.deny_privileged) == 0 with input as with_context({"privileged": false})

test_pod_host_namespaces_denied if count(pod.deny_host_namespaces) == 3 with input as with_spec({"hostNetwork": true, "hostPID": true, "hostIPC": true})

test_pod_host_namespaces_passes if count(pod.deny_host_namespaces) == 0 with input as with_spec({"hostNetwork": false})

test_pod_host_path_denied if fields(pod.deny_host_path) == {"spec.volumes[1].hostPath"} with input as with_spec({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]})

test_pod_host_path_passes if count(pod.deny_host_path) == 0 with input as with_spec({"volumes": [{"name": "a", "emptyDir": {}}]})

test_pod_host_port_denied if count(pod.deny_host_port) == 1 with input as with_container({"ports": [{"containerPort": 80, "hostPort": 80}]})

test_pod_host_port_passes if count(pod.deny_host_port) == 0 with input as with_container({"ports": [{"containerPort": 80}]})

test_pod_capabilities_denied if count(pod.deny_capabilities) == 2 with input as with_context({"capabilities": {"add": ["SYS_ADMIN", "cap_net_admin"]}})

test_pod_capabilities_passes if count(pod.deny_capabilities) == 0 with input as with_context({"capabilities": {"add": ["NET_BIND_SERVICE"]}})

test_pod_drop_capabilities_denied if count(pod.deny_drop_capabilities) == 1 with input as with_context({"capabilities": {"drop": ["NET_RAW"]}})

test_pod_drop_capabilities_passes if count(pod.deny_drop_capabilities) == 0 with input as with_context({"capabilities": {"drop": ["ALL"]}})

test_pod_root_denied if count(pod.deny_root) == 1 with input as with_container({})

test_pod_root_denied_for_user_zero if fields(pod.deny_root) == {"spec.template.spec.containers[0].securityContext.runAsUser"} with input as with_context({"runAsNonRoot": true, "runAsUser": 0})

test_pod_root_denied_where_the_container_takes_it_back if count(pod.deny_root) == 1 with input as with_spec({"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "c", "securityContext": {"runAsNonRoot": false}}]})

test_pod_root_passes if count(pod.deny_root) == 0 with input as with_spec({"securityContext": {"runAsNonRoot": true}})

test_pod_privilege_escalation_denied if count(pod.deny_privilege_escalation) == 1 with input as with_container({})

test_pod_privilege_escalation_passes if count(pod.deny_privilege_escalation) == 0 with input as with_context({"allowPrivilegeEscalation": false})

test_pod_seccomp_denied if count(pod.deny_seccomp) == 1 with input as with_context({"seccompProfile": {"type": "Unconfined"}})

test_pod_seccomp_passes if count(pod.deny_seccomp) == 0 with input as with_spec({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}})

test_pod_read_only_root_denied if count(pod.deny_read_only_root) == 1 with input as with_container({})

test_pod_read_only_root_passes if count(pod.deny_read_only_root) == 0 with input as with_context({"readOnlyRootFilesystem": true})

test_pod_sysctls_denied if count(pod.deny_sysctls) == 1 with input as with_spec({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}})

test_pod_sysctls_passes if count(pod.deny_sysctls) == 0 with input as with_spec({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}})

test_pod_proc_mount_denied if count(pod.deny_proc_mount) == 1 with input as with_context({"procMount": "Unmasked"})

test_pod_proc_mount_passes if count(pod.deny_proc_mount) == 0 with input as with_context({"procMount": "Default"})
