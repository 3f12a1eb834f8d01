# Pods and what they may do to their node, after the Pod Security Standards.
package seal.pod

import data.seal.lib

skip if not lib.pod

# METADATA
# title: Privileged container
# description: A privileged container has every right of the node's root user, so whoever takes it over has the node and all that runs there.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, Privileged Containers
# custom:
#   id: pod-privileged
#   level: basic-security
#   severity: critical
#   fix: remove securityContext.privileged and add the single capability that is needed
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {privileged: true}}]}}
deny_privileged contains lib.finding(message, sprintf("%s.securityContext.privileged", [c.path])) if {
	some c in lib.containers
	c.container.securityContext.privileged == true
	message := sprintf("container %s is privileged", [c.name])
}

# METADATA
# title: Host namespaces
# description: With the network, process or IPC namespace of the node a pod sees the traffic and the processes of its neighbours.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, Host Namespaces
# custom:
#   id: pod-host-namespaces
#   level: basic-security
#   severity: high
#   fix: remove hostNetwork, hostPID and hostIPC; reach the pod through a Service
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {hostNetwork: true, containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_host_namespaces contains lib.finding(sprintf("the pod uses %s", [field]), sprintf("%s.%s", [lib.pod.path, field])) if {
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	lib.pod.spec[field] == true
}

# METADATA
# title: Host paths
# description: A hostPath volume opens files of the node to the pod, among them the kubelet's credentials and the container runtime's socket.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, HostPath Volumes
# custom:
#   id: pod-host-path
#   level: basic-security
#   severity: high
#   fix: use an emptyDir, a PersistentVolumeClaim or a projected volume
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {volumes: [{name: logs, hostPath: {path: /var/log}}], containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_host_path contains lib.finding(sprintf("volume %s is the path %s of the node", [lib.word(volume, ["name"], "?"), lib.word(volume, ["hostPath", "path"], "?")]), sprintf("%s.volumes[%d].hostPath", [lib.pod.path, i])) if {
	some i, volume in lib.pod.spec.volumes
	volume.hostPath
}

# METADATA
# title: Host ports
# description: A host port is open on every address of the node, past Services and most NetworkPolicies, and lets only one such pod run on a node.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, Host Ports
# custom:
#   id: pod-host-port
#   level: enhanced-security
#   severity: medium
#   fix: remove hostPort and use a Service
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', ports: [{containerPort: 80, hostPort: 80}]}]}}
deny_host_port contains lib.finding(sprintf("container %s takes port %v of the node", [c.name, port.hostPort]), sprintf("%s.ports[%d].hostPort", [c.path, i])) if {
	some c in lib.containers
	some i, port in c.container.ports
	port.hostPort > 0
}

baseline_capabilities := {
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

# METADATA
# title: Added capabilities
# description: Capabilities beyond the runtime's default set, such as SYS_ADMIN or NET_ADMIN, come close to a privileged container.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, Capabilities
# custom:
#   id: pod-capabilities
#   level: basic-security
#   severity: high
#   fix: remove the capability from securityContext.capabilities.add
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {capabilities: {add: [NET_ADMIN]}}}]}}
deny_capabilities contains lib.finding(sprintf("container %s adds the capability %s", [c.name, capability]), sprintf("%s.securityContext.capabilities.add", [c.path])) if {
	some c in lib.containers
	some capability in c.container.securityContext.capabilities.add
	is_string(capability)
	not trim_prefix(upper(capability), "CAP_") in baseline_capabilities
}

# METADATA
# title: Capabilities are dropped
# description: Hardly any service needs a capability. One that holds none cannot lose one to an attacker.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
#     description: Pod Security Standards, Restricted, Capabilities
# custom:
#   id: pod-drop-capabilities
#   level: enhanced-security
#   severity: medium
#   fix: "set securityContext.capabilities.drop: [ALL] and add back NET_BIND_SERVICE if it is needed"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {capabilities: {drop: [NET_RAW]}}}]}}
deny_drop_capabilities contains lib.finding(sprintf("container %s does not drop all capabilities", [c.name]), sprintf("%s.securityContext.capabilities.drop", [c.path])) if {
	some c in lib.containers
	c.list != "ephemeralContainers"
	not drops_all(c.container)
}

drops_all(container) if {
	some capability in container.securityContext.capabilities.drop
	is_string(capability)
	upper(capability) == "ALL"
}

# METADATA
# title: Runs as root
# description: A process that is root in its container is root on the node as soon as it finds a way out.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
#     description: Pod Security Standards, Restricted, Running as Non-root
#   - ref: https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF
#     description: NSA and CISA, Kubernetes Hardening Guidance, non-root containers
# custom:
#   id: pod-root
#   level: enhanced-security
#   severity: high
#   fix: "set runAsNonRoot: true in the securityContext of the pod, and a runAsUser other than 0"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {runAsNonRoot: true, runAsUser: 0}}]}}
deny_root contains lib.finding(sprintf("container %s may run as root", [c.name]), sprintf("%s.securityContext.runAsNonRoot", [c.path])) if {
	some c in lib.containers
	not setting(c.container, "runAsNonRoot") == true
}

deny_root contains lib.finding(sprintf("container %s runs as user 0", [c.name]), sprintf("%s.securityContext.runAsUser", [c.path])) if {
	some c in lib.containers
	setting(c.container, "runAsUser") == 0
}

# setting reads a field of the container's security context, or the pod's.
setting(container, name) := value if {
	value := container.securityContext[name]
	value != null
} else := value if {
	value := lib.pod.spec.securityContext[name]
	value != null
} else := unset[name]

unset := {"runAsNonRoot": false, "runAsUser": -1, "seccompProfile": {}}

# METADATA
# title: Privilege escalation
# description: Without this flag a setuid program in the image gives its caller more rights than the container was started with.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
#     description: Pod Security Standards, Restricted, Privilege Escalation
# custom:
#   id: pod-privilege-escalation
#   level: enhanced-security
#   severity: medium
#   fix: "set securityContext.allowPrivilegeEscalation: false"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {allowPrivilegeEscalation: true}}]}}
deny_privilege_escalation contains lib.finding(sprintf("container %s may gain privileges", [c.name]), sprintf("%s.securityContext.allowPrivilegeEscalation", [c.path])) if {
	some c in lib.containers
	object.get(c.container, ["securityContext", "allowPrivilegeEscalation"], true) != false
}

# METADATA
# title: Seccomp profile
# description: The runtime's default profile takes away some 50 system calls that services do not use and that most ways out of a container need.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
#     description: Pod Security Standards, Restricted, Seccomp
# custom:
#   id: pod-seccomp
#   level: enhanced-security
#   severity: medium
#   fix: "set seccompProfile.type: RuntimeDefault in the securityContext of the pod"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {seccompProfile: {type: Unconfined}}}]}}
deny_seccomp contains lib.finding(sprintf("container %s has no seccomp profile", [c.name]), sprintf("%s.securityContext.seccompProfile", [c.path])) if {
	some c in lib.containers
	profile := setting(c.container, "seccompProfile")
	not lib.word(profile, ["type"], "") in {"RuntimeDefault", "Localhost"}
}

# METADATA
# title: Writable root file system
# description: An attacker who cannot write to the image's files cannot leave tools or a changed program there.
# related_resources:
#   - ref: https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF
#     description: NSA and CISA, Kubernetes Hardening Guidance, immutable container file systems
# custom:
#   id: pod-read-only-root
#   level: production-security
#   severity: medium
#   fix: "set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where the program writes"
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {readOnlyRootFilesystem: false}}]}}
deny_read_only_root contains lib.finding(sprintf("container %s can write to its root file system", [c.name]), sprintf("%s.securityContext.readOnlyRootFilesystem", [c.path])) if {
	some c in lib.containers
	object.get(c.container, ["securityContext", "readOnlyRootFilesystem"], false) != true
}

safe_sysctls := {
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
	"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
}

# METADATA
# title: Unsafe sysctls
# description: Most sysctls are the node's, so one pod's setting reaches every other pod there.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, Sysctls
# custom:
#   id: pod-sysctls
#   level: basic-security
#   severity: medium
#   fix: remove the sysctl, or have the platform set it on the nodes
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {securityContext: {sysctls: [{name: kernel.msgmax, value: '65536'}]}, containers: [{name: app, image: 'registry.example.com/web:1.2'}]}}
deny_sysctls contains lib.finding(sprintf("the pod sets the sysctl %s", [name]), sprintf("%s.securityContext.sysctls", [lib.pod.path])) if {
	some sysctl in lib.pod.spec.securityContext.sysctls
	name := lib.word(sysctl, ["name"], "?")
	not name in safe_sysctls
}

# METADATA
# title: Unmasked proc
# description: An unmasked /proc shows and lets change settings of the node's kernel.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
#     description: Pod Security Standards, Baseline, /proc Mount Type
# custom:
#   id: pod-proc-mount
#   level: basic-security
#   severity: high
#   fix: remove securityContext.procMount
#   example: {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'registry.example.com/web:1.2', securityContext: {procMount: Unmasked}}]}}
deny_proc_mount contains lib.finding(sprintf("container %s unmasks /proc", [c.name]), sprintf("%s.securityContext.procMount", [c.path])) if {
	some c in lib.containers
	lib.word(c.container, ["securityContext", "procMount"], "Default") != "Default"
}
